//! The instruction set of a prediction.

use super::{Kernel, Portable};

/// An instruction set of this processor.
///
/// [`Isa::detect`], [`Isa::scalar`] and [`Isa::available`] are the only ways to get one. A value therefore proves that
/// the processor has the instructions, which makes the kernels safe to call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Isa(Kind);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    #[cfg(target_arch = "x86_64")]
    Amx,
    #[cfg(target_arch = "x86_64")]
    Avx512Bf16,
    #[cfg(target_arch = "x86_64")]
    Avx512Vnni,
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    AvxVnni,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "aarch64")]
    NeonI8mm,
    #[cfg(target_arch = "aarch64")]
    NeonDotprod,
    #[cfg(target_arch = "aarch64")]
    Neon,
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    Simd128,
    Scalar,
}

/// From the widest to the narrowest.
const KINDS: &[Kind] = &[
    #[cfg(target_arch = "x86_64")]
    Kind::Amx,
    #[cfg(target_arch = "x86_64")]
    Kind::Avx512Bf16,
    #[cfg(target_arch = "x86_64")]
    Kind::Avx512Vnni,
    #[cfg(target_arch = "x86_64")]
    Kind::Avx512,
    #[cfg(target_arch = "x86_64")]
    Kind::AvxVnni,
    #[cfg(target_arch = "x86_64")]
    Kind::Avx2,
    #[cfg(target_arch = "aarch64")]
    Kind::NeonI8mm,
    #[cfg(target_arch = "aarch64")]
    Kind::NeonDotprod,
    #[cfg(target_arch = "aarch64")]
    Kind::Neon,
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    Kind::Simd128,
    Kind::Scalar,
];

/// Whether the processor has a feature: detected at run time with `std`, taken from the compilation target without.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
macro_rules! has {
    ($feature:tt) => {{
        #[cfg(all(feature = "std", target_arch = "x86_64"))]
        let found = std::arch::is_x86_feature_detected!($feature);
        #[cfg(all(feature = "std", target_arch = "aarch64"))]
        let found = std::arch::is_aarch64_feature_detected!($feature);
        #[cfg(not(feature = "std"))]
        let found = cfg!(target_feature = $feature);
        found
    }};
}

impl Kind {
    // Without `std` every `has!` is a constant, so clippy takes the conjunctions for redundant.
    #[cfg_attr(not(feature = "std"), allow(clippy::nonminimal_bool, clippy::eq_op))]
    fn exists(self) -> bool {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Amx => Self::Avx512Bf16.exists() && super::amx::exists(),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Bf16 => Self::Avx512Vnni.exists() && has!("avx512bf16"),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Vnni => Self::Avx512.exists() && has!("avx512vnni"),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => has!("avx512f") && has!("avx512bw") && has!("avx2") && has!("fma"),
            #[cfg(target_arch = "x86_64")]
            Self::AvxVnni => Self::Avx2.exists() && has!("avxvnni"),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => has!("avx2") && has!("fma") && has!("f16c"),
            #[cfg(target_arch = "aarch64")]
            Self::NeonI8mm => Self::Neon.exists() && has!("i8mm"),
            #[cfg(target_arch = "aarch64")]
            Self::NeonDotprod => Self::Neon.exists() && has!("dotprod"),
            #[cfg(target_arch = "aarch64")]
            Self::Neon => cfg!(target_feature = "neon"),
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            Self::Simd128 => true,
            Self::Scalar => true,
        }
    }
}

impl Kind {
    /// Whether it is faster than the next one. Intel's processors since Sapphire Rapids, which have AVX-VNNI, take four times as
    /// long for a dot product of `BF16` as for a multiply-add of floats: they want such products on tile registers.
    #[cfg(all(target_arch = "x86_64", feature = "std"))]
    fn pays(self) -> bool {
        self != Self::Avx512Bf16 || !(has!("avxvnni") && is_intel())
    }

    #[cfg(not(all(target_arch = "x86_64", feature = "std")))]
    #[allow(clippy::unused_self, reason = "with `std`, it depends on the kind")]
    const fn pays(self) -> bool {
        true
    }
}

/// Whether the vendor of the processor is Intel.
#[cfg(all(target_arch = "x86_64", feature = "std"))]
fn is_intel() -> bool {
    // SAFETY: every processor with AVX has the instruction.
    #[allow(unused_unsafe, reason = "later compilers have a safe intrinsic")]
    let vendor = unsafe { core::arch::x86_64::__cpuid(0) };
    [vendor.ebx, vendor.edx, vendor.ecx].map(u32::to_le_bytes).as_flattened() == b"GenuineIntel"
}

