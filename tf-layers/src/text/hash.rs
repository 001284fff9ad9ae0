//! Hashes of strings: the buckets of Keras' `Hashing`, and of `StringLookup` with several out-of-vocabulary indices.

use crate::error::{Result, require};
use crate::tensor::{ArenaStr, StringArena, View, ViewMut, check_dims};

/// Maps strings to buckets by a hash that is the same in every version of TensorFlow.
///
/// ```
/// use tf_layers::prelude::*;
/// use tf_layers::tensor::StringArena;
/// use tf_layers::text::HashBucket;
///
/// let mut arena = StringArena::default();
/// let x = [arena.add("tensor")?, arena.add("")?];
/// let mut y = [0; 2];
/// let hash = HashBucket { buckets: 1000, key: None };
/// let y = hash.run(&arena, View::new(&x, [2])?, ViewMut::new(&mut y, [2])?)?;
/// assert!(y.as_slice()?.iter().all(|bucket| (0..1000).contains(bucket)));
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HashBucket {
    /// The number of buckets.
    pub buckets: u64,
    /// The key of SipHash-2-4, `tf.strings.to_hash_bucket_strong`. Without a key, the hash is `FarmHash`'s `Fingerprint64`,
    /// `tf.strings.to_hash_bucket_fast`.
    pub key: Option<[u64; 2]>,
}

impl HashBucket {
    /// Computes the bucket of each element of x.
    ///
    /// # Errors
    ///
    /// If y has other dims than x, or there are no buckets.
    pub fn run<'y, const R: usize>(
        &self,
        arena: &StringArena,
        x: View<'_, ArenaStr, R>,
        mut y: ViewMut<'y, i64, R>,
    ) -> Result<View<'y, i64, R>> {
        check_dims(&x.dims(), &y.dims())?;
        require(self.buckets > 0, "buckets", "not be 0")?;
        for (y, &x) in y.as_mut_slice()?.iter_mut().zip(x.as_slice()?) {
            let text = arena.get(x)?.as_bytes();
            let hash = self.key.map_or_else(|| fingerprint64(text), |key| sip_hash(key, text));
            *y = (hash % self.buckets) as i64;
        }
        Ok(y.into_view())
    }
}

/// `FarmHash`'s `Fingerprint64` of each element of x, whose bits are those of the elements of y.
///
/// # Errors
///
/// If y has other dims than x.
pub fn fingerprints<'y, const R: usize>(
    arena: &StringArena,
    x: View<'_, ArenaStr, R>,
    mut y: ViewMut<'y, i64, R>,
) -> Result<View<'y, i64, R>> {
    check_dims(&x.dims(), &y.dims())?;
    for (y, &x) in y.as_mut_slice()?.iter_mut().zip(x.as_slice()?) {
        *y = fingerprint64(arena.get(x)?.as_bytes()).cast_signed();
    }
    Ok(y.into_view())
}

/// Buckets of combinations of features: Keras' `HashedCrossing`, TensorFlow's `sparse.cross_hashed`.
///
/// ```
/// use tf_layers::prelude::*;
/// use tf_layers::text::HashedCross;
///
/// let cross = HashedCross { key: 956_888_297_470, buckets: 100 };
/// let (hours, days) = (View::new(&[8, 9], [2])?, View::new(&[1, 1], [2])?);
/// let mut y = [0; 2];
/// let y = cross.run(&[hours, days], ViewMut::new(&mut y, [2])?)?;
/// assert!(y.as_slice()?.iter().all(|bucket| (0..100).contains(bucket)));
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HashedCross {
    /// What the features' hashes are added to.
    pub key: u64,
    /// The number of buckets.
    pub buckets: u64,
}

