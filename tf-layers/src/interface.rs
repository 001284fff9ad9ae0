//! Models behind one interface, so that a server, a binding or a test over many models is written once.
//!
//! Every crate that tf2rust generates implements [`Model`]: its inputs and outputs as data, and a method that runs it on
//! tensors whose types are known only at run time. [`Session`] adds the memory that a model needs. [`AnySession`] is a
//! session as a trait object, for programs that hold several models in one collection.
//!
//! ```
//! use tf_layers::interface::{self, AnySession, AnyView, Axis, DataType, Model, Port, Session};
//! use tf_layers::prelude::*;
//!
//! /// Adds up each row.
//! struct RowSums;
//!
//! impl Model for RowSums {
//!     const NAME: &'static str = "row sums";
//!     const INPUTS: &'static [Port] =
//!         &[Port { name: "x", data_type: DataType::F32, shape: &[Axis::Symbolic("batch"), Axis::Fixed(2)] }];
//!     const OUTPUTS: &'static [Port] =
//!         &[Port { name: "sum", data_type: DataType::F32, shape: &[Axis::Symbolic("batch")] }];
//!     type Outputs = Tensor<f32>;
//!     type State = ();
//!     type Workspace = ();
//!
//!     fn new_state(&self, _: &[usize]) -> Result<()> {
//!         Ok(())
//!     }
//!
//!     fn reset(_: &mut ()) {}
//!
//!     fn run(&self, inputs: &[AnyView<'_>], _: &mut (), outputs: &mut Tensor<f32>, _: &mut ()) -> Result<()> {
//!         let [x] = interface::inputs(inputs)?;
//!         let x: TensorView<f32> = x.get("x")?;
//!         let sums = outputs.resize(&[x.data().len() / 2])?;
//!         for (sum, row) in sums.iter_mut().zip(x.data().chunks_exact(2)) {
//!             *sum = row.iter().sum();
//!         }
//!         Ok(())
//!     }
//!
//!     fn output(outputs: &Tensor<f32>, index: usize) -> Option<AnyView<'_>> {
//!         (index == 0).then(|| outputs.view().into())
//!     }
//! }
//!
//! let mut models: Vec<Box<dyn AnySession>> = vec![Box::new(Session::new(RowSums, &[])?)];
//! for model in &mut models {
//!     assert_eq!(model.inputs()[0].to_string(), "x: f32 [batch, 2]");
//!     model.run(&[TensorView::new(&[1.0_f32, 2.0, 3.0, 4.0], [2, 2])?.into()])?;
//!     let sums: TensorView<f32> = model.output(0).unwrap().get("sum")?;
//!     assert_eq!(sums.data(), [3.0, 7.0]);
//! }
//! # Ok::<(), Error>(())
//! ```

#[cfg(feature = "alloc")]
use alloc::boxed::Box;
#[cfg(feature = "alloc")]
use alloc::string::String;
use core::fmt;

use crate::error::{Error, Result};
use crate::tensor::{
    BF16, F4E2M1, F8E4M3FN, F8E4M3FNUZ, F8E5M2, F8E5M2FNUZ, F8E8M0, F16, I2, I4, TensorView, U2, U4,
};

/// An input, an output or a state of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Port {
    /// The name in the source model.
    pub name: &'static str,
    /// The type of the elements.
    pub data_type: DataType,
    /// The dims.
    pub shape: &'static [Axis],
}

/// Such as `x: f32 [batch, 28, 28, 1]`.
impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} [", self.name, self.data_type)?;
        for (i, axis) in self.shape.iter().enumerate() {
            write!(f, "{}{axis}", if i == 0 { "" } else { ", " })?;
        }
        f.write_str("]")
    }
}

/// The size of one axis of a [`Port`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Axis {
    /// The size is part of the model.
    Fixed(usize),
    /// The size is a symbolic dimension, or an expression over symbolic dimensions such as `time + 1`.
    Symbolic(&'static str),
}

impl fmt::Display for Axis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(size) => size.fmt(f),
            Self::Symbolic(name) => f.write_str(name),
        }
    }
}

