//! The transforms of inputs and outputs, for all channels of a tile.

use super::TILE;
use crate::simd::Simd;

/// The values of six inputs: row i has the coefficients of Π (x − p) over the points p but the i-th.
#[inline(always)]
fn values<S: Simd>(s: S, d: [S::F32; TILE]) -> [S::F32; TILE] {
    let [d0, d1, d2, d3, d4, d5] = d;
    let (half, three_halves, two, five_halves) = (s.splat(0.5), s.splat(1.5), s.splat(2.0), s.splat(2.5));
    // Both ends have the coefficients 1, −1.5, −2, 1.5, 1.
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

/// The first `M` coefficients from six values: output j sums p^j · m over the points, the last one adds `m[5]`.
#[inline(always)]
fn outputs<S: Simd, const M: usize>(s: S, m: [S::F32; TILE]) -> [S::F32; M] {
    let [m0, m1, m2, m3, m4, m5] = m;
    let (even, odd) = (s.add(m1, m2), s.sub(m1, m2));
    let mut y = [s.add(s.add(m0, even), s.add(m3, m4)); M];
    let (mut low, mut high) = (1.0, 1.0);
    for j in 1..M {
        (low, high) = (low * 0.5, high * -2.0);
        y[j] = s.fma(s.splat(low), m3, s.fma(s.splat(high), m4, if j % 2 == 1 { odd } else { even }));
    }
    y[M - 1] = s.add(y[M - 1], m5);
    y
}

/// Writes the values of the six pixels that begin at `left` of a line of `channels`-wide pixels: value i to
/// `space[i · pitch..]`. What is beyond the line is zero.
#[inline(always)]
pub(super) fn transform_input<S: Simd>(
    s: S,
    line: &[f32],
    left: isize,
    channels: usize,
    space: &mut [f32],
    pitch: usize,
) {
    let mut pixels = [&line[..0]; TILE];
    for (i, pixel) in pixels.iter_mut().enumerate() {
        if let Some(from) = left.checked_add_unsigned(i).and_then(|at| usize::try_from(at).ok()) {
            *pixel = line.get(from * channels..(from + 1) * channels).unwrap_or(&[]);
        }
    }
    let zero = s.splat(0.0);
    let mut channel = 0;
    while channel + S::LANES <= channels {
        let mut d = [zero; TILE];
        for i in 0..TILE {
            if !pixels[i].is_empty() {
                d[i] = s.load(&pixels[i][channel..]);
            }
        }
        let v = values(s, d);
        for i in 0..TILE {
            s.store(v[i], &mut space[i * pitch + channel..]);
        }
        channel += S::LANES;
    }
    if channel < channels {
        let mut d = [zero; TILE];
        for i in 0..TILE {
            if !pixels[i].is_empty() {
                d[i] = s.load_partial(&pixels[i][channel..], 0.0);
            }
        }
        let v = values(s, d);
        for i in 0..TILE {
            s.store_partial(v[i], &mut space[i * pitch + channel..i * pitch + channels]);
        }
    }
}

/// What is done with the sums.
#[derive(Clone, Copy)]
pub(super) struct Epilogue<'a> {
    pub bias: Option<&'a [f32]>,
    pub low: f32,
    pub high: f32,
}

/// Writes the pixels of a tile, at most `tile`, of `channels` outputs each, from the products: value i lies at
/// `space[i · pitch..]`.
///
/// One code serves tiles of all sizes: what a small one has no pixel for costs less than it takes to have four codes.
#[inline(always)]
pub(super) fn transform_output<S: Simd>(
    s: S,
    space: &[f32],
    pitch: usize,
    channels: usize,
    tile: usize,
    epilogue: Epilogue<'_>,
    y: &mut [f32],
) {
    let (low, high) = (s.splat(epilogue.low), s.splat(epilogue.high));
    let mut channel = 0;
    while channel < channels {
        let width = S::LANES.min(channels - channel);
        let whole = width == S::LANES;
        let mut m = [s.splat(0.0); TILE];
        for i in 0..TILE {
            let from = &space[i * pitch + channel..];
            m[i] = if whole { s.load(from) } else { s.load_partial(&from[..width], 0.0) };
        }
        let bias = match epilogue.bias {
            Some(bias) if whole => s.load(&bias[channel..]),
            Some(bias) => s.load_partial(&bias[channel..], 0.0),
            None => s.splat(0.0),
        };
        // The last value goes to the last pixel, whichever that is.
        let last = core::mem::replace(&mut m[TILE - 1], s.splat(0.0));
        let sums = outputs::<S, { TILE - 1 }>(s, m);
        for j in 0..TILE - 1 {
            if j < tile {
                let sum = if j + 1 == tile { s.add(sums[j], last) } else { sums[j] };
                let sum = s.min(high, s.max(low, s.add(sum, bias)));
                // The last tile of a line may be cut off.
                if let Some(pixel) = y.get_mut(j * channels + channel..j * channels + channel + width) {
                    if whole { s.store(sum, pixel) } else { s.store_partial(sum, pixel) }
                }
            }
        }
        channel += S::LANES;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::Scalar;
    use crate::winograd::{POINTS, kernel_factor};

    /// Every tap with every input: the six products give the plain sum.
    #[test]
    fn one_tile() {
        fn check<const M: usize>() {
            let taps = TILE + 1 - M;
            for (tap, at) in (0..taps).flat_map(|tap| (0..TILE).map(move |at| (tap, at))) {
                let s = Scalar;
                let mut d = [s.splat(0.0); TILE];
                d[at] = s.splat(1.0);
                let mut m = values(s, d);
                for (i, m) in m.iter_mut().enumerate() {
                    *m = s.mul(*m, s.splat(kernel_factor(i, tap, taps) as f32));
                }
                for (j, y) in outputs::<_, M>(s, m).into_iter().enumerate() {
                    let mut found = [0.0; 16];
                    s.store(y, &mut found);
                    let expected = if j + tap == at { 1.0 } else { 0.0 };
                    assert!((found[0] - expected).abs() < 1e-6, "{M} {tap} {at} {j}: {}", found[0]);
                }
            }
        }
        check::<2>();
        check::<3>();
        check::<4>();
        check::<5>();
        assert_eq!(POINTS.len() + 1, TILE);
    }
}
