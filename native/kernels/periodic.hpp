// Periodic embeddings; the equations stand in clearprop.layers. Vectors lie across the columns of x, so that nothing is
// summed across lanes and no number of frequencies is odd. Sines are made anew where they are wanted: that is cheaper
// than to write them to memory and to read them back.
#pragma once

#include "rows.hpp"

namespace clearprop::CLEARPROP_TARGET {

constexpr int block_frequencies = 16;  // whose cosines are at hand at a time: they stay in the first cache
template <class T> constexpr T turn = T(6.283185307179586476925286766559);  // 2 pi
constexpr int rows_at_once = CLEARPROP_VECTOR_BYTES == 64 ? 4 : 2;  // of a gradient, as many as the registers hold

// The first n lanes from `column` on, which may lie in two panels; the others are 0.
template <class T> CLEARPROP_INLINE V<T> load_across(Panels<T> a, Index row, Index column, int n) {
    constexpr int P = panel<T>, L = lanes<T>;
    const int here = P - int(column % P);
    if (n <= here) return n < L ? load(entry(a, row, column), n) : load(entry(a, row, column));
    T both[2 * L];
    store(both, load(entry(a, row, column), here));
    store(both + here, load(entry(a, row, column + here), n - here));
    return load(both);
}

template <class T> CLEARPROP_INLINE void store_across(Panels<T> a, Index row, Index column, V<T> v, int n) {
    constexpr int P = panel<T>, L = lanes<T>;
    const int here = P - int(column % P);
    if (n <= here) return n < L ? store(entry(a, row, column), v, n) : store(entry(a, row, column), v);
    T both[2 * L];
    store(both, v);
    store(entry(a, row, column), v, here);
    store(entry(a, row, column + here), load(both + here), n - here);
}

// A vector of columns of x, and what belongs to them of the parameters; rows lie P apart.
template <class T> struct PeriodicColumns {
    const Periodic<T>& p;
    const T *w, *b, *W, *c;
    Index first;
    int n;

    PeriodicColumns(const Periodic<T>& p, Index first)
        : p(p), w(entry(p.w, 0, first)), b(entry(p.b, 0, first)), W(entry(p.W, 0, first)), c(entry(p.c, 0, first)),
          first(first), n(int(p.columns - first < lanes<T> ? p.columns - first : lanes<T>)) {}

    Index block(Index k0) const {
        return p.frequencies - k0 < block_frequencies ? p.frequencies - k0 : block_frequencies;
    }
    const T* weight(Index o, Index k) const { return W + (o * p.frequencies + k) * panel<T>; }
    Index column(Index o) const { return (1 + o) * p.columns + first; }  // of output o in h

    // The angle of frequency k, in turns.
    CLEARPROP_INLINE V<T> turns(Index k, V<T> x) const {
        const T inverse = T(0.15915494309189533576888376337251);  // 1 / (2 pi)
        return fma(load(w + k * panel<T>), x, inverse * load(b + k * panel<T>));
    }
};

template <class T, class Function> CLEARPROP_INLINE void each_column_vector(const Periodic<T>& p, Function f) {
    for (Index first = 0; first < p.columns; first += lanes<T>) f(PeriodicColumns<T>(p, first));
}

template <class T> void periodic(const Periodic<T>& p, Index begin, Index end) {
    constexpr int P = panel<T>;
    each_column_vector(p, [&](const PeriodicColumns<T>& at) {
        for (Index r = begin; r < end; ++r) {
            const V<T> x = load(entry(p.x, r, at.first));
            store_across(p.h, r, at.first, x, at.n);
            for (Index k0 = 0; k0 < p.frequencies; k0 += block_frequencies) {
                const Index block = at.block(k0);
                V<T> z[block_frequencies];
                for (Index k = 0; k < block; ++k) z[k] = cos_turns(at.turns(k0 + k, x));
                for (Index o = 0; o < p.width; ++o) {
                    const T* W = at.weight(o, k0);
                    V<T> e = k0 ? load_across(p.h, r, at.column(o), at.n) : load(at.c + o * P);
                    for (Index k = 0; k < block; ++k) e = fma(load(W + k * P), z[k], e);
                    store_across(p.h, r, at.column(o), e, at.n);
                }
            }
        }
    });
}

// dx = dh_0 + 2 pi sum over k of w_k da_k with da_k = -sin(a_k) sum over o of W_ok de_o
template <class T> void periodic_back(const Periodic<T>& p, Index begin, Index end) {
    constexpr int P = panel<T>;
    each_column_vector(p, [&](const PeriodicColumns<T>& at) {
        for (Index r = begin; r < end; ++r) {
            const V<T> x = load(entry(p.x, r, at.first));
            V<T> sum{};
            for (Index k0 = 0; k0 < p.frequencies; k0 += block_frequencies) {
                const Index block = at.block(k0);
                V<T> dz[block_frequencies] = {};
                for (Index o = 0; o < p.width; ++o) {
                    const T* W = at.weight(o, k0);
                    const V<T> de = load_across(p.dh, r, at.column(o), at.n);
                    for (Index k = 0; k < block; ++k) dz[k] = fma(load(W + k * P), de, dz[k]);
                }
                for (Index k = 0; k < block; ++k) {
                    const V<T> da = -sin_turns(at.turns(k0 + k, x)) * dz[k];
                    sum = fma(load(at.w + (k0 + k) * P), da, sum);
                }
            }
            store(entry(p.dx, r, at.first), fma(broadcast(turn<T>), sum, load_across(p.dh, r, at.first, at.n)));
        }
    });
}

// Adds to the gradients of w, b, W and c, in this order and a row for each of theirs, what so many rows of a use
// contribute. `de` has room for the gradients at their outputs.
template <class T>
CLEARPROP_INLINE void add_gradients(const PeriodicColumns<T>& at, const Use<T>& use, Index r, int rows, T* sums,
                                    T* de) {
    constexpr int P = panel<T>, L = lanes<T>, R = rows_at_once;
    const Index frequencies = at.p.frequencies, width = at.p.width;
    T *const dw = sums, *const db = dw + frequencies * P, *const dW = db + frequencies * P;
    T* const dc = dW + width * frequencies * P;
    V<T> x[R] = {};  // where there are fewer rows, the others are 0
    for (int i = 0; i < rows; ++i) x[i] = load(entry(use.x, r + i, at.first));
    for (Index o = 0; o < width; ++o) {
        V<T> sum = load(dc + o * P);
        for (int i = 0; i < R; ++i) {
            const V<T> d = i < rows ? load_across(use.d, r + i, at.column(o), at.n) : V<T>{};
            store(de + (o * R + i) * L, d);
            sum += d;
        }
        store(dc + o * P, sum);
    }
    for (Index k = 0; k < frequencies; ++k) {
        V<T> sine[R], z[R], dz[R] = {};
#pragma GCC unroll 4
        for (int i = 0; i < R; ++i) {
            const V<T> turns = at.turns(k, x[i]);
            sine[i] = sin_turns(turns);
            z[i] = cos_turns(turns);
        }
        for (Index o = 0; o < width; ++o) {
            T* const place = dW + (o * frequencies + k) * P;
            const V<T> W = load(at.weight(o, k));
            V<T> sum = load(place);
#pragma GCC unroll 4
            for (int i = 0; i < R; ++i) {
                const V<T> d = load(de + (o * R + i) * L);
                dz[i] = fma(W, d, dz[i]);
                sum = fma(d, z[i], sum);
            }
            store(place, sum);
        }
        V<T> sum_w = load(dw + k * P), sum_b = load(db + k * P);
#pragma GCC unroll 4
        for (int i = 0; i < R; ++i) {
            const V<T> da = -sine[i] * dz[i];
            sum_w = fma(da, turn<T> * x[i], sum_w);
            sum_b += da;
        }
        store(dw + k * P, sum_w);
        store(db + k * P, sum_b);
    }
}

// The gradients of all four parameters for one panel of columns, into scratch. Behind them lie the sums of a shard of
// rows until they are added, and the gradients at the outputs of a few rows.
template <class T> void periodic_gradient(const Periodic<T>& p, const WeightPart<T>& part) {
    constexpr int P = panel<T>, R = rows_at_once;
    const Index height = (2 + p.width) * p.frequencies + p.width;
    T* const de = part.scratch + 2 * height * P;
    for (Index first = part.panel * P; first < p.columns && first < (part.panel + 1) * P; first += lanes<T>) {
        const PeriodicColumns<T> at(p, first);
        T* const total = part.scratch + first % P;
        for (Index r0 = 0; r0 < part.rows; r0 += shard_rows) {
            const Index r1 = part.rows - r0 < shard_rows ? part.rows : r0 + shard_rows;
            T* const sums = r0 ? total + height * P : total;
            for (Index i = 0; i < height; ++i) store(sums + i * P, V<T>{});
            for (int use = 0; use < part.n_uses; ++use)
                for (Index r = r0; r < r1; r += R)
                    add_gradients(at, part.uses[use], r, int(r1 - r < R ? r1 - r : R), sums, de);
            for (Index i = 0; r0 && i < height; ++i)
                store(total + i * P, load(total + i * P) + load(sums + i * P));
        }
    }
}

}  // namespace clearprop::CLEARPROP_TARGET
