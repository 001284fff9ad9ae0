//! Serves all models of a bundle by name.

use std::collections::BTreeMap;

use served::interface::{AnySession, AnyView};
use served::scorer::TensorView;
use served::{MODELS, Result};

/// The sessions by the names of their models. One session serves one caller at a time.
struct Server {
    sessions: BTreeMap<&'static str, Box<dyn AnySession + Send>>,
}

impl Server {
    fn new() -> Result<Self> {
        let sessions = MODELS.iter().map(|model| {
            // The sizes of the state: one sequence at a time.
            let sizes = vec![1; model.state_dims.len()];
            Ok((model.name, model.open(&sizes)?))
        });
        Ok(Self { sessions: sessions.collect::<Result<_>>()? })
    }

    /// The first output of a model with one input, a row of numbers. `None` if there is no such model.
    fn predict(&mut self, name: &str, row: &[f32]) -> Result<Option<Vec<f32>>> {
        let Some(session) = self.sessions.get_mut(name) else { return Ok(None) };
        session.run(&[TensorView::new(row, [1, row.len()])?.into()])?;
        // The smoothed level is the state of `loudness`, which has no other output.
        match session.output(0) {
            Some(AnyView::F32(output)) => Ok(Some(output.data().to_vec())),
            _ => Ok(Some(Vec::new())),
        }
    }
}

fn main() -> Result<()> {
    let mut server = Server::new()?;
    for model in &MODELS {
        println!("{}: {} inputs, {} states", model.name, model.inputs.len(), model.states.len());
    }
    println!("scorer {:.3?}", server.predict("scorer", &[0.5; 4])?);
    println!("anomaly {:.3?}", server.predict("anomaly", &[0.5; 6])?);
    println!("loudness {:?}", server.predict("loudness", &[0.5; 160])?);
    println!("unknown {:?}", server.predict("unknown", &[])?);
    Ok(())
}
