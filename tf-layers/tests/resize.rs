//! Resizing against exact rational positions, over all pairs of sizes from 1 to 64.

mod common;

use common::{Rng, assert_close, isas, on, view, view_mut};
use tf_layers::ops::{Coordinates, Interpolation, Resize};
use tf_layers::{Isa, Result};

const SIZES: std::ops::RangeInclusive<usize> = 1..=64;

const COORDINATES: [Coordinates; 6] = [
    Coordinates::HalfPixel,
    Coordinates::PytorchHalfPixel,
    Coordinates::HalfPixelSymmetric,
    Coordinates::AlignCorners,
    Coordinates::Asymmetric,
    Coordinates::HalfPixelNearest,
];

const NEAREST: [Interpolation; 4] = [
    Interpolation::RoundPreferFloor,
    Interpolation::RoundPreferCeil,
    Interpolation::Floor,
    Interpolation::Ceil,
];

/// A fraction; the denominator is positive.
#[derive(Clone, Copy, Debug)]
struct Exact(i128, i128);

impl Exact {
    fn plus(self, other: Self) -> Self {
        Self(self.0 * other.1 + other.0 * self.1, self.1 * other.1)
    }

    fn times(self, other: Self) -> Self {
        Self(self.0 * other.0, self.1 * other.1)
    }

    fn over(self, positive: Self) -> Self {
        Self(self.0 * positive.1, self.1 * positive.0)
    }

    fn floor(self) -> i128 {
        self.0.div_euclid(self.1)
    }

    fn ceil(self) -> i128 {
        -Self(-self.0, self.1).floor()
    }

    fn float(self) -> f64 {
        self.0 as f64 / self.1 as f64
    }
}

/// The position as ONNX defines it.
fn position(coordinates: Coordinates, at: usize, input: usize, output: usize, scale: [u32; 2]) -> Exact {
    let whole = |n: usize| Exact(n as i128, 1);
    let (scale, half, at) = (Exact(i128::from(scale[0]), i128::from(scale[1])), Exact(1, 2), whole(at));
    let half_pixel = at.plus(half).over(scale).plus(Exact(-1, 2));
    match coordinates {
        Coordinates::HalfPixel => half_pixel,
        Coordinates::PytorchHalfPixel if output > 1 => half_pixel,
        Coordinates::AlignCorners if output > 1 => at.times(whole(input - 1)).over(whole(output - 1)),
        Coordinates::PytorchHalfPixel | Coordinates::AlignCorners => whole(0),
        Coordinates::HalfPixelSymmetric => {
            let adjustment = whole(output).over(scale.times(whole(input)));
            let center = whole(input).times(half);
            center.times(whole(1).plus(adjustment.times(Exact(-1, 1)))).plus(half_pixel)
        }
        Coordinates::Asymmetric => at.over(scale),
        Coordinates::HalfPixelNearest => at.plus(half).over(scale),
        other => unreachable!("{other:?} is no mode of ONNX"),
    }
}

fn nearest(position: Exact, mode: Interpolation) -> i128 {
    match mode {
        Interpolation::RoundPreferFloor => position.plus(Exact(-1, 2)).ceil(),
        Interpolation::RoundPreferCeil => position.plus(Exact(1, 2)).floor(),
        Interpolation::Ceil => position.ceil(),
        _ => position.floor(),
    }
}

/// Output sizes with an optional scale: the ratio of the sizes, implicit and explicit, and the scale of a larger output.
fn targets(input: usize) -> impl Iterator<Item = (usize, Option<[u32; 2]>)> {
    SIZES.flat_map(move |output| {
        let scale = Some([output as u32, input as u32]);
        [(output, None), (output, scale), (output - 1, scale)].into_iter().filter(|&(output, _)| output > 0)
    })
}

/// Resizes the second of three axes of x. Elements that are not written are NaN.
fn resized(layer: Resize<1>, isa: Isa, dims: [usize; 3], output: usize, x: &[f32]) -> Result<Vec<f32>> {
    let mut y = vec![f32::NAN; dims[0] * output * dims[2]];
    let (x, to) = (view(x, dims), view_mut(&mut y, [dims[0], output, dims[2]]));
    on(isa, |cx| layer.run(cx, x, to).map(|_| ()))?;
    Ok(y)
}

