//! Packs the first part of `model/model_weights.npz` for the kernels; the binary embeds the result.
//! The other parts are crates in `weights/`.

use std::error::Error;
use std::path::PathBuf;
use std::{env, fs};

use tf_layers::io::{Npz, pack};

#[path = "src/weights.rs"]
mod weights;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=model/model_weights.npz");
    println!("cargo::rerun-if-changed=src/weights.rs");
    let arrays = fs::read("model/model_weights.npz")?;
    let blob = pack(&Npz::parse(&arrays)?, &weights::ENTRIES[..1], weights::ARCHITECTURE)?;
    let folder = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);
    fs::write(folder.join("weights.bin"), blob)?;
    Ok(())
}
