//! Numbers as indices, and what those outside an axis mean.

use crate::error::{Error, Result};

/// Numbers that can index an axis.
pub trait Index: Copy {
    /// The number toward zero; `None` for what is no number or beyond `i64`.
    fn index(self) -> Option<i64>;
}

macro_rules! index {
    ($($t:ty),+) => {$(
        impl Index for $t {
            #[inline(always)]
            fn index(self) -> Option<i64> {
                i64::try_from(self).ok()
            }
        }
    )+};
}
index!(i8, i16, i32, i64, u8, u16, u32, u64);

impl Index for f32 {
    #[inline(always)]
    fn index(self) -> Option<i64> {
        // The conversion saturates, and what lies beyond i64 is beyond every axis too.
        (!self.is_nan()).then_some(self as i64)
    }
}

/// What an index outside the table does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outside {
    /// It is an error.
    Error,
    /// Negative ones count from the end, as in NumPy; others are an error.
    FromEnd,
    /// It stands for this row.
    Row(usize),
}

impl Outside {
    /// The row that `index` stands for among `size`.
    #[inline(always)]
    pub(crate) fn resolve(self, index: Option<i64>, size: usize) -> Option<usize> {
        let at = index.and_then(|index| usize::try_from(index).ok()).filter(|&at| at < size);
        if at.is_some() {
            return at;
        }
        match self {
            Self::Error => None,
            Self::FromEnd => {
                let back = usize::try_from(index?.checked_neg()?).ok()?;
                if back == 0 { None } else { size.checked_sub(back) }
            }
            // A NaN is no index at all, not one outside.
            Self::Row(row) => index.and(Some(row).filter(|&row| row < size)),
        }
    }
}

/// The row among `rows` that an index of the tensor `input` stands for.
#[inline(always)]
pub(crate) fn find<I: Index>(
    input: &'static str,
    outside: Outside,
    rows: usize,
    x: &[I],
    position: usize,
) -> Result<usize> {
    let index = x[position].index();
    outside.resolve(index, rows).ok_or(Error::Index {
        tensor: input,
        position,
        len: x.len(),
        value: index.unwrap_or(i64::MIN),
        size: rows,
    })
}