#[test]
fn nearest_elements_match_exact_positions() {
    for input in SIZES {
        let x: Vec<f32> = (0..input).map(|i| i as f32).collect();
        for (output, scale) in targets(input) {
            let given = scale.unwrap_or([output as u32, input as u32]);
            for coordinates in COORDINATES {
                for interpolation in NEAREST {
                    let layer = Resize {
                        axes: [1],
                        coordinates: [coordinates],
                        interpolation,
                        scales: scale.map(|scale| [scale]),
                    };
                    let y = resized(layer, Isa::detect(), [1, input, 1], output, &x).unwrap();
                    let index = |at| nearest(position(coordinates, at, input, output, given), interpolation);
                    let expected: Vec<f32> =
                        (0..output).map(|at| index(at).clamp(0, input as i128 - 1) as f32).collect();
                    assert_eq!(y, expected, "{layer:?} from {input} to {output}");
                }
            }
        }
    }
}

/// Cubic convolution (Keys 1981).
fn keys(d: f64, a: f64) -> f64 {
    match d.abs() {
        d if d <= 1.0 => (a + 2.0) * d.powi(3) - (a + 3.0) * d.powi(2) + 1.0,
        d if d < 2.0 => a * d.powi(3) - 5.0 * a * d.powi(2) + 8.0 * a * d - 4.0 * a,
        _ => 0.0,
    }
}

/// The interpolated value at a position, and the sum of the weights before they are normalized.
fn mean(x: &[f32], position: f64, interpolation: Interpolation, scale: f64) -> (f64, f64) {
    let (a, exclude, stretch) = match interpolation {
        Interpolation::Cubic { a, exclude_outside } => (Some(a), exclude_outside, 1.0),
        Interpolation::Antialias { a, exclude_outside } => (a, exclude_outside, scale.min(1.0)),
        _ => (None, false, 1.0),
    };
    let reach = 2.0 / stretch;
    let (mut sum, mut total) = (0.0, 0.0);
    for index in (position - reach).floor() as i64..=(position + reach).ceil() as i64 {
        let inside = index.clamp(0, x.len() as i64 - 1);
        let distance = (index as f64 - position) * stretch;
        let weight = a.map_or((1.0 - distance.abs()).max(0.0), |a| keys(distance, f64::from(a)));
        if inside == index || !exclude {
            sum += weight * f64::from(x[inside as usize]);
            total += weight;
        }
    }
    (sum / total, total)
}

#[test]
fn interpolation_matches_exact_positions() {
    let cubic = |a, exclude_outside| Interpolation::Cubic { a, exclude_outside };
    let antialias = |a, exclude_outside| Interpolation::Antialias { a, exclude_outside };
    let interpolations = [
        Interpolation::Linear,
        cubic(-0.75, false),
        cubic(-0.5, true),
        antialias(None, false),
        antialias(Some(-0.5), true),
        antialias(Some(-0.75), false),
    ];
    for input in SIZES {
        let x: Vec<f32> = (0..input).map(|i| ((i * 37) % 23) as f32 / 23.0).collect();
        // An explicit scale makes a difference only if it is not the ratio of the sizes.
        let targets =
            targets(input).filter(|&(output, scale)| scale.is_none_or(|s| output as u32 + 1 == s[0]));
        for (output, scale) in targets.filter(|&(output, scale)| scale.is_none() || output % 5 == 0) {
            let given = scale.unwrap_or([output as u32, input as u32]);
            for coordinates in COORDINATES {
                for interpolation in interpolations {
                    let layer = Resize {
                        axes: [1],
                        coordinates: [coordinates],
                        interpolation,
                        scales: scale.map(|scale| [scale]),
                    };
                    let y = resized(layer, Isa::detect(), [1, input, 1], output, &x).unwrap();
                    let ratio = f64::from(given[0]) / f64::from(given[1]);
                    let at = |at| position(coordinates, at, input, output, given).float();
                    let (expected, totals): (Vec<f64>, Vec<f64>) =
                        (0..output).map(|i| mean(&x, at(i), interpolation, ratio)).unzip();
                    // The error of a position up to 64 in `f32` is up to 4e-6, and neighbors in x differ by up to 1.
                    // Outside the border, the sum of the weights, which is a divisor, can be small.
                    let tolerance = totals.iter().fold(1e-5, |least: f64, total| least.max(1e-5 / total));
                    assert_close(&y, &expected, tolerance, &format!("{layer:?} from {input} to {output}"));
                }
            }
        }
    }
}

