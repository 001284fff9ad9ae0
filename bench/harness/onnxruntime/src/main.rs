//! One prediction by ONNX Runtime.

fn main() -> engine::Result<()> {
    engine::once::main(|model, arrays| engine_onnxruntime::OnnxRuntime::new(model, arrays, 1))
}
