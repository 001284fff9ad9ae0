//! Packs this part of `model/model_weights.npz` for the kernels.

use std::error::Error;
use std::path::PathBuf;
use std::{env, fs};

use tf_layers::io::{Npz, pack};

#[path = "../../src/weights.rs"]
mod weights;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=../../model/model_weights.npz");
    println!("cargo::rerun-if-changed=../../src/weights.rs");
    let arrays = fs::read("../../model/model_weights.npz")?;
    let entries = &weights::ENTRIES[1..2];
    let blob = pack(&Npz::parse(&arrays)?, entries, weights::ARCHITECTURE)?;
    let folder = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);
    fs::write(folder.join("weights.bin"), blob)?;
    Ok(())
}
