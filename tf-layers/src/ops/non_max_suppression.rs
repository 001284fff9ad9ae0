//! Choosing among boxes that overlap.

use crate::error::{Result, check_len};
use crate::tensor::{Buffer, len};

/// Greedy non-maximum suppression: of boxes that overlap, the one with the highest score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NonMaxSuppression {
    /// Images, each with boxes of its own.
    pub batch: usize,
    /// Classes, each with scores of its own for all boxes of the image.
    pub classes: usize,
    /// Boxes of an image.
    pub boxes: usize,
    /// Whether a box is its centre, width and height (x first), or else two opposite corners (y first).
    pub centers: bool,
}

/// How far suppression goes: most boxes for each class, the overlap from which on it happens, the least score.
pub type Limits<'a> = (&'a [i64], &'a [f32], &'a [f32]);

impl NonMaxSuppression {
    /// How many boxes are chosen, of `[batch, boxes, 4]` by scores `[batch, classes, boxes]`.
    pub fn count(
        &self,
        boxes: &[f32],
        scores: &[f32],
        limits: Limits<'_>,
        scratch: &mut Buffer<f32>,
    ) -> Result<usize> {
        let mut count = 0;
        self.choose(boxes, scores, limits, scratch, |_| {
            count += 1;
            Ok(())
        })?;
        Ok(count)
    }

    /// y is a row for each chosen box: its image, its class, its number.
    pub fn run(
        &self,
        boxes: &[f32],
        scores: &[f32],
        limits: Limits<'_>,
        scratch: &mut Buffer<f32>,
        y: &mut [i64],
    ) -> Result<()> {
        let room = y.len();
        let mut rows = y.chunks_exact_mut(3);
        self.choose(boxes, scores, limits, scratch, |found| {
            let Some(row) = rows.next() else { return check_len("y", room + 3, room) };
            row.copy_from_slice(&found.map(|place| place as i64));
            Ok(())
        })
    }

    fn choose(
        &self,
        boxes: &[f32],
        scores: &[f32],
        (most, overlap, least): Limits<'_>,
        scratch: &mut Buffer<f32>,
        mut found: impl FnMut([usize; 3]) -> Result<()>,
    ) -> Result<()> {
        let Self { batch, classes, boxes: count, .. } = *self;
        check_len("boxes", len(&[batch, count, 4])?, boxes.len())?;
        check_len("scores", len(&[batch, classes, count])?, scores.len())?;
        let most = most.first().map_or(0, |&most| usize::try_from(most).unwrap_or(0));
        let overlap = overlap.first().copied().unwrap_or(0.0);
        if count == 0 {
            return Ok(());
        }
        // The scores of the boxes that may still be chosen; NaN for the others.
        let left = scratch.write(count)?;
        for (i, scores) in scores.chunks_exact(count).enumerate() {
            let boxes = &boxes[i / classes * count * 4..][..count * 4];
            for (left, &score) in left.iter_mut().zip(scores) {
                *left = if least.first().is_none_or(|&least| score > least) { score } else { f32::NAN };
            }
            for _ in 0..most.min(count) {
                let Some(best) = greatest(left) else { break };
                found([i / classes, i % classes, best])?;
                left[best] = f32::NAN;
                let chosen = self.corners(boxes, best);
                for (other, left) in left.iter_mut().enumerate() {
                    if !left.is_nan() && shared(chosen, self.corners(boxes, other)) > overlap {
                        *left = f32::NAN;
                    }
                }
            }
        }
        Ok(())
    }

    /// The lower and the upper corner of a box.
    fn corners(&self, boxes: &[f32], i: usize) -> [f32; 4] {
        let [a, b, c, d] = [0, 1, 2, 3].map(|j| boxes[i * 4 + j]);
        if self.centers {
            [a - c / 2.0, b - d / 2.0, a + c / 2.0, b + d / 2.0]
        } else {
            [a.min(c), b.min(d), a.max(c), b.max(d)]
        }
    }
}

/// Where the greatest number is that is no NaN, the first of equal ones.
fn greatest(x: &[f32]) -> Option<usize> {
    let mut best: Option<(usize, f32)> = None;
    for (i, &x) in x.iter().enumerate() {
        if !x.is_nan() && best.is_none_or(|(_, highest)| x > highest) {
            best = Some((i, x));
        }
    }
    best.map(|(i, _)| i)
}

/// The area that two boxes share, as a part of the area that they cover; 0 where either is empty.
fn shared(a: [f32; 4], b: [f32; 4]) -> f32 {
    let area = |x: [f32; 4]| (x[2] - x[0]) * (x[3] - x[1]);
    let height = (a[2].min(b[2]) - a[0].max(b[0])).max(0.0);
    let width = (a[3].min(b[3]) - a[1].max(b[1])).max(0.0);
    if area(a) <= 0.0 || area(b) <= 0.0 {
        return 0.0;
    }
    height * width / (area(a) + area(b) - height * width)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_boxes_that_overlap_the_best_is_chosen() {
        let corners = [0.0, 0.0, 1.0, 1.0, 1.0, 1.1, 0.0, 0.1, 0.0, 10.0, 1.0, 11.0, 0.0, 0.0, 0.0, 0.0];
        let centers = [0.5, 0.5, 1.0, 1.0, 0.5, 0.6, 1.0, 1.0, 0.5, 10.5, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0];
        let scores = [0.75, 0.9, 0.5, 0.4, 0.1, f32::NAN, 0.6, 0.3];
        let mut scratch = Buffer::default();
        for (boxes, is_centers) in [(corners, false), (centers, true)] {
            let suppression = NonMaxSuppression { batch: 1, classes: 2, boxes: 4, centers: is_centers };
            let mut chosen = |most: i64, overlap: f32, least: &[f32]| {
                let limits: Limits<'_> = (&[most], &[overlap], least);
                let count = suppression.count(&boxes, &scores, limits, &mut scratch).unwrap();
                let mut y = alloc::vec![9; count * 3];
                suppression.run(&boxes, &scores, limits, &mut scratch, &mut y).unwrap();
                assert!(
                    count == 0
                        || suppression
                            .run(&boxes, &scores, limits, &mut scratch, &mut y.clone()[3..])
                            .is_err()
                );
                y
            };
            assert_eq!(chosen(2, 0.5, &[]), [0, 0, 1, 0, 0, 2, 0, 1, 2, 0, 1, 3]);
            assert_eq!(chosen(3, 0.9, &[0.45]), [0, 0, 1, 0, 0, 0, 0, 0, 2, 0, 1, 2]);
            assert_eq!(chosen(0, 0.5, &[]), []);
            assert_eq!(chosen(-1, 0.5, &[]), []);
        }
    }
}
