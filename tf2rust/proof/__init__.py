"""The proof of a conversion: samples, what the source framework computes of them, and how far Rust may be from it."""
