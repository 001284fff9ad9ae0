//! One prediction by rten.

fn main() -> engine::Result<()> {
    engine::once::main(engine_rten::Rten::new)
}