/// A trained model.
///
/// tf2rust implements it for every model that it converts. A model whose `State` is not `()` computes a step of a
/// sequence and keeps its state for the next one.
pub trait Model {
    /// The name that the model was converted under.
    const NAME: &'static str;
    /// The inputs, in the order in which [`run`](Self::run) takes them.
    const INPUTS: &'static [Port];
    /// The outputs, in the order of [`output`](Self::output).
    const OUTPUTS: &'static [Port];
    /// The tensors of the state.
    const STATES: &'static [Port] = &[];
    /// The symbolic dimensions whose sizes [`new_state`](Self::new_state) takes.
    const STATE_DIMS: &'static [&'static str] = &[];

    /// The tensors that a run writes. They are reused by later runs.
    type Outputs: Default;
    /// What the model keeps from one step to the next.
    type State;
    /// The memory of intermediate results. It is reused by later runs.
    type Workspace: Default;

    /// The state before the first step; `sizes` are those of [`STATE_DIMS`](Self::STATE_DIMS).
    ///
    /// # Errors
    ///
    /// If the number of sizes differs, or memory runs out.
    fn new_state(&self, sizes: &[usize]) -> Result<Self::State>;

    /// Returns to the state before the first step.
    fn reset(state: &mut Self::State);

    /// Runs the model, or one step of it.
    ///
    /// # Errors
    ///
    /// If there are too few or too many inputs, if one has another type or shape than its port, if an index is out of
    /// range, or if memory runs out.
    fn run(
        &self,
        inputs: &[AnyView<'_>],
        state: &mut Self::State,
        outputs: &mut Self::Outputs,
        workspace: &mut Self::Workspace,
    ) -> Result<()>;

    /// The output with this index; `None` if there are fewer.
    fn output(outputs: &Self::Outputs, index: usize) -> Option<AnyView<'_>>;
}

/// The inputs of a run as an array, for implementations of [`Model::run`].
///
/// # Errors
///
/// If their number is not `N`.
pub fn inputs<'a, 'v, const N: usize>(inputs: &'a [AnyView<'v>]) -> Result<&'a [AnyView<'v>; N]> {
    inputs.try_into().map_err(|_| Error::Inputs { expected: N, found: inputs.len() })
}

/// The sizes of a state as an array, for implementations of [`Model::new_state`].
///
/// # Errors
///
/// If their number is not `N`.
pub fn sizes<const N: usize>(sizes: &[usize]) -> Result<[usize; N]> {
    sizes.try_into().map_err(|_| Error::Length { what: "sizes", expected: N, found: sizes.len() })
}

/// A borrowed model is a model, so that several sessions can share one.
impl<M: Model> Model for &M {
    const NAME: &'static str = M::NAME;
    const INPUTS: &'static [Port] = M::INPUTS;
    const OUTPUTS: &'static [Port] = M::OUTPUTS;
    const STATES: &'static [Port] = M::STATES;
    const STATE_DIMS: &'static [&'static str] = M::STATE_DIMS;
    type Outputs = M::Outputs;
    type State = M::State;
    type Workspace = M::Workspace;

    fn new_state(&self, sizes: &[usize]) -> Result<Self::State> {
        M::new_state(self, sizes)
    }

    fn reset(state: &mut Self::State) {
        M::reset(state);
    }

    fn run(
        &self,
        inputs: &[AnyView<'_>],
        state: &mut Self::State,
        outputs: &mut Self::Outputs,
        workspace: &mut Self::Workspace,
    ) -> Result<()> {
        M::run(self, inputs, state, outputs, workspace)
    }

    fn output(outputs: &Self::Outputs, index: usize) -> Option<AnyView<'_>> {
        M::output(outputs, index)
    }
}

/// A model with the memory of its runs: state, outputs and intermediate results.
///
/// One session serves one caller at a time. Sessions of the same model can share it: `Session::new(&model, &[])`.
#[derive(Debug)]
pub struct Session<M: Model> {
    model: M,
    state: M::State,
    outputs: M::Outputs,
    workspace: M::Workspace,
}

impl<M: Model> Session<M> {
    /// A session; `sizes` are those of [`Model::STATE_DIMS`], and empty for a model without states.
    ///
    /// # Errors
    ///
    /// The same as [`Model::new_state`].
    pub fn new(model: M, sizes: &[usize]) -> Result<Self> {
        let state = model.new_state(sizes)?;
        Ok(Self { model, state, outputs: M::Outputs::default(), workspace: M::Workspace::default() })
    }

