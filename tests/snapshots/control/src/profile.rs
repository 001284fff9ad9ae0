//! The layers of the model, for the feature `profile`.

use tf_layers::profile::{Profile, Work};
use tf_layers::{Context, Result, dims};

/// The name and the kind of each layer, in the order in which they end.
const LAYERS: [(&str, &str); 14] = [
    ("node", "Dense"),
    ("node_2", "Dense"),
    ("node/Max", "Max"),
    ("node/Compare", "Compare"),
    ("node/Activation", "Activation"),
    ("node/Divide", "Divide"),
    ("node/If", "If"),
    ("node/Subtract", "Subtract"),
    ("node/Loop", "Loop"),
    ("node/Activation_2", "Activation"),
    ("node/Multiply", "Multiply"),
    ("node/Min", "Min"),
    ("node/Compare_2", "Compare"),
    ("node/Loop_2", "Loop"),
];

/// What a call of each layer does, for these sizes of the symbolic dimensions.
fn work(sizes: [usize; 1]) -> Result<[Work; 14]> {
    let [t] = sizes;
    Ok([
        Work { multiply_adds: 36, bytes: 288 },
        Work { multiply_adds: 24, bytes: 256 },
        Work { multiply_adds: 0, bytes: 52 },
        Work { multiply_adds: 0, bytes: 9 },
        Work { multiply_adds: 0, bytes: 96 },
        Work { multiply_adds: 0, bytes: 100 },
        Work { multiply_adds: 0, bytes: 149 },
        Work { multiply_adds: 0, bytes: 144 },
        Work { multiply_adds: 0, bytes: dims::sum(&[dims::product(&[t, 80])?, 96])? },
        Work { multiply_adds: 0, bytes: 96 },
        Work { multiply_adds: 0, bytes: 100 },
        Work { multiply_adds: 0, bytes: 52 },
        Work { multiply_adds: 0, bytes: 9 },
        Work { multiply_adds: 0, bytes: 96 },
    ])
}

/// Starts a run whose times `cx` records in `profile`.
pub fn start<'a>(cx: &mut Context<'a>, profile: &'a mut Profile, sizes: [usize; 1]) -> Result<()> {
    profile.start(&LAYERS, &work(sizes)?);
    cx.record(profile);
    Ok(())
}
