//! Operators without weights, named after the ONNX operators that they implement.
//!
//! | group | operators |
//! |---|---|
//! | elementwise | [`Unary`], [`Binary`], [`Compare`], [`Logic`], [`not`], [`Bitwise`], [`bitwise_not`], [`select`] (`Where`), [`cast`], [`bit_cast`] |
//! | reductions | [`Reduce`], [`ArgMax`], [`ArgMin`], [`CumSum`], [`CumProd`], [`softmax`], [`log_softmax`], [`hardmax`], [`top_k`] |
//! | shapes | [`concat()`], [`expand`], [`pad`], [`slice()`], [`tile`], [`transpose`], [`reverse_sequence`], [`copy`] (`Identity`) |
//! | indices | [`gather`], [`gather_elements`], [`gather_nd`], [`scatter_elements`], [`scatter_nd`], [`tensor_scatter`], [`one_hot`], [`nonzero`], [`compress`], [`Unique`] |
//! | matrices | [`MatMul`], [`determinant`], [`diagonal`], [`trilu`] |
//! | images | [`Resize`], [`GridSample`], [`RoiAlign`], [`NonMaxSuppression`], [`Col2Im`] |
//! | parameters known at run time | [`Integers`], [`SliceRanges`], [`Padding`], [`ResizeTarget`], [`reshape_dims`], [`broadcast_dims`], [`tile_dims`], [`squeeze_dims`], [`unsqueeze_dims`], [`split_range`], [`axes_last`], [`axes_last_dims`] |
//! | others | [`Quantization`], [`PerTensorQuantization`], [`mel_weight_matrix`], [`range`], loops and branches ([`trip_count`], [`is_true`], [`scan_slice`], [`scan_write`]) |
//!
//! An operator is a function, or a struct if it has several attributes. A struct has public fields and, where not all of
//! them are required, a `new` or `Default` with the defaults of ONNX. Prefer struct update syntax
//! (`CumSum { reverse: true, ..CumSum::new(0) }`): it keeps compiling when a later version adds a field.
//!
//! Inputs come before outputs, and every function returns a view of what it wrote. An operator that only moves elements
//! accepts any `T: Copy`. Operators named `Scalar…` compute with any [`Number`](crate::tensor::Number), one element at a
//! time; their namesakes are vectorized and compute with `f32`.

mod arg_reduce;
mod binary;
mod bitwise;
mod cast;
mod col2im;
mod compare;
mod compress;
mod concat;
mod control;
mod cumsum;
mod determinant;
mod diagonal;
mod expand;
pub(crate) mod function;
mod gather;
mod gather_nd;
mod grid_sample;
mod hardmax;
mod identity;
mod logic;
pub(crate) mod matmul;
mod max_roi_pool;
mod mel;
mod non_max_suppression;
mod nonzero;
pub(crate) mod offsets;
mod one_hot;
mod pad;
mod pairwise_coupling;
mod parameters;
pub(crate) mod quantize;
mod range;
pub(crate) mod reduce;
mod resize;
mod reverse_sequence;
mod roi_align;
mod scalar;
mod scatter;
mod select;
mod shape;
mod slice;
mod slice_ranges;
mod softmax;
mod strided;
mod tensor_scatter;
mod tile;
mod top_k;
mod transpose;
mod tree_ensemble;
mod trilu;
mod unary;
mod unique;

pub use arg_reduce::{ArgMax, ArgMin};
pub use binary::Binary;
pub use bitwise::{Bits, Bitwise, SameBits, bit_cast, bitwise_not};
pub use cast::{Cast, cast, cast_unsaturated};
pub use col2im::Col2Im;
pub use compare::Compare;
pub use compress::compress;
pub use concat::concat;
pub use control::{is_true, item, scan_slice, scan_write, trip_count};
pub use cumsum::{CumProd, CumSum};
pub use determinant::determinant;
pub use diagonal::diagonal;
pub use expand::expand;
pub use gather::{gather, gather_elements};
pub use gather_nd::{gather_nd, scatter_nd};
pub use grid_sample::{GridSample, GridSampleMode, PaddingMode};
pub use hardmax::hardmax;
pub use identity::copy;
pub use logic::{Logic, not};
pub use matmul::{MatMul, Widen};
pub use max_roi_pool::MaxRoiPool;
pub use mel::{mel_weight_matrix, spectrum_bins};
pub use non_max_suppression::NonMaxSuppression;
pub use nonzero::{count_nonzero, nonzero};
pub use one_hot::one_hot;
pub use pad::{PadMode, Padding, pad};
pub use pairwise_coupling::pairwise_coupling;
pub use parameters::{
    Integers, axes_last, axes_last_dims, broadcast_dims, reshape_dims, split_range, squeeze_dims, tile_dims,
    unsqueeze_dims,
};
pub use quantize::{PerTensorQuantization, Quantization, Quantized};
pub use range::{range, range_len};
pub use reduce::Reduce;
pub use resize::{AspectRatio, Coordinates, Interpolation, Resize, ResizeTarget};
pub use reverse_sequence::reverse_sequence;
pub use roi_align::RoiAlign;
pub use scalar::{DoubleUnary, ScalarBinary, ScalarReduce, ScalarUnary};
pub use scatter::{ScatterReduction, scatter_elements};
pub use select::select;
pub use shape::{axis_from, size_at, write_dims};
pub use slice::slice;
pub use slice_ranges::SliceRanges;
pub(crate) use softmax::softmax_rows;
pub use softmax::{log_softmax, log_softmax_in_place, softmax, softmax_in_place};
pub use tensor_scatter::tensor_scatter;
pub use tile::tile;
pub use top_k::top_k;
pub use transpose::transpose;
pub use tree_ensemble::{Aggregate, TreeEnsemble};
pub use trilu::trilu;
pub use unary::Unary;
pub use unique::Unique;
