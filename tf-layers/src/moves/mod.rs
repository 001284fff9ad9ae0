//! Moving elements of any type without computing with them.

mod bits;
mod cast;
mod compare;
mod copy;
mod gather;
mod join;
mod pad;
mod strided;

pub use bits::{Bits, Bitwise, SameBits, bit_cast, bitwise_not};
pub use cast::{Cast, cast};
pub use compare::{Compare, Logic, not, select};
pub use copy::{broadcast, concat_part, slice, tile, transpose};
pub use gather::gather;
pub use join::{concat, copy};
pub use pad::{Pad, pad};
