// Sine and cosine of angles measured in turns: whole turns fall away exactly, so that there is no angle for which the
// reduction is coarse or slow. What math.hpp says of its bounds and fits holds here.
#pragma once

#include "math.hpp"

namespace clearprop::CLEARPROP_TARGET {

namespace elementary {

// |t| - n for the nearest whole number n, which is exact. From 2^23 (float) and 2^52 (double) on all numbers are whole.
template <class T> CLEARPROP_INLINE V<T> beside_whole(V<T> t) {
    constexpr T all_whole = T(typename VectorOf<T>::integer(1) << Numbers<T>::mantissa_bits);
    const V<T> size = abs(t), n = (size + all_whole) - all_whole;
    return size < all_whole ? size - n : size - size;  // NaN of infinity
}

// sin(2 pi y) for |y| <= 1/4 as 4 y + y (1/16 - y^2) g(y^2): the second term is the smaller one, and 0 at 1/4.
template <class T> CLEARPROP_INLINE V<T> sine_of_quarter(V<T> y) {
    const V<T> square = y * y;
    V<T> g;
    if constexpr (sizeof(T) == 4)
        g = polynomial<T>(square, 36.530963897705078, -76.97137451171875, 74.090293884277344, -39.657352447509766);
    else
        g = polynomial<T>(square, 36.530964914873387, -76.971797208421961, 74.135233082421777, -41.130026725837951,
                          14.858675154540142, -3.7754630011065688, 0.71141574814477104, -0.10083186994497458);
    return fma(y, (T(0.0625) - square) * g, T(4) * y);
}

// cos(2 pi t)
// float 1.95, double 2.2
template <class T> CLEARPROP_INLINE V<T> cos_turns(V<T> t) {
    return sine_of_quarter<T>(T(0.25) - abs(beside_whole<T>(t)));
}

// sin(2 pi t)
// float 1.9, double 2.1
template <class T> CLEARPROP_INLINE V<T> sin_turns(V<T> t) {
    const V<T> rest = beside_whole<T>(t), size = abs(rest);
    const V<T> magnitude = sine_of_quarter<T>(smaller(size, T(0.5) - size));
    return with_sign<T>(magnitude, (V<T>)((Bits<T>)rest ^ (Bits<T>)t));
}

CLEARPROP_INLINE F cos_turns(F t) { return cos_turns<float>(t); }
CLEARPROP_INLINE D cos_turns(D t) { return cos_turns<double>(t); }
CLEARPROP_INLINE F sin_turns(F t) { return sin_turns<float>(t); }
CLEARPROP_INLINE D sin_turns(D t) { return sin_turns<double>(t); }

}  // namespace elementary

using elementary::cos_turns, elementary::sin_turns;

}  // namespace clearprop::CLEARPROP_TARGET
