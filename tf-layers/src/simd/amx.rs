//! Tile registers (Intel AMX), each of sixteen rows of 64 bytes, and the products of tiles.
//!
//! A tile of packed B is sixteen rows of a panel, 1024 bytes side by side. A tile of A is 64 bytes of each of sixteen rows.

use core::arch::asm;
use core::arch::x86_64::{
    __cpuid_count, _mm512_mask_loadu_epi8, _mm512_mask_storeu_epi8, _mm512_set1_epi8, _mm512_setzero_si512,
    _mm512_xor_si512, _xgetbv,
};
use core::marker::PhantomData;
use core::mem::MaybeUninit;
use core::slice::{from_raw_parts, from_raw_parts_mut};
use std::sync::OnceLock;

use super::tile::{
    BLOCK_PANELS, BLOCK_ROWS, CacheLines, Run, Steps, Streamed, TILE_BYTES, TILE_ROWS, TileRows,
};
use super::{Kernel, PANEL, Pod, TileProduct};
use crate::checked::holds;

/// Whether a program may have tile registers.
pub(crate) const MAY_EXIST: bool = true;

/// Bytes of copied rows of A, which stay in the level-2 cache. They are on the stack.
const COPIED_BYTES: usize = 80 * 1024;

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
    /// If `found` is set, [`exists`] must be true, and the processor must have AVX-512 with F, BW and VNNI.
    pub(super) unsafe fn new(found: bool) -> Option<Self> {
        found.then_some(Self(()))
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

    /// Flips these bits of the first `k` elements of a row, opens a gap of zeros after the first `before` of them, and sets the
    /// following elements to zero, up to a cache line after `before`. There must be at most a line of elements after `before`.
    #[inline(always)]
    pub fn open<A: Pod>(self, row: &mut [A], k: usize, [before, gap]: [usize; 2], flip: u8) {
        let [k, before, gap] = [k.max(before), before, gap].map(|len| len * size_of::<A>());
        if !holds(k - before + gap <= TILE_BYTES && before + TILE_BYTES <= size_of_val(row)) {
            return;
        }
        let row = row.as_mut_ptr().cast::<i8>();
        // Shifting by all bits is not defined.
        let rest = if k == before { 0 } else { u64::MAX >> (TILE_BYTES - (k - before)) };
        // SAFETY: `self` proves the features. All bytes are in the row, as was checked; the masks exclude others. Every bit
        // pattern is a number.
        unsafe {
            let flip = _mm512_set1_epi8(flip.cast_signed());
            for at in (0..before).step_by(TILE_BYTES) {
                let mask = u64::MAX >> (TILE_BYTES - (before - at).min(TILE_BYTES));
                let bytes = _mm512_mask_loadu_epi8(flip, mask, row.add(at));
                _mm512_mask_storeu_epi8(row.add(at), mask, _mm512_xor_si512(bytes, flip));
            }
            let bytes = _mm512_mask_loadu_epi8(flip, rest, row.add(before));
            _mm512_mask_storeu_epi8(row.add(before), u64::MAX, _mm512_setzero_si512());
            _mm512_mask_storeu_epi8(row.add(before + gap), rest, _mm512_xor_si512(bytes, flip));
        }
    }

    /// Configures the tile registers of this thread for products with these steps, until the result is dropped. A thread may
    /// have one configuration at a time.
    pub fn configure(self, steps: &Steps) -> Configured<'_> {
        let mut palette = Palette { id: 1, start_row: 0, reserved: [0; 14], bytes: [0; 16], rows: [0; 16] };
        for tile in 0..8 {
            // Tiles 0 to 3 are C, 4 and 5 are A, 6 and 7 are B.
            let (words, rows) = match tile {
                4 | 5 => (steps.words(), TILE_ROWS),
                6 | 7 => (PANEL, steps.words()),
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
pub(crate) struct Configured<'s> {
    steps: &'s Steps,
    /// Other threads have registers of their own.
    of_thread: PhantomData<*const ()>,
}

impl Drop for Configured<'_> {
    /// Without data in tile registers, the system has less to save when it switches threads.
    fn drop(&mut self) {
        // SAFETY: the instruction exists, as it was configured.
        unsafe { asm!("tilerelease", options(nostack, nomem)) };
    }
}

/// What a product reads and writes, in the order in which the instructions below expect it.
#[repr(C)]
struct Operands {
    /// The first row of each tile of A.
    rows: [*const u8; 2],
    panels: [*const u8; 2],
    sums: *mut u8,
    /// The cache lines to prefetch in each step.
    lines: usize,
}

/// The loop over the steps of k: the products of one or two tiles of rows with two panels.
macro_rules! products {
    (
        $instruction:literal,
        $load_a:literal,
        $load_b:literal,
        [$($second:expr),*],
        [$($store:expr),*],
        $operands:expr,
        $a_pitch:expr,
        $runs:expr,
        $next:expr
    ) => {
        asm!(
            "tilezero tmm0",
            "tilezero tmm1",
            "tilezero tmm2",
            "tilezero tmm3",
            "2:",
            "mov {a0}, [{operands}]",
            "mov {a1}, [{operands} + 8]",
            "mov {b0}, [{operands} + 16]",
            "mov {b1}, [{operands} + 24]",
            "add {a0}, [{run}]",
            "add {a1}, [{run}]",
            "add {b0}, [{run} + 8]",
            "add {b1}, [{run} + 8]",
            "mov {steps}, [{run} + 16]",
            "add {run}, 24",
            "3:",
            concat!($load_a, " tmm4, [{a0} + {a_pitch}*1]"),
            concat!($load_b, " tmm6, [{b0} + {b_pitch}*1]"),
            concat!($instruction, " tmm0, tmm4, tmm6"),
            concat!($load_b, " tmm7, [{b1} + {b_pitch}*1]"),
            concat!($instruction, " tmm1, tmm4, tmm7"),
            $($second,)*
            "mov {lines}, [{operands} + 40]",
            "test {lines}, {lines}",
            "jz 5f",
            "4:",
            "prefetcht1 [{next}]",
            "add {next}, 64",
            "dec {lines}",
            "jnz 4b",
            "5:",
            "add {a0}, 64",
            "add {a1}, 64",
            "add {b0}, 1024",
            "add {b1}, 1024",
            "dec {steps}",
            "jnz 3b",
            "dec {runs}",
            "jnz 2b",
            "mov {a0}, [{operands} + 32]",
            "mov {b_pitch}, 256",
            "tilestored [{a0} + {b_pitch}*1], tmm0",
            "tilestored [{a0} + {b_pitch}*1 + 64], tmm1",
            $($store,)*
            operands = in(reg) $operands,
            a_pitch = in(reg) $a_pitch,
            b_pitch = inout(reg) TILE_BYTES => _,
            run = inout(reg) $runs.as_ptr() => _,
            runs = inout(reg) $runs.len() => _,
            next = inout(reg) $next => _,
            a0 = out(reg) _,
            a1 = out(reg) _,
            b0 = out(reg) _,
            b1 = out(reg) _,
            steps = out(reg) _,
            lines = out(reg) _,
            out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
            out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
            options(nostack),
        )
    };
    ($instruction:literal, $load_a:literal, $load_b:literal, $tiles:expr, $($rest:expr),+) => {
        if $tiles == 1 {
            products!($instruction, $load_a, $load_b, [], [], $($rest),+);
        } else {
            products!(
                $instruction,
                $load_a,
                $load_b,
                [
                    concat!($load_a, " tmm5, [{a1} + {a_pitch}*1]"),
                    concat!($instruction, " tmm2, tmm5, tmm6"),
                    concat!($instruction, " tmm3, tmm5, tmm7")
                ],
                [
                    "tilestored [{a0} + {b_pitch}*1 + 4096], tmm2",
                    "tilestored [{a0} + {b_pitch}*1 + 4160], tmm3"
                ],
                $($rest),+
            );
        }
    };
}

/// The same for one kind of product, with the loads that this streaming asks for.
macro_rules! products_of {
    ($instruction:literal, $streamed:expr, $($rest:expr),+) => {
        match $streamed {
            Streamed::Neither => products!($instruction, "tileloadd", "tileloadd", $($rest),+),
            Streamed::A => products!($instruction, "tileloaddt1", "tileloadd", $($rest),+),
            Streamed::B => products!($instruction, "tileloadd", "tileloaddt1", $($rest),+),
        }
    };
}

impl Configured<'_> {
    /// Sums the products of `tiles` tiles of rows from row `row` of A on, one or two, and two panels, and stores the sums as
    /// pair `pair` of panels. Meanwhile, it prefetches `ahead`.
    ///
    /// All rows of the tiles must be in `a`.
    pub fn multiply<A: Pod, B: Pod, C: Pod>(
        &self,
        product: TileProduct,
        a: TileRows<'_, A>,
        row: usize,
        tiles: usize,
        panels: [&[B]; 2],
        sums: &mut Sums<C>,
        pair: usize,
        streamed: Streamed,
        ahead: CacheLines,
    ) {
        const { assert!(size_of::<C>() == 4 && SUMS_PITCH == 256 && size_of::<Run>() == 24) };
        let (steps, rows) = (self.steps, tiles * TILE_ROWS);
        let found = a.bytes(row, rows, steps).filter(|_| steps.count() > 0 && (1..=2).contains(&tiles));
        let fits = panels.iter().all(|panel| size_of_val(*panel) >= steps.panel_bytes());
        // The first pair begins a block, and others continue it.
        let continues = pair == 0 || (rows == sums.rows && 2 * pair == sums.panels);
        let holds = holds(found.is_some() && fits && continues && pair < BLOCK_PANELS / 2);
        let Some((first, pitch)) = found.filter(|_| holds) else { return };
        (sums.rows, sums.panels) = (rows, 2 * (pair + 1));
        let operands = Operands {
            rows: [first, first.wrapping_add(TILE_ROWS * pitch)],
            panels: panels.map(|panel| panel.as_ptr().cast()),
            sums: sums.block.as_mut_ptr().cast::<C>().wrapping_add(2 * pair * PANEL).cast(),
            lines: ahead.count().div_ceil(steps.count()),
        };
        let (operands, runs, next) = (&raw const operands, steps.runs(), ahead.first());
        // SAFETY: `self` proves that the registers are configured. The runs, of at least one step each, read rows and panels
        // as far as was checked, and the products write 32 columns of the rows of `sums`. A prefetch has no visible effect.
        unsafe {
            match product {
                TileProduct::Bytes => products_of!("tdpbusd", streamed, tiles, operands, pitch, runs, next),
                TileProduct::Bf16 => products_of!("tdpbf16ps", streamed, tiles, operands, pitch, runs, next),
            }
        }
    }
}
