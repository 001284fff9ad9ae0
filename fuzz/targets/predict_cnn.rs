//! Predictions of a CNN over three texts.
#![no_main]

tf2rust_fuzz::fuzz_model!(
    cnn::CnnModel,
    "cnn",
    { characters: &[Some(64)], words: &[Some(16)], extra: &[Some(8)] } => verdict,
    20
);
