//! [`Simd`] with AVX-512: one register holds the 16 numbers.
#![expect(unsafe_code, reason = "vector instructions")]

use super::blocked::Lane;
use super::simd::{Kernel, Simd};
use std::arch::x86_64::*;

/// Proof that the processor has AVX-512 F; made by [`detect`](Self::detect) only.
#[derive(Clone, Copy)]
pub(super) struct Avx512(());

impl Avx512 {
    /// The proof, if the processor has the instructions and the system saves the registers.
    #[inline]
    pub(super) fn detect() -> Option<Self> {
        (is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("fma")).then_some(Self(()))
    }

    /// # Safety
    ///
    /// The processor must have AVX-512 F and FMA.
    #[target_feature(enable = "avx512f,fma")]
    unsafe fn enter<K: Kernel>(self, kernel: K) -> K::Output {
        kernel.call(self)
    }
}

// SAFETY of every block below: `self` proves that the processor has AVX-512 F. Loads and stores go
// through references to `Lane`, 64 bytes long and aligned to 64.
impl Simd for Avx512 {
    type V = __m512;
    const TILES: usize = 14;
    const VECTORS: usize = 2;

    #[inline(always)]
    fn load(self, from: &Lane) -> Self::V {
        // SAFETY: see above.
        unsafe { _mm512_load_ps(from.0.as_ptr()) }
    }
    #[inline(always)]
    fn store(self, v: Self::V, to: &mut Lane) {
        // SAFETY: see above.
        unsafe { _mm512_store_ps(to.0.as_mut_ptr(), v) }
    }
    #[inline(always)]
    fn splat(self, x: f32) -> Self::V {
        // SAFETY: see above.
        unsafe { _mm512_set1_ps(x) }
    }
    #[inline(always)]
    fn add(self, a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: see above.
        unsafe { _mm512_add_ps(a, b) }
    }
    #[inline(always)]
    fn sub(self, a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: see above.
        unsafe { _mm512_sub_ps(a, b) }
    }
    #[inline(always)]
    fn mul(self, a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: see above.
        unsafe { _mm512_mul_ps(a, b) }
    }
    #[inline(always)]
    fn max(self, a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: see above.
        unsafe { _mm512_max_ps(a, b) }
    }
    #[inline(always)]
    fn mul_add(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        // SAFETY: see above.
        unsafe { _mm512_fmadd_ps(a, b, c) }
    }
    #[inline(always)]
    fn where_positive(self, test: Self::V, v: Self::V) -> Self::V {
        // SAFETY: see above.
        unsafe {
            let positive = _mm512_cmp_ps_mask::<_CMP_GT_OQ>(test, _mm512_setzero_ps());
            _mm512_maskz_mov_ps(positive, v)
        }
    }
    #[inline(always)]
    fn where_equal(self, a: Self::V, b: Self::V, v: Self::V, other: Self::V) -> Self::V {
        // SAFETY: see above.
        unsafe { _mm512_mask_mov_ps(other, _mm512_cmp_ps_mask::<_CMP_EQ_OQ>(a, b), v) }
    }
    #[inline(always)]
    fn signs(self, v: Self::V) -> u16 {
        // SAFETY: see above.
        unsafe { _mm512_cmp_ps_mask::<_CMP_GT_OQ>(v, _mm512_setzero_ps()) }
    }
    #[inline(always)]
    fn keep(self, signs: u16, v: Self::V) -> Self::V {
        // SAFETY: see above.
        unsafe { _mm512_maskz_mov_ps(signs, v) }
    }
    #[inline(always)]
    fn sum(self, v: Self::V) -> f32 {
        // SAFETY: see above.
        unsafe { _mm512_reduce_add_ps(v) }
    }
    #[inline(always)]
    fn prefetch(self, at: &Lane) {
        // SAFETY: see above; a prefetch has no effect but on the caches.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(at.0.as_ptr().cast()) }
    }
    #[inline(always)]
    fn run<K: Kernel>(self, kernel: K) -> K::Output {
        // SAFETY: see above.
        unsafe { self.enter(kernel) }
    }
}
