//! Helpers for the targets: shapes, elements and damaged weights derived from libFuzzer's input.

use libfuzzer_sys::arbitrary::Unstructured;

/// The maximum number of elements in an array. Larger arrays find no other faults.
const MAX_LEN: usize = 4096;

/// A source of numbers derived from bytes. After the end of the bytes, all numbers are 0.
pub struct Source<'a>(Unstructured<'a>);

impl<'a> Source<'a> {
    /// Numbers from `bytes`.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(Unstructured::new(bytes))
    }

    /// One byte.
    pub fn byte(&mut self) -> u8 {
        self.0.arbitrary().unwrap_or(0)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        let number: u32 = self.0.arbitrary().unwrap_or(0);
        number as usize % end.max(1)
    }

    /// A size below `few`, or occasionally below `many`.
    pub fn size(&mut self, few: usize, many: usize) -> usize {
        let end = if self.byte() < 16 { many } else { few };
        self.below(end)
    }

    /// A shape: mostly `batch` followed by `dims`, where `None` is a symbolic dimension; occasionally any shape.
    pub fn shape(&mut self, batch: usize, dims: &[Option<usize>]) -> Vec<usize> {
        if self.byte() < 8 {
            let rank = self.below(10);
            return (0..rank).map(|_| self.dim()).collect();
        }
        let rest = dims.iter().map(|dim| dim.unwrap_or_else(|| self.size(9, 48)));
        std::iter::once(batch).chain(rest.collect::<Vec<_>>()).collect()
    }

    fn dim(&mut self) -> usize {
        match self.byte() {
            0 => usize::MAX,
            1 => usize::MAX / 2 + 1,
            2 => 1 << 32,
            3 => 0,
            other => usize::from(other) % 70,
        }
    }

    /// Indices into a table of `rows` rows, mostly as many as `shape` requires and mostly in range.
    pub fn indices(&mut self, shape: &[usize], rows: i32) -> Vec<i32> {
        let wanted =
            shape.iter().try_fold(1, |len: usize, &dim| len.checked_mul(dim)).unwrap_or(MAX_LEN).min(MAX_LEN);
        let len = if self.byte() < 4 { self.below(MAX_LEN) } else { wanted };
        (0..len)
            .map(|_| match self.byte() {
                0 => -1,
                1 => rows,
                2 => i32::MIN,
                3 => i32::MAX,
                other => i32::from(other) % rows,
            })
            .collect()
    }

    /// Weights with some bits flipped, occasionally truncated or misaligned.
    pub fn damaged(&mut self, weights: &[u8]) -> Damaged {
        let mut bytes = weights.to_vec();
        for _ in 0..self.below(5) {
            // Most flips are in the table of arrays at the start, where they find more faults than in the weights.
            let in_table = self.byte() < 200;
            let at = self.below(if in_table { bytes.len().min(512) } else { bytes.len() });
            bytes[at] ^= 1 << (self.byte() % 8);
        }
        if self.byte() < 16 {
            bytes.truncate(self.below(weights.len() + 1));
        }
        let offset = if self.byte() < 16 { self.below(64) } else { 0 };
        Damaged::new(&bytes, offset)
    }
}

/// Bytes at an offset from a multiple of 64. The allocation mostly ends with the last byte, so that reads beyond it are
/// detected.
pub struct Damaged {
    buffer: Vec<u8>,
    start: usize,
}

impl Damaged {
    /// `bytes` at `offset` from a multiple of 64.
    #[must_use]
    pub fn new(bytes: &[u8], offset: usize) -> Self {
        // The smallest padding that aligns the bytes, so that the allocation ends where they end.
        let (mut buffer, start) = (0..64)
            .map(|room| Vec::with_capacity(room + offset + bytes.len()))
            .map(|buffer: Vec<u8>| (buffer.as_ptr().align_offset(64), buffer))
            .zip(0..)
            .find_map(|((start, buffer), room)| (start <= room).then_some((buffer, start + offset)))
            .expect("63 bytes are enough");
        buffer.resize(start, 0);
        buffer.extend_from_slice(bytes);
        Self { buffer, start }
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..]
    }
}

/// A target for a generated crate, with its own or occasionally damaged weights, and any shapes and indices.
///
/// A prediction with a used workspace must give the same bits as one with a new workspace, and finite numbers.
#[macro_export]
macro_rules! fuzz_model {
    ($krate:ident :: $model:ident, $folder:literal, { $($input:ident : $dims:expr),+ } => $output:ident, $rows:literal) => {
        use std::cell::RefCell;
        use std::sync::LazyLock;

        use libfuzzer_sys::fuzz_target;
        use tf2rust_fuzz::{Damaged, Source};
        use $krate::{$model, Inputs, Outputs, TensorView, Workspace};

        static NPZ: &[u8] = include_bytes!(concat!(
            "../../build/fuzz/crates/", $folder, "/rust_generated_code/model/model_weights.npz"
        ));
        static WEIGHTS: LazyLock<Damaged> =
            LazyLock::new(|| Damaged::new(&$model::pack_weights(NPZ).expect("the weights of the model"), 0));
        static OWN: LazyLock<$model<'static>> =
            LazyLock::new(|| $model::from_weights(WEIGHTS.bytes()).expect("the weights of the model"));

        thread_local! {
            static USED: RefCell<(Outputs, Workspace)> = RefCell::default();
        }

        fuzz_target!(|data: &[u8]| {
            let mut source = Source::new(data);
            let damaged = (source.byte() < 32).then(|| source.damaged(WEIGHTS.bytes()));
            let batch = source.size(5, 40);
            $(
                let shape = source.shape(batch, $dims);
                let elements = source.indices(&shape, $rows);
                let Ok($input) = TensorView::new(&elements, &shape) else { return };
            )+
            let inputs = Inputs { $($input),+ };
            if let Some(damaged) = &damaged {
                if let Ok(model) = $model::from_weights(damaged.bytes()) {
                    let _ = model.predict(&inputs);
                }
                return;
            }
            USED.with_borrow_mut(|(outputs, workspace)| {
                let again = OWN.predict_into(&inputs, outputs, workspace);
                match OWN.predict(&inputs) {
                    Ok(fresh) => {
                        again.expect("succeeds with a new workspace");
                        let bits = |outputs: &Outputs| -> Vec<u32> {
                            outputs.$output.data().iter().map(|x| x.to_bits()).collect()
                        };
                        assert_eq!(fresh.$output.shape(), outputs.$output.shape());
                        assert_eq!(bits(&fresh), bits(outputs));
                        assert!(fresh.$output.data().iter().all(|x| x.is_finite()));
                    }
                    Err(error) => {
                        let again = again.expect_err("fails with a new workspace");
                        assert_eq!(again.to_string(), error.to_string());
                    }
                }
            });
        });
    };
}
