//! Scores requests on several threads. The threads share one model; each has a session with its own memory.

use std::thread;

use scorer::interface::{AnyView, Session};
use scorer::{Result, ScorerModel, TensorView};

const REQUESTS: usize = 10_000;

fn main() -> Result<()> {
    let model = ScorerModel::new()?;
    let requests: Vec<[f32; 4]> =
        (0..REQUESTS).map(|i| [0, 1, 2, 3].map(|k| (i as f32 * (k as f32 + 0.3)).sin() * 3.0)).collect();
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let counts = thread::scope(|scope| {
        let workers: Vec<_> = requests
            .chunks(REQUESTS.div_ceil(threads))
            .map(|part| scope.spawn(|| count_classes(&model, part)))
            .collect();
        let parts = workers.into_iter().map(|worker| worker.join().expect("a worker does not panic"));
        parts.sum::<Result<Counts>>()
    })?;
    println!("requests by class: {:?}", counts.0);
    assert_eq!(counts.0.iter().sum::<usize>(), REQUESTS);
    Ok(())
}

/// The number of requests for which each class is the most likely one.
#[derive(Default)]
struct Counts([usize; 3]);

impl std::iter::Sum for Counts {
    fn sum<I: Iterator<Item = Self>>(parts: I) -> Self {
        parts.fold(Self::default(), |a, b| Self(std::array::from_fn(|i| a.0[i] + b.0[i])))
    }
}

fn count_classes(model: &ScorerModel, requests: &[[f32; 4]]) -> Result<Counts> {
    let mut session = Session::new(model, &[])?;
    let mut counts = Counts::default();
    for x in requests {
        session.run(&[TensorView::new(x, [1, 4])?.into()])?;
        if let Some(AnyView::F32(probabilities)) = session.output(0) {
            let best = probabilities.data().iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
            counts.0[best.map_or(0, |(class, _)| class)] += 1;
        }
    }
    Ok(counts)
}
