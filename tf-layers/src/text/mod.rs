//! Operators on strings.
//!
//! The inputs of a model are `&str`, its outputs are `String`. In between, elements are
//! [`ArenaStr`](crate::tensor::ArenaStr), which refer to the [`StringArena`](crate::tensor::StringArena) of the run: its
//! first operators are [`read_strings`], its last [`write_strings`]. Operators that only move elements, such as
//! [`gather`](crate::ops::gather), accept such tensors too.
//!
//! The work of every operator is proportional to the length of its strings, times the logarithm of the size of a table.

mod compare;
mod format;
mod hash;
mod lookup;
mod normalize;
mod ragged;
mod replace;
mod split;
mod tf_idf;
mod transfer;

pub use compare::{concat_strings, equal_strings};
pub use format::format_integers;
pub use hash::{HashBucket, HashedCross, fingerprints};
pub use lookup::{NumberLookup, StringLookup, StringTable};
pub use normalize::{LetterCase, StringNormalizer};
pub use ragged::{RaggedBincount, StringNGrams, ragged_to_dense, ragged_width};
pub use replace::ReplaceCharacters;
pub use split::{Separator, StringSplit};
pub use tf_idf::{NGrams, TfIdf};
pub use transfer::{read_strings, write_strings};
