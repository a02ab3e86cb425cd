// Elementwise activations; the equations stand in clearprop.layers.
#pragma once

#include "interface.hpp"
#include "math.hpp"
#include "product.hpp"

namespace clearprop::CLEARPROP_TARGET {

template <class T> struct Both {  // of one activation
    V<T> h, derivative;
};

template <class T> CLEARPROP_INLINE Both<T> exponential_side(V<T> a, T alpha) {
    V<T> low = select(a > T(0), V<T>{}, a), one = broadcast(T(1));
    return {select(a > T(0), a, alpha * expm1(low)), select(a > T(0), one, alpha * exp(low))};
}

template <class T, Unit unit> CLEARPROP_INLINE Both<T> activated(V<T> a, T parameter) {
    const V<T> zero{}, one = broadcast(T(1));
    if constexpr (unit == Unit::relu) return {select(a <= T(0), zero, a), select(a > T(0), one, zero)};
    if constexpr (unit == Unit::leaky_relu)
        return {select(a > T(0), a, parameter * a), select(a > T(0), one, broadcast(parameter))};
    if constexpr (unit == Unit::abs)
        return {abs(a), select(a > T(0), one, select(a < T(0), -one, a))};  // sign of NaN: NaN
    if constexpr (unit == Unit::elu) return exponential_side<T>(a, parameter);
    if constexpr (unit == Unit::selu) {
        const T scale = T(1.0507009873554804934193349852946), alpha = T(1.6732632423543772848170429916717);
        Both<T> elu = exponential_side<T>(a, alpha);
        return {scale * elu.h, scale * elu.derivative};
    }
    if constexpr (unit == Unit::sigmoid) {
        V<T> h = sigmoid(a);
        return {h, h * (one - h)};
    }
    if constexpr (unit == Unit::tanh) {
        V<T> h = tanh(a);
        return {h, one - h * h};
    }
    if constexpr (unit == Unit::hard_tanh)
        return {select(a < T(-1), -one, select(a > T(1), one, a)), select((a > T(-1)) & (a < T(1)), one, zero)};
    if constexpr (unit == Unit::softplus) return {softplus(a), sigmoid(a)};
    if constexpr (unit == Unit::gelu) {
        const T density = T(0.39894228040143267793994605993438);  // 1 / sqrt(2 pi)
        V<T> cdf = normal_cdf(a);
        return {a * cdf, cdf + a * exp(T(-0.5) * a * a) * density};
    }
    if constexpr (unit == Unit::silu) {
        V<T> s = sigmoid(a);
        return {a * s, s * (one + a * (one - s))};
    }
    if constexpr (unit == Unit::mish) {
        // tanh(softplus(a)) is n / (n + 2), with n = e (e + 2) and e = exp(a); far to the right it is 1
        const V<T> low = elementary::at_most<T>(a, elementary::Numbers<T>::tail_zero), e = exp(low), n = e * (e + T(2));
        const V<T> share = one / (n + T(2)), t = n * share;
        // a - a: f' of infinity is not a number, as inf (1 - 1) is not
        return {a * t, fma(low * share, T(4) * e * (e + one) * share, t) + (a - a)};
    }
    if constexpr (unit == Unit::exp) return {exp(a), exp(a)};
    return {a, one};
}

template <class T, Unit unit, bool mixes, bool keeps>
void activate_panels(const Activation<T>& f, Index columns, Index begin, Index end) {
    constexpr int P = panel<T>, L = lanes<T>;
    for (Index p = 0; p * P < columns; ++p) {
        const T *from = f.a.data + p * f.a.stride, *alphas = mixes ? f.learned + p * P : nullptr;
        T *h = f.h.data + p * f.h.stride, *stored = keeps ? f.stored.data + p * f.stored.stride : nullptr;
        T* extra = keeps && mixes ? f.extra.data + p * f.extra.stride : nullptr;
        for (Index i = begin * P; i < end * P; i += L) {
            const V<T> a = load(from + i);
            Both<T> both = activated<T, unit>(a, f.parameter);
            if constexpr (mixes) {
                const V<T> alpha = load(alphas + i % P), rest = broadcast(T(1)) - alpha;
                if constexpr (keeps) store(extra + i, both.h - a);
                both = {fma(alpha, both.h, rest * a), fma(alpha, both.derivative, rest)};
            }
            store(h + i, both.h);
            if constexpr (keeps) store(stored + i, both.derivative);
        }
    }
}

template <class T, Unit unit> void activate_by(const Activation<T>& f, Index columns, Index begin, Index end) {
    if (f.learned)
        f.stored.data ? activate_panels<T, unit, true, true>(f, columns, begin, end)
                      : activate_panels<T, unit, true, false>(f, columns, begin, end);
    else
        f.stored.data ? activate_panels<T, unit, false, true>(f, columns, begin, end)
                      : activate_panels<T, unit, false, false>(f, columns, begin, end);
}

// Rectifiers whose slope differs from entry to entry: learned (one a column) or drawn (then `stored` holds it).
template <class T> void activate_by_slopes(const Activation<T>& f, Index columns, Index begin, Index end) {
    constexpr int P = panel<T>, L = lanes<T>;
    const V<T> zero{}, one = broadcast(T(1));
    for (Index p = 0; p * P < columns; ++p)
        for (Index i = begin * P; i < end * P; i += L) {
            V<T> a = load(f.a.data + p * f.a.stride + i), slope = broadcast(f.parameter);
            if (f.learned) slope = load(f.learned + p * P + i % P);
            if (f.unit == Unit::rrelu && f.stored.data) slope = load(f.stored.data + p * f.stored.stride + i);
            V<T> derivative = select(a > T(0), one, slope);
            store(f.h.data + p * f.h.stride + i, a * derivative);
            if (f.stored.data) store(f.stored.data + p * f.stored.stride + i, derivative);
            if (f.extra.data) store(f.extra.data + p * f.extra.stride + i, select(a > T(0), zero, a));
        }
}

template <class T> void activate(const Activation<T>& f, Index columns, Index begin, Index end) {
    switch (f.unit) {
        case Unit::identity: return activate_by<T, Unit::identity>(f, columns, begin, end);
        case Unit::relu: return activate_by<T, Unit::relu>(f, columns, begin, end);
        case Unit::leaky_relu: return activate_by<T, Unit::leaky_relu>(f, columns, begin, end);
        case Unit::abs: return activate_by<T, Unit::abs>(f, columns, begin, end);
        case Unit::elu: return activate_by<T, Unit::elu>(f, columns, begin, end);
        case Unit::selu: return activate_by<T, Unit::selu>(f, columns, begin, end);
        case Unit::sigmoid: return activate_by<T, Unit::sigmoid>(f, columns, begin, end);
        case Unit::tanh: return activate_by<T, Unit::tanh>(f, columns, begin, end);
        case Unit::hard_tanh: return activate_by<T, Unit::hard_tanh>(f, columns, begin, end);
        case Unit::softplus: return activate_by<T, Unit::softplus>(f, columns, begin, end);
        case Unit::gelu: return activate_by<T, Unit::gelu>(f, columns, begin, end);
        case Unit::silu: return activate_by<T, Unit::silu>(f, columns, begin, end);
        case Unit::mish: return activate_by<T, Unit::mish>(f, columns, begin, end);
        case Unit::exp: return activate_by<T, Unit::exp>(f, columns, begin, end);
        case Unit::rrelu:
        case Unit::prelu: return activate_by_slopes<T>(f, columns, begin, end);
    }
}

// da = dh f'(a)
template <class T>
void pass_back(const Factor<T>& factor, Panels<T> dh, Panels<T> da, Index columns, Index begin, Index end) {
    constexpr int P = panel<T>;
    for (Index p = 0; p * P < columns; ++p)
        for (Index i = begin * P; i < end * P; i += lanes<T>)
            store(da.data + p * da.stride + i,
                  load(dh.data + p * dh.stride + i) *
                      derivative<T>(factor.kind, factor.values.data ? factor.values.data + p * factor.values.stride + i
                                                                    : nullptr));
}

}  // namespace clearprop::CLEARPROP_TARGET