impl Isa {
    /// The widest instruction set of this processor. It is detected once.
    ///
    /// With `std`, the environment variable `TF_LAYERS_ISA` (`scalar`, `avx2`, `avxvnni`, `avx512`, `avx512vnni`,
    /// `avx512bf16`, `amx`, `neon`, `dotprod`, `i8mm`, `simd128`) selects another one, if the processor has it.
    #[must_use]
    #[inline]
    pub fn detect() -> Self {
        #[cfg(feature = "std")]
        {
            static ISA: std::sync::OnceLock<Isa> = std::sync::OnceLock::new();
            *ISA.get_or_init(|| {
                let wanted = std::env::var("TF_LAYERS_ISA").unwrap_or_default();
                Self::available().find(|isa| isa.name() == wanted).unwrap_or_else(Self::widest)
            })
        }
        #[cfg(not(feature = "std"))]
        Self::widest()
    }

    /// The widest one that gains by its width.
    fn widest() -> Self {
        Self::available().find(|isa| isa.0.pays()).unwrap_or(Self::scalar())
    }

    /// Portable Rust without vector intrinsics, for every processor.
    #[must_use]
    pub const fn scalar() -> Self {
        Self(Kind::Scalar)
    }

    /// All instruction sets of this processor, from the widest to scalar.
    pub fn available() -> impl Iterator<Item = Self> {
        KINDS.iter().copied().filter(|kind| kind.exists()).map(Self)
    }

    /// The name, as in `TF_LAYERS_ISA`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Kind::Amx => "amx",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512Bf16 => "avx512bf16",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512Vnni => "avx512vnni",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => "avx512",
            #[cfg(target_arch = "x86_64")]
            Kind::AvxVnni => "avxvnni",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => "avx2",
            #[cfg(target_arch = "aarch64")]
            Kind::NeonI8mm => "i8mm",
            #[cfg(target_arch = "aarch64")]
            Kind::NeonDotprod => "dotprod",
            #[cfg(target_arch = "aarch64")]
            Kind::Neon => "neon",
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            Kind::Simd128 => "simd128",
            Kind::Scalar => "scalar",
        }
    }

    /// The tile registers, if the instruction set has them.
    pub(crate) fn tiles(self) -> Option<super::Tiles> {
        #[cfg(target_arch = "x86_64")]
        let found = self.0 == Kind::Amx;
        #[cfg(not(target_arch = "x86_64"))]
        let found = false;
        // SAFETY: only `available` makes an `Isa` of this kind, after it has detected the features.
        unsafe { super::Tiles::new(found) }
    }

    /// Whether the level-2 cache has 2 MiB and delivers a row of four panels in the time that a register tile takes to multiply
    /// it. So it is on all processors with tile registers.
    #[must_use]
    pub(crate) const fn has_fast_l2(self) -> bool {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Kind::Amx => true,
            _ => false,
        }
    }

    /// Whether it multiplies pairs of `BF16`. Kernels that do so run on [`Portable`] otherwise.
    #[must_use]
    pub(crate) const fn has_bf16(self) -> bool {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Kind::Amx => true,
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512Bf16 => true,
            _ => false,
        }
    }

    /// Runs `kernel` compiled for the vectors of this instruction set.
    #[inline]
    pub(crate) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Kind::Amx => Self(Kind::Avx512Bf16).run(kernel),
            // SAFETY: only `available` makes an `Isa` of this kind, after it has detected the features.
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512Bf16 if const { K::BF16 } => unsafe { super::avx512::run_bf16(kernel) },
            _ if const { K::BF16 } => run_scalar(kernel),
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512Bf16 | Kind::Avx512Vnni if const { K::BYTES } => unsafe {
                super::avx512::run_vnni(kernel)
            },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512Bf16 | Kind::Avx512Vnni | Kind::Avx512 => unsafe { super::avx512::run(kernel) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Kind::AvxVnni if const { K::BYTES } => unsafe { super::avx2::run_vnni(kernel) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Kind::AvxVnni | Kind::Avx2 => unsafe { super::avx2::run(kernel) },
            // SAFETY: as above.
            #[cfg(target_arch = "aarch64")]
            Kind::NeonI8mm if const { K::BYTES } => unsafe { super::neon::run_sudot(kernel) },
            // SAFETY: as above.
            #[cfg(target_arch = "aarch64")]
            Kind::NeonDotprod if const { K::BYTES } => unsafe { super::neon::run_sdot(kernel) },
            // SAFETY: as above.
            #[cfg(target_arch = "aarch64")]
            Kind::NeonI8mm | Kind::NeonDotprod | Kind::Neon => unsafe { super::neon::run(kernel) },
            // SAFETY: as above.
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            Kind::Simd128 => unsafe { super::wasm::run(kernel) },
            Kind::Scalar => run_scalar(kernel),
        }
    }
}

/// Not inlined, like the entry points of the other instruction sets, so that not every call has its own copy.
#[inline(never)]
fn run_scalar<K: Kernel>(kernel: K) -> K::Output {
    kernel.run(Portable)
}