    /// Runs the model, or one step of it.
    ///
    /// # Errors
    ///
    /// The same as [`Model::run`].
    pub fn run(&mut self, inputs: &[AnyView<'_>]) -> Result<()> {
        self.model.run(inputs, &mut self.state, &mut self.outputs, &mut self.workspace)
    }

    /// An output of the last run; `None` if there are fewer.
    pub fn output(&self, index: usize) -> Option<AnyView<'_>> {
        M::output(&self.outputs, index)
    }

    /// Returns to the state before the first step.
    pub fn reset(&mut self) {
        M::reset(&mut self.state);
    }
}

/// A [`Session`] of any model, as a trait object.
pub trait AnySession {
    /// [`Model::NAME`].
    fn name(&self) -> &'static str;
    /// [`Model::INPUTS`].
    fn inputs(&self) -> &'static [Port];
    /// [`Model::OUTPUTS`].
    fn outputs(&self) -> &'static [Port];
    /// [`Model::STATES`].
    fn states(&self) -> &'static [Port];
    /// Runs the model, or one step of it.
    ///
    /// # Errors
    ///
    /// The same as [`Model::run`].
    fn run(&mut self, inputs: &[AnyView<'_>]) -> Result<()>;
    /// An output of the last run; `None` if there are fewer.
    fn output(&self, index: usize) -> Option<AnyView<'_>>;
    /// Returns to the state before the first step.
    fn reset(&mut self);
}

impl<M: Model> AnySession for Session<M> {
    fn name(&self) -> &'static str {
        M::NAME
    }

    fn inputs(&self) -> &'static [Port] {
        M::INPUTS
    }

    fn outputs(&self) -> &'static [Port] {
        M::OUTPUTS
    }

    fn states(&self) -> &'static [Port] {
        M::STATES
    }

    fn run(&mut self, inputs: &[AnyView<'_>]) -> Result<()> {
        self.run(inputs)
    }

    fn output(&self, index: usize) -> Option<AnyView<'_>> {
        self.output(index)
    }

    fn reset(&mut self) {
        self.reset();
    }
}

/// A model of a program that serves several: what callers must know, and a function that opens a session.
#[cfg(feature = "alloc")]
#[derive(Debug, Clone, Copy)]
pub struct Service {
    /// [`Model::NAME`].
    pub name: &'static str,
    /// [`Model::INPUTS`].
    pub inputs: &'static [Port],
    /// [`Model::OUTPUTS`].
    pub outputs: &'static [Port],
    /// [`Model::STATES`].
    pub states: &'static [Port],
    /// [`Model::STATE_DIMS`].
    pub state_dims: &'static [&'static str],
    open: Open,
}

/// A function that opens a session for sizes of [`Model::STATE_DIMS`].
#[cfg(feature = "alloc")]
type Open = fn(&[usize]) -> Result<Box<dyn AnySession + Send>>;

#[cfg(feature = "alloc")]
impl Service {
    /// A service of the model `M`, whose sessions `open` returns.
    #[must_use]
    pub const fn of<M: Model>(open: Open) -> Self {
        Self {
            name: M::NAME,
            inputs: M::INPUTS,
            outputs: M::OUTPUTS,
            states: M::STATES,
            state_dims: M::STATE_DIMS,
            open,
        }
    }

    /// Opens a session; `sizes` are those of [`Model::STATE_DIMS`], and empty for a model without states.
    ///
    /// # Errors
    ///
    /// If the weights of the model are damaged, or for the reasons of [`Model::new_state`].
    pub fn open(&self, sizes: &[usize]) -> Result<Box<dyn AnySession + Send>> {
        (self.open)(sizes)
    }
}

/// A type of elements that an [`AnyView`] can hold.
pub trait PortElement<'a>: Sized {
    /// The type as data.
    const DATA_TYPE: DataType;

    /// The tensor, if its elements have this type.
    fn typed(view: AnyView<'a>) -> Option<TensorView<'a, Self>>;
}

macro_rules! port_element {
    ($t:ty, $variant:ident, $data_type:ident) => {
        impl<'a> PortElement<'a> for $t {
            const DATA_TYPE: DataType = DataType::$data_type;

            fn typed(view: AnyView<'a>) -> Option<TensorView<'a, Self>> {
                if let AnyView::$variant(view) = view { Some(view) } else { None }
            }
        }

        impl<'a> From<TensorView<'a, $t>> for AnyView<'a> {
            fn from(view: TensorView<'a, $t>) -> Self {
                Self::$variant(view)
            }
        }
    };
}

