//! One-hot vectors.

use crate::error::{Result, check_len};
use crate::tensor::{Index, Outside, len};

/// y = `off` everywhere, but `on` where the place on the axis of length `depth` is the index.
///
/// `values` are the two. From indices `[outer, inner]` to y `[outer, depth, inner]`. Negative indices count from the end; others outside
/// are nowhere.
pub fn one_hot<T: Copy, I: Index>(
    [outer, depth, inner]: [usize; 3],
    indices: &[I],
    values: &[T],
    y: &mut [T],
) -> Result<()> {
    check_len("indices", len(&[outer, inner])?, indices.len())?;
    check_len("y", len(&[outer, depth, inner])?, y.len())?;
    let &[off, on] = values else {
        return check_len("values", 2, values.len());
    };
    y.fill(off);
    for (i, index) in indices.iter().enumerate() {
        if let Some(at) = Outside::FromEnd.resolve(index.index(), depth) {
            y[(i / inner * depth + at) * inner + i % inner] = on;
        }
    }
    Ok(())
}
