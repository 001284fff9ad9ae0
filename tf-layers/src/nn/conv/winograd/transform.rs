//! The input and output transforms of a tile, for all channels.

use crate::gemm::Linear;
use crate::simd::Simd;

/// The largest number of outputs of a tile: 2 taps in a tile of six, 4 taps in a tile of eight.
const MOST: usize = 5;

/// The transforms of a tile of `T` inputs.
pub(super) trait Transform<const T: usize> {
    /// The input transform. Row i of its matrix holds the coefficients of Π (x − p) over all points p except the i-th;
    /// the last row, over all points.
    fn values<S: Simd>(s: S, d: [S::F32; T]) -> [S::F32; T];

    /// The output transform, without the last product: output j is Σ pʲ · m over the points p. The last product belongs
    /// to the last output that is needed.
    fn outputs<S: Simd>(s: S, m: [S::F32; T]) -> [S::F32; MOST];
}

/// The points 0, 1, −1, ½ and −2.
pub(super) struct Six;

impl Transform<6> for Six {
    #[inline(always)]
    fn values<S: Simd>(s: S, d: [S::F32; 6]) -> [S::F32; 6] {
        let [d0, d1, d2, d3, d4, d5] = d;
        let (half, three_halves, two, five_halves) = (s.splat(0.5), s.splat(1.5), s.splat(2.0), s.splat(2.5));
        // The first and the last row have the coefficients 1, −1.5, −2, 1.5, 1.
        let first = s.fnma(three_halves, d1, s.fnma(two, d2, s.fma(three_halves, d3, s.add(d0, d4))));
        let last = s.fnma(three_halves, d2, s.fnma(two, d3, s.fma(three_halves, d4, s.add(d1, d5))));
        [
            first,
            s.fma(half, d2, s.fma(five_halves, d3, s.sub(d4, d1))),
            s.fnma(five_halves, d2, s.fma(half, d3, s.add(d4, d1))),
            s.fnma(two, d1, s.fma(two, d3, s.sub(d4, d2))),
            s.fma(half, d1, s.fnma(half, d3, s.sub(d4, d2))),
            last,
        ]
    }

    #[inline(always)]
    fn outputs<S: Simd>(s: S, m: [S::F32; 6]) -> [S::F32; MOST] {
        let [m0, m1, m2, m3, m4, _] = m;
        let (even, odd) = (s.add(m1, m2), s.sub(m1, m2));
        let mut y = [s.add(s.add(m0, even), s.add(m3, m4)); MOST];
        let (mut low, mut high) = (1.0, 1.0);
        for j in 1..MOST {
            (low, high) = (low * 0.5, high * -2.0);
            y[j] = s.fma(s.splat(low), m3, s.fma(s.splat(high), m4, if j % 2 == 1 { odd } else { even }));
        }
        y
    }
}

/// The points 0, ±1, ±½ and ±2. The two points of a pair share their even and odd powers.
pub(super) struct Eight;

impl Transform<8> for Eight {
    #[inline(always)]
    fn values<S: Simd>(s: S, d: [S::F32; 8]) -> [S::F32; 8] {
        let [d0, d1, d2, d3, d4, d5, d6, d7] = d;
        // The even powers x⁶ + a·x⁴ + b·x² and the odd powers c·x⁵ + e·x³ + f·x.
        let even = |a: f32, b: f32| s.fma(s.splat(a), d4, s.fma(s.splat(b), d2, d6));
        let odd =
            |c: f32, e: f32, f: f32| s.fma(s.splat(c), d5, s.fma(s.splat(e), d3, s.mul(s.splat(f), d1)));
        let wide = s.splat(5.25);
        let first = s.fma(wide, s.sub(d2, d4), s.sub(d6, d0));
        let last = s.fma(wide, s.sub(d3, d5), s.sub(d7, d1));
        let (one_even, one_odd) = (even(-4.25, 1.0), odd(1.0, -4.25, 1.0));
        let (half_even, half_odd) = (even(-5.0, 4.0), odd(0.5, -2.5, 2.0));
        let (two_even, two_odd) = (even(-1.25, 0.25), odd(2.0, -2.5, 0.5));
        [
            first,
            s.add(one_even, one_odd),
            s.sub(one_even, one_odd),
            s.add(half_even, half_odd),
            s.sub(half_even, half_odd),
            s.add(two_even, two_odd),
            s.sub(two_even, two_odd),
            last,
        ]
    }

    #[inline(always)]
    fn outputs<S: Simd>(s: S, m: [S::F32; 8]) -> [S::F32; MOST] {
        let [m0, m1, m2, m3, m4, m5, m6, _] = m;
        let sums = [s.add(m1, m2), s.add(m3, m4), s.add(m5, m6)];
        let differences = [s.sub(m1, m2), s.sub(m3, m4), s.sub(m5, m6)];
        let mut y = [s.add(s.add(m0, sums[0]), s.add(sums[1], sums[2])); MOST];
        let (mut low, mut high) = (1.0, 1.0);
        for j in 1..MOST {
            (low, high) = (low * 0.5, high * 2.0);
            let [one, half, two] = if j % 2 == 1 { differences } else { sums };
            y[j] = s.fma(s.splat(low), half, s.fma(s.splat(high), two, one));
        }
        y
    }
}

