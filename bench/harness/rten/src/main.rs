//! One prediction by rten.

fn main() -> engine::Result<()> {
    engine::once::main(|model, arrays| engine_rten::Rten::new(model, arrays, 1))
}
