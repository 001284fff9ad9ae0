//! One prediction by tract.

fn main() -> engine::Result<()> {
    engine::once::main(engine_tract::Tract::new)
}
