//! Indices, and how those outside an axis are handled.

use crate::error::{Error, Result};

/// Types whose values can index an axis: integers, and `f32` for models that pass indices as floats.
pub trait Index: Copy {
    /// The index, rounded toward zero; `None` for NaN and for values beyond `i64`.
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
        // The conversion saturates; an index beyond i64 is beyond every axis.
        (!self.is_nan()).then_some(self as i64)
    }
}

/// How an index outside the table is handled. A NaN is always an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outside {
    /// Any index outside the table is an error.
    Error,
    /// Negative indices count from the end, as in NumPy; others outside the table are an error.
    FromEnd,
    /// Indices outside the table select this row.
    Row(usize),
}

impl Outside {
    /// The row of a table of `size` rows that `index` selects.
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
            // `None` is a NaN: not an index at all, rather than one outside the table.
            Self::Row(row) => index.and(Some(row).filter(|&row| row < size)),
        }
    }
}

/// The row of a table of `rows` rows that the index at `position` selects; `input` is the name of the index tensor.
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
