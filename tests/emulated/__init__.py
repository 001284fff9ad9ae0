"""tf-layers and generated crates on processors that this machine is not: NEON and WebAssembly, emulated."""
