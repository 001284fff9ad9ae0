//! ONNX Runtime, loaded from the shared library `ORT_DYLIB_PATH`.

use std::path::Path;

use ort::session::builder::GraphOptimizationLevel;
use ort::session::{IoBinding, Session};
use ort::value::Tensor;

use engine::arrays::{Array, Data};
use engine::{Engine, Result};

pub struct OnnxRuntime {
    session: Session,
    binding: IoBinding,
    outputs: Vec<f32>,
}

impl OnnxRuntime {
    pub fn new(model: &Path, arrays: &[Array], threads: usize) -> Result<Self> {
        let library = std::env::var("ORT_DYLIB_PATH")?;
        let environment = ort::init_from(library)?.with_telemetry(false).build()?;
        let session = Session::builder(&environment)?
            .with_intra_threads(threads)?
            .with_inter_threads(1)?
            .with_parallel_execution(false)?
            .with_optimization_level(GraphOptimizationLevel::All)?
            .commit_from_file(model)?;
        // Faster than passing the inputs by name in every call.
        let mut binding = session.create_binding()?;
        for array in arrays {
            let shape = array.shape.clone();
            let value = match &array.data {
                Data::F32(data) => Tensor::from_array((shape, data.clone()))?.into_dyn(),
                Data::I32(data) => Tensor::from_array((shape, data.clone()))?.into_dyn(),
            };
            binding.bind_input(&array.name, &value)?;
        }
        for output in session.outputs() {
            binding.bind_output_to_device(output.name(), session.allocator().memory_info())?;
        }
        Ok(Self { session, binding, outputs: Vec::new() })
    }
}

impl Engine for OnnxRuntime {
    fn run(&mut self, times: u32) -> Result<()> {
        for round in 1..=times {
            let outputs = self.session.run_binding(&self.binding)?;
            if round == times {
                self.outputs.clear();
                for (_, value) in &outputs {
                    self.outputs.extend_from_slice(value.try_extract_tensor::<f32>()?.1);
                }
            }
        }
        Ok(())
    }

    fn outputs(&mut self) -> Result<Vec<f32>> {
        Ok(self.outputs.clone())
    }
}
