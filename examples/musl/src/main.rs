//! Scores the four numbers of its command line: a program without libraries and files, for an empty container.

use std::error::Error;

use scorer::{Inputs, ScorerModel, TensorView};

fn main() -> Result<(), Box<dyn Error>> {
    let x = std::env::args().skip(1).map(|number| number.parse()).collect::<Result<Vec<f32>, _>>()?;
    let outputs = ScorerModel::new()?.predict(&Inputs { x: TensorView::new(&x, [1, x.len()])? })?;
    println!("{:.3}", outputs.probabilities);
    Ok(())
}
