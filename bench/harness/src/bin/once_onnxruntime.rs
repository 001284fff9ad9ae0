fn main() -> harness::Result<()> {
    harness::once::main(harness::onnxruntime::OnnxRuntime::new)
}
