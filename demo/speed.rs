//! Prints the median time of a prediction in microseconds, for one domain and for 64.

use std::time::{Duration, Instant};

use dgaintel::{DgaintelModel, Inputs, Outputs, Result, TensorView, Workspace};

/// The number of characters that the model reads of a domain.
const LENGTH: usize = 82;

fn main() -> Result<()> {
    let model = DgaintelModel::new()?;
    let (mut outputs, mut workspace) = (Outputs::default(), Workspace::default());
    for batch in [1, 64] {
        let characters: Vec<i32> = (0..39).cycle().take(batch * LENGTH).collect();
        let shape = [batch, LENGTH];
        let inputs = Inputs {
            domain_input: TensorView::new(&characters, &shape)?,
        };
        let mut times = Vec::new();
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_secs(1) {
            let start = Instant::now();
            model.predict_into(&inputs, &mut outputs, &mut workspace)?;
            times.push(start.elapsed());
        }
        times.sort_unstable();
        println!("{batch} {}", times[times.len() / 2].as_secs_f64() * 1e6);
    }
    Ok(())
}
