//! The model mlp, with one call per layer.

#[cfg(feature = "alloc")]
extern crate alloc;

#[cfg(feature = "alloc")]
use alloc::vec::Vec;

use tf_layers::io::Blob;
use tf_layers::nn::{Activation, Dense};
use tf_layers::tensor::{Buffer, Dim, SymbolicDims, Tensor, TensorView, View, ViewMut};
use tf_layers::{Context, Isa, Result, ops, tensor};

#[cfg(feature = "rayon")]
use super::parallel::for_each_chunk;
#[cfg(not(feature = "rayon"))]
use tf_layers::tensor::for_each_chunk;

use super::blob;
use super::weights::ARCHITECTURE;

/// The number of rows per chunk. A chunk runs through all layers before the next one: its rows, each of the first number
/// of bytes, fit in the level-2 cache, and they are at least the second number, so that reading the weights pays off.
const CHUNK_ROWS: usize = tensor::chunk_rows(48, 8);

/// The inputs of the model.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// `x`: float32 [batch, 5].
    pub x: TensorView<'a, f32>,
}

/// The outputs of the model.
#[derive(Debug, Default)]
#[cfg_attr(feature = "alloc", derive(Clone))]
pub struct Outputs {
    /// `y`: float32 [batch, 3].
    pub y: Tensor<f32>,
}

/// The memory of intermediate results. Reuse it: later predictions then allocate nothing.
#[derive(Debug, Default)]
pub struct Workspace {
    b0: Buffer<f32>,
    scratch: Buffer<f32>,
    #[cfg(feature = "rayon")]
    pub(crate) threads: Vec<Workspace>,
    #[cfg(feature = "profile")]
    profile: tf_layers::profile::Profile,
}

impl Workspace {
    /// The number of allocated bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let bytes = self.b0.capacity_bytes() + self.scratch.capacity_bytes();
        #[cfg(feature = "rayon")]
        let bytes = bytes + self.threads.iter().map(Workspace::bytes).sum::<usize>();
        bytes
    }

    /// The number of elements of scratch memory that the layers have needed so far.
    #[must_use]
    pub fn scratch_len(&self) -> usize {
        self.scratch.len()
    }

    /// The time, the multiply-adds and the bytes of each layer, summed over all runs with this workspace.
    #[cfg(feature = "profile")]
    #[must_use]
    pub fn profile(&self) -> tf_layers::profile::Profile {
        let profile = self.profile.clone();
        #[cfg(feature = "rayon")]
        let profile = self.threads.iter().fold(profile, |sum, thread| sum.plus(&thread.profile()));
        profile
    }
}

/// A chunk of rows of `x`, `y`.
type Chunk<'a> = (View<'a, f32, 2>, ViewMut<'a, f32, 2>);

/// The layers of the model, which borrow their weights.
#[derive(Clone, Debug)]
pub struct MlpModel<'w> {
    isa: Isa,
    node: Dense<'w>,
    node_2: Dense<'w>,
}

impl MlpModel<'static> {
    /// The model with the weights embedded in this crate.
    ///
    /// # Errors
    ///
    /// If the weights were not packed for this model, which happens only in a modified build.
    pub fn new() -> Result<Self> {
        Self::from_parts(&blob::parts())
    }
}

impl<'w> MlpModel<'w> {
    /// The model with other weights, as returned by `pack_weights`, aligned to 4 bytes.
    ///
    /// # Errors
    ///
    /// If they are damaged or belong to another architecture.
    pub fn from_weights(weights: &'w [u8]) -> Result<Self> {
        Self::from_parts(&[weights])
    }

    fn from_parts(parts: &[&'w [u8]]) -> Result<Self> {
        let blob = Blob::parse(parts, ARCHITECTURE)?;
        Ok(Self {
            isa: Isa::detect(),
            node: Dense {
                kernel: blob.matrix(0, 5, 4)?,
                bias: Some(blob.vector(1, 4)?),
                activation: Activation::Relu,
            },
            node_2: Dense {
                kernel: blob.matrix(2, 4, 3)?,
                bias: None,
                activation: Activation::Linear,
            },
        })
    }

    /// Packs an NPZ with the keys of `model/model_weights.npz` for [`from_weights`](Self::from_weights).
    ///
    /// # Errors
    ///
    /// If the NPZ is damaged, or if an array is missing or has another shape or dtype.
    #[cfg(feature = "alloc")]
    pub fn pack_weights(npz: &[u8]) -> Result<Vec<u8>> {
        use tf_layers::io::{Npz, pack};

        pack(&Npz::parse(npz)?, super::weights::ENTRIES, ARCHITECTURE)
    }

    /// Runs the model.
    ///
    /// # Errors
    ///
    /// If an input has an invalid shape, an index is out of range, or memory runs out.
    #[cfg(feature = "alloc")]
    pub fn predict(&self, inputs: &Inputs<'_>) -> Result<Outputs> {
        let mut outputs = Outputs::default();
        self.predict_into(inputs, &mut outputs, &mut Workspace::default())?;
        Ok(outputs)
    }

    /// Runs the model with memory from an earlier run, and allocates nothing unless the shapes grow.
    ///
    /// # Errors
    ///
    /// The same as `predict`. After an error, `outputs` is in an unspecified state.
    pub fn predict_into(
        &self,
        inputs: &Inputs<'_>,
        outputs: &mut Outputs,
        workspace: &mut Workspace,
    ) -> Result<()> {
        let mut sizes = SymbolicDims::<1>::new();
        sizes.bind("x", "[batch, 5]", &[Dim::Symbolic(0), Dim::Fixed(5)], inputs.x.shape())?;
        let [batch] = sizes.sizes();
        let rows = (inputs.x.to_view([batch, 5])?, outputs.y.tensor([batch, 3])?);
        for_each_chunk(batch, CHUNK_ROWS, rows, workspace, |batch, rows, workspace| {
            self.run_chunk([batch], rows, workspace)
        })
    }

    /// Runs the layers for one chunk of a batch.
    fn run_chunk(
        &self,
        sizes: [usize; 1],
        rows: Chunk<'_>,
        workspace: &mut Workspace,
    ) -> Result<()> {
        let cx = &mut Context::new(self.isa, &mut workspace.scratch);
        #[cfg(feature = "profile")]
        super::profile::start(cx, &mut workspace.profile, sizes)?;
        let [batch] = sizes;
        let (x, mut y) = rows;

        // node (Dense): [batch, 5] → [batch, 4]
        // from node: h0, h1
        let node = self.node.run(cx, x, workspace.b0.tensor([batch, 4])?)?;
        cx.lap(0);

        // node_2 (Dense): [batch, 4] → [batch, 3]
        // from node/h2
        self.node_2.run(cx, node, y.reborrow())?;
        cx.lap(1);

        // node/Softmax (Softmax): [batch, 3] → [batch, 3], in place
        // from node/y
        ops::softmax_in_place(cx, 1, y.reborrow())?;
        cx.lap(2);
        Ok(())
    }
}