impl HashedCross {
    /// Combines the elements at each position of `features`: integers, or the [`fingerprints`] of strings.
    ///
    /// # Errors
    ///
    /// If the dims differ, or there are no buckets.
    pub fn run<'y, const R: usize>(
        &self,
        features: &[View<'_, i64, R>],
        mut y: ViewMut<'y, i64, R>,
    ) -> Result<View<'y, i64, R>> {
        require(self.buckets > 0, "buckets", "not be 0")?;
        y.as_mut_slice()?.fill(self.key.cast_signed());
        for feature in features {
            check_dims(&feature.dims(), &y.dims())?;
            for (y, &x) in y.as_mut_slice()?.iter_mut().zip(feature.as_slice()?) {
                *y = joined(y.cast_unsigned(), x.cast_unsigned()).cast_signed();
            }
        }
        for y in y.as_mut_slice()? {
            *y = (y.cast_unsigned() % self.buckets).cast_signed();
        }
        Ok(y.into_view())
    }
}

/// The hash of two hashes: TensorFlow's `FingerprintCat64`.
fn joined(first: u64, second: u64) -> u64 {
    const FACTOR: u64 = 0xc6a4_a793_5bd1_e995;
    let mixed = fold(second.wrapping_mul(FACTOR)).wrapping_mul(FACTOR);
    let sum = (first ^ FACTOR ^ mixed).wrapping_mul(FACTOR);
    fold(fold(sum).wrapping_mul(FACTOR))
}

const K0: u64 = 0xc3a5_c85c_97cb_3127;
const K1: u64 = 0xb492_b66f_be98_f273;
const K2: u64 = 0x9ae1_6a3b_2f90_404f;

/// `FarmHash`'s `Fingerprint64`.
fn fingerprint64(text: &[u8]) -> u64 {
    match text.len() {
        0..=16 => hash_to_16(text),
        17..=32 => hash_to_32(text),
        33..=64 => hash_to_64(text),
        _ => hash_longer(text),
    }
}

/// The little-endian number at a position, which must be 8 bytes before the end.
fn word(text: &[u8], at: usize) -> u64 {
    text.get(at..at + 8).and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_le_bytes)
}

fn half_word(text: &[u8], at: usize) -> u64 {
    text.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).map_or(0, u32::from_le_bytes).into()
}

fn fold(x: u64) -> u64 {
    x ^ x >> 47
}

/// Mixes two numbers.
fn mix(u: u64, v: u64, factor: u64) -> u64 {
    let a = fold((u ^ v).wrapping_mul(factor));
    fold((v ^ a).wrapping_mul(factor)).wrapping_mul(factor)
}

fn factor(len: usize) -> u64 {
    K2.wrapping_add((len as u64).wrapping_mul(2))
}

fn hash_to_16(text: &[u8]) -> u64 {
    let len = text.len();
    match len {
        0 => K2,
        1..=3 => {
            let [first, middle, last] = [text[0], text[len / 2], text[len - 1]].map(u64::from);
            let (y, z) = (first + (middle << 8), len as u64 + (last << 2));
            fold(y.wrapping_mul(K2) ^ z.wrapping_mul(K0)).wrapping_mul(K2)
        }
        4..=7 => mix(len as u64 + (half_word(text, 0) << 3), half_word(text, len - 4), factor(len)),
        _ => {
            let factor = factor(len);
            let (a, b) = (word(text, 0).wrapping_add(K2), word(text, len - 8));
            let c = b.rotate_right(37).wrapping_mul(factor).wrapping_add(a);
            let d = a.rotate_right(25).wrapping_add(b).wrapping_mul(factor);
            mix(c, d, factor)
        }
    }
}

fn hash_to_32(text: &[u8]) -> u64 {
    let (len, factor) = (text.len(), factor(text.len()));
    let (a, b) = (word(text, 0).wrapping_mul(K1), word(text, 8));
    let (c, d) = (word(text, len - 8).wrapping_mul(factor), word(text, len - 16).wrapping_mul(K2));
    mix(sum_of_ends(a, b, c, d), rest_of_ends(a, b, c), factor)
}

fn sum_of_ends(a: u64, b: u64, c: u64, d: u64) -> u64 {
    a.wrapping_add(b).rotate_right(43).wrapping_add(c.rotate_right(30)).wrapping_add(d)
}

fn rest_of_ends(a: u64, b: u64, c: u64) -> u64 {
    a.wrapping_add(b.wrapping_add(K2).rotate_right(18)).wrapping_add(c)
}

