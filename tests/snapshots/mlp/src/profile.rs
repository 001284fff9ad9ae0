//! The layers of the model, for the feature `profile`.

use tf_layers::profile::{Profile, Work};
use tf_layers::{Context, Result, dims};

/// The name and the kind of each layer, in the order in which they end.
const LAYERS: [(&str, &str); 3] =
    [("node", "Dense"), ("node_2", "Dense"), ("node/Softmax", "Softmax")];

/// What a call of each layer does, for these sizes of the symbolic dimensions.
fn work(sizes: [usize; 1]) -> Result<[Work; 3]> {
    let [batch] = sizes;
    Ok([
        Work {
            multiply_adds: dims::product(&[batch, 20])?,
            bytes: dims::sum(&[dims::product(&[batch, 36])?, 336])?,
        },
        Work {
            multiply_adds: dims::product(&[batch, 12])?,
            bytes: dims::sum(&[dims::product(&[batch, 28])?, 256])?,
        },
        Work { multiply_adds: 0, bytes: dims::product(&[batch, 24])? },
    ])
}

/// Starts a run whose times `cx` records in `profile`.
pub fn start<'a>(cx: &mut Context<'a>, profile: &'a mut Profile, sizes: [usize; 1]) -> Result<()> {
    profile.start(&LAYERS, &work(sizes)?);
    cx.record(profile);
    Ok(())
}
