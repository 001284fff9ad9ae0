//! The layers of control, one call each.

extern crate alloc;

use alloc::vec::Vec;

use tf_layers::{
    Activation, Aligned, Binary, Blob, Buffer, Compare, Dense, Extent, FreeDims, Isa, Npz, Reduce,
    Result, Tensor, TensorView, copy, is_true, len, pack, put_step, take_step,
};

use crate::weights::{ARCHITECTURE, ENTRIES};

static WEIGHTS: &Aligned<[u8]> =
    &Aligned(*include_bytes!(concat!(env!("OUT_DIR"), "/weights.bin")));

/// What goes into the model.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// `rows`: float32 [t, 4, 2].
    pub rows: TensorView<'a, f32>,
}

/// What comes out of the model.
#[derive(Clone, Debug, Default)]
pub struct Outputs {
    /// `changes`: float32 [t, 4, 3].
    pub changes: Tensor<f32>,
    /// `grown`: float32 [4, 3].
    pub grown: Tensor<f32>,
}

/// The memory of intermediate results. Keep it between predictions: then they allocate nothing.
#[derive(Debug, Default)]
pub struct Workspace {
    b0: Buffer<f32>,
    b1: Buffer<f32>,
    b2: Buffer<f32>,
    b3: Buffer<bool>,
    b4: Buffer<f32>,
}

impl Workspace {
    /// The bytes it has allocated.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.b0.capacity_bytes()
            + self.b1.capacity_bytes()
            + self.b2.capacity_bytes()
            + self.b3.capacity_bytes()
            + self.b4.capacity_bytes()
    }
}

/// The model: its layers, which borrow their weights.
#[derive(Clone, Debug)]
pub struct ControlModel<'w> {
    isa: Isa,
    start: &'w [f32],
    node_2: Dense<'w>,
    node_3: Dense<'w>,
    node_13: &'w [f32],
}

impl ControlModel<'static> {
    /// The model with the weights that this crate carries.
    ///
    /// # Errors
    ///
    /// If the weights were not packed for this model, which only an altered build can bring about.
    pub fn new() -> Result<Self> {
        Self::from_parts(&[&WEIGHTS.0])
    }
}

impl<'w> ControlModel<'w> {
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
            start: blob.vector(0, 12)?,
            node_2: Dense {
                kernel: blob.matrix(1, 3, 3)?,
                bias: None,
                activation: Activation::Linear,
            },
            node_3: Dense {
                kernel: blob.matrix(2, 2, 3)?,
                bias: None,
                activation: Activation::Linear,
            },
            node_13: blob.vector(3, 1)?,
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
        let isa = self.isa;
        let mut dims = FreeDims::<1>::new();
        dims.bind(
            "rows",
            "[t, 4, 2]",
            &[Extent::Free(0), Extent::Fixed(4), Extent::Fixed(2)],
            inputs.rows.shape(),
        )?;
        let [t] = dims.sizes();

        // start (Constant):  → [4, 3], read where it lies

        // node (Loop): [4, 3], [t, 4, 2] → [4, 3], [t, 4, 3]
        // from node/last
        let node = len(&[4, 3])?;
        copy(self.start, workspace.b0.write(node)?)?;
        outputs.changes.resize(&[t, 4, 3])?;
        for step in 0..t {
            let row = len(&[4, 2])?;
            take_step([1, t, 8], step, inputs.rows.data(), workspace.b1.write(row)?)?;

            // node_2 (Dense): [4, 3] → [4, 3]
            // from node/back
            let node_2 = len(&[4, 3])?;
            self.node_2.run(isa, 4, workspace.b0.read(node)?, workspace.b2.write(node_2)?)?;

            // node_3 (Dense): [4, 2], [4, 3] → [4, 3], in place
            // from node: in, sum
            self.node_3.run_onto(isa, 4, workspace.b1.read(row)?, workspace.b2.write(node_2)?)?;

            // node_4 (Max): [4, 3] → []
            // from node/top
            let node_4 = len(&[])?;
            Reduce::Max.run(
                isa,
                [1, 12, 1],
                workspace.b2.read(node_2)?,
                workspace.b1.write(node_4)?,
            )?;

            // node_5 (Constant):  → [], read where it lies

            // node_6 (Compare): [], [] → []
            // from node/is_small
            let node_6 = len(&[])?;
            Compare::Less.run(
                workspace.b1.read(node_4)?,
                &[],
                &[1.0_f32],
                &[],
                workspace.b3.write(node_6)?,
            )?;

            // node_7 (If): [], [4, 3], [4, 3], [] → [4, 3]
            // from node/h1
            let node_7 = len(&[4, 3])?;
            if is_true(workspace.b3.read(node_6)?)? {
                // node_8 (Activation): [4, 3] → [4, 3]
                // from node/small
                Activation::Tanh.run(
                    isa,
                    workspace.b2.read(node_2)?,
                    workspace.b4.write(node_7)?,
                )?;
            } else {
                // node_9 (Divide): [4, 3], [] → [4, 3]
                // from node/large
                Binary::Div.run(
                    isa,
                    workspace.b2.read(node_2)?,
                    &[4, 3],
                    workspace.b1.read(node_4)?,
                    &[],
                    workspace.b4.write(node_7)?,
                )?;
            }

            // node_10 (Subtract): [4, 3], [4, 3] → [4, 3]
            // from node/change
            let node_10 = len(&[4, 3])?;
            Binary::Sub.run(
                isa,
                workspace.b4.read(node_7)?,
                &[4, 3],
                workspace.b0.read(node)?,
                &[4, 3],
                workspace.b1.write(node_10)?,
            )?;

            // The step's results, and what the next step begins with.
            put_step(
                [1, t, 12],
                step,
                workspace.b1.read(node_10)?,
                outputs.changes.resize(&[t, 4, 3])?,
            )?;
            copy(workspace.b4.read(node_7)?, workspace.b0.write(node)?)?;
        }

        // node_11 (Activation): [4, 3] → [4, 3], in place
        // from node/positive
        Activation::Exp.run_in_place(isa, workspace.b0.write(node)?)?;

        // node_12 (Loop): [4, 3] → [4, 3]
        // from node/grown
        copy(workspace.b0.read(node)?, outputs.grown.resize(&[4, 3])?)?;
        let mut holds = true;
        let mut step_2 = 0;
        while holds && step_2 < 20 {
            // node_13 (Multiply): [4, 3] → [4, 3], in place
            // from node/s1
            Binary::Mul.run_in_place(
                isa,
                outputs.grown.resize(&[4, 3])?,
                &[4, 3],
                self.node_13,
                &[],
            )?;

            // node_14 (Min): [4, 3] → []
            // from node/low
            let node_14 = len(&[])?;
            Reduce::Min.run(isa, [1, 12, 1], outputs.grown.data(), workspace.b1.write(node_14)?)?;

            // node_15 (Constant):  → [], read where it lies

            // node_16 (Compare): [], [] → []
            // from node/goes_on_1
            let node_16 = len(&[])?;
            Compare::Less.run(
                workspace.b1.read(node_14)?,
                &[],
                &[1.0_f32],
                &[],
                workspace.b3.write(node_16)?,
            )?;

            // The step's results, and what the next step begins with.
            holds = is_true(workspace.b3.read(node_16)?)?;
            step_2 += 1;
        }
        Ok(())
    }
}
