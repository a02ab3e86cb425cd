// Vectors of one instruction set, and the intrinsics that more than one kernel needs.
//
// Everything lies in clearprop::CLEARPROP_TARGET and nothing of the standard library is included, so that no inline
// function compiled for a wide instruction set can be linked into code that runs on a narrow one.
#pragma once

#include <stddef.h>
#include <stdint.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#if defined(__AVX512F__) && defined(__AVX512DQ__)
#define CLEARPROP_VECTOR_BYTES 64
#elif defined(__AVX2__) && defined(__FMA__)
#define CLEARPROP_VECTOR_BYTES 32
#else
#define CLEARPROP_VECTOR_BYTES 16
#endif

#define CLEARPROP_INLINE inline __attribute__((always_inline))

namespace clearprop::CLEARPROP_TARGET {

typedef float F __attribute__((vector_size(CLEARPROP_VECTOR_BYTES)));     // floats
typedef double D __attribute__((vector_size(CLEARPROP_VECTOR_BYTES)));    // doubles
typedef int32_t FI __attribute__((vector_size(CLEARPROP_VECTOR_BYTES)));  // masks and bits of F
typedef int64_t DI __attribute__((vector_size(CLEARPROP_VECTOR_BYTES)));  // masks and bits of D
typedef uint16_t FS __attribute__((vector_size(CLEARPROP_VECTOR_BYTES / 2)));  // as many short integers as F has lanes
typedef uint16_t DS __attribute__((vector_size(CLEARPROP_VECTOR_BYTES / 4)));  // as D has

template <class T> struct VectorOf;
template <> struct VectorOf<float> { typedef F type; typedef FI bits; typedef FS shorts; typedef int32_t integer; };
template <> struct VectorOf<double> { typedef D type; typedef DI bits; typedef DS shorts; typedef int64_t integer; };

template <class T> using V = typename VectorOf<T>::type;
template <class T> using Bits = typename VectorOf<T>::bits;
template <class T> constexpr int lanes = CLEARPROP_VECTOR_BYTES / int(sizeof(T));

// ---- memory: any alignment

template <class T> CLEARPROP_INLINE V<T> load(const T* p) {
    V<T> v;
    __builtin_memcpy(&v, p, sizeof v);
    return v;
}

// As many short integers as V<T> has lanes, made as wide as those.
template <class T> CLEARPROP_INLINE Bits<T> load_shorts(const uint16_t* p) {
    typename VectorOf<T>::shorts v;
    __builtin_memcpy(&v, p, sizeof v);
    return __builtin_convertvector(v, Bits<T>);
}

template <class T> CLEARPROP_INLINE void store(T* p, V<T> v) { __builtin_memcpy(p, &v, sizeof v); }

template <class T> CLEARPROP_INLINE V<T> broadcast(T x) { return x - V<T>{}; }  // keeps -0 and NaN

template <class T> CLEARPROP_INLINE Bits<T> lane_numbers() {
    Bits<T> numbers;
    for (int i = 0; i < lanes<T>; ++i) numbers[i] = i;
    return numbers;
}

// Mask of the first n lanes.
template <class T> CLEARPROP_INLINE Bits<T> first(int n) {
    return lane_numbers<T>() < (typename VectorOf<T>::integer)(n);
}

// Loads the first n lanes, the others are 0; nothing behind p + n is read.
template <class T> CLEARPROP_INLINE V<T> load(const T* p, int n) {
#if CLEARPROP_VECTOR_BYTES == 64
    if constexpr (sizeof(T) == 4)
        return (F)_mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), p);
    else
        return (D)_mm512_maskz_loadu_pd((__mmask8)((1u << n) - 1), p);
#elif CLEARPROP_VECTOR_BYTES == 32
    if constexpr (sizeof(T) == 4)
        return (F)_mm256_maskload_ps(p, (__m256i)first<T>(n));
    else
        return (D)_mm256_maskload_pd(p, (__m256i)first<T>(n));
#else
    V<T> v{};
    for (int i = 0; i < n; ++i) v[i] = p[i];
    return v;
#endif
}

// Stores the first n lanes; nothing behind p + n is written.
template <class T> CLEARPROP_INLINE void store(T* p, V<T> v, int n) {
#if CLEARPROP_VECTOR_BYTES == 64
    if constexpr (sizeof(T) == 4)
        _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1), (__m512)v);
    else
        _mm512_mask_storeu_pd(p, (__mmask8)((1u << n) - 1), (__m512d)v);
#elif CLEARPROP_VECTOR_BYTES == 32
    if constexpr (sizeof(T) == 4)
        _mm256_maskstore_ps(p, (__m256i)first<T>(n), (__m256)v);
    else
        _mm256_maskstore_pd(p, (__m256i)first<T>(n), (__m256d)v);
#else
    for (int i = 0; i < n; ++i) p[i] = v[i];
#endif
}

// ---- arithmetic; + - * / and comparisons are the compiler's own, `mask ? a : b` selects

CLEARPROP_INLINE F fma(F a, F b, F c) {  // a b + c; rounded once where the hardware has it
#if CLEARPROP_VECTOR_BYTES == 64
    return (F)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif CLEARPROP_VECTOR_BYTES == 32
    return (F)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#else
    return a * b + c;
#endif
}

CLEARPROP_INLINE D fma(D a, D b, D c) {
#if CLEARPROP_VECTOR_BYTES == 64
    return (D)_mm512_fmadd_pd((__m512d)a, (__m512d)b, (__m512d)c);
#elif CLEARPROP_VECTOR_BYTES == 32
    return (D)_mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c);
#else
    return a * b + c;
#endif
}

