//! The layers of two_inputs, one call each.

extern crate alloc;

use alloc::vec::Vec;

use tf_layers::{
    Activation, Aligned, Blob, Buffer, Dense, EmbeddingConv1d, Extent, FreeDims, Isa, Npz, Outside,
    Reduce, Result, Tensor, TensorView, concat, len, pack, sum, tile_rows,
};

#[cfg(feature = "rayon")]
use crate::parallel::each_tile;
#[cfg(not(feature = "rayon"))]
use tf_layers::each_tile;

use crate::weights::{ARCHITECTURE, ENTRIES};

static WEIGHTS: &Aligned<[u8]> =
    &Aligned(*include_bytes!(concat!(env!("OUT_DIR"), "/weights.bin")));

/// What goes into the model.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// `characters`: int64 [batch, time].
    pub characters: TensorView<'a, i64>,
    /// `numbers`: float32 [batch, 3].
    pub numbers: TensorView<'a, f32>,
}

/// What comes out of the model.
#[derive(Clone, Debug, Default)]
pub struct Outputs {
    /// `score`: float32 [batch, 1].
    pub score: Tensor<f32>,
    /// `d`: float32 [batch, 2].
    pub d: Tensor<f32>,
}

/// The memory of intermediate results. Keep it between predictions: then they allocate nothing.
#[derive(Debug, Default)]
pub struct Workspace {
    b0: Buffer<f32>,
    b1: Buffer<f32>,
    #[cfg(feature = "rayon")]
    pub(crate) threads: Vec<Workspace>,
}

impl Workspace {
    /// The bytes it has allocated.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let bytes = self.b0.capacity_bytes() + self.b1.capacity_bytes();
        #[cfg(feature = "rayon")]
        let bytes = bytes + self.threads.iter().map(Workspace::bytes).sum::<usize>();
        bytes
    }
}

/// Some rows of `characters`, `numbers`, `score`, `d`.
type Tile<'a> = (&'a [i64], &'a [f32], &'a mut [f32], &'a mut [f32]);

/// The model: its layers, which borrow their weights.
#[derive(Clone, Debug)]
pub struct TwoInputsModel<'w> {
    isa: Isa,
    node: EmbeddingConv1d<'w>,
    node_3: Dense<'w>,
    node_5: Dense<'w>,
}

impl TwoInputsModel<'static> {
    /// The model with the weights that this crate carries.
    ///
    /// # Errors
    ///
    /// If the weights were not packed for this model, which only an altered build can bring about.
    pub fn new() -> Result<Self> {
        Self::from_parts(&[&WEIGHTS.0])
    }
}

impl<'w> TwoInputsModel<'w> {
    /// The model with other weights, as [`pack_weights`](Self::pack_weights) gives them, aligned to 4 bytes.
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
                table: blob.vector(0, 198)?,
                rows: 11,
                filters: 6,
                bias: Some(blob.vector(1, 6)?),
                activation: Activation::Tanh,
                kernel_size: 3,
                stride: 1,
                dilation: 1,
                padding: [2, 0],
                outside: Outside::FromEnd,
            },
            node_3: Dense {
                kernel: blob.matrix(2, 3, 2)?,
                bias: None,
                activation: Activation::Linear,
            },
            node_5: Dense {
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
    /// If it is damaged, or an array is missing or has another shape or dtype.
    pub fn pack_weights(npz: &[u8]) -> Result<Vec<u8>> {
        pack(&Npz::parse(npz)?, ENTRIES, ARCHITECTURE)
    }

    /// Runs the model.
    ///
    /// # Errors
    ///
    /// If an input's shape does not fit, an index is out of range, or memory runs out.
    pub fn predict(&self, inputs: &Inputs<'_>) -> Result<Outputs> {
        let mut outputs = Outputs::default();
        self.predict_into(inputs, &mut outputs, &mut Workspace::default())?;
        Ok(outputs)
    }

    /// Runs the model with memory from an earlier run: nothing is allocated while the shapes do not grow.
    ///
    /// # Errors
    ///
    /// As [`predict`](Self::predict); `outputs` is then left in an unspecified state.
    pub fn predict_into(
        &self,
        inputs: &Inputs<'_>,
        outputs: &mut Outputs,
        workspace: &mut Workspace,
    ) -> Result<()> {
        let mut dims = FreeDims::<2>::new();
        dims.bind(
            "characters",
            "[batch, time]",
            &[Extent::Free(0), Extent::Free(1)],
            inputs.characters.shape(),
        )?;
        dims.bind(
            "numbers",
            "[batch, 3]",
            &[Extent::Free(0), Extent::Fixed(3)],
            inputs.numbers.shape(),
        )?;
        let [batch, time] = dims.sizes();
        // How many rows go through all layers before the next do: as many as stay in the level-2 cache together, where
        // each takes the first number of bytes, and no fewer than the second, so that it pays to read the weights.
        let tile = tile_rows(sum(&[48, len(&[time, 32])?])?, 8);
        let rows = (
            inputs.characters.data(),
            inputs.numbers.data(),
            outputs.score.resize(&[batch, 1])?,
            outputs.d.resize(&[batch, 2])?,
        );
        each_tile(batch, tile, rows, workspace, |batch, rows, workspace| {
            self.run_tile([batch, time], rows, workspace)
        })
    }

    /// The layers, for some rows of a batch.
    fn run_tile(&self, dims: [usize; 2], rows: Tile<'_>, workspace: &mut Workspace) -> Result<()> {
        let isa = self.isa;
        let [batch, time] = dims;
        let (characters, numbers, score, d) = rows;

        // node (EmbeddingConv1D): [batch, time] → [batch, time, 6]
        // from node: e, t, c, a
        let node = len(&[batch, time, 6])?;
        self.node.run(isa, batch, time, characters, workspace.b0.write(node)?)?;

        // node_2 (GlobalMaxPooling1D): [batch, time, 6] → [batch, 6]
        // from node/m
        let node_2 = len(&[batch, 6])?;
        Reduce::Max.run(
            isa,
            [batch, time, 6],
            workspace.b0.read(node)?,
            workspace.b1.write(node_2)?,
        )?;

        // node_3 (Dense): [batch, 3] → [batch, 2]
        // from node/d
        self.node_3.run(isa, batch, numbers, d)?;

        // node_4 (Concatenate): [batch, 6], [batch, 2] → [batch, 8]
        // from node/both
        let node_4 = len(&[batch, 8])?;
        concat(batch, &[(workspace.b1.read(node_2)?, 6), (&*d, 2)], workspace.b0.write(node_4)?)?;

        // node_5 (Dense): [batch, 8] → [batch, 1]
        // from node: z, score
        self.node_5.run(isa, batch, workspace.b0.read(node_4)?, score)?;
        Ok(())
    }
}