#[test]
fn tensorflow_rounds_to_steps_between_elements() {
    let layer = Resize {
        axes: [1],
        coordinates: [Coordinates::TfLegacy],
        interpolation: Interpolation::CubicSteps { a: -0.75, exclude_outside: false },
        scales: None,
    };
    let x = [0.0, 0.0, 1.0, 0.0, 0.0, 0.0];
    // Positions are multiples of 6/4096, which TensorFlow rounds to 1/1024, ties to even.
    let y = resized(layer, Isa::detect(), [1, 6, 1], 4096, &x).unwrap();
    for (at, &found) in y.iter().enumerate() {
        let steps = at as f64 * 6.0 / 4096.0 * 1024.0;
        let position = steps.round_ties_even() / 1024.0;
        let expected = keys(position - 2.0, -0.75);
        assert!((f64::from(found) - expected).abs() < 1e-6, "element {at} is {found}, expected {expected}");
    }
}

#[test]
fn all_instruction_sets_and_row_widths() {
    let x: Vec<f32> = (0..5u16).map(f32::from).collect();
    let half = Coordinates::HalfPixel;
    for (coordinates, interpolation, output, expected) in [
        (half, Interpolation::Linear, 10, vec![0.0, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3.25, 3.75, 4.0]),
        (Coordinates::Asymmetric, Interpolation::Floor, 10, vec![0., 0., 1., 1., 2., 2., 3., 3., 4., 4.]),
        (Coordinates::AlignCorners, Interpolation::Linear, 3, vec![0.0, 2.0, 4.0]),
        (half, Interpolation::RoundPreferFloor, 2, vec![1.0, 3.0]),
        (half, Interpolation::RoundPreferCeil, 2, vec![1.0, 3.0]),
        (Coordinates::PytorchHalfPixel, Interpolation::Ceil, 1, vec![0.0]),
        (Coordinates::HalfPixelNearest, Interpolation::Floor, 2, vec![1.0, 3.0]),
        (Coordinates::TfHalfPixelNearest, Interpolation::Floor, 2, vec![1.0, 3.0]),
        (Coordinates::TfAlignCorners, Interpolation::RoundPreferCeil, 3, vec![0.0, 2.0, 4.0]),
        (Coordinates::TfLegacy, Interpolation::Linear, 2, vec![0.0, 2.5]),
        (half, Interpolation::Cubic { a: -0.75, exclude_outside: true }, 5, vec![0., 1., 2., 3., 4.]),
        // The filter reaches 2.5 elements on either side.
        (half, Interpolation::Antialias { a: None, exclude_outside: true }, 2, vec![1.0, 3.0]),
        (
            half,
            Interpolation::Antialias { a: Some(-0.5), exclude_outside: true },
            5,
            vec![0., 1., 2., 3., 4.],
        ),
        (
            Coordinates::Crop { start: 0.5, end: 1.5, outside: 9.0 },
            Interpolation::Linear,
            3,
            vec![2.0, 4.0, 9.0],
        ),
    ] {
        let layer = Resize { axes: [1], coordinates: [coordinates], interpolation, scales: None };
        for isa in isas() {
            for inner in [1, 3, 16, 21] {
                let wide: Vec<f32> = x.iter().flat_map(|&x| vec![x; inner]).collect();
                let exact: Vec<f64> = expected.iter().flat_map(|&e| vec![e; inner]).collect();
                let y = resized(layer, isa, [1, 5, inner], output, &wide).unwrap();
                assert_close(&y, &exact, 1e-6, &format!("{isa:?} {layer:?}"));
                assert!(resized(layer, isa, [1, 0, inner], output, &[]).is_err());
            }
        }
    }
}

