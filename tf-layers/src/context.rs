//! State that is shared by the layers of a run.

use crate::simd::Isa;
use crate::tensor::Buffer;

/// The instruction set of a run, and scratch memory that its layers use in turn.
///
/// Every layer takes `cx: &mut Context`. Keep the buffer between runs, so that layers allocate nothing.
///
/// ```
/// use tf_layers::prelude::*;
///
/// let mut scratch = Buffer::default();
/// let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// let mut y = [0.0; 2];
/// let y = Activation::Relu.run(cx, View::new(&[-1.0, 2.0], [2])?, ViewMut::new(&mut y, [2])?)?;
/// assert_eq!(y.as_slice()?, [0.0, 2.0]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug)]
pub struct Context<'a> {
    /// Detected once per model, because detection costs as much as a small layer.
    pub isa: Isa,
    /// Scratch memory. Its contents are unspecified when a layer starts.
    pub scratch: &'a mut Buffer<f32>,
    #[cfg(feature = "profile")]
    profile: Option<&'a mut crate::profile::Profile>,
}

impl<'a> Context<'a> {
    /// A context for one run, or for one thread of a run.
    #[must_use]
    pub fn new(isa: Isa, scratch: &'a mut Buffer<f32>) -> Self {
        Self {
            isa,
            scratch,
            #[cfg(feature = "profile")]
            profile: None,
        }
    }

    /// Records the times of layers in `profile` from now on.
    #[cfg(feature = "profile")]
    pub fn record(&mut self, profile: &'a mut crate::profile::Profile) {
        self.profile = Some(profile);
    }

    /// Ends a call of the layer with this number. Does nothing without the feature `profile`.
    #[inline(always)]
    pub fn lap(&mut self, layer: usize) {
        #[cfg(feature = "profile")]
        if let Some(profile) = &mut self.profile {
            profile.lap(layer);
        }
        #[cfg(not(feature = "profile"))]
        let _ = layer;
    }
}
