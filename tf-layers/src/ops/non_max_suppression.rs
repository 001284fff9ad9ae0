//! `NonMaxSuppression`: selects boxes with high scores that do not overlap.

use crate::Context;
use crate::error::{Result, check_len, require};
use crate::tensor::{Buffer, View, ViewMut};

/// Greedy non-maximum suppression: keeps the box with the highest score and drops those that overlap it, repeatedly.
///
/// ```
/// use tf_layers::ops;
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// let boxes = View::new(&[0.0, 0.0, 1.0, 1.0, 0.0, 0.1, 1.0, 1.1], [1, 2, 4])?;
/// let scores = View::new(&[0.75, 0.9], [1, 1, 2])?;
/// let suppression = ops::NonMaxSuppression {
///     max_output_boxes_per_class: 2,
///     iou_threshold: 0.5,
///     ..ops::NonMaxSuppression::default()
/// };
/// let count = suppression.count(cx, boxes, scores)?;
/// let mut y = [0; 3];
/// let y = suppression.run(cx, boxes, scores, ViewMut::new(&mut y, [count, 3])?)?;
/// assert_eq!(y.as_slice()?, [0, 0, 1]);
/// # Ok::<(), tf_layers::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct NonMaxSuppression {
    /// The format of a box: `[x_center, y_center, width, height]` instead of two opposite corners `[y1, x1, y2, x2]`.
    pub center_point_box: bool,
    /// The maximum number of boxes to select per class and image; a negative number selects none.
    pub max_output_boxes_per_class: i64,
    /// Boxes whose intersection over union with a selected box exceeds this are dropped.
    pub iou_threshold: f32,
    /// Only boxes with a greater score are selected.
    pub score_threshold: Option<f32>,
}

impl NonMaxSuppression {
    /// Counts the boxes to select from `boxes` `[batch, boxes, 4]` with `scores` `[batch, classes, boxes]`.
    ///
    /// # Errors
    ///
    /// If the dims do not match, or there is not enough memory.
    pub fn count(
        &self,
        cx: &mut Context<'_>,
        boxes: View<'_, f32, 3>,
        scores: View<'_, f32, 3>,
    ) -> Result<usize> {
        let mut count = 0;
        self.choose(boxes, scores, cx.scratch, |_| {
            count += 1;
            Ok(())
        })?;
        Ok(count)
    }

    /// Writes a row `[image, class, box]` to y `[count, 3]` for every selected box.
    ///
    /// # Errors
    ///
    /// If the dims do not match, y has another number of rows than [`count`](Self::count) returns, or there is not enough
    /// memory.
    pub fn run<'y>(
        &self,
        cx: &mut Context<'_>,
        boxes: View<'_, f32, 3>,
        scores: View<'_, f32, 3>,
        mut y: ViewMut<'y, i64, 2>,
    ) -> Result<View<'y, i64, 2>> {
        require(y.columns() == 3, "y", "have three columns")?;
        let (expected, mut found) = (y.rows(), 0);
        let mut rows = y.as_mut_slice()?.chunks_exact_mut(3);
        self.choose(boxes, scores, cx.scratch, |row| {
            found += 1;
            match rows.next() {
                Some(to) => to.copy_from_slice(&row.map(|index| index as i64)),
                None => check_len("y", found, expected)?,
            }
            Ok(())
        })?;
        check_len("y", found, expected)?;
        Ok(y.into_view())
    }

    fn choose(
        &self,
        boxes: View<'_, f32, 3>,
        scores: View<'_, f32, 3>,
        scratch: &mut Buffer<f32>,
        mut found: impl FnMut([usize; 3]) -> Result<()>,
    ) -> Result<()> {
        let [batch, classes, count] = scores.dims();
        require(boxes.dims() == [batch, count, 4], "boxes", "have the dims [batch, boxes, 4] of the scores")?;
        let (boxes, scores) = (boxes.as_slice()?, scores.as_slice()?);
        let most = usize::try_from(self.max_output_boxes_per_class).unwrap_or(0);
        let overlap = self.iou_threshold;
        if count == 0 {
            return Ok(());
        }
        // The scores of the candidates; NaN for boxes that were selected or dropped.
        let left = scratch.write(count)?;
        for (i, scores) in scores.chunks_exact(count).enumerate() {
            let boxes = &boxes[i / classes * count * 4..][..count * 4];
            for (left, &score) in left.iter_mut().zip(scores) {
                *left = if self.score_threshold.is_none_or(|least| score > least) { score } else { f32::NAN };
            }
            for _ in 0..most.min(count) {
                let Some(best) = greatest(left) else { break };
                found([i / classes, i % classes, best])?;
                left[best] = f32::NAN;
                let chosen = self.corners(boxes, best);
                for (other, left) in left.iter_mut().enumerate() {
                    if !left.is_nan() && intersection_over_union(chosen, self.corners(boxes, other)) > overlap
                    {
                        *left = f32::NAN;
                    }
                }
            }
        }
        Ok(())
    }

    /// The lower and upper corners of a box.
    fn corners(&self, boxes: &[f32], i: usize) -> [f32; 4] {
        let [a, b, c, d] = [0, 1, 2, 3].map(|j| boxes[i * 4 + j]);
        if self.center_point_box {
            [a - c / 2.0, b - d / 2.0, a + c / 2.0, b + d / 2.0]
        } else {
            [a.min(c), b.min(d), a.max(c), b.max(d)]
        }
    }
}

