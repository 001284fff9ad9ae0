//! Predictions of a small transformer.
#![no_main]

tf2rust_fuzz::fuzz_model!(transformer::TransformerModel, "transformer", { tokens: &[Some(10)] } => out, 20);
