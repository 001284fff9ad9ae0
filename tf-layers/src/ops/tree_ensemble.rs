//! Ensembles of decision trees.

use super::cast::Cast;
use crate::Context;
use crate::error::{Error, Result, check_len, require};
use crate::tensor::{Number, View, ViewMut, check_dims};

/// How the weights of the leaves that a sample reaches are combined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aggregate {
    /// Their sum.
    Sum,
    /// Their sum, divided by the number of trees.
    Average,
    /// The least of them; +∞ if there is none.
    Min,
    /// The greatest of them; −∞ if there is none.
    Max,
}

/// The scores of an ensemble of decision trees (ONNX's `TreeEnsemble`).
///
/// A sample goes from the root of each tree to one of its leaves. A branch is the index of a node or, if it is negative,
/// the bitwise complement of the index of a leaf: −1 is leaf 0. A node comes before the nodes that its branches lead to.
///
/// ```
/// # use tf_layers::{Context, Isa, tensor::{Buffer, View, ViewMut}};
/// use tf_layers::ops::{Aggregate, TreeEnsemble};
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// // If x[1] ≤ 0.5 (1 for less, 2 for equal), leaf 0 is reached, otherwise leaf 1.
/// let trees = TreeEnsemble {
///     nodes: View::new(&[1, 1 | 2, !0, !1], [1, 4])?,
///     splits: &[0.5],
///     roots: &[0],
///     leaf_starts: &[0, 1, 3],
///     leaf_targets: &[0, 0, 1],
///     leaf_weights: &[10.0, 20.0, 30.0],
///     aggregate: Aggregate::Sum,
/// };
/// let x = View::new(&[9.0, 0.5, 9.0, 0.6], [2, 2])?;
/// let mut y = [0.0; 4];
/// let y = trees.run(cx, x, ViewMut::new(&mut y, [2, 2])?)?;
/// assert_eq!(y.as_slice()?, [10.0, 0.0, 20.0, 30.0]);
/// # Ok::<(), tf_layers::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TreeEnsemble<'w, T> {
    /// `[nodes, 4]`: the feature that the node compares with its split, the relations under which a sample takes the
    /// first branch, the first branch, the second branch. Relations are a sum of 1 (the feature is less), 2 (equal),
    /// 4 (greater) and 8 (either is NaN).
    pub nodes: View<'w, i32, 2>,
    /// `[nodes]`
    pub splits: &'w [T],
    /// `[trees]`: where each tree begins, as a branch.
    pub roots: &'w [i32],
    /// `[leaves + 1]`: leaf i has the targets and weights from `leaf_starts[i]` up to `leaf_starts[i + 1]`.
    pub leaf_starts: &'w [i32],
    /// The score that each weight counts for.
    pub leaf_targets: &'w [i32],
    /// As many as targets.
    pub leaf_weights: &'w [T],
    /// How the weights for the same score are combined.
    pub aggregate: Aggregate,
}

/// Trees that a sample goes down at the same time: a step waits for memory, and those of different trees overlap.
const LANES: usize = 4;

