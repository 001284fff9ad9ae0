fn main() -> harness::Result<()> {
    harness::once::main(harness::rten::Rten::new)
}
