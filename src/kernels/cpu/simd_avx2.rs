//! [`Simd`] with AVX2 and FMA: two registers hold the 16 numbers.
#![expect(unsafe_code, reason = "vector instructions")]

use super::blocked::Lane;
use super::simd::{Kernel, Simd};
use std::arch::x86_64::*;

/// Proof that the processor has AVX2 and FMA; made by [`detect`](Self::detect) only.
#[derive(Clone, Copy)]
pub(super) struct Avx2(());

impl Avx2 {
    /// The proof, if the processor has the instructions and the system saves the registers.
    #[inline]
    pub(super) fn detect() -> Option<Self> {
        (is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")).then_some(Self(()))
    }

    /// # Safety
    ///
    /// The processor must have AVX2 and FMA.
    #[target_feature(enable = "avx2,fma")]
    unsafe fn enter<K: Kernel>(self, kernel: K) -> K::Output {
        kernel.call(self)
    }
}

// SAFETY of every block below: `self` proves that the processor has AVX2 and FMA. Loads and stores go
// through references to `Lane`, 64 bytes long and aligned to 64.
impl Simd for Avx2 {
    type V = [__m256; 2];
    const TILES: usize = 6;
    const VECTORS: usize = 1;

    #[inline(always)]
    fn load(self, from: &Lane) -> Self::V {
        // SAFETY: see above.
        unsafe { [_mm256_load_ps(from.0.as_ptr()), _mm256_load_ps(from.0[8..].as_ptr())] }
    }
    #[inline(always)]
    fn store(self, v: Self::V, to: &mut Lane) {
        // SAFETY: see above.
        unsafe {
            _mm256_store_ps(to.0.as_mut_ptr(), v[0]);
            _mm256_store_ps(to.0[8..].as_mut_ptr(), v[1]);
        }
    }
    #[inline(always)]
    fn splat(self, x: f32) -> Self::V {
        // SAFETY: see above.
        unsafe { [_mm256_set1_ps(x); 2] }
    }
    #[inline(always)]
    fn add(self, a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: see above.
        unsafe { [_mm256_add_ps(a[0], b[0]), _mm256_add_ps(a[1], b[1])] }
    }
    #[inline(always)]
    fn sub(self, a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: see above.
        unsafe { [_mm256_sub_ps(a[0], b[0]), _mm256_sub_ps(a[1], b[1])] }
    }
    #[inline(always)]
    fn mul(self, a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: see above.
        unsafe { [_mm256_mul_ps(a[0], b[0]), _mm256_mul_ps(a[1], b[1])] }
    }
    #[inline(always)]
    fn max(self, a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: see above.
        unsafe { [_mm256_max_ps(a[0], b[0]), _mm256_max_ps(a[1], b[1])] }
    }
    #[inline(always)]
    fn mul_add(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        // SAFETY: see above.
        unsafe { [_mm256_fmadd_ps(a[0], b[0], c[0]), _mm256_fmadd_ps(a[1], b[1], c[1])] }
    }
    #[inline(always)]
    fn where_positive(self, test: Self::V, v: Self::V) -> Self::V {
        // SAFETY: see above.
        unsafe {
            let zero = _mm256_setzero_ps();
            [
                _mm256_and_ps(_mm256_cmp_ps::<_CMP_GT_OQ>(test[0], zero), v[0]),
                _mm256_and_ps(_mm256_cmp_ps::<_CMP_GT_OQ>(test[1], zero), v[1]),
            ]
        }
    }
    #[inline(always)]
    fn where_equal(self, a: Self::V, b: Self::V, v: Self::V, other: Self::V) -> Self::V {
        // SAFETY: see above.
        unsafe {
            [
                _mm256_blendv_ps(other[0], v[0], _mm256_cmp_ps::<_CMP_EQ_OQ>(a[0], b[0])),
                _mm256_blendv_ps(other[1], v[1], _mm256_cmp_ps::<_CMP_EQ_OQ>(a[1], b[1])),
            ]
        }
    }
    #[inline(always)]
    fn signs(self, v: Self::V) -> u16 {
        // SAFETY: see above.
        unsafe {
            let zero = _mm256_setzero_ps();
            let [low, high] = v.map(|v| _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_GT_OQ>(v, zero)));
            (low | high << 8) as u16
        }
    }
    #[inline(always)]
    fn keep(self, signs: u16, v: Self::V) -> Self::V {
        // SAFETY: see above.
        unsafe {
            let each = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
            let keep = |signs: u16, v: __m256| {
                let set = _mm256_and_si256(_mm256_set1_epi32(i32::from(signs)), each);
                _mm256_and_ps(_mm256_castsi256_ps(_mm256_cmpeq_epi32(set, each)), v)
            };
            [keep(signs, v[0]), keep(signs >> 8, v[1])]
        }
    }
    #[inline(always)]
    fn sum(self, v: Self::V) -> f32 {
        // SAFETY: see above.
        unsafe {
            let eight = _mm256_add_ps(v[0], v[1]);
            let four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps::<1>(eight));
            let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)))
        }
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