macro_rules! data_types {
    ($($variant:ident($t:ty) => $name:literal;)+) => {
        /// The type of the elements of a [`Port`].
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[allow(missing_docs)]
        pub enum DataType {
            $($variant,)+
            /// Strings: `&str` in inputs, `String` in outputs.
            Text,
        }

        impl fmt::Display for DataType {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $(Self::$variant => $name,)+
                    Self::Text => "string",
                })
            }
        }

        /// A borrowed tensor whose type is known at run time.
        #[derive(Debug, Clone, Copy, PartialEq)]
        #[allow(missing_docs)]
        pub enum AnyView<'a> {
            $($variant(TensorView<'a, $t>),)+
            /// Strings of an input.
            Str(TensorView<'a, &'a str>),
            /// Strings of an output.
            #[cfg(feature = "alloc")]
            String(TensorView<'a, String>),
        }

        impl<'a> AnyView<'a> {
            /// The type of the elements.
            #[must_use]
            pub fn data_type(&self) -> DataType {
                match self {
                    $(Self::$variant(_) => DataType::$variant,)+
                    Self::Str(_) => DataType::Text,
                    #[cfg(feature = "alloc")]
                    Self::String(_) => DataType::Text,
                }
            }

            /// The dims.
            #[must_use]
            pub fn shape(&self) -> &[usize] {
                match self {
                    $(Self::$variant(view) => view.shape(),)+
                    Self::Str(view) => view.shape(),
                    #[cfg(feature = "alloc")]
                    Self::String(view) => view.shape(),
                }
            }
        }

        $(port_element!($t, $variant, $variant);)+
    };
}

data_types! {
    F32(f32) => "f32";
    F64(f64) => "f64";
    F16(F16) => "f16";
    BF16(BF16) => "bf16";
    F8E4M3FN(F8E4M3FN) => "f8e4m3fn";
    F8E4M3FNUZ(F8E4M3FNUZ) => "f8e4m3fnuz";
    F8E5M2(F8E5M2) => "f8e5m2";
    F8E5M2FNUZ(F8E5M2FNUZ) => "f8e5m2fnuz";
    F8E8M0(F8E8M0) => "f8e8m0";
    F4E2M1(F4E2M1) => "f4e2m1";
    I8(i8) => "i8";
    I16(i16) => "i16";
    I32(i32) => "i32";
    I64(i64) => "i64";
    U8(u8) => "u8";
    U16(u16) => "u16";
    U32(u32) => "u32";
    U64(u64) => "u64";
    I4(I4) => "i4";
    U4(U4) => "u4";
    I2(I2) => "i2";
    U2(U2) => "u2";
    Bool(bool) => "bool";
}

port_element!(&'a str, Str, Text);
#[cfg(feature = "alloc")]
port_element!(String, String, Text);

impl<'a> AnyView<'a> {
    /// The tensor with elements of type `T`; `port` is the name that an error mentions.
    ///
    /// # Errors
    ///
    /// If the elements have another type.
    pub fn get<T: PortElement<'a>>(self, port: &'static str) -> Result<TensorView<'a, T>> {
        T::typed(self).ok_or(Error::DataType {
            tensor: port,
            expected: T::DATA_TYPE,
            found: self.data_type(),
        })
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn views_keep_their_type_and_shape() -> Result<()> {
        let view = AnyView::from(TensorView::new(&[1_i16, 2], [2, 1])?);
        assert_eq!((view.data_type(), view.shape()), (DataType::I16, &[2, 1][..]));
        assert_eq!(view.get::<i16>("x")?.data(), [1, 2]);
        let error = view.get::<f32>("x").unwrap_err();
        assert_eq!(error.to_string(), "tensor `x` has elements of type i16, but the model expects f32");
        let strings = AnyView::from(TensorView::new(&["a"], [1])?);
        assert_eq!((strings.data_type().to_string(), strings.shape()), ("string".to_string(), &[1][..]));
        assert!(strings.get::<String>("x").is_err());
        Ok(())
    }

    #[test]
    fn ports_are_shown_with_their_shape() {
        let shape = &[Axis::Symbolic("batch"), Axis::Fixed(3)];
        assert_eq!(Port { name: "x", data_type: DataType::BF16, shape }.to_string(), "x: bf16 [batch, 3]");
        assert_eq!(Port { name: "", data_type: DataType::Bool, shape: &[] }.to_string(), ": bool []");
    }
}
