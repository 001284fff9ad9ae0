//! Encoding sets of categories as vectors.

use crate::Context;
use crate::error::{Result, require};
use crate::tensor::{Index, Outside, View, ViewMut};

/// Encodes each row of category indices as one vector with an element per category.
///
/// ```
/// use tf_layers::nn::CategoryEncoding;
/// use tf_layers::tensor::{Buffer, View, ViewMut};
/// use tf_layers::{Context, Isa};
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// let x = View::new(&[2_i64, 0, 2], [1, 3])?;
/// let mut y = [9.0; 4];
/// let y = CategoryEncoding::Count.run(cx, x, ViewMut::new(&mut y, [1, 4])?)?;
/// assert_eq!(y.as_slice()?, [1.0, 0.0, 2.0, 0.0]);
/// # Ok::<(), tf_layers::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CategoryEncoding {
    /// How often each category occurs.
    Count,
    /// 1 for each category that occurs, 0 for the others.
    MultiHot,
}

impl CategoryEncoding {
    /// Encodes x `[.., indices]` as y `[.., categories]`.
    ///
    /// Negative indices count from the end, as those of `OneHot` do. Other indices outside of the categories are
    /// ignored.
    ///
    /// # Errors
    ///
    /// Unless x and y have the same number of rows.
    pub fn run<'y, I: Index, const P: usize, const R: usize>(
        self,
        _: &mut Context<'_>,
        x: View<'_, I, P>,
        mut y: ViewMut<'y, f32, R>,
    ) -> Result<View<'y, f32, R>> {
        require(x.rows() == y.rows(), "y", "have a row for each row of x")?;
        let (width, categories) = (x.columns(), y.columns());
        let (indices, counts) = (x.as_slice()?, y.as_mut_slice()?);
        counts.fill(0.0);
        if width > 0 && categories > 0 {
            for (indices, counts) in indices.chunks_exact(width).zip(counts.chunks_exact_mut(categories)) {
                for index in indices {
                    if let Some(at) = Outside::FromEnd.resolve(index.index(), categories) {
                        match self {
                            Self::Count => counts[at] += 1.0,
                            Self::MultiHot => counts[at] = 1.0,
                        }
                    }
                }
            }
        }
        Ok(y.into_view())
    }
}
