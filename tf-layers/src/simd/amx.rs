//! Tile registers (Intel AMX), each of sixteen rows of 64 bytes, and the products of tiles.
//!
//! A tile of packed B is sixteen rows of a panel, 1024 bytes side by side. A tile of A is 64 bytes of each of sixteen rows.

use core::arch::asm;
use core::arch::x86_64::{
    __cpuid_count, _mm512_mask_loadu_epi8, _mm512_mask_storeu_epi8, _mm512_set1_epi8, _mm512_xor_si512,
    _xgetbv,
};
use core::marker::PhantomData;
use core::mem::MaybeUninit;
use core::slice::{from_raw_parts, from_raw_parts_mut};
use std::sync::OnceLock;

use super::{Kernel, PANEL, Pod, TileProduct};
use crate::checked::holds;

/// The rows of a tile.
pub(crate) const TILE_ROWS: usize = 16;
/// The bytes in a row of a tile.
pub(crate) const TILE_BYTES: usize = 64;
/// The rows of a block of C: two tiles.
pub(crate) const BLOCK_ROWS: usize = 2 * TILE_ROWS;
/// The panels of a block of C.
pub(crate) const BLOCK_PANELS: usize = 4;
/// Bytes of copied rows of A, which stay in the level-2 cache. They are on the stack.
const COPIED_BYTES: usize = 128 * 1024;

/// Exists only if the processor has AMX and AVX-512 with VNNI, and the system lets this process use tile registers.
#[derive(Clone, Copy)]
pub(crate) struct Tiles(());

/// Whether the processor has AMX with products of bytes and of bf16, and the system lets this process use it. Asks once.
pub(super) fn exists() -> bool {
    static EXISTS: OnceLock<bool> = OnceLock::new();
    *EXISTS.get_or_init(|| {
        // AMX-BF16, AMX-TILE and AMX-INT8
        const FEATURES: u32 = 1 << 22 | 1 << 24 | 1 << 25;
        // XTILECFG and XTILEDATA
        const STATES: u64 = 1 << 17 | 1 << 18;
        // SAFETY: a processor with AVX-512 has leaf 7.
        #[allow(unused_unsafe, reason = "later compilers have a safe intrinsic")]
        let features = unsafe { __cpuid_count(7, 0) }.edx;
        // SAFETY: the system manages the registers of AVX-512 with XSAVE.
        features & FEATURES == FEATURES && unsafe { states() } & STATES == STATES && permitted()
    })
}

/// The register states that the system saves.
///
/// # Safety
/// The processor must have XSAVE, and the system must have enabled it.
#[target_feature(enable = "xsave")]
unsafe fn states() -> u64 {
    // SAFETY: by the caller's contract.
    unsafe { _xgetbv(0) }
}

/// Asks Linux for the tile registers of all threads of this process. It refuses if the signal stack of a thread is too small
/// for them.
fn permitted() -> bool {
    const SYS_ARCH_PRCTL: i64 = 158;
    const ARCH_REQ_XCOMP_PERM: i64 = 0x1023;
    const XFEATURE_XTILEDATA: i64 = 18;
    let mut result = SYS_ARCH_PRCTL;
    // SAFETY: the call takes no pointers. The kernel changes RAX, RCX and R11.
    unsafe {
        asm!(
            "syscall",
            inout("rax") result,
            in("rdi") ARCH_REQ_XCOMP_PERM,
            in("rsi") XFEATURE_XTILEDATA,
            out("rcx") _,
            out("r11") _,
            options(nostack),
        );
    }
    result == 0
}

/// Bytes from one row of [`Sums`] to the next.
const SUMS_PITCH: usize = BLOCK_PANELS * PANEL * 4;

/// The sums of a block of C.
#[repr(C, align(64))]
pub(crate) struct Sums<C> {
    block: MaybeUninit<[[C; BLOCK_PANELS * PANEL]; BLOCK_ROWS]>,
    /// The rows and panels that have sums.
    rows: usize,
    panels: usize,
}

impl<C: Pod> Sums<C> {
    pub const NONE: Self = Self { block: MaybeUninit::uninit(), rows: 0, panels: 0 };

    /// The sums of a row in the columns of `panel`.
    #[inline(always)]
    pub fn panel(&self, row: usize, panel: usize) -> &[C] {
        if !holds(row < self.rows && panel < self.panels) {
            return &[];
        }
        let first = self.block.as_ptr().cast::<C>().wrapping_add((row * BLOCK_PANELS + panel) * PANEL);
        // SAFETY: these rows and panels have been stored.
        unsafe { from_raw_parts(first, PANEL) }
    }
}

/// Memory for copied rows of A.
#[repr(C, align(64))]
pub(crate) struct Copied(MaybeUninit<[u8; COPIED_BYTES]>);

impl Copied {
    pub const NONE: Self = Self(MaybeUninit::uninit());

    /// The elements that it can hold.
    pub const fn capacity<A>() -> usize {
        COPIED_BYTES / size_of::<A>()
    }