impl<T: Number> TreeEnsemble<'_, T>
where
    u64: Cast<T>,
{
    /// From samples x `[n, features]` to scores y `[n, scores]`, which are summed in the order of the trees.
    ///
    /// # Errors
    ///
    /// If dims do not fit, or a sample reaches a node or leaf that points to a missing feature, score, node or leaf, or
    /// to a node before it.
    pub fn run<'y>(
        &self,
        _: &mut Context<'_>,
        x: View<'_, T, 2>,
        mut y: ViewMut<'y, T, 2>,
    ) -> Result<View<'y, T, 2>> {
        check_dims(&[x.dims()[0], y.dims()[1]], &y.dims())?;
        let [count, columns] = self.nodes.dims();
        require(columns == 4, "nodes", "have four columns")?;
        check_len("splits", count, self.splits.len())?;
        check_len("leaf_weights", self.leaf_targets.len(), self.leaf_weights.len())?;
        self.score(x.dims()[1], x.as_slice()?, y.dims()[1], y.as_mut_slice()?)?;
        Ok(y.into_view())
    }

    /// From x `[n, features]` to y `[n, scores]`.
    fn score(&self, features: usize, x: &[T], scores: usize, y: &mut [T]) -> Result<()> {
        if y.is_empty() {
            return Ok(());
        }
        y.fill(match self.aggregate {
            Aggregate::Sum | Aggregate::Average => T::ZERO,
            Aggregate::Min => T::HIGHEST,
            Aggregate::Max => T::LOWEST,
        });
        let (nodes, _) = self.nodes.as_slice()?.as_chunks();
        // A few trees stay in the level-1 cache while all samples go down them.
        for roots in self.roots.chunks(LANES) {
            for (row, y) in y.chunks_exact_mut(scores).enumerate() {
                let mut branches = [!0; LANES];
                branches[..roots.len()].copy_from_slice(roots);
                self.descend(nodes, &x[row * features..][..features], &mut branches)?;
                branches[..roots.len()].iter().try_for_each(|&branch| self.add_leaf(!branch, y))?;
            }
        }
        if self.aggregate == Aggregate::Average {
            let trees: T = (self.roots.len() as u64).cast();
            require(trees != T::ZERO, "roots", "name at least one tree to average over")?;
            for y in y.iter_mut() {
                *y = y.div(trees);
            }
        }
        Ok(())
    }

    /// Follows each branch until it leads to a leaf.
    #[inline(always)]
    fn descend(&self, nodes: &[[i32; 4]], x: &[T], branches: &mut [i32; LANES]) -> Result<()> {
        while branches.iter().any(|&branch| branch >= 0) {
            for branch in &mut *branches {
                if *branch >= 0 {
                    *branch = self.step(nodes, x, *branch)?;
                }
            }
        }
        Ok(())
    }

    /// The branch that the sample x takes at a node.
    #[inline(always)]
    fn step(&self, nodes: &[[i32; 4]], x: &[T], at: i32) -> Result<i32> {
        let found = nodes.get(at as usize).zip(self.splits.get(at as usize));
        let (&[feature, relations, first, second], &split) =
            found.ok_or(Error::Dims { what: "nodes", must: "have all nodes that branches lead to" })?;
        let x = x.get(feature as usize);
        let &x = x.ok_or(Error::Dims { what: "x", must: "have all features that the trees compare" })?;
        let [less, equal, greater] = [x < split, x == split, x > split].map(i32::from);
        let unordered = 1 - (less + equal + greater);
        let relation = less | equal << 1 | greater << 2 | unordered << 3;
        let next = if relations & relation == 0 { second } else { first };
        // So every path ends, whatever the weights are.
        require(next < 0 || next > at, "nodes", "come before the nodes that their branches lead to")?;
        Ok(next)
    }

    /// Adds the weights of a leaf to the scores y.
    #[inline(always)]
    fn add_leaf(&self, leaf: i32, y: &mut [T]) -> Result<()> {
        let leaf = leaf as usize;
        let Some(&[start, end]) = self.leaf_starts.get(leaf..leaf + 2) else {
            return require(false, "leaf_starts", "have all leaves that branches lead to");
        };
        let own = start as usize..end as usize;
        let Some((targets, weights)) = self.leaf_targets.get(own.clone()).zip(self.leaf_weights.get(own))
        else {
            return require(false, "leaf_starts", "be ascending indices of targets");
        };
        for (&target, &weight) in targets.iter().zip(weights) {
            let y = y.get_mut(target as usize);
            let y = y.ok_or(Error::Dims { what: "leaf_targets", must: "be indices of scores" })?;
            *y = match self.aggregate {
                Aggregate::Sum | Aggregate::Average => y.add(weight),
                Aggregate::Min => y.lesser(weight),
                Aggregate::Max => y.greater(weight),
            };
        }
        Ok(())
    }
}
