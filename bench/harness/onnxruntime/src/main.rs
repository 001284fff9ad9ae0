//! One prediction by ONNX Runtime.

fn main() -> engine::Result<()> {
    engine::once::main(engine_onnxruntime::OnnxRuntime::new)
}
