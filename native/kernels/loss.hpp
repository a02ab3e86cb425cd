// The losses and their gradients at the scores; the equations stand in clearprop.losses.
#pragma once

#include "rows.hpp"

namespace clearprop::CLEARPROP_TARGET {

template <class T> CLEARPROP_INLINE V<T> sign(V<T> r) {
    return select(r > T(0), broadcast(T(1)), select(r < T(0), broadcast(T(-1)), r));  // of NaN: NaN
}

// Losses whose row value is a sum over independent outputs: adds to `value`, returns the gradient.
template <class T, LossKind kind> CLEARPROP_INLINE V<T> elementwise_loss(V<T> s, V<T> y, V<T> parameter, V<T>& value) {
    const V<T> r = s - y, zero{}, one = broadcast(T(1));
    if constexpr (kind == LossKind::squared_error) {
        value = T(0.5) * (r * r);
        return r;
    }
    if constexpr (kind == LossKind::absolute_error) {
        value = abs(r);
        return sign<T>(r);
    }
    if constexpr (kind == LossKind::huber) {
        V<T> size = abs(r);
        value = select(size <= parameter, T(0.5) * size * size, parameter * (size - T(0.5) * parameter));
        return select(size <= parameter, r, parameter * sign<T>(r));
    }
    if constexpr (kind == LossKind::quantile) {
        value = select(r <= T(0), -parameter * r, (one - parameter) * r);
        return select(r > T(0), one - parameter, select(r < T(0), -parameter, r));
    }
    if constexpr (kind == LossKind::poisson) {
        V<T> e = exp(s);
        value = e - y * s + y * log(select(y > T(0), y, one)) - y;
        return e - y;
    }
    if constexpr (kind == LossKind::binary_cross_entropy) {
        value = softplus(s) - s * y;
        return sigmoid(s) - y;
    }
    return zero;
}

template <class T, LossKind kind> void elementwise_rows(const LossRows<T>& l, Index begin, Index end) {
    for (Index r = begin; r < end; ++r) {
        const T* target = l.target + (l.rows ? l.rows[r] : r) * l.columns;
        V<T> total{};
        along_row<T>(l.columns, [&](Index c, Bits<T> real) {
            const Index some = l.columns - c < lanes<T> ? l.columns - c : lanes<T>;
            const V<T> parameter = kind == LossKind::quantile ? load(l.parameters + c, int(some)) : broadcast(l.parameters[0]);
            V<T> value{}, gradient = elementwise_loss<T, kind>(select(real, load(entry(l.scores, r, c)), V<T>{}),
                                                               load(target + c, int(some)), parameter, value);
            total += select(real, value, V<T>{});
            if (l.d.data) store(entry(l.d, r, c), select(real, gradient * l.shares[r], V<T>{}));
        });
        l.values[r] = double(sum_lanes<T>(total));
    }
}

// Cross-entropy and divergence between a target distribution t and p = softmax(s); the gradient is p - t. A NaN among
// the scores makes the sum of exponentials NaN, and with it all of the row.
template <class T> CLEARPROP_INLINE V<T> softmax_target(const LossRows<T>& l, int64_t row, Index c, T smoothing) {
    V<T> t;
    if (l.classes)
        t = select(lane_numbers<T>() == typename VectorOf<T>::integer(l.classes[row] - c), broadcast(T(1)), V<T>{});
    else
        t = load(l.target + row * l.columns + c, int(l.columns - c < lanes<T> ? l.columns - c : lanes<T>));
    return smoothing != T(0) ? (T(1) - smoothing) * t + smoothing / T(l.columns) : t;
}

template <class T> CLEARPROP_INLINE V<T> softmax_loss(const LossRows<T>& l, V<T> t, V<T> minus_log_p) {
    V<T> lost = t * minus_log_p;
    if (l.kind == LossKind::kl_divergence) lost = lost + t * log(select(t > T(0), t, broadcast(T(1))));
    return lost;
}

template <class T> void softmax_rows(const LossRows<T>& l, Index begin, Index end) {
    const T smoothing = l.kind == LossKind::cross_entropy ? l.parameters[0] : T(0);
    const V<T> lowest = broadcast(T(-__builtin_inf())), zero{};
    if (l.columns <= lanes<T>) {  // a row is one vector
        const Bits<T> real = first<T>(int(l.columns));
        for (Index r = begin; r < end; ++r) {
            const V<T> t = softmax_target<T>(l, l.rows ? l.rows[r] : r, 0, smoothing);
            V<T> shifted = select(real, load(entry(l.scores, r, 0)), lowest);
            shifted = shifted - largest_lane<T>(shifted);
            const V<T> e = exp(shifted), sum = broadcast(sum_lanes<T>(e));
            l.values[r] = double(sum_lanes<T>(select(real, softmax_loss<T>(l, t, log(sum) - shifted), zero)));
            if (l.d.data) store(entry(l.d, r, 0), select(real, (e / sum - t) * l.shares[r], zero));
        }
        return;
    }
    for (Index r = begin; r < end; ++r) {
        const int64_t row = l.rows ? l.rows[r] : r;
        V<T> top = lowest;
        along_row<T>(l.columns, [&](Index c, Bits<T> real) {
            top = larger(select(real, load(entry(l.scores, r, c)), lowest), top);
        });
        const T most = largest_lane<T>(top);
        V<T> total{};
        along_row<T>(l.columns, [&](Index c, Bits<T> real) {
            total += select(real, exp(load(entry(l.scores, r, c)) - most), zero);
        });
        const V<T> sum = broadcast(sum_lanes<T>(total)), log_sum = log(sum);
        V<T> value{};
        along_row<T>(l.columns, [&](Index c, Bits<T> real) {
            const V<T> t = softmax_target<T>(l, row, c, smoothing), shifted = load(entry(l.scores, r, c)) - most;
            value += select(real, softmax_loss<T>(l, t, log_sum - shifted), zero);
            if (l.d.data) store(entry(l.d, r, c), select(real, (exp(shifted) / sum - t) * l.shares[r], zero));
        });
        l.values[r] = double(sum_lanes<T>(value));
    }
}

template <class T> void hinge_rows(const LossRows<T>& l, Index begin, Index end) {
    for (Index r = begin; r < end; ++r) {
        const Index right = Index(l.classes[l.rows ? l.rows[r] : r]);
        if (l.d.data) along_row<T>(l.columns, [&](Index c, Bits<T>) { store(entry(l.d, r, c), V<T>{}); });
        if (l.columns == 1) {
            const T t = T(2 * right - 1), s = *entry(l.scores, r, 0), lacking = T(1) - t * s;
            l.values[r] = lacking > T(0) || lacking != lacking ? double(lacking) : 0.0;
            if (l.d.data && lacking > T(0)) *entry(l.d, r, 0) = -t * l.shares[r];
            continue;
        }
        Index rival = right == 0 ? 1 : 0;
        for (Index c = 0; c < l.columns; ++c)
            if (c != right && !(*entry(l.scores, r, c) <= *entry(l.scores, r, rival))) rival = c;  // NaN is found
        const T lacking = T(1) - (*entry(l.scores, r, right) - *entry(l.scores, r, rival));
        l.values[r] = lacking > T(0) || lacking != lacking ? double(lacking) : 0.0;
        if (l.d.data && lacking > T(0)) {
            *entry(l.d, r, right) = -l.shares[r];
            *entry(l.d, r, rival) = l.shares[r];
        }
    }
}

template <class T> double loss(const LossRows<T>& l, Index begin, Index end) {
    switch (l.kind) {
        case LossKind::squared_error: elementwise_rows<T, LossKind::squared_error>(l, begin, end); break;
        case LossKind::absolute_error: elementwise_rows<T, LossKind::absolute_error>(l, begin, end); break;
        case LossKind::huber: elementwise_rows<T, LossKind::huber>(l, begin, end); break;
        case LossKind::quantile: elementwise_rows<T, LossKind::quantile>(l, begin, end); break;
        case LossKind::poisson: elementwise_rows<T, LossKind::poisson>(l, begin, end); break;
        case LossKind::binary_cross_entropy:
            elementwise_rows<T, LossKind::binary_cross_entropy>(l, begin, end); break;
        case LossKind::cross_entropy:
        case LossKind::kl_divergence: softmax_rows<T>(l, begin, end); break;
        case LossKind::hinge: hinge_rows<T>(l, begin, end); break;
    }
    return l.d.data ? largest<T>(l.d, l.columns, begin, end) : 0.0;
}

}  // namespace clearprop::CLEARPROP_TARGET