    /// `len` zeros, or nothing if there is no room.
    pub fn zeros<A: Pod>(&mut self, len: usize) -> &mut [A] {
        if len > Self::capacity::<A>() {
            return &mut [];
        }
        let memory = self.0.as_mut_ptr().cast::<A>();
        // SAFETY: the memory has room for `len` numbers, is aligned for them, and zero bits are a number.
        unsafe {
            memory.write_bytes(0, len);
            from_raw_parts_mut(memory, len)
        }
    }
}

/// Where rows of A begin in memory.
#[derive(Clone, Copy)]
pub(crate) struct TileRows<'a, A> {
    pub data: &'a [A],
    /// Elements from one row to the next.
    pub pitch: usize,
}

/// How the k of a product is cut into steps of one tile.
///
/// All steps take equally many elements. If k is not a multiple of them, the last step begins earlier, with rows of B that
/// the step before has already multiplied. There, A has a gap of zeros.
#[derive(Clone, Copy)]
pub(crate) struct Steps {
    pub count: usize,
    /// The groups of 4 bytes in a row of a tile of A, which are the rows of a tile of B.
    words: usize,
    /// The words of the gap.
    gap: usize,
}

impl Steps {
    /// The steps of `words` words of k.
    pub const fn new(words: usize) -> Self {
        let count = words.div_ceil(TILE_ROWS);
        if count <= 1 {
            return Self { count, words, gap: 0 };
        }
        Self { count, words: TILE_ROWS, gap: count * TILE_ROWS - words }
    }

    /// The bytes from the begin of a row of A to the gap, and of the gap.
    pub const fn gap(&self) -> [usize; 2] {
        [self.count.saturating_sub(1) * TILE_BYTES, self.gap * 4]
    }

    /// The bytes from one copied row of A to the next: an odd number of cache lines, so that the rows of a tile are in
    /// different sets of the cache.
    pub const fn pitch(&self) -> usize {
        (self.count | 1) * TILE_BYTES
    }

    /// The rows of a panel of B.
    const fn panel_rows(&self) -> usize {
        self.count * self.words - self.gap
    }
}

/// Palette 1 of AMX: eight tiles.
#[repr(C, align(64))]
struct Palette {
    id: u8,
    start_row: u8,
    reserved: [u8; 14],
    bytes: [u16; 16],
    rows: [u8; 16],
}

#[allow(clippy::unused_self, reason = "a value proves that the processor has the features")]
impl Tiles {
    /// # Safety
    /// [`exists`] must be true, and the processor must have AVX-512 with F, BW and VNNI.
    pub(super) unsafe fn new() -> Self {
        Self(())
    }

    /// Runs `kernel` compiled for the other vectors of this processor.
    pub fn run<K: Kernel>(self, kernel: K) -> K::Output {
        // SAFETY: a value of this type proves that the processor has the features.
        unsafe { super::avx512::run_vnni(kernel) }
    }

    /// Copies `from` to the front of `to`, which must be at least as long, and flips these bits of every byte.
    #[inline(always)]
    pub fn copy<A: Pod>(self, from: &[A], flip: u8, to: &mut [A]) {
        if !holds(from.len() <= to.len()) {
            return;
        }
        let len = size_of_val(from);
        let (from, to) = (from.as_ptr().cast::<i8>(), to.as_mut_ptr().cast::<i8>());
        let mut at = 0;
        while at < len {
            let mask = u64::MAX >> (TILE_BYTES - (len - at).min(TILE_BYTES));
            // SAFETY: `self` proves the features; the mask excludes bytes beyond the slices. Every bit pattern is a number.
            unsafe {
                let flip = _mm512_set1_epi8(flip.cast_signed());
                let bytes = _mm512_mask_loadu_epi8(flip, mask, from.add(at));
                _mm512_mask_storeu_epi8(to.add(at), mask, _mm512_xor_si512(bytes, flip));
            }
            at += TILE_BYTES;
        }
    }

    /// Configures the tile registers of this thread for products with these steps, until the result is dropped. A thread may
    /// have one configuration at a time.
    pub fn configure(self, steps: Steps) -> Configured {
        let mut palette = Palette { id: 1, start_row: 0, reserved: [0; 14], bytes: [0; 16], rows: [0; 16] };
        for tile in 0..8 {
            // Tiles 0 to 3 are C, 4 and 5 are A, 6 and 7 are B.
            let (words, rows) = match tile {
                4 | 5 => (steps.words, TILE_ROWS),
                6 | 7 => (PANEL, steps.words),
                _ => (PANEL, TILE_ROWS),
            };
            // Steps have at most sixteen words, and at least one, so that the palette is valid.
            palette.bytes[tile] = 4 * words.clamp(1, PANEL) as u16;
            palette.rows[tile] = rows.clamp(1, TILE_ROWS) as u8;
        }
        // SAFETY: `self` proves that the instruction exists and is permitted; the palette is 64 bytes.
        unsafe { asm!("ldtilecfg [{}]", in(reg) &raw const palette, options(nostack, readonly)) };
        Configured { steps, of_thread: PhantomData }
    }
}

/// The tile registers of this thread, configured.
pub(crate) struct Configured {
    steps: Steps,
    /// Other threads have registers of their own.
    of_thread: PhantomData<*const ()>,
}

