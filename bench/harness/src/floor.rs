//! The dense network in plain ndarray code, as one would write it by hand: a baseline.

use engine::arrays::{Array, Typed};
use engine::{Engine, Result};
use ndarray::{Array1, Array2};
use tf_layers::io::Npz;

struct Floor {
    input: Array2<f32>,
    layers: Vec<(Array2<f32>, Array1<f32>)>,
    output: Array2<f32>,
}

/// The dense network with the weights in the file `BENCH_WEIGHTS`. Its first kernel includes the division of the inputs.
pub fn new(name: &str, arrays: &[Array]) -> Result<Box<dyn Engine>> {
    let [array] = arrays else { return Err("supports only one input".into()) };
    if name != "tiny_mlp" {
        return Err("supports only the dense network".into());
    }
    let bytes = std::fs::read(std::env::var("BENCH_WEIGHTS")?)?;
    let npz = Npz::parse(&bytes)?;
    let mut layers = Vec::new();
    for layer in ["dense", "dense_1", "out"] {
        let kernel = npz.get(&format!("{layer}_weight_0"))?;
        let bias = npz.get(&format!("{layer}_weight_1"))?.to_vec::<f32>()?;
        let shape = (kernel.shape()[0], kernel.shape()[1]);
        layers.push((Array2::from_shape_vec(shape, kernel.to_vec()?)?, Array1::from_vec(bias)));
    }
    let data = f32::of(array).ok_or("the input is not of type float32")?.to_vec();
    let input = Array2::from_shape_vec((array.shape[0], array.shape[1]), data)?;
    Ok(Box::new(Floor { input, layers, output: Array2::default((0, 0)) }))
}

impl Engine for Floor {
    fn run(&mut self, times: u32) -> Result<()> {
        let [(w1, b1), (w2, b2), (w3, b3)] = self.layers.as_slice() else {
            return Err("the network does not have three layers".into());
        };
        for _ in 0..times {
            let hidden = (self.input.dot(w1) + b1).mapv_into(|x| x.max(0.0));
            let hidden = (hidden.dot(w2) + b2).mapv_into(|x| x.max(0.0));
            self.output = hidden.dot(w3) + b3;
        }
        Ok(())
    }

    fn outputs(&mut self) -> Result<Vec<f32>> {
        Ok(self.output.iter().copied().collect())
    }
}
