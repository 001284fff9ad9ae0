//! The model two_inputs, with one call per layer.

#[cfg(feature = "alloc")]
extern crate alloc;

#[cfg(feature = "alloc")]
use alloc::vec::Vec;

use tf_layers::io::Blob;
use tf_layers::nn::{Activation, Dense, EmbeddingConv1d};
use tf_layers::ops::Reduce;
use tf_layers::tensor::{Buffer, Dim, Outside, SymbolicDims, Tensor, TensorView, View, ViewMut};
use tf_layers::{Context, Isa, Result, dims, ops, tensor};

#[cfg(feature = "rayon")]
use super::parallel::for_each_chunk;
#[cfg(not(feature = "rayon"))]
use tf_layers::tensor::for_each_chunk;

use super::blob;
use super::weights::ARCHITECTURE;

/// The inputs of the model.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// `characters`: int64 [batch, time].
    pub characters: TensorView<'a, i64>,
    /// `numbers`: float32 [batch, 3].
    pub numbers: TensorView<'a, f32>,
}

/// The outputs of the model.
#[derive(Debug, Default)]
#[cfg_attr(feature = "alloc", derive(Clone))]
pub struct Outputs {
    /// `score`: float32 [batch, 1].
    pub score: Tensor<f32>,
    /// `d`: float32 [batch, 2].
    pub d: Tensor<f32>,
}

/// The memory of intermediate results. Reuse it: later predictions then allocate nothing.
#[derive(Debug, Default)]
pub struct Workspace {
    b0: Buffer<f32>,
    b1: Buffer<f32>,
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
        let bytes =
            self.b0.capacity_bytes() + self.b1.capacity_bytes() + self.scratch.capacity_bytes();
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

/// A chunk of rows of `characters`, `numbers`, `score`, `d`.
type Chunk<'a> = (View<'a, i64, 2>, View<'a, f32, 2>, ViewMut<'a, f32, 2>, ViewMut<'a, f32, 2>);

/// The layers of the model, which borrow their weights.
#[derive(Clone, Debug)]
pub struct TwoInputsModel<'w> {
    isa: Isa,
    node: EmbeddingConv1d<'w>,
    node_dense: Dense<'w>,
    node_dense_2: Dense<'w>,
}

impl TwoInputsModel<'static> {
    /// The model with the weights embedded in this crate.
    ///
    /// # Errors
    ///
    /// If the weights were not packed for this model, which happens only in a modified build.
    pub fn new() -> Result<Self> {
        Self::from_parts(&blob::parts())
    }
}

impl<'w> TwoInputsModel<'w> {
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
            node: EmbeddingConv1d {
                input: "characters",
                table: View::new(blob.vector(0, 198)?, [11, 3, 6])?,
                bias: Some(blob.vector(1, 6)?),
                activation: Activation::Tanh,
                stride: 1,
                dilation: 1,
                padding: [2, 0],
                outside: Outside::FromEnd,
            },
            node_dense: Dense {
                kernel: blob.matrix(2, 3, 2)?,
                bias: None,
                activation: Activation::Linear,
            },
            node_dense_2: Dense {
                kernel: blob.matrix(3, 8, 1)?,
                bias: None,
                activation: Activation::Sigmoid,
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
        let mut sizes = SymbolicDims::<2>::new();
        sizes.bind(
            "characters",
            "[batch, time]",
            &[Dim::Symbolic(0), Dim::Symbolic(1)],
            inputs.characters.shape(),
        )?;
        sizes.bind(
            "numbers",
            "[batch, 3]",
            &[Dim::Symbolic(0), Dim::Fixed(3)],
            inputs.numbers.shape(),
        )?;
        let [batch, time] = sizes.sizes();
        // The number of rows per chunk. A chunk runs through all layers before the next one: its rows, each of the first
        // number of bytes, fit in the level-2 cache, and they are at least the second number, so that reading the weights
        // pays off.
        let chunk_rows = tensor::chunk_rows(dims::sum(&[dims::product(&[time, 32])?, 48])?, 8);
        let rows = (
            inputs.characters.to_view([batch, time])?,
            inputs.numbers.to_view([batch, 3])?,
            outputs.score.tensor([batch, 1])?,
            outputs.d.tensor([batch, 2])?,
        );
        for_each_chunk(batch, chunk_rows, rows, workspace, |batch, rows, workspace| {
            self.run_chunk([batch, time], rows, workspace)
        })
    }

    /// Runs the layers for one chunk of a batch.
    fn run_chunk(
        &self,
        sizes: [usize; 2],
        rows: Chunk<'_>,
        workspace: &mut Workspace,
    ) -> Result<()> {
        let cx = &mut Context::new(self.isa, &mut workspace.scratch);
        #[cfg(feature = "profile")]
        super::profile::start(cx, &mut workspace.profile, sizes)?;
        let [batch, time] = sizes;
        let (characters, numbers, score, d) = rows;

        // node (EmbeddingConv1D): [batch, time] → [batch, time, 6]
        // from node: e, t, c, a
        let node = self.node.run(cx, characters, workspace.b0.tensor([batch, time, 6])?)?;
        cx.lap(0);

        // node/GlobalMaxPooling1D (GlobalMaxPooling1D): [batch, time, 6] → [batch, 6]
        // from node/m
        let node_global_max_pooling1_d =
            Reduce::Max.run(cx, 1..2, node, workspace.b1.tensor([batch, 6])?)?;
        cx.lap(1);

        // node/Dense (Dense): [batch, 3] → [batch, 2]
        // from node/d
        let node_dense = self.node_dense.run(cx, numbers, d)?;
        cx.lap(2);

        // node/Concatenate (Concatenate): [batch, 6], [batch, 2] → [batch, 8]
        // from node/both
        let node_concatenate = ops::concat(
            cx,
            1,
            &[node_global_max_pooling1_d, node_dense],
            workspace.b0.tensor([batch, 8])?,
        )?;
        cx.lap(3);

        // node/Dense_2 (Dense): [batch, 8] → [batch, 1]
        // from node: z, score
        self.node_dense_2.run(cx, node_concatenate, score)?;
        cx.lap(4);
        Ok(())
    }
}
