//! Tree ensembles against a walk of one sample at a time, and weights that lead nowhere.

mod common;

use common::{Rng, on, view, view_mut};
use tf_layers::ops::{Aggregate, TreeEnsemble};
use tf_layers::{Error, Isa, Result};

const LESS: i32 = 1;
const EQUAL: i32 = 2;
const GREATER: i32 = 4;
const UNORDERED: i32 = 8;

type Damage = fn(&mut Trees);

#[derive(Clone)]
struct Trees {
    nodes: Vec<[i32; 4]>,
    splits: Vec<f64>,
    roots: Vec<i32>,
    leaf_starts: Vec<i32>,
    leaf_targets: Vec<i32>,
    leaf_weights: Vec<f64>,
}

/// Numbers that trees compare.
trait Float: Copy + PartialOrd + Default + Into<f64> {
    fn of(x: f64) -> Self;
}

impl Float for f32 {
    fn of(x: f64) -> Self {
        x as f32
    }
}

impl Float for f64 {
    fn of(x: f64) -> Self {
        x
    }
}

fn all<T: Float>(values: &[f64]) -> Vec<T> {
    values.iter().map(|&x| T::of(x)).collect()
}

macro_rules! run {
    ($t:ty, $trees:expr, $aggregate:expr, $x:expr, $dims:expr, $scores:expr) => {{
        let trees: &Trees = &$trees;
        let (splits, weights) = (all::<$t>(&trees.splits), all::<$t>(&trees.leaf_weights));
        let layer = TreeEnsemble {
            nodes: view(trees.nodes.as_flattened(), [trees.nodes.len(), 4]),
            splits: &splits,
            roots: &trees.roots,
            leaf_starts: &trees.leaf_starts,
            leaf_targets: &trees.leaf_targets,
            leaf_weights: &weights,
            aggregate: $aggregate,
        };
        let mut y = vec![<$t>::NAN; $dims[0] * $scores];
        let (x, to) = (all::<$t>($x), view_mut(&mut y, [$dims[0], $scores]));
        let found: Result<()> = on(Isa::detect(), |cx| layer.run(cx, view(&x, $dims), to).map(|_| ()));
        found.map(|()| y)
    }};
}

impl Trees {
    /// Random trees of different depths, with quarters for splits, so that features are equal to some.
    fn random(rng: &mut Rng, trees: usize, features: usize, targets: usize) -> Self {
        let mut made = Self {
            nodes: vec![],
            splits: vec![],
            roots: vec![],
            leaf_starts: vec![0],
            leaf_targets: vec![],
            leaf_weights: vec![],
        };
        for tree in 0..trees {
            let root = made.grow(rng, tree % 7, features, targets);
            made.roots.push(root);
        }
        made
    }

    fn grow(&mut self, rng: &mut Rng, depth: usize, features: usize, targets: usize) -> i32 {
        if depth == 0 {
            for target in 0..targets {
                if target == 0 || rng.next().is_multiple_of(2) {
                    self.leaf_targets.push(target as i32);
                    self.leaf_weights.push((rng.next() % 64) as f64 / 8.0 - 4.0);
                }
            }
            self.leaf_starts.push(self.leaf_targets.len() as i32);
            return !(self.leaf_starts.len() as i32 - 2);
        }
        let at = self.nodes.len();
        let feature = (rng.next() % features as u64) as i32;
        self.nodes.push([feature, (rng.next() % 16) as i32, 0, 0]);
        self.splits.push((rng.next() % 9) as f64 / 4.0 - 1.0);
        for branch in 2..4 {
            let below = if depth > 1 { depth - 1 - (rng.next() % 2) as usize } else { 0 };
            self.nodes[at][branch] = self.grow(rng, below, features, targets);
        }
        at as i32
    }

    /// The scores of one sample.
    fn scores(&self, aggregate: Aggregate, x: &[f64], targets: usize) -> Vec<f64> {
        let start = match aggregate {
            Aggregate::Sum | Aggregate::Average => 0.0,
            Aggregate::Min => f64::INFINITY,
            Aggregate::Max => f64::NEG_INFINITY,
        };
        let mut y = vec![start; targets];
        for &root in &self.roots {
            let mut at = root;
            while at >= 0 {
                let [feature, relations, first, second] = self.nodes[at as usize];
                let relation = match x[feature as usize].partial_cmp(&self.splits[at as usize]) {
                    Some(std::cmp::Ordering::Less) => LESS,
                    Some(std::cmp::Ordering::Equal) => EQUAL,
                    Some(std::cmp::Ordering::Greater) => GREATER,
                    None => UNORDERED,
                };
                at = if relations & relation == 0 { second } else { first };
            }
            let leaf = !at as usize;
            for i in self.leaf_starts[leaf]..self.leaf_starts[leaf + 1] {
                let (y, weight) =
                    (&mut y[self.leaf_targets[i as usize] as usize], self.leaf_weights[i as usize]);
                *y = match aggregate {
                    Aggregate::Sum | Aggregate::Average => *y + weight,
                    Aggregate::Min => y.min(weight),
                    Aggregate::Max => y.max(weight),
                };
            }
        }
        if aggregate == Aggregate::Average {
            for y in &mut y {
                *y /= self.roots.len() as f64;
            }
        }
        y
    }
}

