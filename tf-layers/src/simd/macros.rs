//! Macros for trait methods that differ between instruction sets only in the names of intrinsics.

/// Defines trait methods that are expressions of intrinsics.
#[cfg(any(
    target_arch = "x86_64",
    target_arch = "aarch64",
    all(target_arch = "wasm32", target_feature = "simd128")
))]
macro_rules! intrinsics {
    ($($name:ident($($x:ident: $t:ty),+) -> $out:ty = $e:expr;)+) => {
        $(#[inline(always)]
        #[allow(unused_unsafe)]
        fn $name(self, $($x: $t),+) -> $out {
            // SAFETY: a value of this type proves that the processor has the feature.
            unsafe { $e }
        })+
    };
}

/// Defines what instruction sets without `QUADS` never call.
macro_rules! no_quads {
    () => {
        type Fours = ();

        #[inline(always)]
        fn fours(self, _: Self::I32) {}
        #[inline(always)]
        fn weight_fours(self, _: Self::I32) {}
        #[inline(always)]
        fn dot_lanes(self, (): (), (): (), sums: Self::I32) -> Self::I32 {
            sums
        }
    };
}

/// Defines the methods on panels of `$n` vectors.
///
/// They pass arrays by value and name each vector, because the compiler keeps arrays in memory that are iterated by
/// reference.
macro_rules! panels {
    ($vector:ty, $ints:ty, $n:literal: $($i:literal),+) => {
        type Panel = [$vector; $n];
        type IntPanel = [$ints; $n];

        #[inline(always)]
        fn int_panel(self, x: i32) -> [$ints; $n] {
            [self.isplat(x); $n]
        }

        #[inline(always)]
        fn panel(self, x: f32) -> [$vector; $n] {
            [self.splat(x); $n]
        }
        #[inline(always)]
        unsafe fn panel_load(self, x: *const f32) -> [$vector; $n] {
            // SAFETY: `PANEL` floats are readable by the caller's contract.
            unsafe { [$(self.load_ptr(x.add($i * Self::LANES))),+] }
        }
        #[inline(always)]
        fn panel_fma(self, x: $vector, w: [$vector; $n], sum: [$vector; $n]) -> [$vector; $n] {
            [$(self.fma(x, w[$i], sum[$i])),+]
        }
        #[inline(always)]
        fn panel_fma_half(self, x: $vector, w: [$vector; $n], sum: [$vector; $n]) -> [$vector; $n] {
            [$(if const { $n == 1 } {
                self.fma_half(x, w[$i], sum[$i])
            } else if const { $i < $n / 2 } {
                self.fma(x, w[$i], sum[$i])
            } else {
                sum[$i]
            }),+]
        }
        #[inline(always)]
        fn panel_add(self, a: [$vector; $n], b: [$vector; $n]) -> [$vector; $n] {
            [$(self.add(a[$i], b[$i])),+]
        }
        #[inline(always)]
        fn panel_load_partial(self, x: &[f32]) -> [$vector; $n] {
            // Masked loads and stores of whole vectors are slow on many processors.
            [$(match x.get($i * Self::LANES..) {
                Some(x) if const { $n > 1 } && x.len() >= Self::LANES => self.load(x),
                Some(x) if !x.is_empty() => self.load_partial(x, 0.0),
                _ => self.splat(0.0),
            }),+]
        }
        #[inline(always)]
        fn panel_store_partial(self, panel: [$vector; $n], y: &mut [f32]) {
            $(match y.get_mut($i * Self::LANES..) {
                Some(y) if const { $n > 1 } && y.len() >= Self::LANES => self.store(panel[$i], y),
                // An empty masked store is very slow if the address is not mapped.
                Some(y) if !y.is_empty() => self.store_partial(panel[$i], y),
                _ => {}
            })+
        }
        #[inline(always)]
        unsafe fn panel_store(self, panel: [$vector; $n], y: *mut f32) {
            // SAFETY: `PANEL` floats are writable by the caller's contract.
            $(unsafe { self.store_ptr(panel[$i], y.add($i * Self::LANES)) };)+
        }
        #[inline(always)]
        fn panel_clamp(self, panel: [$vector; $n], low: $vector, high: $vector) -> [$vector; $n] {
            [$(self.min(high, self.max(low, panel[$i]))),+]
        }
        #[inline(always)]
        fn panel_leaky(self, panel: [$vector; $n], slopes: [$vector; $n]) -> [$vector; $n] {
            [$(self.leaky(panel[$i], slopes[$i])),+]
        }
    };
}
