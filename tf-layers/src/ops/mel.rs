//! Filters that sum up a spectrum on the mel scale.

use crate::error::{Error, Result, check_len, require};
use crate::math::{exp_f64, ln_f64};
use crate::ops::Cast;
use crate::tensor::Scalar;

/// The bins of a spectrum of that many samples: half of them and one.
pub fn spectrum_bins<T: Scalar + Cast<i64>>(samples: &[T]) -> Result<usize> {
    check_len("dft_length", 1, samples.len())?;
    let bins = usize::try_from(samples[0].cast()).map(|samples| samples / 2 + 1);
    bins.map_err(|_| Error::Dims { what: "dft_length", must: "not be negative" })
}

/// The matrix `[spectrum_bins, filters]` of triangles at equal distances on the mel scale, 2595·log₁₀(1 + f/700), for
/// the frequencies from `lower` to `upper`, all in hertz.
pub fn mel_weights<T: Scalar + Cast<i64>>(
    filters: usize,
    samples: &[T],
    sample_rate: &[T],
    [lower, upper]: [&[f32]; 2],
    y: &mut [f32],
) -> Result<()> {
    let bins = spectrum_bins(samples)?;
    check_len("y", crate::len(&[bins, filters])?, y.len())?;
    for (what, x) in [("lower_edge_hertz", lower), ("upper_edge_hertz", upper)] {
        check_len(what, 1, x.len())?;
    }
    check_len("sample_rate", 1, sample_rate.len())?;
    let rate = sample_rate[0].cast() as f64;
    require(rate > 0.0, "sample_rate", "be positive")?;
    let [low, high] = [lower[0], upper[0]].map(|f| ln_f64(1.0 + f64::from(f) / 700.0));
    // The number of edges, not of the steps between them: so ONNX' reference and ONNX Runtime have it.
    let step = (high - low) / (filters as f64 + 2.0);
    let last = bins - 1;
    let edge = |i: usize| {
        let hertz = 700.0 * (exp_f64(low + i as f64 * step) - 1.0);
        let place = (samples[0].cast() as f64 + 1.0) * hertz / rate;
        let valid = place >= 0.0 && place < bins as f64;
        require(valid, "upper_edge_hertz", "be at most half of the sample rate").map(|()| place as usize)
    };
    y.fill(0.0);
    for filter in 0..filters {
        let [left, centre, right] = [edge(filter)?, edge(filter + 1)?, edge(filter + 2)?];
        require(left <= centre && centre <= right, "upper_edge_hertz", "lie above the lower edge")?;
        let mut put = |bin: usize, value: f64| y[bin.min(last) * filters + filter] = value as f32;
        if left == centre {
            put(centre, 1.0);
        }
        for bin in left..=centre {
            if left < centre {
                put(bin, (bin - left) as f64 / (centre - left) as f64);
            }
        }
        for bin in centre..right {
            put(bin, (right - bin) as f64 / (right - centre) as f64);
        }
    }
    Ok(())
}