fn hash_to_64(text: &[u8]) -> u64 {
    let (len, factor) = (text.len(), factor(text.len()));
    let (a, b) = (word(text, 0).wrapping_mul(K2), word(text, 8));
    let (c, d) = (word(text, len - 8).wrapping_mul(factor), word(text, len - 16).wrapping_mul(K2));
    let y = sum_of_ends(a, b, c, d);
    let z = mix(y, rest_of_ends(a, b, c), factor);
    let (e, f) = (word(text, 16).wrapping_mul(factor), word(text, 24));
    let g = y.wrapping_add(word(text, len - 32)).wrapping_mul(factor);
    let h = z.wrapping_add(word(text, len - 24)).wrapping_mul(factor);
    let rest = e.wrapping_add(f.wrapping_add(a).rotate_right(18)).wrapping_add(g);
    mix(sum_of_ends(e, f, g, h), rest, factor)
}

/// The state of the hash of more than 64 bytes.
struct State {
    x: u64,
    y: u64,
    z: u64,
    v: [u64; 2],
    w: [u64; 2],
}

impl State {
    /// Adds the 64 bytes at a position. The last block uses other factors.
    fn add(&mut self, text: &[u8], at: usize, factor: u64, w: u64, v: u64) {
        let Self { x, y, z, .. } = *self;
        let word = |offset| word(text, at + offset);
        let mut x = x.wrapping_add(y).wrapping_add(self.v[0]).wrapping_add(word(8));
        x = x.rotate_right(37).wrapping_mul(factor) ^ self.w[1].wrapping_mul(w);
        let mut y = y.wrapping_add(self.v[1]).wrapping_add(word(48)).rotate_right(42).wrapping_mul(factor);
        y = y.wrapping_add(self.v[0].wrapping_mul(v)).wrapping_add(word(40));
        let z = z.wrapping_add(self.w[0]).rotate_right(33).wrapping_mul(factor);
        self.v = weak([0, 8, 16, 24].map(word), self.v[1].wrapping_mul(factor), x.wrapping_add(self.w[0]));
        let seed = y.wrapping_add(word(16));
        self.w = weak([32, 40, 48, 56].map(word), z.wrapping_add(self.w[1]), seed);
        (self.x, self.y, self.z) = (z, y, x);
    }
}

/// A quick hash of four numbers with two seeds.
fn weak([w, x, y, z]: [u64; 4], a: u64, b: u64) -> [u64; 2] {
    let first = a.wrapping_add(w);
    let b = b.wrapping_add(first).wrapping_add(z).rotate_right(21);
    let a = first.wrapping_add(x).wrapping_add(y);
    [a.wrapping_add(z), b.wrapping_add(a.rotate_right(44)).wrapping_add(first)]
}

fn hash_longer(text: &[u8]) -> u64 {
    const SEED: u64 = 81;
    let y = SEED.wrapping_mul(K1).wrapping_add(113);
    let z = fold(y.wrapping_mul(K2).wrapping_add(113)).wrapping_mul(K2);
    let x = SEED.wrapping_mul(K2).wrapping_add(word(text, 0));
    let mut state = State { x, y, z, v: [0; 2], w: [0; 2] };
    let blocks = (text.len() - 1) / 64;
    for block in 0..blocks {
        state.add(text, 64 * block, K1, 1, 1);
    }
    let factor = K1.wrapping_add((state.z & 0xff) << 1);
    state.w[0] = state.w[0].wrapping_add((text.len() as u64 - 1) & 63);
    state.v[0] = state.v[0].wrapping_add(state.w[0]);
    state.w[0] = state.w[0].wrapping_add(state.v[0]);
    state.add(text, text.len() - 64, factor, 9, 9);
    let State { x, y, z, v, w } = state;
    let first = mix(v[0], w[0], factor).wrapping_add(fold(y).wrapping_mul(K0)).wrapping_add(z);
    mix(first, mix(v[1], w[1], factor).wrapping_add(x), factor)
}