impl Drop for Configured {
    /// Without data in tile registers, the system has less to save when it switches threads.
    fn drop(&mut self) {
        // SAFETY: the instruction exists, as it was configured.
        unsafe { asm!("tilerelease", options(nostack, nomem)) };
    }
}

/// The loop over the steps of k: the products of one or two tiles of rows with two panels.
macro_rules! products {
    ($instruction:literal, $steps:expr, $tiles:expr, $a:expr, $panels:expr, $sums:expr) => {
        if $tiles == 1 {
            products!($instruction, [], [], $steps, $a, $panels, $sums);
        } else {
            products!(
                $instruction,
                [
                    "tileloadd tmm5, [{a1} + {a_pitch}*1]",
                    concat!($instruction, " tmm2, tmm5, tmm6"),
                    concat!($instruction, " tmm3, tmm5, tmm7")
                ],
                [
                    "tilestored [{c} + {c_pitch}*1 + 4096], tmm2",
                    "tilestored [{c} + {c_pitch}*1 + 4160], tmm3"
                ],
                $steps,
                $a,
                $panels,
                $sums
            );
        }
    };
    ($instruction:literal, [$($second:expr),*], [$($store:expr),*], $steps:expr, $a:expr, $panels:expr, $sums:expr) => {
        asm!(
            "tilezero tmm0",
            "tilezero tmm1",
            "tilezero tmm2",
            "tilezero tmm3",
            "2:",
            // The last step begins earlier in B.
            "cmp {steps}, 1",
            "jne 3f",
            "sub {b0}, {gap}",
            "sub {b1}, {gap}",
            "3:",
            "tileloadd tmm4, [{a0} + {a_pitch}*1]",
            "tileloadd tmm6, [{b0} + {b_pitch}*1]",
            concat!($instruction, " tmm0, tmm4, tmm6"),
            "tileloadd tmm7, [{b1} + {b_pitch}*1]",
            concat!($instruction, " tmm1, tmm4, tmm7"),
            $($second,)*
            "add {a0}, 64",
            "add {a1}, 64",
            "add {b0}, 1024",
            "add {b1}, 1024",
            "dec {steps}",
            "jnz 2b",
            "tilestored [{c} + {c_pitch}*1], tmm0",
            "tilestored [{c} + {c_pitch}*1 + 64], tmm1",
            $($store,)*
            a0 = inout(reg) $a.0 => _,
            a1 = inout(reg) $a.1 => _,
            a_pitch = in(reg) $a.2,
            b0 = inout(reg) $panels[0] => _,
            b1 = inout(reg) $panels[1] => _,
            b_pitch = in(reg) TILE_BYTES,
            c = in(reg) $sums,
            c_pitch = in(reg) SUMS_PITCH,
            steps = inout(reg) $steps.count => _,
            gap = in(reg) $steps.gap * TILE_BYTES,
            out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
            out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
            options(nostack),
        )
    };
}

impl Configured {
    /// Sums the products of `tiles` tiles of rows, one or two, and two panels, and stores the sums as pair `pair` of panels.
    ///
    /// All rows of the tiles must be in `a`.
    pub fn multiply<A: Pod, B: Pod, C: Pod>(
        &self,
        product: TileProduct,
        a: TileRows<'_, A>,
        tiles: usize,
        panels: [&[B]; 2],
        sums: &mut Sums<C>,
        pair: usize,
    ) {
        const { assert!(size_of::<C>() == 4) };
        let steps = self.steps;
        let (rows, pitch) = (tiles * TILE_ROWS, a.pitch * size_of::<A>());
        let row = steps.count * steps.words * 4;
        let end = pitch.checked_mul(rows - 1).and_then(|last| last.checked_add(row));
        let fits = end.is_some_and(|end| end <= size_of_val(a.data))
            && panels.iter().all(|panel| size_of_val(*panel) >= steps.panel_rows() * TILE_BYTES);
        // The first pair begins a block, and others continue it.
        let continues = pair == 0 || (rows == sums.rows && 2 * pair == sums.panels);
        if !holds(fits && continues && steps.count > 0 && rows <= BLOCK_ROWS && pair < BLOCK_PANELS / 2) {
            return;
        }
        let first = a.data.as_ptr().cast::<u8>();
        (sums.rows, sums.panels) = (rows, 2 * (pair + 1));
        let rows = (first, first.wrapping_add(TILE_ROWS * pitch), pitch);
        let panels = panels.map(<[B]>::as_ptr);
        let sums = sums.block.as_mut_ptr().cast::<C>().wrapping_add(2 * pair * PANEL);
        // SAFETY: `self` proves that the registers are configured. The steps read `row` bytes of each row and all rows of
        // each panel, which were checked, and write 32 columns of the rows of `sums`.
        unsafe {
            match product {
                TileProduct::Bytes => products!("tdpbusd", steps, tiles, rows, panels, sums),
                TileProduct::Bf16 => products!("tdpbf16ps", steps, tiles, rows, panels, sums),
            }
        }
    }
}
