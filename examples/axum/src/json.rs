//! Tensors as nested JSON arrays.

use scorer::interface::{AnyView, DataType, Port};
use scorer::{Result, TensorView};
use serde_json::{Map, Value};

/// An input of a model.
pub struct Tensor {
    data: Data,
    shape: Vec<usize>,
}

/// The types that this service accepts. Add a variant for each further type that your models take.
enum Data {
    F32(Vec<f32>),
    I64(Vec<i64>),
}

impl Tensor {
    /// The tensor as an input of [`AnySession::run`](scorer::interface::AnySession::run).
    pub fn view(&self) -> Result<AnyView<'_>> {
        Ok(match &self.data {
            Data::F32(data) => TensorView::new(data.as_slice(), self.shape.as_slice())?.into(),
            Data::I64(data) => TensorView::new(data.as_slice(), self.shape.as_slice())?.into(),
        })
    }
}

/// The inputs of a model from a JSON object, or a message about what is wrong with it.
pub fn read(ports: &[Port], request: &Map<String, Value>) -> std::result::Result<Vec<Tensor>, String> {
    if let Some(name) = request.keys().find(|name| ports.iter().all(|port| port.name != **name)) {
        return Err(format!("the model has no input `{name}`"));
    }
    ports.iter().map(|port| read_one(port, request.get(port.name))).collect()
}

fn read_one(port: &Port, value: Option<&Value>) -> std::result::Result<Tensor, String> {
    let value = value.ok_or_else(|| format!("input `{}` is missing; it is {port}", port.name))?;
    let (mut numbers, mut shape) = (Vec::new(), Vec::new());
    flatten(value, 0, &mut numbers, &mut shape)
        .map_err(|problem| format!("input `{}` {problem}", port.name))?;
    let data = match port.data_type {
        DataType::F32 => all(&numbers, |v| v.as_f64().map(|x| x as f32)).map(Data::F32),
        DataType::I64 => all(&numbers, Value::as_i64).map(Data::I64),
        _ => return Err(format!("this service does not accept {port}")),
    };
    Ok(Tensor {
        data: data.ok_or_else(|| {
            format!("input `{}` must contain numbers of type {}", port.name, port.data_type)
        })?,
        shape,
    })
}

fn all<T>(numbers: &[&Value], convert: impl Fn(&Value) -> Option<T>) -> Option<Vec<T>> {
    numbers.iter().map(|value| convert(value)).collect()
}

/// Collects the leaves of a nested array. The first array at each depth sets the size of the axis.
fn flatten<'v>(
    value: &'v Value,
    depth: usize,
    leaves: &mut Vec<&'v Value>,
    shape: &mut Vec<usize>,
) -> std::result::Result<(), &'static str> {
    const UNEVEN: &str = "must be a nested array whose rows all have the same length";
    match value {
        Value::Array(items) => {
            if depth == shape.len() {
                if !leaves.is_empty() {
                    return Err(UNEVEN);
                }
                shape.push(items.len());
            }
            if shape[depth] != items.len() {
                return Err(UNEVEN);
            }
            items.iter().try_for_each(|item| flatten(item, depth + 1, leaves, shape))
        }
        leaf if depth == shape.len() => {
            leaves.push(leaf);
            Ok(())
        }
        _ => Err(UNEVEN),
    }
}

/// An output as a nested array; `None` if its type is not supported. NaN and infinity become `null`.
pub fn write(output: AnyView<'_>) -> Option<Value> {
    let (leaves, shape): (Vec<Value>, _) = match output {
        AnyView::F32(view) => (view.data().iter().map(|x| Value::from(*x)).collect(), view.shape().to_vec()),
        AnyView::I64(view) => (view.data().iter().map(|x| Value::from(*x)).collect(), view.shape().to_vec()),
        _ => return None,
    };
    Some(nest(&mut leaves.into_iter(), &shape))
}

fn nest(leaves: &mut impl Iterator<Item = Value>, shape: &[usize]) -> Value {
    match shape {
        [] => leaves.next().unwrap_or_default(),
        [size, inner @ ..] => (0..*size).map(|_| nest(leaves, inner)).collect(),
    }
}
