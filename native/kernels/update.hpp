// From the gradient of a part of the weights to the updated weights, while both are in cache.
#pragma once

#include "product.hpp"

namespace clearprop::CLEARPROP_TARGET {

template <class T> struct Constants {  // an Update, spread over the lanes
    V<T> rate, first, second, first_left, second_left, epsilon, decay, l1, l2, clip, scale;
    explicit Constants(const Update<T>& u)
        : rate(broadcast(u.rate)), first(broadcast(u.first)), second(broadcast(u.second)),
          first_left(broadcast(u.first_left)), second_left(broadcast(u.second_left)), epsilon(broadcast(u.epsilon)),
          decay(broadcast(u.decay)), l1(broadcast(u.l1)), l2(broadcast(u.l2)), clip(broadcast(u.clip)),
          scale(broadcast(u.scale)) {}
};

// The rules of clearprop.optimizers, which state the equations.
template <class T, Rule rule>
CLEARPROP_INLINE V<T> moved(const Constants<T>& c, V<T> w, V<T> g, V<T>& slot_1, V<T>& slot_2) {
    if constexpr (rule == Rule::sgd) return w - c.rate * g;
    if constexpr (rule == Rule::momentum) {
        slot_1 = fma(c.first, slot_1, -(c.rate * g));
        return w + slot_1;
    }
    if constexpr (rule == Rule::nesterov) {
        V<T> move = c.rate * g;
        slot_1 = fma(c.first, slot_1, -move);
        return fma(c.first, slot_1, w) - move;
    }
    if constexpr (rule == Rule::adagrad) {
        slot_1 = fma(g, g, slot_1);
        return w - c.rate * g / (sqrt(slot_1) + c.epsilon);
    }
    if constexpr (rule == Rule::rmsprop) {
        slot_1 = fma(c.second_left, g * g, c.second * slot_1);
        return w - c.rate * g / (sqrt(slot_1) + c.epsilon);
    }
    if constexpr (rule == Rule::adam) {
        w = w - c.decay * w;
        slot_1 = fma(c.first_left, g, c.first * slot_1);
        slot_2 = fma(c.second_left, g * g, c.second * slot_2);
        return w - c.rate * slot_1 / (sqrt(slot_2) + c.epsilon);
    }
}

template <class T, Rule rule, bool penalized, bool exact>
void update_rows(const WeightPart<T>& p, const Update<T>& u, Task task, int n_vectors, Seen& seen) {
    constexpr int P = panel<T>, L = lanes<T>;
    constexpr bool one_slot = rule != Rule::sgd, two_slots = rule == Rule::adam;
    const Constants<T> c(u);
    V<T> squares[2] = {}, clipped[2] = {}, weight_squares[2] = {}, weight_sizes[2] = {}, largest[2] = {};
    for (Index i = p.begin; i < p.end; ++i) {
#pragma GCC unroll 2
        for (int n = 0; n < 2; ++n) {
            if (n >= n_vectors) break;
            const Index column = p.panel * P + n * L, at = i * p.n_out + column;
            const int some = int(p.n_out - column < L ? p.n_out - column : L);
            auto get = [&](const T* from) { return exact ? load(from, some) : load(from); };
            auto put = [&](T* to, V<T> v) { exact ? store(to, v, some) : store(to, v); };
            T* const place = p.packed + p.panel * p.packed_panel + i * P + n * L;
            V<T> w = load(place), g;
            if (task == Task::apply) {
                g = get(p.gradient + at) * c.scale;
            } else {
                g = load(p.scratch + (i - p.begin) * P + n * L) * c.scale;
                if constexpr (penalized) {
                    V<T> sign = select(w > T(0), broadcast(T(1)), select(w < T(0), broadcast(T(-1)), V<T>{}));
                    g = g + fma(c.l2, w, c.l1 * sign);
                    weight_squares[n] = fma(w, w, weight_squares[n]);
                    weight_sizes[n] += abs(w);
                }
                squares[n] = fma(g, g, squares[n]);
                g = select(g > c.clip, c.clip, select(g < -c.clip, -c.clip, g));
                if (task == Task::gradient) {
                    clipped[n] = fma(g, g, clipped[n]);
                    put(p.gradient + at, g);
                    continue;
                }
            }
            V<T> slot_1{}, slot_2{};
            if constexpr (one_slot) slot_1 = get(p.slot_1 + at);
            if constexpr (two_slots) slot_2 = get(p.slot_2 + at);
            w = moved<T, rule>(c, w, g, slot_1, slot_2);
            if (exact) w = select(first<T>(some), w, V<T>{});
            if constexpr (one_slot) put(p.slot_1 + at, slot_1);
            if constexpr (two_slots) put(p.slot_2 + at, slot_2);
            store(place, w);
            largest[n] = larger(abs(w), largest[n]);
        }
    }
    seen.squares = double(sum_lanes<T>(squares[0])) + double(sum_lanes<T>(squares[1]));
    seen.clipped_squares = double(sum_lanes<T>(clipped[0])) + double(sum_lanes<T>(clipped[1]));
    seen.weight_squares = double(sum_lanes<T>(weight_squares[0])) + double(sum_lanes<T>(weight_squares[1]));
    seen.weight_sizes = double(sum_lanes<T>(weight_sizes[0])) + double(sum_lanes<T>(weight_sizes[1]));
    seen.largest = double(largest_lane<T>(larger(largest[0], largest[1])));
}

// Copies 4 x 4 numbers, transposed.
template <class T> CLEARPROP_INLINE void transpose_square(const T* from, Index from_row, T* to, Index to_row) {
#if defined(__x86_64__)
    if constexpr (sizeof(T) == 4) {
        __m128 a = _mm_loadu_ps(from), b = _mm_loadu_ps(from + from_row), c = _mm_loadu_ps(from + 2 * from_row),
               d = _mm_loadu_ps(from + 3 * from_row);
        _MM_TRANSPOSE4_PS(a, b, c, d);
        _mm_storeu_ps(to, a);
        _mm_storeu_ps(to + to_row, b);
        _mm_storeu_ps(to + 2 * to_row, c);
        _mm_storeu_ps(to + 3 * to_row, d);
        return;
    }
#endif
    for (Index j = 0; j < 4; ++j)
        for (Index i = 0; i < 4; ++i) to[j * to_row + i] = from[i * from_row + j];
}

// Copies rows [begin, end) of a panel of the packed weights to the panels of the transposed matrix.
template <class T> void transpose(const WeightPart<T>& p) {
    constexpr int P = panel<T>;
    const Index columns = p.n_out - p.panel * P < P ? p.n_out - p.panel * P : P;
    for (Index i0 = p.begin; i0 < p.end; i0 += P) {
        const Index some = p.end - i0 < P ? p.end - i0 : P;
        const T* from = p.packed + p.panel * p.packed_panel + i0 * P;
        T* to = p.transposed + i0 / P * p.transposed_panel + p.panel * P * P;
        const Index squares = columns / 4 * 4, rows = some / 4 * 4;
        for (Index j = 0; j < squares; j += 4)
            for (Index i = 0; i < rows; i += 4) transpose_square(from + i * P + j, P, to + j * P + i, P);
        for (Index j = 0; j < columns; ++j)
            for (Index i = j < squares ? rows : 0; i < some; ++i) to[j * P + i] = from[i * P + j];
    }
}

template <class T, Rule rule> void update_by(const WeightPart<T>& p, const Update<T>& u, Task task, Seen& seen) {
    const Index left = p.n_out - p.panel * panel<T>;
    const int n_vectors = left > lanes<T> ? 2 : 1;
    const bool exact = left < panel<T> && left != lanes<T>;
    if (u.l1 != T(0) || u.l2 != T(0))
        exact ? update_rows<T, rule, true, true>(p, u, task, n_vectors, seen)
              : update_rows<T, rule, true, false>(p, u, task, n_vectors, seen);
    else
        exact ? update_rows<T, rule, false, true>(p, u, task, n_vectors, seen)
              : update_rows<T, rule, false, false>(p, u, task, n_vectors, seen);
    if (p.transposed && task != Task::gradient) transpose(p);
}

template <class T> Seen update(const WeightPart<T>& p, const Update<T>& u, Task task) {
    Seen seen{};
    switch (u.rule) {
        case Rule::sgd: update_by<T, Rule::sgd>(p, u, task, seen); break;
        case Rule::momentum: update_by<T, Rule::momentum>(p, u, task, seen); break;
        case Rule::nesterov: update_by<T, Rule::nesterov>(p, u, task, seen); break;
        case Rule::rmsprop: update_by<T, Rule::rmsprop>(p, u, task, seen); break;
        case Rule::adagrad: update_by<T, Rule::adagrad>(p, u, task, seen); break;
        case Rule::adam: update_by<T, Rule::adam>(p, u, task, seen); break;
    }
    return seen;
}

// Copies rows [begin, end) of a panel of the flat weights to the packed and the transposed panels.
template <class T> void pack(const WeightPart<T>& p) {
    constexpr int P = panel<T>, L = lanes<T>;
    const Index columns = p.n_out - p.panel * P < P ? p.n_out - p.panel * P : P;
    for (Index i = p.begin; i < p.end; ++i) {
        const T* from = p.w + i * p.n_out + p.panel * P;
        T* to = p.packed + p.panel * p.packed_panel + i * P;
        for (int n = 0; n < P; n += L) {
            const Index left = columns - n;
            store(to + n, left >= L ? load(from + n) : left > 0 ? load(from + n, int(left)) : V<T>{});
        }
    }
    if (p.transposed) transpose(p);
}

// Copies rows [begin, end) of a panel of the packed weights to the flat ones.
template <class T> void unpack(const WeightPart<T>& p) {
    constexpr int P = panel<T>, L = lanes<T>;
    const Index columns = p.n_out - p.panel * P < P ? p.n_out - p.panel * P : P;
    for (Index i = p.begin; i < p.end; ++i) {
        const T* from = p.packed + p.panel * p.packed_panel + i * P;
        T* to = p.w + i * p.n_out + p.panel * P;
        for (int n = 0; n < columns; n += L) {
            const V<T> w = load(from + n);
            columns - n >= L ? store(to + n, w) : store(to + n, w, int(columns - n));
        }
    }
}

// MaxNorm: columns of a norm above the limit are scaled down to it.
template <class T> void limit_columns(const WeightPart<T>& p, T limit) {
    constexpr int P = panel<T>, L = lanes<T>;
    T* packed = p.packed + p.panel * p.packed_panel;
    V<T> factor[2];
    bool any = false;
    for (int n = 0; n < 2; ++n) {
        V<T> squares{};
        for (Index i = 0; i < p.n_in; ++i) {
            V<T> w = load(packed + i * P + n * L);
            squares = fma(w, w, squares);
        }
        V<T> norm = sqrt(squares), one = broadcast(T(1));
        // a norm that overflows is left alone: the next loss then says what happened
        auto above = (norm > limit) & (norm - norm == T(0));
        factor[n] = select(above, limit / select(above, norm, one), one);
        for (int l = 0; l < L; ++l) any = any || factor[n][l] != T(1);
    }
    if (!any) return;
    for (Index i = 0; i < p.n_in; ++i)
        for (int n = 0; n < 2; ++n) store(packed + i * P + n * L, load(packed + i * P + n * L) * factor[n]);
    if (p.transposed) transpose(p);
}

}  // namespace clearprop::CLEARPROP_TARGET
