//! Predictions of an LSTM over texts of any length.
#![no_main]

tf2rust_fuzz::fuzz_model!(lstm::LstmModel, "lstm", { text: &[None] } => verdict, 20);
