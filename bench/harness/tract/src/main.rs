//! One prediction by tract.

fn main() -> engine::Result<()> {
    engine::once::main(|model, arrays| engine_tract::Tract::new(model, arrays, 1))
}
