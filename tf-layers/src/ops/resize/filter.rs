//! The weights of interpolation filters.

use super::position::floor;

/// The number of steps between two elements in TensorFlow's table of weights.
const STEPS: f32 = 1024.0;

/// The weights of the elements at −1, 0, 1 and 2 for a position t in [0, 1].
pub(super) fn cubic(t: f32, a: f32) -> [f32; 4] {
    [t + 1.0, t, 1.0 - t, 2.0 - t].map(|distance| keys(distance, a))
}

/// Rounds t to a position in TensorFlow's table of weights, 0, 1/1024, …, 1; ties go to the even step.
pub(super) fn round_to_step(t: f32) -> f32 {
    let step = t * STEPS;
    let below = floor(step);
    let rest = step - below as f32;
    let up = rest > 0.5 || (rest == 0.5 && below % 2 == 1);
    (below + i64::from(up)) as f32 / STEPS
}

/// The weight of an element at a distance d in [0, 2], by cubic convolution (Keys 1981).
fn keys(d: f32, a: f32) -> f32 {
    if d <= 1.0 {
        ((a + 2.0) * d - (a + 3.0)) * d * d + 1.0
    } else {
        ((a * d - 5.0 * a) * d + 8.0 * a) * d - 4.0 * a
    }
}

/// An antialiasing filter: stretched by the inverse of the scale, so that every input element contributes to the result.
pub(super) struct Filter {
    /// The parameter of cubic convolution; `None` for a triangle filter.
    pub a: Option<f32>,
    /// The ratio of output to input, at most 1.
    pub scale: f32,
    /// Ignore elements outside the input instead of repeating its border.
    pub exclude_outside: bool,
}

impl Filter {
    /// From x `[axis, inner]` to y `[inner]`, one element of the result.
    pub(super) fn run(&self, position: f32, axis: usize, x: &[f32], y: &mut [f32]) {
        let reach = self.a.map_or(1.0, |_| 2.0) / self.scale;
        let first = floor(position - reach).saturating_add(1);
        let last = floor(position + reach).min(first.saturating_add(2 * (reach as i64 + 1)));
        let inside = |index: i64| (0..axis as i64).contains(&index);
        let taps = (first..=last).filter(|&index| inside(index) || !self.exclude_outside);
        let total: f32 = taps.clone().map(|index| self.weight(index as f32 - position)).sum();
        y.fill(0.0);
        for index in taps {
            let weight = self.weight(index as f32 - position) / total;
            let row = index.clamp(0, axis as i64 - 1) as usize * y.len();
            for (y, x) in y.iter_mut().zip(&x[row..]) {
                *y += weight * x;
            }
        }
    }

    /// The weight of an element at a distance from the position.
    fn weight(&self, distance: f32) -> f32 {
        let distance = (distance * self.scale).abs();
        match self.a {
            None => (1.0 - distance).max(0.0),
            Some(a) if distance < 2.0 => keys(distance, a),
            Some(_) => 0.0,
        }
    }
}
