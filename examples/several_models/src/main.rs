//! Runs models of different types through one interface. Their crates share one copy of tf-layers (`--tf_layers`), so
//! `scorer::interface` and `anomaly::interface` are the same.

use anomaly::AnomalyModel;
use scorer::interface::{AnySession, AnyView, Axis, DataType, Session};
use scorer::{Result, ScorerModel, TensorView};

fn main() -> Result<()> {
    let mut models: Vec<Box<dyn AnySession>> = vec![
        Box::new(Session::new(ScorerModel::new()?, &[])?),
        Box::new(Session::new(AnomalyModel::new()?, &[])?),
    ];
    for model in &mut models {
        println!("{}", model.name());
        for port in model.inputs() {
            println!("  input  {port}");
        }
        run_on_constant(model.as_mut())?;
        for (index, port) in model.outputs().iter().enumerate() {
            if let Some(AnyView::F32(output)) = model.output(index) {
                println!("  output {port} = {:.3?}", output.data());
            }
        }
    }
    Ok(())
}

/// Runs a model whose inputs are all f32 on one sample of 0.5.
fn run_on_constant(model: &mut dyn AnySession) -> Result<()> {
    let mut tensors = Vec::new();
    for port in model.inputs() {
        assert_eq!(port.data_type, DataType::F32, "this program only makes inputs of type f32");
        let shape: Vec<usize> =
            port.shape.iter().map(|axis| if let Axis::Fixed(size) = axis { *size } else { 1 }).collect();
        tensors.push((vec![0.5_f32; shape.iter().product()], shape));
    }
    let inputs = tensors
        .iter()
        .map(|(data, shape)| Ok(TensorView::new(data.as_slice(), shape.as_slice())?.into()))
        .collect::<Result<Vec<AnyView<'_>>>>()?;
    model.run(&inputs)
}
