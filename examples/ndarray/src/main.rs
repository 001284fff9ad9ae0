//! Passes ndarray's arrays to a model and gets arrays back, both without a copy.

use std::error::Error;

use ndarray::{Array2, Axis};
use scorer::{Inputs, ScorerModel, TensorView};

fn main() -> Result<(), Box<dyn Error>> {
    let x = Array2::from_shape_fn((5, 4), |(row, column)| (row as f32 - column as f32) / 4.0);
    let outputs = ScorerModel::new()?.predict(&Inputs { x: TensorView::try_from(&x)? })?;
    let probabilities: Array2<f32> = outputs.probabilities.try_into()?;
    println!("{probabilities:.3}");
    println!("mean {:.3}", probabilities.mean_axis(Axis(0)).ok_or("no rows")?);
    Ok(())
}
