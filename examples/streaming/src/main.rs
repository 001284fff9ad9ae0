//! Feeds audio to a model chunk by chunk. The level of one chunk is the state for the next.

use loudness::{Inputs, LoudnessModel, Result, State, TensorView};

const CHUNK: usize = 256;

fn main() -> Result<()> {
    let model = LoudnessModel::new()?;
    // Half a second of silence, then a tone, at 16 kHz.
    let audio: Vec<f32> =
        (0..16_000).map(|i| if i < 8_000 { 0.0 } else { (i as f32 * 0.17).sin() }).collect();

    // Each stream needs a state of its own; all of them can share the model.
    let mut state = State::new()?;
    let mut loud_from = None;
    for (index, chunk) in audio.chunks(CHUNK).enumerate() {
        model.step(&Inputs { samples: TensorView::new(chunk, [1, chunk.len()])? }, &mut state)?;
        let level = state.level.data()[0];
        if level > 0.25 && loud_from.is_none() {
            loud_from = Some(index * CHUNK);
        }
    }
    println!("loud from sample {loud_from:?}, level at the end {:.2}", state.level);

    // The state is a tensor, so a program can store it and continue later. `reset` starts a new stream.
    state.reset();
    println!("level after a reset {:.2}", state.level);
    Ok(())
}
