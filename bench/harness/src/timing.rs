//! Times engines in turn, in many short samples.
//!
//! The measured time is the CPU time of the process that an engine runs in. All engines work in one thread and none sleeps,
//! so it is the elapsed time without interruptions by other processes.

use std::time::Duration;

use engine::{Engine, Result};

/// The minimum duration of a sample, unless one prediction takes longer.
const SAMPLE: Duration = Duration::from_millis(20);

/// An engine and its measurements.
pub struct Row {
    pub name: &'static str,
    engine: Box<dyn Engine>,
    calls: u32,
    /// The time of one prediction in nanoseconds, per sample.
    pub samples: Vec<f64>,
    /// Why the engine is not timed.
    pub problem: Option<String>,
}

impl Row {
    pub fn new(name: &'static str, engine: Box<dyn Engine>) -> Self {
        Self { name, engine, calls: 1, samples: Vec::new(), problem: None }
    }

    /// Finds the number of predictions per sample. The first calls, in which buffers grow, are not timed.
    fn warm_up(&mut self) -> Result<()> {
        self.engine.run(2)?;
        while self.measure()? < SAMPLE {
            self.calls *= 2;
        }
        Ok(())
    }

    /// Takes one sample. As many untimed predictions before it bring the data that other engines evicted back into the
    /// caches, as in a program that predicts continuously. It makes little difference if a prediction is longer than a
    /// sample.
    fn sample(&mut self) -> Result<()> {
        if self.calls > 1 {
            self.engine.run(self.calls)?;
        }
        let elapsed = self.measure()?;
        self.samples.push(elapsed.as_nanos() as f64 / f64::from(self.calls));
        Ok(())
    }

    fn measure(&mut self) -> Result<Duration> {
        self.engine.measure(self.calls)
    }
}

/// Compares the outputs with those of the first row, then times all rows, one sample of each in turn. `tolerance` is the
/// largest difference between outputs, relative to the largest magnitude.
pub fn time(rows: &mut [Row], tolerance: f32, rounds: usize) -> Result<()> {
    for row in rows.iter_mut() {
        row.problem = row.warm_up().err().map(|error| error.to_string());
    }
    let [reference, others @ ..] = rows else { return Ok(()) };
    let expected = reference.engine.outputs()?;
    for row in others.iter_mut().filter(|row| row.problem.is_none()) {
        row.problem = difference(&row.engine.outputs()?, &expected, tolerance);
    }
    for _ in 0..rounds {
        for row in rows.iter_mut().filter(|row| row.problem.is_none()) {
            row.sample()?;
        }
    }
    Ok(())
}

fn difference(found: &[f32], expected: &[f32], tolerance: f32) -> Option<String> {
    if found.len() != expected.len() {
        return Some(format!("its output has {} numbers instead of {}", found.len(), expected.len()));
    }
    let largest = expected.iter().fold(0.0f32, |largest, x| largest.max(x.abs()));
    let off = found.iter().zip(expected).fold(0.0f32, |off, (a, b)| off.max((a - b).abs()));
    // A NaN makes the comparison false.
    let close = off <= tolerance * largest && found.iter().all(|x| !x.is_nan());
    (!close).then(|| format!("its output differs by {off:e}, and the largest value is {largest:e}"))
}
