fn main() -> harness::Result<()> {
    harness::once::main(harness::tract::Tract::new)
}