#[test]
fn several_blocks_and_outer_indices() {
    let layer = Resize {
        axes: [1],
        coordinates: [Coordinates::HalfPixel],
        interpolation: Interpolation::Linear,
        scales: None,
    };
    let x: Vec<f32> = (0..2 * 100).map(|i| i as f32).collect();
    let y = resized(layer, Isa::detect(), [2, 100, 1], 150, &x).unwrap();
    let value = |at: usize| ((at % 150) as f64 + 0.5) / 1.5 - 0.5;
    let expected: Vec<f64> =
        (0..300).map(|at| value(at).clamp(0.0, 99.0) + if at < 150 { 0.0 } else { 100.0 }).collect();
    assert_close(&y, &expected, 1e-6, "two rows");
}

#[test]
fn scales_out_of_range_are_errors() {
    let x = [0.0, 1.0, 2.0];
    for scale in [[0, 1], [1, 0], [u32::MAX, 1], [1, u32::MAX]] {
        for interpolation in [Interpolation::Floor, Interpolation::Linear] {
            let layer = Resize {
                axes: [1],
                coordinates: [Coordinates::HalfPixel],
                interpolation,
                scales: Some([scale]),
            };
            assert!(resized(layer, Isa::detect(), [1, 3, 1], 3, &x).is_err(), "{scale:?}");
        }
    }
    // Extreme scales that are in range select the last or the first element.
    for (scale, expected) in [([1, 1 << 30], 2.0), ([1 << 30, 1], 0.0)] {
        for interpolation in [Interpolation::Floor, Interpolation::Linear] {
            let layer = Resize {
                axes: [1],
                coordinates: [Coordinates::Asymmetric],
                interpolation,
                scales: Some([scale]),
            };
            let y = resized(layer, Isa::detect(), [1, 3, 1], 3, &x).unwrap();
            assert!(
                (y[1] - expected).abs() < 1e-6 && (y[2] - expected).abs() < 1e-6,
                "{layer:?} gives {y:?}"
            );
        }
    }
}

/// Resizes one axis after the other.
fn one_by_one<const N: usize>(layer: Resize<N>, from: [usize; 5], to: [usize; 5], x: &[f32]) -> Vec<f32> {
    let (mut dims, mut x) = (from, x.to_vec());
    for (i, axis) in layer.axes.into_iter().enumerate() {
        let single = Resize {
            axes: [axis],
            coordinates: [layer.coordinates[i]],
            interpolation: layer.interpolation,
            scales: layer.scales.map(|scales| [scales[i]]),
        };
        let before = view(&x, dims);
        dims[axis] = to[axis];
        let mut y = vec![f32::NAN; dims.iter().product()];
        on(Isa::detect(), |cx| single.run(cx, before, view_mut(&mut y, dims)).map(|_| ())).unwrap();
        x = y;
    }
    x
}

#[track_caller]
fn check_axes<const N: usize>(layer: Resize<N>, from: [usize; 5], to: [usize; 5]) {
    let x = Rng::new(4).vec(from.iter().product());
    let mut y = vec![f32::NAN; to.iter().product()];
    on(Isa::detect(), |cx| layer.run(cx, view(&x, from), view_mut(&mut y, to)).map(|_| ())).unwrap();
    let same = y.iter().zip(one_by_one(layer, from, to, &x)).all(|(a, b)| a.to_bits() == b.to_bits());
    assert!(same, "{layer:?} from {from:?} to {to:?}");
}

