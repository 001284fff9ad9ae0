//! Replaces the weights of a running service. No request fails or waits for the new weights to load.

use std::error::Error;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread;
use std::time::Duration;

use scorer::{AlignedBytes, Inputs, Outputs, Result, ScorerModel, TensorView, Workspace};

/// The weights that requests use. A swap replaces the `Arc`; the old weights live until the last worker lets go of them.
struct Weights(RwLock<Arc<AlignedBytes>>);

impl Weights {
    fn current(&self) -> Arc<AlignedBytes> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Checks the weights before they replace the old ones, so that a damaged file changes nothing.
    fn swap(&self, weights: AlignedBytes) -> Result<()> {
        ScorerModel::from_weights(&weights)?;
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(weights);
        Ok(())
    }
}

fn main() -> std::result::Result<(), Box<dyn Error>> {
    let weights = Weights(RwLock::new(Arc::new(load("../models/scorer/model_info/model_weights.npz")?)));
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let worker = scope.spawn(|| serve(&weights, &stop));
        thread::sleep(Duration::from_millis(100));
        let damaged = AlignedBytes::new(&[0; 64])?;
        println!("damaged weights: {}", weights.swap(damaged).expect_err("they are refused"));
        let swapped = load("../models/retrained/model_info/model_weights.npz")
            .and_then(|retrained| Ok(weights.swap(retrained)?));
        thread::sleep(Duration::from_millis(100));
        stop.store(true, Ordering::Relaxed);
        let served = worker.join().expect("the worker does not panic")?;
        swapped?;
        println!("served {} requests with {} versions of the weights", served.requests, served.versions);
        assert_eq!(served.versions, 2);
        Ok(())
    })
}

/// Packs weights for this machine's kernels. A deployment does this once and ships the packed file.
fn load(path: &str) -> std::result::Result<AlignedBytes, Box<dyn Error>> {
    Ok(AlignedBytes::new(&ScorerModel::pack_weights(&std::fs::read(path)?)?)?)
}

#[derive(Default)]
struct Served {
    requests: usize,
    versions: usize,
}

/// Answers requests until `stop`. A model borrows its weights, so each version gets a model; building one copies nothing.
fn serve(weights: &Weights, stop: &AtomicBool) -> Result<Served> {
    let (mut outputs, mut workspace) = (Outputs::default(), Workspace::default());
    let mut served = Served::default();
    while !stop.load(Ordering::Relaxed) {
        let version = weights.current();
        let model = ScorerModel::from_weights(&version)?;
        served.versions += 1;
        let mut first = true;
        while !stop.load(Ordering::Relaxed) && Arc::ptr_eq(&version, &weights.current()) {
            let x = TensorView::new(&[0.5, -0.5, 1.0, 0.0], [1, 4])?;
            model.predict_into(&Inputs { x }, &mut outputs, &mut workspace)?;
            served.requests += 1;
            if std::mem::take(&mut first) {
                println!("version {}: {:.3}", served.versions, outputs.probabilities);
            }
        }
    }
    Ok(served)
}
