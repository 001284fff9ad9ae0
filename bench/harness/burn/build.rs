//! Generates code from the ONNX files of the bench with burn-onnx.
//!
//! burn-onnx panics at a model that it does not support. The message becomes the reason why the model is not timed.

use std::fmt::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use burn_onnx::ModelGen;

fn main() -> io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../build/bench/models");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut files = fs::read_dir(&folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "onnx"));
    files.sort();
    let mut models = String::new();
    for file in files {
        let name = file.file_stem().and_then(|name| name.to_str()).expect("names of models are ASCII");
        match generate(&file, &out.join(name).with_extension("rs")) {
            Ok(inputs) => writeln!(models, "(generated {name} {inputs:?})"),
            Err(why) => writeln!(models, "(refused {name} {why:?})"),
        }
        .expect("a string takes all text");
    }
    fs::write(out.join("models.rs"), format!("models! {{\n{models}}}\n"))
}

/// Writes `code` and returns the indices of the inputs, or why burn-onnx does not support the model.
fn generate(file: &Path, code: &Path) -> Result<Vec<usize>, String> {
    catch_unwind(AssertUnwindSafe(|| {
        // A model in parts has a type for each part.
        ModelGen::new().input(&file.to_string_lossy()).out_dir("").partition(false).run_from_script();
    }))
    .map_err(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text =
            text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).into())).unwrap_or_default();
        // Without the path, which is different on every machine.
        let text = text.replace(&*file.to_string_lossy(), "model.onnx");
        let words: Vec<_> = text.split_whitespace().collect();
        format!("burn-onnx does not support the model: {}", words.join(" "))
    })?;
    let code = fs::read_to_string(code).map_err(|error| error.to_string())?;
    let (_, parameters) =
        code.split_once("pub fn forward(").ok_or("the generated code has no forward function")?;
    let (parameters, _) = parameters.split_once("->").ok_or("the forward function returns nothing")?;
    Ok((0..parameters.matches(": Tensor").count()).collect())
}