/// SipHash-2-4 (Aumasson and Bernstein, 2012).
fn sip_hash(key: [u64; 2], text: &[u8]) -> u64 {
    let mut v = [
        key[0] ^ 0x736f_6d65_7073_6575,
        key[1] ^ 0x646f_7261_6e64_6f6d,
        key[0] ^ 0x6c79_6765_6e65_7261,
        key[1] ^ 0x7465_6462_7974_6573,
    ];
    let (blocks, rest) = text.as_chunks::<8>();
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    last[7] = text.len() as u8;
    for block in blocks.iter().chain([&last]) {
        let block = u64::from_le_bytes(*block);
        v[3] ^= block;
        sip_rounds(&mut v, 2);
        v[0] ^= block;
    }
    v[2] ^= 0xff;
    sip_rounds(&mut v, 4);
    v[0] ^ v[1] ^ v[2] ^ v[3]
}

fn sip_rounds(v: &mut [u64; 4], rounds: usize) {
    for _ in 0..rounds {
        v[0] = v[0].wrapping_add(v[1]);
        v[2] = v[2].wrapping_add(v[3]);
        v[1] = v[1].rotate_left(13) ^ v[0];
        v[3] = v[3].rotate_left(16) ^ v[2];
        v[0] = v[0].rotate_left(32).wrapping_add(v[3]);
        v[2] = v[2].wrapping_add(v[1]);
        v[1] = v[1].rotate_left(17) ^ v[2];
        v[3] = v[3].rotate_left(21) ^ v[0];
        v[2] = v[2].rotate_left(32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The digits and letters repeated, as `tf.strings.to_hash_bucket_fast` and `…_strong` hash them.
    #[test]
    fn hashes_are_those_of_tensorflow() {
        let mut text = [0; 200];
        for (i, byte) in text.iter_mut().enumerate() {
            *byte = b"0123456789abcdefghijklmnopqrstuvwxyz"[i % 36];
        }
        for (len, farm, sip) in EXPECTED {
            assert_eq!(fingerprint64(&text[..len]) % (1 << 62), farm, "FarmHash of {len} bytes");
            assert_eq!(sip_hash([7, 11], &text[..len]) % (1 << 62), sip, "SipHash of {len} bytes");
        }
    }

    const EXPECTED: [(usize, u64, u64); 20] = [
        (0, 0x1ae1_6a3b_2f90_404f, 0x2ea7_07cc_5caa_8e4f),
        (1, 0x12ed_9607_3b81_823f, 0x188f_2b37_fb5f_5c78),
        (2, 0x2337_558d_b77c_4717, 0x2afe_1420_4d53_2e1e),
        (3, 0x33d7_fa16_4971_735c, 0x05b2_b3c2_a809_eb73),
        (4, 0x039a_cc61_3dfb_3687, 0x1797_ccd3_fe41_d5af),
        (7, 0x1d09_6f87_b7b2_8685, 0x2872_1d83_b026_cdae),
        (8, 0x2dff_3af4_ce43_e8f6, 0x3d80_766c_6043_212d),
        (9, 0x0bc9_0edd_87d1_2fad, 0x0c38_43d3_e60a_706e),
        (16, 0x14b9_61e5_dc83_4067, 0x031b_dfa6_f33b_7c3e),
        (17, 0x26dd_ff87_a449_d24a, 0x298b_64d1_611c_b1ec),
        (24, 0x21e2_dd64_b3a6_49c4, 0x3e18_890e_c1a7_de68),
        (32, 0x09b0_e76f_6743_9ba5, 0x053f_3f2f_2d14_9dd2),
        (33, 0x2271_4ffe_975d_8dff, 0x114b_9f2b_affb_880b),
        (48, 0x022f_5bfc_bfbb_379c, 0x122d_94e2_8924_4072),
        (64, 0x12fe_de35_29ab_9c54, 0x1d99_e127_0aa2_6e36),
        (65, 0x0f28_59ca_8389_61d9, 0x0223_e06a_64ab_b91c),
        (127, 0x0fc3_3563_e64e_8f13, 0x0017_0bf6_4780_f017),
        (128, 0x35f2_770e_48ba_f314, 0x06a5_0a6c_ee30_cd7d),
        (129, 0x14b8_db30_71da_7ee8, 0x24df_3e68_a47d_0a2e),
        (200, 0x0fba_577d_4f84_3ac3, 0x1d17_2fee_03b1_16b7),
    ];
}