#[test]
fn several_axes_are_resized_one_after_the_other() {
    let half = Coordinates::HalfPixel;
    let crop = Coordinates::Crop { start: -0.25, end: 0.75, outside: 9.0 };
    for (coordinates, interpolation) in [
        (half, Interpolation::Linear),
        (half, Interpolation::RoundPreferFloor),
        (half, Interpolation::Cubic { a: -0.75, exclude_outside: true }),
        (half, Interpolation::Antialias { a: None, exclude_outside: false }),
        (Coordinates::TfLegacy, Interpolation::CubicSteps { a: -0.5, exclude_outside: false }),
        (crop, Interpolation::Linear),
    ] {
        for (from, to) in [
            ([2, 5, 1, 4, 3], [2, 9, 1, 7, 3]),
            // Several images that fit the cache together, and one that does not fit.
            ([70, 30, 1, 31, 2], [70, 20, 1, 50, 2]),
            ([1, 10, 2, 90, 150], [1, 30, 2, 70, 150]),
            ([2, 3, 1, 3, 1], [2, 0, 1, 5, 1]),
        ] {
            let pair = Resize { axes: [1, 3], coordinates: [coordinates; 2], interpolation, scales: None };
            check_axes(pair, from, to);
            check_axes(Resize { scales: Some([[3, 2], [2, 1]]), ..pair }, from, to);
        }
        let all = Resize { axes: [0, 1, 2, 3], coordinates: [coordinates; 4], interpolation, scales: None };
        check_axes(all, [3, 4, 5, 6, 2], [5, 3, 7, 6, 2]);
        check_axes(all, [2, 40, 3, 50, 20], [3, 50, 2, 40, 20]);
    }
    let none = Resize { axes: [], coordinates: [], interpolation: Interpolation::Linear, scales: None };
    check_axes(none, [1, 2, 1, 2, 1], [1, 2, 1, 2, 1]);
}

#[test]
fn invalid_axes_are_errors() {
    for (axes, to) in
        [([1, 0], [4, 4]), ([0, 0], [4, 2]), ([0, 2], [4, 2]), ([2, 3], [2, 2]), ([0, usize::MAX], [4, 2])]
    {
        let layer = Resize {
            axes,
            coordinates: [Coordinates::HalfPixel; 2],
            interpolation: Interpolation::Linear,
            scales: None,
        };
        let mut y = vec![0.0; to.iter().product()];
        let found =
            on(Isa::detect(), |cx| layer.run(cx, view(&[0.0; 4], [2, 2]), view_mut(&mut y, to)).map(|_| ()));
        assert!(found.is_err(), "{axes:?}");
    }
}

#[test]
fn the_nearest_elements_of_bytes_are_those_of_floats() {
    let (from, to) = ([2, 5, 1, 7, 3], [2, 11, 1, 4, 3]);
    let bytes: Vec<u8> = (0..from.iter().product()).map(|i: usize| (i * 37 % 251) as u8).collect();
    let floats: Vec<f32> = bytes.iter().map(|&byte| byte.into()).collect();
    for coordinates in COORDINATES {
        for interpolation in NEAREST {
            let layer = Resize { coordinates: [coordinates; 2], interpolation, ..Resize::new([1, 3]) };
            let (mut y, mut found) = (vec![0.0; to.iter().product()], vec![0u8; to.iter().product()]);
            on(Isa::detect(), |cx| layer.run(cx, view(&floats, from), view_mut(&mut y, to)).map(|_| ()))
                .unwrap();
            on(Isa::detect(), |cx| {
                layer.run_nearest(cx, view(&bytes, from), view_mut(&mut found, to)).map(|_| ())
            })
            .unwrap();
            assert!(
                found.iter().zip(&y).all(|(&a, &b)| f32::from(a) == b),
                "{coordinates:?} {interpolation:?}"
            );
        }
    }
    let mut y = [0u8; 4];
    let linear = Resize { interpolation: Interpolation::Linear, ..Resize::new([0]) };
    let crop = Coordinates::Crop { start: 0.0, end: 0.5, outside: 0.0 };
    let crops = Resize { coordinates: [crop], ..Resize::new([0]) };
    for (layer, dims) in [(linear, [4]), (crops, [4]), (Resize::new([1]), [4])] {
        let found = on(Isa::detect(), |cx| {
            layer.run_nearest(cx, view(&bytes[..2], [2]), view_mut(&mut y, dims)).map(|_| ())
        });
        assert!(found.is_err(), "{layer:?}");
    }
}
