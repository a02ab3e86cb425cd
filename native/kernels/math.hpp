// Elementary functions over vectors, from one source for every instruction set.
//
// Above each function stands its bound: the largest error in units in the last place of the true result, for floats
// over all 2^32 inputs and for doubles over 10^8 samples, in the worst of the baseline, avx2 and avx512 builds, as
// native/tests/math/exhaustive.cpp measures and checks it. NaN gives NaN, infinities give the limits, zeros keep their
// sign where the function does, and results below the smallest normal number underflow gradually.
//
// The polynomials are our own minimax fits (Remez exchange in 60 digits, rounded, then a search among neighbouring
// coefficients). Whether fma() rounds the product is open, so no line relies on it; the compiler must not fuse on its
// own (-ffp-contract=off) nor reassociate.
#pragma once

#include "simd.hpp"

namespace clearprop::CLEARPROP_TARGET {

namespace elementary {  // what the functions are made of

template <class T> struct Numbers;
template <> struct Numbers<float> {
    static constexpr int mantissa_bits = 23, bias = 127;
    static constexpr int32_t one = 0x3f800000, three_quarters = 0x3f400000, leading_half = int32_t(0xfffff000);
    static constexpr float infinity = __builtin_inff(), not_a_number = __builtin_nanf("");
    static constexpr float smallest_normal = 0x1p-126f, lift = 0x1p25f, lifted = 25;
    static constexpr float to_whole = 0x1.8p23f;                 // adding it rounds to a whole number
    static constexpr float ln2_high = 0x1.62e4p-1f, ln2_low = 0x1.7f7d1cp-20f;  // high times any exponent is exact
    static constexpr float exp_lowest = -104, exp_highest = 89;  // exp is 0 below and infinite above
    static constexpr float expm1_lowest = -20, tanh_one = 10, tail_zero = 15;  // -1 below, 1 above, 0 above
    static constexpr float identity = 0x1p-26f;                  // expm1(a) = a for smaller ones
};
template <> struct Numbers<double> {
    static constexpr int mantissa_bits = 52, bias = 1023;
    static constexpr int64_t one = 0x3ff0000000000000, three_quarters = 0x3fe8000000000000, leading_half = ~0x7ffffffLL;
    static constexpr double infinity = __builtin_inf(), not_a_number = __builtin_nan("");
    static constexpr double smallest_normal = 0x1p-1022, lift = 0x1p54, lifted = 54;
    static constexpr double to_whole = 0x1.8p52;
    static constexpr double ln2_high = 0x1.62e42fefa3000p-1, ln2_low = 2.8235290563031577e-13;
    static constexpr double exp_lowest = -746, exp_highest = 710;
    static constexpr double expm1_lowest = -40, tanh_one = 20, tail_zero = 39.5;
    static constexpr double identity = 0x1p-54;
};

// These keep a NaN in a.
template <class T> CLEARPROP_INLINE V<T> at_most(V<T> a, T limit) { return smaller(broadcast<T>(limit), a); }
template <class T> CLEARPROP_INLINE V<T> at_least(V<T> a, T limit) { return larger(broadcast<T>(limit), a); }

// c0 + c1 x + c2 x^2 + ...: the odd and the even powers apart, which halves the chain of dependent operations
template <class T> CLEARPROP_INLINE V<T> every_other(V<T>, T c) { return broadcast<T>(c); }
template <class T> CLEARPROP_INLINE V<T> every_other(V<T>, T c, T) { return broadcast<T>(c); }
template <class T, class... Rest> CLEARPROP_INLINE V<T> every_other(V<T> square, T c, T, T next, Rest... rest) {
    return fma(square, every_other<T>(square, next, rest...), broadcast<T>(c));
}
template <class T, class... Rest> CLEARPROP_INLINE V<T> polynomial(V<T> x, T c, Rest... rest) {
    const V<T> square = x * x;
    return fma(x, every_other<T>(square, rest...), every_other<T>(square, c, rest...));
}

// The sign of `sign` put on a magnitude, which must not be negative where `sign` is not.
template <class T> CLEARPROP_INLINE V<T> with_sign(V<T> magnitude, V<T> sign) {
    return (V<T>)((Bits<T>)magnitude | ((Bits<T>)sign & (Bits<T>)broadcast<T>(T(-0.0))));
}

template <class T> CLEARPROP_INLINE Bits<T> shift_right(Bits<T> bits, int n) {  // fills with zeros
    if constexpr (sizeof(T) == 4) {
        typedef uint32_t Unsigned __attribute__((vector_size(CLEARPROP_VECTOR_BYTES)));
        return (Bits<T>)((Unsigned)bits >> n);
    } else {
        typedef uint64_t Unsigned __attribute__((vector_size(CLEARPROP_VECTOR_BYTES)));
        return (Bits<T>)((Unsigned)bits >> n);
    }
}

// a = n ln 2 + rest with n whole and |rest| <= ln 2 / 2; coarse is a - n ln2_high, which is exact. The low bits of
// `shifted` are those of n + offset.
template <class T> struct Reduced {
    V<T> coarse, rest, n, shifted;
};
template <class T> CLEARPROP_INLINE Reduced<T> reduce(V<T> a, int offset) {
    typedef Numbers<T> N;
    constexpr T log2_e = T(1.4426950408889634);
    const V<T> to_whole = broadcast<T>(N::to_whole + T(offset));
    const V<T> shifted = fma(a, broadcast<T>(log2_e), to_whole), n = shifted - to_whole;
    const V<T> coarse = fma(n, broadcast<T>(-N::ln2_high), a);
    return {coarse, fma(n, broadcast<T>(-N::ln2_low), coarse), n, shifted};
}

// a 2^n, rounded once. Takes a reduction with this offset: 2^n need not be a normal number, so its two halves multiply.
template <class T> constexpr int scale_offset = 2 * Numbers<T>::bias;
template <class T> CLEARPROP_INLINE V<T> scale(V<T> a, const Reduced<T>& reduced) {
#if CLEARPROP_VECTOR_BYTES == 64
    if constexpr (sizeof(T) == 4)
        return (V<T>)_mm512_maskz_scalef_ps((__mmask16)-1, (__m512)a, (__m512)reduced.n);
    else
        return (V<T>)_mm512_maskz_scalef_pd((__mmask8)-1, (__m512d)a, (__m512d)reduced.n);
#else
    const Bits<T> exponent = (Bits<T>)reduced.shifted, half = shift_right<T>(exponent, 1);
    a *= (V<T>)(half << Numbers<T>::mantissa_bits);
    return a * (V<T>)((exponent - half) << Numbers<T>::mantissa_bits);
#endif
}

// factor exp(r) for |r| <= ln 2 / 2
template <class T> CLEARPROP_INLINE V<T> times_exp(V<T> factor, V<T> r) {
    V<T> tail;
    if constexpr (sizeof(T) == 4)
        tail = polynomial<T>(r, 0.5, 0.16666533052921295, 0.041667241603136063, 0.0083675580099225044,
                             0.0013863720232620835);
    else
        tail = polynomial<T>(r, 0.5, 0.1666666666666668, 0.041666666666619272, 0.0083333333333188552,
                             0.0013888888920849211, 0.00019841269894619381, 2.4801515862799572e-05,
                             2.7557234826355792e-06, 2.7622440337053033e-07, 2.51124726574058e-08);
    return fma(factor, fma(r * r, tail, r), factor);
}

// exp(r) - 1 - r for |r| <= ln 2 / 2, exact enough for exp(r) - 1 relative to itself
template <class T> CLEARPROP_INLINE V<T> expm1_tail(V<T> r) {
    V<T> tail;
    if constexpr (sizeof(T) == 4)
        tail = polynomial<T>(r, 0.5, 0.1666666716337204, 0.041666481643915176, 0.0083332816138863564,
                             0.0013933416921645403, 0.0001990986056625843);
    else
        tail = polynomial<T>(r, 0.5, 0.16666666666666677, 0.041666666666666692, 0.0083333333333215926,
                             0.001388888888886997, 0.00019841269886284921, 2.4801587356485716e-05,
                             2.7557244001510693e-06, 2.7557245251518701e-07, 2.5109123411732816e-08,
                             2.0923860819820972e-09);
    return r * r * tail;
}

template <class T> CLEARPROP_INLINE V<T> exp_nonpositive(V<T> a) {
    const Reduced<T> reduced = reduce<T>(at_least<T>(a, Numbers<T>::exp_lowest), scale_offset<T>);
    return scale<T>(times_exp<T>(broadcast<T>(1), reduced.rest), reduced);
}

// (exp(a) - 1) / 2: halved because 2^n overflows before exp(a) does
template <class T> CLEARPROP_INLINE V<T> half_expm1(V<T> a) {
    const Reduced<T> reduced = reduce<T>(a, Numbers<T>::bias - 1);
    const V<T> power = (V<T>)((Bits<T>)reduced.shifted << Numbers<T>::mantissa_bits);  // 2^(n - 1)
    const V<T> tail = fma(reduced.n, broadcast<T>(-Numbers<T>::ln2_low), expm1_tail<T>(reduced.rest));
    return fma(power, tail, fma(power, reduced.coarse, power - T(0.5)));
}

// log(2^k (1 + f)) for -1/4 <= f <= 1/2, where log(1 + f) = f - f^2 / 2 + rest. Doubles would need ten more terms of
// the series in f; there rest = s (f^2 / 2 + s^2 R(s^2)), s = f / (2 + f), the form of fdlibm's e_log.c (Sun, 1993).
template <class T> CLEARPROP_INLINE V<T> log_of(V<T> k, V<T> f) {
    const V<T> half_square = T(0.5) * f * f;
    V<T> rest;
    if constexpr (sizeof(T) == 4) {
        const V<T> series = polynomial<T>(f, 0.33333447575569153, -0.25000092387199402, 0.19990862905979156,
                                          -0.16647329926490784, 0.14478425681591034, -0.13161173462867737,
                                          0.10462940484285355, -0.045074068009853363);
        rest = f * f * f * series;
    } else {
        const V<T> s = f / (T(2) + f), z = s * s;
        const V<T> series = polynomial<T>(z, 0.66666666666672825, 0.39999999996102031, 0.28571429405980686,
                                          0.2222213762895186, 0.18186391791637488, 0.1524947406484283,
                                          0.15373746824755571);
        rest = s * fma(z, series, half_square);
    }
    rest = fma(k, broadcast<T>(Numbers<T>::ln2_low), rest);
    return fma(k, broadcast<T>(Numbers<T>::ln2_high), f - (half_square - rest));
}

// The exponent k, in place in the bits, for which the positive normal number a = 2^k m with 3/4 <= m < 3/2
template <class T> CLEARPROP_INLINE Bits<T> exponent_in_place(V<T> a) {
    constexpr auto mantissa = (typename VectorOf<T>::integer(1) << Numbers<T>::mantissa_bits) - 1;
    return ((Bits<T>)a - Numbers<T>::three_quarters) & ~mantissa;
}

template <class T> CLEARPROP_INLINE V<T> exponent_of(Bits<T> in_place) {
    if constexpr (sizeof(T) == 4) {
        return __builtin_convertvector(in_place, V<T>) * T(0x1p-23);
    } else {  // 2^52 + 1024 + k, as not every target converts 64-bit integers
        const Bits<T> biased = shift_right<T>(in_place + (1024LL << 52), 52);
        return (V<T>)(biased | 0x4330000000000000LL) - T(0x1p52 + 1024);
    }
}

// y, or the limits of a logarithm that is -infinity at a = pole
template <class T> CLEARPROP_INLINE V<T> log_limits(V<T> a, V<T> y, T pole) {
    const V<T> infinity = broadcast<T>(Numbers<T>::infinity);
    y = a < infinity ? y : infinity;
    return a > pole ? y : (a == pole ? -infinity : broadcast<T>(Numbers<T>::not_a_number));
}

// float 1.06, double 1.1
template <class T> CLEARPROP_INLINE V<T> exp(V<T> a) {
    const V<T> within = at_least<T>(at_most<T>(a, Numbers<T>::exp_highest), Numbers<T>::exp_lowest);
    const Reduced<T> reduced = reduce<T>(within, scale_offset<T>);
    return scale<T>(times_exp<T>(broadcast<T>(1), reduced.rest), reduced);
}

// float 1.25, double 1.3
template <class T> CLEARPROP_INLINE V<T> expm1(V<T> a) {
    const V<T> within = at_least<T>(at_most<T>(a, Numbers<T>::exp_highest), Numbers<T>::expm1_lowest);
    const V<T> y = T(2) * half_expm1<T>(within);
    return abs(a) < Numbers<T>::identity ? a : y;  // where halves are not exact; -0 stays -0
}

// float 0.93, double 1.0
template <class T> CLEARPROP_INLINE V<T> log(V<T> a) {
#if CLEARPROP_VECTOR_BYTES == 64
    V<T> m, k, shift;  // a = 2^k m; these instructions treat subnormals, 0, infinity and negative numbers as log does
    if constexpr (sizeof(T) == 4) {
        m = (V<T>)_mm512_maskz_getmant_ps((__mmask16)-1, (__m512)a, _MM_MANT_NORM_p75_1p5, _MM_MANT_SIGN_nan);
        k = (V<T>)_mm512_maskz_getexp_ps((__mmask16)-1, (__m512)a);
        shift = (V<T>)_mm512_maskz_getexp_ps((__mmask16)-1, (__m512)m);
    } else {
        m = (V<T>)_mm512_maskz_getmant_pd((__mmask8)-1, (__m512d)a, _MM_MANT_NORM_p75_1p5, _MM_MANT_SIGN_nan);
        k = (V<T>)_mm512_maskz_getexp_pd((__mmask8)-1, (__m512d)a);
        shift = (V<T>)_mm512_maskz_getexp_pd((__mmask8)-1, (__m512d)m);
    }
    return log_of<T>(k - shift, m - T(1));
#else
    typedef Numbers<T> N;
    const Bits<T> tiny = a < N::smallest_normal;
    const V<T> normal = tiny ? a * N::lift : a;
    const Bits<T> in_place = exponent_in_place<T>(normal);
    const V<T> k = exponent_of<T>(in_place) - (tiny ? broadcast<T>(N::lifted) : V<T>{});
    const V<T> y = log_of<T>(k, (V<T>)((Bits<T>)normal - in_place) - T(1));
    return log_limits<T>(a, y, 0);
#endif
}

// float 1.27, double 1.0
template <class T> CLEARPROP_INLINE V<T> log1p(V<T> a) {
    const Bits<T> in_place = exponent_in_place<T>(a + T(1));
    // f = (1 + a) 2^-k - 1 without the rounding of 1 + a; the bits of a 2^-k below normal numbers make a negative one
    const V<T> power = at_least<T>((V<T>)(Numbers<T>::one - in_place), 0), scaled = (V<T>)((Bits<T>)a - in_place);
    const V<T> y = log_of<T>(exponent_of<T>(in_place), scaled + (power - T(1)));
    return with_sign<T>(log_limits<T>(a, y, -1), a);
}

// float 1.84, double 1.9
template <class T> CLEARPROP_INLINE V<T> tanh(V<T> a) {
    const V<T> h = half_expm1<T>(T(2) * at_most<T>(abs(a), Numbers<T>::tanh_one));
    const V<T> y = h / (h + T(1));
    return with_sign<T>(h < T(0.5) ? fma(-h, y, h) : y, a);  // h (1 - y) damps the rounding of h + 1
}

// 1 / (1 + exp(-a)). With e = exp(-|a|), which never overflows, and y = e / (1 + e) it is 1 - y above zero and
// e (1 - y) below, where that damps the rounding of 1 + e.
// float 1.89, double 1.9
template <class T> CLEARPROP_INLINE V<T> sigmoid(V<T> a) {
    const V<T> e = exp_nonpositive<T>(-abs(a));
    const V<T> y = e / (T(1) + e), outer = a < T(0) ? e : broadcast<T>(1);
    return fma(-outer, y, outer);
}

// log(1 + exp(a)) = max(a, 0) + log(1 + exp(-|a|))
// float 1.69, double 1.7
template <class T> CLEARPROP_INLINE V<T> softplus(V<T> a) {
    const V<T> e = exp_nonpositive<T>(-abs(a));
    const Bits<T> upper = e >= T(0.5);
    const V<T> f = upper ? T(0.5) * e - T(0.5) : e, k = upper ? broadcast<T>(1) : V<T>{};
    return at_least<T>(a, 0) + log_of<T>(k, f);
}

// Overloads, for callers that leave the type to the argument
CLEARPROP_INLINE F exp(F a) { return exp<float>(a); }
CLEARPROP_INLINE D exp(D a) { return exp<double>(a); }
CLEARPROP_INLINE F expm1(F a) { return expm1<float>(a); }
CLEARPROP_INLINE D expm1(D a) { return expm1<double>(a); }
CLEARPROP_INLINE F log(F a) { return log<float>(a); }
CLEARPROP_INLINE D log(D a) { return log<double>(a); }
CLEARPROP_INLINE F log1p(F a) { return log1p<float>(a); }
CLEARPROP_INLINE D log1p(D a) { return log1p<double>(a); }
CLEARPROP_INLINE F tanh(F a) { return tanh<float>(a); }
CLEARPROP_INLINE D tanh(D a) { return tanh<double>(a); }
CLEARPROP_INLINE F sigmoid(F a) { return sigmoid<float>(a); }
CLEARPROP_INLINE D sigmoid(D a) { return sigmoid<double>(a); }
CLEARPROP_INLINE F softplus(F a) { return softplus<float>(a); }
CLEARPROP_INLINE D softplus(D a) { return softplus<double>(a); }

}  // namespace elementary

using elementary::exp, elementary::expm1, elementary::log, elementary::log1p, elementary::tanh, elementary::sigmoid,
    elementary::softplus;

}  // namespace clearprop::CLEARPROP_TARGET

#include "erf.hpp"    // normal_cdf and erf, of the same pieces
#include "turns.hpp"  // likewise cos_turns and sin_turns
