//! The inputs of a model, read from an NPZ archive.

use std::path::Path;

use tf_layers::io::{Element, Npz};

use crate::Result;

/// An array with the name of the model's input.
pub struct Array {
    pub name: String,
    pub shape: Vec<usize>,
    pub data: Data,
}

/// The elements in row-major order.
pub enum Data {
    F32(Vec<f32>),
    I32(Vec<i32>),
}

/// Reads all arrays of an NPZ archive.
pub fn read(path: &Path) -> Result<Vec<Array>> {
    let bytes = std::fs::read(path)?;
    let npz = Npz::parse(&bytes)?;
    let mut arrays = Vec::new();
    for name in npz.names() {
        let array = npz.get(name)?;
        let data = match array.to_vec::<i32>() {
            Ok(data) => Data::I32(data),
            Err(_) => Data::F32(array.to_vec()?),
        };
        arrays.push(Array { name: name.into(), shape: array.shape().to_vec(), data });
    }
    Ok(arrays)
}

/// The array called `name`.
pub fn find<'a>(arrays: &'a [Array], name: &str) -> Result<&'a Array> {
    let found = arrays.iter().find(|array| array.name == name);
    found.ok_or_else(|| format!("there is no array for the input {name}").into())
}

/// The element types of inputs.
pub trait Typed: Element {
    fn of(array: &Array) -> Option<&[Self]>
    where
        Self: Sized;
}

impl Typed for f32 {
    fn of(array: &Array) -> Option<&[Self]> {
        match &array.data {
            Data::F32(data) => Some(data),
            Data::I32(_) => None,
        }
    }
}

impl Typed for i32 {
    fn of(array: &Array) -> Option<&[Self]> {
        match &array.data {
            Data::I32(data) => Some(data),
            Data::F32(_) => None,
        }
    }
}
