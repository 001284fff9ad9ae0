//! `MelWeightMatrix`: triangular filters on the mel scale.

use crate::Context;
use crate::error::{Error, Result, require};
use crate::math::{exp_f64, ln_f64};
use crate::tensor::{View, ViewMut, check_dims};

/// The number of bins in the one-sided spectrum of `dft_length` samples: half of them plus one.
///
/// # Errors
///
/// If `dft_length` is negative.
pub fn spectrum_bins(dft_length: i64) -> Result<usize> {
    let bins = usize::try_from(dft_length).map(|samples| samples / 2 + 1);
    bins.map_err(|_| Error::Dims { what: "dft_length", must: "not be negative" })
}

/// The matrix y `[spectrum_bins, filters]` that sums a spectrum of `dft_length` samples up to mel bands.
///
/// Its columns are triangular filters at equal distances on the mel scale, 2595·log₁₀(1 + f/700), between the two edges
/// in hertz.
///
/// ```
/// use tf_layers::ops;
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// let bins = ops::spectrum_bins(16)?;
/// let mut y = [0.0; 9 * 8];
/// let y = ops::mel_weight_matrix(cx, 16, 8192, [0.0, 4096.0], ViewMut::new(&mut y, [bins, 8])?)?;
/// assert_eq!(y.as_slice()?[..8], [1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
/// # Ok::<(), tf_layers::Error>(())
/// ```
///
/// # Errors
///
/// If y has another number of rows, the sample rate is not positive, or an edge is not between 0 and half of the rate.
pub fn mel_weight_matrix<'y>(
    _: &mut Context<'_>,
    dft_length: i64,
    sample_rate: i64,
    [lower, upper]: [f32; 2],
    mut y: ViewMut<'y, f32, 2>,
) -> Result<View<'y, f32, 2>> {
    let bins = spectrum_bins(dft_length)?;
    let filters = y.columns();
    check_dims(&[bins, filters], &y.dims())?;
    let rate = sample_rate as f64;
    require(rate > 0.0, "sample_rate", "be positive")?;
    let [low, high] = [lower, upper].map(|f| ln_f64(1.0 + f64::from(f) / 700.0));
    // Divides by the number of edges, not of the steps between them, as ONNX's reference and ONNX Runtime do.
    let step = (high - low) / (filters as f64 + 2.0);
    let last = bins - 1;
    let edge = |i: usize| {
        let hertz = 700.0 * (exp_f64(low + i as f64 * step) - 1.0);
        let bin = (dft_length as f64 + 1.0) * hertz / rate;
        let valid = bin >= 0.0 && bin < bins as f64;
        require(valid, "upper_edge_hertz", "be at most half of the sample rate").map(|()| bin as usize)
    };
    let to = y.as_mut_slice()?;
    to.fill(0.0);
    for filter in 0..filters {
        let [left, center, right] = [edge(filter)?, edge(filter + 1)?, edge(filter + 2)?];
        require(left <= center && center <= right, "upper_edge_hertz", "be above the lower edge")?;
        let mut put = |bin: usize, value: f64| to[bin.min(last) * filters + filter] = value as f32;
        if left == center {
            put(center, 1.0);
        }
        for bin in left..=center {
            if left < center {
                put(bin, (bin - left) as f64 / (center - left) as f64);
            }
        }
        for bin in center..right {
            put(bin, (right - bin) as f64 / (right - center) as f64);
        }
    }
    Ok(y.into_view())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::Isa;
    use crate::tensor::Buffer;

    #[test]
    fn invalid_filters_are_errors() {
        assert_eq!(spectrum_bins(16), Ok(9));
        assert!(spectrum_bins(-1).is_err());
        let mut scratch = Buffer::default();
        let cx = &mut Context::new(Isa::detect(), &mut scratch);
        let mut refuses = |rate, hertz, dims| {
            let mut y = [0.0; 18];
            mel_weight_matrix(cx, 16, rate, hertz, ViewMut::new(&mut y, dims).unwrap()).is_err()
        };
        assert!(!refuses(8000, [0.0, 4000.0], [9, 2]));
        assert!(refuses(8000, [0.0, 4000.0], [6, 3]));
        for (rate, hertz) in
            [(0, [0.0, 4e3]), (8000, [0.0, 9e9]), (8000, [4e3, 0.0]), (8000, [f32::NAN, 4e3])]
        {
            assert!(refuses(rate, hertz, [9, 2]), "{rate} {hertz:?}");
        }
    }
}