#[test]
fn scores_are_those_of_the_leaves_that_are_reached() {
    let mut rng = Rng::new(3);
    for (trees, rows, targets) in
        [(1, 1, 1), (4, 3, 1), (7, 1, 3), (33, 9, 2), (0, 2, 2), (64, 0, 1), (5, 4, 0)]
    {
        let features = 5;
        let made = Trees::random(&mut rng, trees, features, targets);
        let x: Vec<f64> = (0..rows * features)
            .map(
                |_| if rng.next().is_multiple_of(8) { f64::NAN } else { (rng.next() % 9) as f64 / 4.0 - 1.0 },
            )
            .collect();
        for aggregate in [Aggregate::Sum, Aggregate::Average, Aggregate::Min, Aggregate::Max] {
            let narrow = run!(f32, made, aggregate, &x, [rows, features], targets);
            let wide = run!(f64, made, aggregate, &x, [rows, features], targets);
            if trees == 0 && aggregate == Aggregate::Average {
                assert!(narrow.is_err() && wide.is_err());
                continue;
            }
            let scores = x.chunks_exact(features).flat_map(|x| made.scores(aggregate, x, targets));
            // Sums of eighths are exact.
            let expected: Vec<f64> = scores.collect();
            assert_eq!(narrow, Ok(all::<f32>(&expected)), "{trees} trees, {aggregate:?}");
            assert_eq!(wide, Ok(expected), "{trees} trees, {aggregate:?}");
        }
    }
}

#[test]
fn weights_that_lead_nowhere_are_errors() {
    let sound = Trees {
        nodes: vec![[0, LESS, 1, !0], [1, LESS, !0, !1]],
        splits: vec![0.0; 2],
        roots: vec![0],
        leaf_starts: vec![0, 1, 2],
        leaf_targets: vec![0, 1],
        leaf_weights: vec![1.0, 2.0],
    };
    let x = [-1.0, 1.0];
    assert_eq!(run!(f32, sound, Aggregate::Sum, &x, [1, 2], 2), Ok(vec![0.0, 2.0]));
    let damages: [(&str, Damage); 22] = [
        ("nodes", |t| t.nodes[0][2] = 0),
        ("nodes", |t| t.nodes[1][3] = 0),
        ("nodes", |t| t.nodes[1][3] = 1),
        ("nodes", |t| t.nodes[1][3] = 2),
        ("nodes", |t| t.nodes[1][3] = i32::MAX),
        ("nodes", |t| t.roots[0] = 2),
        ("nodes", |t| (t.nodes, t.splits) = (vec![[0, GREATER, !0, 1]], vec![0.0])),
        ("splits", |t| t.splits.truncate(1)),
        ("leaf_starts", |t| t.nodes[1][3] = !2),
        ("leaf_starts", |t| t.nodes[1][3] = i32::MIN),
        ("leaf_starts", |t| t.roots[0] = !2),
        ("leaf_starts", |t| t.leaf_starts.clear()),
        ("leaf_starts", |t| t.leaf_starts[2] = 3),
        ("leaf_starts", |t| t.leaf_starts[2] = -1),
        ("leaf_starts", |t| t.leaf_starts[2] = 0),
        ("leaf_starts", |t| t.leaf_starts[1] = i32::MIN),
        ("leaf_targets", |t| t.leaf_targets[1] = 2),
        ("leaf_targets", |t| t.leaf_targets[1] = -1),
        ("leaf_weights", |t| t.leaf_weights.truncate(1)),
        ("x", |t| t.nodes[0][0] = 2),
        ("x", |t| t.nodes[1][0] = i32::MAX),
        ("x", |t| t.nodes[1][0] = -1),
    ];
    for (i, (blamed, damage)) in damages.into_iter().enumerate() {
        let mut trees = sound.clone();
        damage(&mut trees);
        match run!(f32, trees, Aggregate::Sum, &x, [1, 2], 2) {
            Err(Error::Dims { what, .. } | Error::Length { what, .. }) => {
                assert_eq!(what, blamed, "damage {i}");
            }
            found => panic!("damage {i} gives {found:?}"),
        }
    }
}

#[test]
fn random_weights_end() {
    let mut rng = Rng::new(8);
    for _ in 0..2000 {
        let mut number = |limit: u64| (rng.next() % limit) as i32 - 2;
        let trees = Trees {
            nodes: (0..6).map(|_| [number(5), number(18), number(9), number(9)]).collect(),
            splits: vec![0.5; 6],
            roots: (0..5).map(|_| number(8)).collect(),
            leaf_starts: (0..4).map(|_| number(7)).collect(),
            leaf_targets: (0..4).map(|_| number(5)).collect(),
            leaf_weights: vec![1.0; 4],
        };
        // An error or scores, but no panic.
        let _ = run!(f32, trees, Aggregate::Max, &[0.0, 0.5, 1.0, f64::NAN, 0.5, 0.0], [2, 3], 2);
    }
}
