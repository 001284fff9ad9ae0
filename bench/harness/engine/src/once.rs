//! A program that makes one prediction with one engine, like the `predict` example of a generated crate.

use std::path::Path;

use tf_layers::io::NpzWriter;

use crate::arrays::{self, Array};
use crate::{Engine, Result};

/// `once_ENGINE MODEL.onnx IN.npz OUT.npz`: loads the model, predicts, and writes the outputs.
pub fn main<E: Engine>(load: impl FnOnce(&Path, &[Array]) -> Result<E>) -> Result<()> {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let [model, input, output] = arguments.as_slice() else {
        return Err("usage: once_ENGINE MODEL.onnx IN.npz OUT.npz".into());
    };
    let mut engine = load(Path::new(model), &arrays::read(Path::new(input))?)?;
    engine.run(1)?;
    let found = engine.outputs()?;
    let mut writer = NpzWriter::new();
    writer.add("outputs", &[found.len()], &found)?;
    std::fs::write(output, writer.finish())?;
    Ok(())
}