CLEARPROP_INLINE F sqrt(F a) {
#if CLEARPROP_VECTOR_BYTES == 64
    return (F)_mm512_sqrt_ps((__m512)a);
#elif CLEARPROP_VECTOR_BYTES == 32
    return (F)_mm256_sqrt_ps((__m256)a);
#else
    for (int i = 0; i < lanes<float>; ++i) a[i] = __builtin_sqrtf(a[i]);
    return a;
#endif
}

CLEARPROP_INLINE D sqrt(D a) {
#if CLEARPROP_VECTOR_BYTES == 64
    return (D)_mm512_sqrt_pd((__m512d)a);
#elif CLEARPROP_VECTOR_BYTES == 32
    return (D)_mm256_sqrt_pd((__m256d)a);
#else
    for (int i = 0; i < lanes<double>; ++i) a[i] = __builtin_sqrt(a[i]);
    return a;
#endif
}

CLEARPROP_INLINE F abs(F a) { return (F)((FI)a & 0x7fffffff); }
CLEARPROP_INLINE D abs(D a) { return (D)((DI)a & 0x7fffffffffffffffLL); }
template <class M, class A> CLEARPROP_INLINE A select(M mask, A yes, A no) { return mask ? yes : no; }

// Written out, because g++ 12 makes up to six instructions of `a > b ? a : b`; b where one is NaN.
CLEARPROP_INLINE F larger(F a, F b) {
#if CLEARPROP_VECTOR_BYTES == 64
    return (F)_mm512_maskz_max_ps((__mmask16)-1, (__m512)a, (__m512)b);
#elif CLEARPROP_VECTOR_BYTES == 32
    return (F)_mm256_max_ps((__m256)a, (__m256)b);
#elif defined(__SSE2__)
    return (F)_mm_max_ps((__m128)a, (__m128)b);
#else
    return a > b ? a : b;
#endif
}

CLEARPROP_INLINE D larger(D a, D b) {
#if CLEARPROP_VECTOR_BYTES == 64
    return (D)_mm512_maskz_max_pd((__mmask8)-1, (__m512d)a, (__m512d)b);
#elif CLEARPROP_VECTOR_BYTES == 32
    return (D)_mm256_max_pd((__m256d)a, (__m256d)b);
#elif defined(__SSE2__)
    return (D)_mm_max_pd((__m128d)a, (__m128d)b);
#else
    return a > b ? a : b;
#endif
}

CLEARPROP_INLINE F smaller(F a, F b) {
#if CLEARPROP_VECTOR_BYTES == 64
    return (F)_mm512_maskz_min_ps((__mmask16)-1, (__m512)a, (__m512)b);
#elif CLEARPROP_VECTOR_BYTES == 32
    return (F)_mm256_min_ps((__m256)a, (__m256)b);
#elif defined(__SSE2__)
    return (F)_mm_min_ps((__m128)a, (__m128)b);
#else
    return a < b ? a : b;
#endif
}

CLEARPROP_INLINE D smaller(D a, D b) {
#if CLEARPROP_VECTOR_BYTES == 64
    return (D)_mm512_maskz_min_pd((__mmask8)-1, (__m512d)a, (__m512d)b);
#elif CLEARPROP_VECTOR_BYTES == 32
    return (D)_mm256_min_pd((__m256d)a, (__m256d)b);
#elif defined(__SSE2__)
    return (D)_mm_min_pd((__m128d)a, (__m128d)b);
#else
    return a < b ? a : b;
#endif
}

// Nearest whole number, ties to even; right for |a| < 2^22 (float) and 2^51 (double).
CLEARPROP_INLINE F nearest(F a) { return (a + 12582912.0f) - 12582912.0f; }
CLEARPROP_INLINE D nearest(D a) { return (a + 6755399441055744.0) - 6755399441055744.0; }

CLEARPROP_INLINE FI to_integer(F whole) { return __builtin_convertvector(whole, FI); }
CLEARPROP_INLINE DI to_integer(D whole) {  // |whole| < 2^51; not every target converts to 64-bit integers
    return (DI)(whole + 6755399441055744.0) - 0x4338000000000000LL;
}

// ---- across lanes, by halves: the order depends on the number of lanes alone

template <class T, class Join> CLEARPROP_INLINE T join_lanes(V<T> v, Join join) {
#if CLEARPROP_VECTOR_BYTES == 64
    typedef T Half __attribute__((vector_size(32)));
    Half low, high;
    __builtin_memcpy(&low, &v, 32);
    __builtin_memcpy(&high, reinterpret_cast<const char*>(&v) + 32, 32);
    Half half = join(low, high);
#elif CLEARPROP_VECTOR_BYTES == 32
    V<T> half = v;
#endif
#if CLEARPROP_VECTOR_BYTES >= 32
    typedef T Quarter __attribute__((vector_size(16)));
    Quarter left, right;
    __builtin_memcpy(&left, &half, 16);
    __builtin_memcpy(&right, reinterpret_cast<const char*>(&half) + 16, 16);
    Quarter rest = join(left, right);
#else
    V<T> rest = v;
#endif
    if constexpr (sizeof(T) == 8) return join(rest[0], rest[1]);
    else return join(join(rest[0], rest[2]), join(rest[1], rest[3]));
}

template <class T> CLEARPROP_INLINE T sum_lanes(V<T> v) {
    return join_lanes<T>(v, [](auto a, auto b) { return a + b; });
}

template <class T> CLEARPROP_INLINE T largest_lane(V<T> v) {  // where none is NaN
    return join_lanes<T>(v, [](auto a, auto b) { return a > b ? a : b; });
}

}  // namespace clearprop::CLEARPROP_TARGET
