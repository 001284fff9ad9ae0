//! Moving elements of any type without computing with them.

mod bits;
mod cast;
mod compare;
mod copy;
mod gather;
mod index;
mod join;
mod measured;
mod order;
mod pad;
mod range;
mod steps;
mod strided;

pub use bits::{Bits, Bitwise, SameBits, bit_cast, bitwise_not};
pub use cast::{Cast, cast};
pub use compare::{Compare, Logic, not, select};
pub use copy::{broadcast, concat_part, diagonal, slice, tile, transpose};
pub use gather::gather;
pub use index::{
    Tuples, Update, gather_elements, one_hot, reverse_sequence, scatter_elements, triangle, write_steps,
};
pub use join::{concat, copy, number};
pub use measured::{Unique, compress, count_nonzero, nonzero, range_len, size_at};
pub use order::{Cumulate, Extreme, around_axis, hardmax, top_k};
pub use pad::{Pad, pad};
pub use range::range;
pub use steps::{is_true, put_step, take_step, trip_count};
