//! The model control, with one call per layer.

#[cfg(feature = "alloc")]
extern crate alloc;

#[cfg(feature = "alloc")]
use alloc::vec::Vec;

use tf_layers::io::Blob;
use tf_layers::nn::{Activation, Dense};
use tf_layers::ops::{Binary, Compare, Reduce};
use tf_layers::tensor::{Buffer, Dim, SymbolicDims, Tensor, TensorView, View};
use tf_layers::{Context, Isa, Result, ops};

use super::blob;
use super::weights::ARCHITECTURE;

/// The inputs of the model.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// `rows`: float32 [t, 4, 2].
    pub rows: TensorView<'a, f32>,
}

/// The outputs of the model.
#[derive(Debug, Default)]
#[cfg_attr(feature = "alloc", derive(Clone))]
pub struct Outputs {
    /// `changes`: float32 [t, 4, 3].
    pub changes: Tensor<f32>,
    /// `grown`: float32 [4, 3].
    pub grown: Tensor<f32>,
}

/// The memory of intermediate results. Reuse it: later predictions then allocate nothing.
#[derive(Debug, Default)]
pub struct Workspace {
    b0: Buffer<f32>,
    b1: Buffer<f32>,
    b2: Buffer<f32>,
    b3: Buffer<bool>,
    b4: Buffer<f32>,
    scratch: Buffer<f32>,
    #[cfg(feature = "profile")]
    profile: tf_layers::profile::Profile,
}

impl Workspace {
    /// The number of allocated bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.b0.capacity_bytes()
            + self.b1.capacity_bytes()
            + self.b2.capacity_bytes()
            + self.b3.capacity_bytes()
            + self.b4.capacity_bytes()
            + self.scratch.capacity_bytes()
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
        self.profile.clone()
    }
}

/// The layers of the model, which borrow their weights.
#[derive(Clone, Debug)]
pub struct ControlModel<'w> {
    isa: Isa,
    start: View<'w, f32, 2>,
    node: Dense<'w>,
    node_2: Dense<'w>,
    node_constant: View<'w, f32, 0>,
    node_multiply: View<'w, f32, 0>,
    node_constant_2: View<'w, f32, 0>,
}

impl ControlModel<'static> {
    /// The model with the weights embedded in this crate.
    ///
    /// # Errors
    ///
    /// If the weights were not packed for this model, which happens only in a modified build.
    pub fn new() -> Result<Self> {
        Self::from_parts(&blob::parts())
    }
}

impl<'w> ControlModel<'w> {
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
            start: View::new(blob.vector(0, 12)?, [4, 3])?,
            node: Dense {
                kernel: blob.matrix(1, 3, 3)?,
                bias: None,
                activation: Activation::Linear,
            },
            node_2: Dense {
                kernel: blob.matrix(2, 2, 3)?,
                bias: None,
                activation: Activation::Linear,
            },
            node_constant: View::new(&[1.0_f32], [])?,
            node_multiply: View::new(blob.vector(3, 1)?, [])?,
            node_constant_2: View::new(&[1.0_f32], [])?,
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
        sizes.bind(
            "rows",
            "[t, 4, 2]",
            &[Dim::Symbolic(0), Dim::Fixed(4), Dim::Fixed(2)],
            inputs.rows.shape(),
        )?;
        let cx = &mut Context::new(self.isa, &mut workspace.scratch);
        #[cfg(feature = "profile")]
        super::profile::start(cx, &mut workspace.profile, sizes.sizes())?;
        let [t] = sizes.sizes();

        let rows_2 = inputs.rows.to_view([t, 4, 2])?;

        // node/Loop (Loop): [4, 3], [t, 4, 2] → [4, 3], [t, 4, 3]
        // from node/last
        ops::copy(cx, self.start, workspace.b0.tensor([4, 3])?)?;
        outputs.changes.tensor([t, 4, 3])?;
        for step in 0..t {
            let h = workspace.b0.view([4, 3])?;
            let row = ops::scan_slice(cx, 0, step, rows_2, workspace.b1.tensor([4, 2])?)?;

            // node (Dense): [4, 3] → [4, 3]
            // from node/back
            self.node.run(cx, h, workspace.b2.tensor([4, 3])?)?;
            cx.lap(0);

            // node_2 (Dense): [4, 2], [4, 3] → [4, 3], in place
            // from node: in, sum
            let node_2 = self.node_2.run(cx, row, workspace.b2.tensor([4, 3])?.accumulate())?;
            cx.lap(1);

            // node/Max (Max): [4, 3] → []
            // from node/top
            let node_max = Reduce::Max.run(cx, 0..2, node_2, workspace.b1.tensor([])?)?;
            cx.lap(2);

            // node/Compare (Compare): [], [] → []
            // from node/is_small
            let node_compare =
                Compare::Less.run(cx, node_max, self.node_constant, workspace.b3.tensor([])?)?;
            cx.lap(3);

            // node/If (If): [], [4, 3], [4, 3], [] → [4, 3]
            // from node/h1
            if ops::is_true(node_compare)? {
                // node/Activation (Activation): [4, 3] → [4, 3]
                // from node/small
                Activation::Tanh.run(cx, node_2, workspace.b4.tensor([4, 3])?)?;
                cx.lap(4);
            } else {
                // node/Divide (Divide): [4, 3], [] → [4, 3]
                // from node/large
                Binary::Div.run(cx, node_2, node_max, workspace.b4.tensor([4, 3])?)?;
                cx.lap(5);
            }
            let h1 = workspace.b4.view([4, 3])?;
            cx.lap(6);

            // node/Subtract (Subtract): [4, 3], [4, 3] → [4, 3]
            // from node/change
            let node_subtract = Binary::Sub.run(cx, h1, h, workspace.b1.tensor([4, 3])?)?;
            cx.lap(7);

            // The results of the step, and the states of the next step.
            ops::scan_write(cx, 0, step, node_subtract, outputs.changes.tensor([t, 4, 3])?)?;
            ops::copy(cx, h1, workspace.b0.tensor([4, 3])?)?;
        }
        cx.lap(8);

        // node/Activation_2 (Activation): [4, 3] → [4, 3], in place
        // from node/positive
        let node_activation_2 = Activation::Exp.run_in_place(cx, workspace.b0.tensor([4, 3])?)?;
        cx.lap(9);

        // node/Loop_2 (Loop): [4, 3] → [4, 3]
        // from node/grown
        ops::copy(cx, node_activation_2, outputs.grown.tensor([4, 3])?)?;
        let mut holds = true;
        let mut step_2 = 0;
        while holds && step_2 < 20 {
            // node/Multiply (Multiply): [4, 3] → [4, 3], in place
            // from node/s1
            let node_multiply =
                Binary::Mul.run_in_place(cx, self.node_multiply, outputs.grown.tensor([4, 3])?)?;
            cx.lap(10);

            // node/Min (Min): [4, 3] → []
            // from node/low
            let node_min = Reduce::Min.run(cx, 0..2, node_multiply, workspace.b1.tensor([])?)?;
            cx.lap(11);

            // node/Compare_2 (Compare): [], [] → []
            // from node/goes_on_1
            let node_compare_2 =
                Compare::Less.run(cx, node_min, self.node_constant_2, workspace.b3.tensor([])?)?;
            cx.lap(12);

            // The results of the step, and the states of the next step.
            holds = ops::is_true(node_compare_2)?;
            step_2 += 1;
        }
        cx.lap(13);
        Ok(())
    }
}
