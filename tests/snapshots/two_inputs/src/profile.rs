//! The layers of the model, for the feature `profile`.

use tf_layers::profile::{Profile, Work};
use tf_layers::{Context, Result, dims};

/// The name and the kind of each layer, in the order in which they end.
const LAYERS: [(&str, &str); 5] = [
    ("node", "EmbeddingConv1D"),
    ("node/GlobalMaxPooling1D", "GlobalMaxPooling1D"),
    ("node/Dense", "Dense"),
    ("node/Concatenate", "Concatenate"),
    ("node/Dense_2", "Dense"),
];

/// What a call of each layer does, for these sizes of the symbolic dimensions.
fn work(sizes: [usize; 2]) -> Result<[Work; 5]> {
    let [batch, time] = sizes;
    Ok([
        Work { multiply_adds: 0, bytes: dims::sum(&[dims::product(&[batch, time, 32])?, 816])? },
        Work {
            multiply_adds: 0,
            bytes: dims::sum(&[dims::product(&[batch, 24])?, dims::product(&[batch, time, 24])?])?,
        },
        Work {
            multiply_adds: dims::product(&[batch, 6])?,
            bytes: dims::sum(&[dims::product(&[batch, 20])?, 192])?,
        },
        Work { multiply_adds: 0, bytes: dims::product(&[batch, 64])? },
        Work {
            multiply_adds: dims::product(&[batch, 8])?,
            bytes: dims::sum(&[dims::product(&[batch, 36])?, 512])?,
        },
    ])
}

/// Starts a run whose times `cx` records in `profile`.
pub fn start<'a>(cx: &mut Context<'a>, profile: &'a mut Profile, sizes: [usize; 2]) -> Result<()> {
    profile.start(&LAYERS, &work(sizes)?);
    cx.record(profile);
    Ok(())
}
