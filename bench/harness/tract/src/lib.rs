//! tract, optimized for the shapes of the inputs.

use std::path::Path;

use tract_linalg::multithread::{Executor, multithread_tract_scope};
use tract_onnx::prelude::*;

use engine::arrays::{self, Array, Data};
use engine::{Engine, Result};

pub struct Tract {
    state: TypedSimpleState,
    executor: Executor,
    inputs: TVec<TValue>,
    outputs: TVec<TValue>,
}

impl Tract {
    pub fn new(model: &Path, arrays: &[Array], threads: usize) -> Result<Self> {
        let mut model = tract_onnx::onnx().model_for_path(model)?;
        let mut inputs = TVec::new();
        for (index, outlet) in model.input_outlets()?.to_vec().into_iter().enumerate() {
            let array = arrays::find(arrays, &model.node(outlet.node).name)?;
            let tensor = match &array.data {
                Data::F32(data) => Tensor::from_shape(&array.shape, data)?,
                Data::I32(data) => Tensor::from_shape(&array.shape, data)?,
            };
            model.set_input_fact(index, InferenceFact::dt_shape(tensor.datum_type(), &array.shape))?;
            inputs.push(tensor.into());
        }
        for index in 0..model.output_outlets()?.len() {
            model.set_output_fact(index, InferenceFact::default())?;
        }
        let state = model.into_optimized()?.into_runnable()?.spawn()?;
        let executor = if threads == 1 { Executor::SingleThread } else { Executor::multithread(threads) };
        Ok(Self { state, executor, inputs, outputs: TVec::new() })
    }
}

impl Engine for Tract {
    fn run(&mut self, times: u32) -> Result<()> {
        let Self { state, executor, inputs, outputs } = self;
        multithread_tract_scope(executor.clone(), || {
            for _ in 0..times {
                *outputs = state.run(inputs.clone())?;
            }
            Ok(())
        })
    }

    fn outputs(&mut self) -> Result<Vec<f32>> {
        let mut found = Vec::new();
        for output in &self.outputs {
            found.extend(output.to_plain_array_view::<f32>()?);
        }
        Ok(found)
    }
}