/// Transforms the `T` pixels of a line that begin at `left`. Value i goes to `values[i · pitch..]`.
///
/// A pixel has `channels` elements. Pixels outside the line are zero.
#[inline(always)]
pub(super) fn transform_input<S: Simd, K: Transform<T>, const T: usize>(
    s: S,
    line: &[f32],
    left: isize,
    channels: usize,
    values: &mut [f32],
    pitch: usize,
) {
    let mut pixels = [&line[..0]; T];
    for (i, pixel) in pixels.iter_mut().enumerate() {
        if let Some(from) = left.checked_add_unsigned(i).and_then(|at| usize::try_from(at).ok()) {
            *pixel = line.get(from * channels..(from + 1) * channels).unwrap_or(&[]);
        }
    }
    let zero = s.splat(0.0);
    let mut channel = 0;
    while channel + S::LANES <= channels {
        let mut d = [zero; T];
        for i in 0..T {
            if !pixels[i].is_empty() {
                d[i] = s.load(&pixels[i][channel..]);
            }
        }
        let v = K::values(s, d);
        for i in 0..T {
            s.store(v[i], &mut values[i * pitch + channel..]);
        }
        channel += S::LANES;
    }
    if channel < channels {
        let mut d = [zero; T];
        for i in 0..T {
            if !pixels[i].is_empty() {
                d[i] = s.load_partial(&pixels[i][channel..], 0.0);
            }
        }
        let v = K::values(s, d);
        for i in 0..T {
            s.store_partial(v[i], &mut values[i * pitch + channel..i * pitch + channels]);
        }
    }
}

/// Transforms the products of a tile to at most `made` output pixels of `channels` each. Pixels of y are `stride`
/// elements apart. Product i is at `products[i · pitch..]`.
///
/// All kernel widths of a tile size share this function. Outputs that are not needed cost less than more machine code
/// would.
#[inline(always)]
pub(super) fn transform_output<S: Simd, K: Transform<T>, const T: usize>(
    s: S,
    products: &[f32],
    [pitch, channels, made, stride]: [usize; 4],
    epilogue: Linear<'_>,
    y: &mut [f32],
) {
    let mut channel = 0;
    while channel < channels {
        let width = S::LANES.min(channels - channel);
        let whole = width == S::LANES;
        let mut m = [s.splat(0.0); T];
        for i in 0..T {
            let from = &products[i * pitch + channel..];
            m[i] = if whole { s.load(from) } else { s.load_partial(&from[..width], 0.0) };
        }
        let bias = match epilogue.bias {
            Some(bias) if whole => s.load(&bias[channel..]),
            Some(bias) => s.load_partial(&bias[channel..], 0.0),
            None => s.splat(0.0),
        };
        let sums = K::outputs(s, m);
        for j in 0..MOST.min(made) {
            // The end of a line may cut off its last tile.
            if let Some(pixel) = y.get_mut(j * stride + channel..j * stride + channel + width) {
                let mut sum = s.add(if j + 1 == made { s.add(sums[j], m[T - 1]) } else { sums[j] }, bias);
                if epilogue.accumulate {
                    sum = s.add(sum, if whole { s.load(pixel) } else { s.load_partial(pixel, 0.0) });
                }
                let sum = epilogue.rectifier.apply(s, sum, channel, width);
                if whole { s.store(sum, pixel) } else { s.store_partial(sum, pixel) }
            }
        }
        channel += S::LANES;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::conv::winograd::{kernel_factor, tile};
    use crate::simd::Portable;

    /// The products give the plain sum for every tap and every input.
    #[test]
    fn one_tile() {
        fn check<K: Transform<T>, const T: usize, const M: usize>() {
            let taps = T + 1 - M;
            assert_eq!(tile(taps), T);
            for (tap, at) in (0..taps).flat_map(|tap| (0..T).map(move |at| (tap, at))) {
                let s = Portable;
                let mut d = [s.splat(0.0); T];
                d[at] = s.splat(1.0);
                let mut m = K::values(s, d);
                for (i, m) in m.iter_mut().enumerate() {
                    *m = s.mul(*m, s.splat(kernel_factor(i, tap, taps) as f32));
                }
                let mut y = K::outputs(s, m);
                y[M - 1] = s.add(y[M - 1], m[T - 1]);
                for (j, y) in y.into_iter().take(M).enumerate() {
                    let mut found = [0.0; 16];
                    s.store(y, &mut found);
                    let expected = if j + tap == at { 1.0 } else { 0.0 };
                    assert!((found[0] - expected).abs() < 2e-6, "{M} {tap} {at} {j}: {}", found[0]);
                }
            }
        }
        check::<Eight, 8, 4>();
        check::<Eight, 8, 5>();
        check::<Six, 6, 4>();
        check::<Six, 6, 5>();
    }
}