/// The index of the maximum, ignoring NaN; of several equal maxima, the first.
fn greatest(x: &[f32]) -> Option<usize> {
    let mut best: Option<(usize, f32)> = None;
    for (i, &x) in x.iter().enumerate() {
        if !x.is_nan() && best.is_none_or(|(_, highest)| x > highest) {
            best = Some((i, x));
        }
    }
    best.map(|(i, _)| i)
}

/// The intersection over union of two boxes; 0 if either is empty.
fn intersection_over_union(a: [f32; 4], b: [f32; 4]) -> f32 {
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
    use crate::simd::Isa;

    #[test]
    fn the_best_of_overlapping_boxes_is_selected() {
        let corners = [0.0, 0.0, 1.0, 1.0, 1.0, 1.1, 0.0, 0.1, 0.0, 10.0, 1.0, 11.0, 0.0, 0.0, 0.0, 0.0];
        let centers = [0.5, 0.5, 1.0, 1.0, 0.5, 0.6, 1.0, 1.0, 0.5, 10.5, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0];
        let scores = [0.75, 0.9, 0.5, 0.4, 0.1, f32::NAN, 0.6, 0.3];
        let scores = View::new(&scores, [1, 2, 4]).unwrap();
        let mut scratch = Buffer::default();
        let cx = &mut Context::new(Isa::detect(), &mut scratch);
        for (boxes, center_point_box) in [(corners, false), (centers, true)] {
            let boxes = View::new(&boxes, [1, 4, 4]).unwrap();
            let mut chosen = |most: i64, iou_threshold: f32, score_threshold: Option<f32>| {
                let suppression = NonMaxSuppression {
                    center_point_box,
                    max_output_boxes_per_class: most,
                    iou_threshold,
                    score_threshold,
                };
                let count = suppression.count(cx, boxes, scores).unwrap();
                let mut y = alloc::vec![9; count * 3];
                suppression.run(cx, boxes, scores, ViewMut::new(&mut y, [count, 3]).unwrap()).unwrap();
                for wrong in [count.wrapping_sub(1), count + 1].into_iter().filter(|&rows| rows <= 9) {
                    let mut y = [9; 27];
                    let y = ViewMut::new(&mut y[..wrong * 3], [wrong, 3]).unwrap();
                    assert!(suppression.run(cx, boxes, scores, y).is_err());
                }
                y
            };
            assert_eq!(chosen(2, 0.5, None), [0, 0, 1, 0, 0, 2, 0, 1, 2, 0, 1, 3]);
            assert_eq!(chosen(3, 0.9, Some(0.45)), [0, 0, 1, 0, 0, 0, 0, 0, 2, 0, 1, 2]);
            assert_eq!(chosen(0, 0.5, None), []);
            assert_eq!(chosen(-1, 0.5, None), []);
        }
    }
}
