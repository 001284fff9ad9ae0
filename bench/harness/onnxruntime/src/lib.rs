//! ONNX Runtime, from the shared library that `ORT_DYLIB_PATH` names.

use std::path::Path;

use ort::session::builder::GraphOptimizationLevel;
use ort::session::{Session, SessionInputValue};
use ort::value::Tensor;

use engine::arrays::{Array, Data};
use engine::{Engine, Result};

pub struct OnnxRuntime {
    session: Session,
    inputs: Vec<(String, ort::value::DynValue)>,
    outputs: Vec<f32>,
}

impl OnnxRuntime {
    pub fn new(model: &Path, arrays: &[Array]) -> Result<Self> {
        let library = std::env::var("ORT_DYLIB_PATH")?;
        let environment = ort::init_from(library)?.with_telemetry(false).build()?;
        let session = Session::builder(&environment)?
            .with_intra_threads(1)?
            .with_inter_threads(1)?
            .with_parallel_execution(false)?
            .with_optimization_level(GraphOptimizationLevel::All)?
            .commit_from_file(model)?;
        let mut inputs = Vec::new();
        for array in arrays {
            let shape = array.shape.clone();
            let value = match &array.data {
                Data::F32(data) => Tensor::from_array((shape, data.clone()))?.into_dyn(),
                Data::I32(data) => Tensor::from_array((shape, data.clone()))?.into_dyn(),
            };
            inputs.push((array.name.clone(), value));
        }
        Ok(Self { session, inputs, outputs: Vec::new() })
    }
}

impl Engine for OnnxRuntime {
    fn run(&mut self, times: u32) -> Result<()> {
        for round in 1..=times {
            let inputs: Vec<(&str, SessionInputValue)> =
                self.inputs.iter().map(|(name, value)| (name.as_str(), value.view().into())).collect();
            let outputs = self.session.run(inputs)?;
            if round == times {
                self.outputs.clear();
                for (_, value) in &outputs {
                    self.outputs.extend_from_slice(value.try_extract_tensor::<f32>()?.1);
                }
            }
        }
        Ok(())
    }

    fn outputs(&self) -> Result<Vec<f32>> {
        Ok(self.outputs.clone())
    }
}
