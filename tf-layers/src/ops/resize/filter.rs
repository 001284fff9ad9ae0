//! The weights of the elements that a mean is taken of.

use super::position::floor;

/// How many steps TensorFlow's table of weights divides the way between two elements into.
const STEPS: f32 = 1024.0;

/// The weights of the elements at −1, 0, 1 and 2 for the position t in 0…1.
pub(super) fn cubic(t: f32, a: f32) -> [f32; 4] {
    [t + 1.0, t, 1.0 - t, 2.0 - t].map(|distance| keys(distance, a))
}

/// t rounded to one of the positions in TensorFlow's table of weights, 0, 1/1024, …, 1; of two to the even one.
pub(super) fn to_step(t: f32) -> f32 {
    let step = t * STEPS;
    let below = floor(step);
    let rest = step - below as f32;
    let up = rest > 0.5 || (rest == 0.5 && below % 2 == 1);
    (below + i64::from(up)) as f32 / STEPS
}

/// The weight of an element at a distance of 0…2, by Keys' cubic convolution.
fn keys(d: f32, a: f32) -> f32 {
    if d <= 1.0 {
        ((a + 2.0) * d - (a + 3.0)) * d * d + 1.0
    } else {
        ((a * d - 5.0 * a) * d + 8.0 * a) * d - 4.0 * a
    }
}

/// A filter that is stretched to as many elements as have a part in one of the result.
pub(super) struct Filter {
    /// Keys' parameter; the filter is a triangle without.
    pub a: Option<f32>,
    /// Output to input, at most 1.
    pub scale: f32,
    /// Whether neighbours beyond the border have no weight; else the border stands for them.
    pub exclude_outside: bool,
}

impl Filter {
    /// From x `[axis, inner]` to one element of the result, `[inner]`.
    pub(super) fn run(&self, position: f32, axis: usize, x: &[f32], y: &mut [f32]) {
        let reach = self.a.map_or(1.0, |_| 2.0) / self.scale;
        let first = floor(position - reach).saturating_add(1);
        let last = floor(position + reach).min(first.saturating_add(2 * (reach as i64 + 1)));
        let inside = |place: i64| (0..axis as i64).contains(&place);
        let taps = (first..=last).filter(|&place| inside(place) || !self.exclude_outside);
        let total: f32 = taps.clone().map(|place| self.weight(place as f32 - position)).sum();
        y.fill(0.0);
        for place in taps {
            let weight = self.weight(place as f32 - position) / total;
            let row = place.clamp(0, axis as i64 - 1) as usize * y.len();
            for (y, x) in y.iter_mut().zip(&x[row..]) {
                *y += weight * x;
            }
        }
    }

    /// The weight of an element that lies so far from the position.
    fn weight(&self, distance: f32) -> f32 {
        let distance = (distance * self.scale).abs();
        match self.a {
            None => (1.0 - distance).max(0.0),
            Some(a) if distance < 2.0 => keys(distance, a),
            Some(_) => 0.0,
        }
    }
}
