"""tf-layers and generated crates on emulated processors: Arm with NEON, and WebAssembly."""
