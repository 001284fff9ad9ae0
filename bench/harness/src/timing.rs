//! Times engines in turn, in many short samples.

use std::thread::sleep;
use std::time::{Duration, Instant};

use engine::{Clock, Engine, Result};

/// The minimum duration of a sample, unless one prediction takes longer.
const SAMPLE: Duration = Duration::from_millis(20);
/// An engine whose first prediction takes longer is warm after it.
const LONG: Duration = Duration::from_millis(500);
/// The number of samples of each engine that are taken even if the budget is spent.
const MIN_ROUNDS: usize = 2;
/// The threads of an idle pool spin for a while before they sleep. The next engine waits for that.
const SETTLE: Duration = Duration::from_millis(10);

/// How much to measure.
pub struct Plan {
    /// The largest difference between the outputs of an engine and of the first one, relative to the largest magnitude.
    pub tolerance: f32,
    /// The number of samples of each engine.
    pub rounds: usize,
    /// The time after which no further round begins.
    pub budget: Duration,
    pub clock: Clock,
}

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
    fn warm_up(&mut self, clock: Clock) -> Result<()> {
        if self.engine.measure(1, clock)? > LONG {
            return Ok(());
        }
        self.engine.run(1)?;
        while self.engine.measure(self.calls, clock)? < SAMPLE {
            self.calls *= 2;
        }
        Ok(())
    }

    /// Takes one sample. As many untimed predictions before it bring the data that other engines evicted back into the
    /// caches, as in a program that predicts continuously. It makes little difference if a prediction is longer than a
    /// sample.
    fn sample(&mut self, clock: Clock) -> Result<()> {
        if let Clock::Wall = clock {
            sleep(SETTLE);
        }
        if self.calls > 1 {
            self.engine.run(self.calls)?;
        }
        let elapsed = self.engine.measure(self.calls, clock)?;
        self.samples.push(elapsed.as_nanos() as f64 / f64::from(self.calls));
        Ok(())
    }
}

/// Compares the outputs with those of the first row, then times all rows, one sample of each in turn.
pub fn time(rows: &mut [Row], plan: &Plan) -> Result<()> {
    let start = Instant::now();
    for row in rows.iter_mut() {
        row.problem = row.warm_up(plan.clock).err().map(|error| error.to_string());
    }
    let [reference, others @ ..] = rows else { return Ok(()) };
    let expected = reference.engine.outputs()?;
    for row in others.iter_mut().filter(|row| row.problem.is_none()) {
        row.problem = difference(&row.engine.outputs()?, &expected, plan.tolerance);
    }
    for round in 0..plan.rounds {
        if round >= MIN_ROUNDS && start.elapsed() > plan.budget {
            break;
        }
        for row in rows.iter_mut().filter(|row| row.problem.is_none()) {
            row.sample(plan.clock)?;
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
