//! From sums to quantized results.

use super::Byte;
use crate::error::{Result, check_len, require};
use crate::gemm::{Dequantize, Requantize, Rounding, ZeroPoints};

/// How the sums of a layer become the elements of its result: y = clamp(round(sum·multiplier) + zero point).
///
/// The multiplier of channel c is (x's scale · the scale of weights c) / y's scale. The product is rounded to `f32`, then to
/// the nearest integer; ties go to the even one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Requantization<'w> {
    /// One for each output channel.
    pub multipliers: &'w [f32],
    /// The zero point of y.
    pub zero_point: i32,
    /// The least element of y: that of its type, or the zero point for a `Relu`.
    pub min: i32,
    /// The greatest element of y.
    pub max: i32,
}

impl<'w> Requantization<'w> {
    /// The requantization to type `Y`, without an activation.
    #[must_use]
    pub const fn new<Y: Byte>(multipliers: &'w [f32], zero_point: i32) -> Self {
        Self { multipliers, zero_point, min: Y::MIN, max: Y::MAX }
    }

    /// The epilogue of `n` columns with this bias and these zero points of the kernel. Fails unless the fields suit type `Y`.
    pub(super) fn epilogue<'a, Y: Byte>(
        &self,
        bias: &'a [i32],
        zero_points: Option<ZeroPoints<'a>>,
        n: usize,
    ) -> Result<Requantize<'a>>
    where
        'w: 'a,
    {
        check_len("multipliers", n, self.multipliers.len())?;
        check_len("bias", n, bias.len())?;
        let rounding = rounding::<Y>(self.zero_point, self.min, self.max)?;
        Ok(Requantize { bias, zero_points, multipliers: self.multipliers, rounding })
    }

    /// The epilogue of `n` columns whose results are floats within `bounds`.
    pub(super) fn float_epilogue<'a>(
        &self,
        offsets: &'a [i32],
        zero_points: Option<ZeroPoints<'a>>,
        bias: Option<&'a [f32]>,
        bounds: [f32; 2],
        n: usize,
    ) -> Result<Dequantize<'a, true>>
    where
        'w: 'a,
    {
        check_len("multipliers", n, self.multipliers.len())?;
        check_len("bias", n, offsets.len())?;
        check_len("bias", n, bias.map_or(n, <[f32]>::len))?;
        let multipliers = self.multipliers;
        Ok(Dequantize { offsets, factor: 1, zero_points, multipliers, scale: 1.0, bias, bounds })
    }
}

/// How floats become elements of y. Fails unless all arguments are in the range of `Y`.
pub(super) fn rounding<Y: Byte>(zero_point: i32, min: i32, max: i32) -> Result<Rounding> {
    let range = Y::MIN..=Y::MAX;
    require(range.contains(&zero_point), "zero_point", "be in the range of the type of y")?;
    require(
        range.contains(&min) && range.contains(&max) && min <= max,
        "min",
        "be at most max, in the range of the type of y",
    )?;
    Ok(Rounding { zero_point, low: min - zero_point, high: max - zero_point, flip: Y::FLIP })
}
