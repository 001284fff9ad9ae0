//! rten, with a pool of its own. Calls are made inside the pool, so that none waits for another thread.

use std::path::Path;
use std::sync::Arc;

use rten::{Model, ModelOptions, NodeId, RunOptions, ThreadPool, Value, ValueOrView};

use engine::arrays::{self, Array, Data};
use engine::{Engine, Result};

pub struct Rten {
    model: Model,
    pool: Arc<ThreadPool>,
    inputs: Vec<(NodeId, Value)>,
    outputs: Vec<Value>,
}

impl Rten {
    pub fn new(model: &Path, arrays: &[Array], threads: usize) -> Result<Self> {
        let model = ModelOptions::with_all_ops().prepack_weights(true).load_file(model)?;
        let pool = Arc::new(ThreadPool::with_num_threads(threads));
        let mut inputs = Vec::new();
        for &id in model.input_ids() {
            let info = model.node_info(id).ok_or("an input has no node")?;
            let array = arrays::find(arrays, info.name().ok_or("an input has no name")?)?;
            let value = match &array.data {
                Data::F32(data) => Value::from_shape(&array.shape, data.clone())?,
                Data::I32(data) => Value::from_shape(&array.shape, data.clone())?,
            };
            inputs.push((id, value));
        }
        Ok(Self { model, pool, inputs, outputs: Vec::new() })
    }
}

impl Engine for Rten {
    fn run(&mut self, times: u32) -> Result<()> {
        let Self { model, pool, inputs, outputs } = self;
        pool.run(|| {
            for _ in 0..times {
                let inputs = inputs.iter().map(|(id, value)| (*id, ValueOrView::from(value))).collect();
                let options = RunOptions::default().with_thread_pool(Some(Arc::clone(pool)));
                *outputs = model.run(inputs, model.output_ids(), Some(options))?;
            }
            Ok::<_, rten::RunError>(())
        })?;
        Ok(())
    }

    fn outputs(&mut self) -> Result<Vec<f32>> {
        let mut found = Vec::new();
        for output in &self.outputs {
            let tensor = output.as_tensor_view::<f32>().ok_or("an output is not of type float32")?;
            found.extend(tensor.iter());
        }
        Ok(found)
    }
}
