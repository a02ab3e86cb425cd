// Matrix products: y = x W with an epilogue, and the gradient x^T d.
#pragma once

#include "interface.hpp"
#include "simd.hpp"

namespace clearprop::CLEARPROP_TARGET {

template <class T> constexpr int panel = 2 * lanes<T>;               // columns of a panel
constexpr int tile_rows = CLEARPROP_VECTOR_BYTES == 64 ? 14 : 6;     // rows of a tile of y: all registers
constexpr int few_rows = tile_rows / 4;                               // which leave registers for wide tiles
constexpr int gradient_rows = CLEARPROP_VECTOR_BYTES == 64 ? 8 : 4;  // rows of a tile of x^T d
template <class T> constexpr Index k_block = 2048 / sizeof(T);       // measured; W of a block and panel stays in cache

template <class T> CLEARPROP_INLINE V<T> derivative(Derivative kind, const T* p) {
    const T one = 1;
    switch (kind) {
        case Derivative::relu: {
            V<T> h = load(p);
            return select(h > T(0), broadcast(one), V<T>{});
        }
        case Derivative::tanh: {
            V<T> h = load(p);
            return one - h * h;
        }
        case Derivative::sigmoid: {
            V<T> h = load(p);
            return h * (one - h);
        }
        case Derivative::stored: return load(p);
        default: return broadcast(one);
    }
}

template <class T> CLEARPROP_INLINE void prefetch(const T* from, Index n) {  // into the second cache
    for (Index i = 0; i < n; i += 64 / Index(sizeof(T))) __builtin_prefetch(from + i, 0, 2);
}

// R rows and N vectors of y over the columns [k0, k1) of x; sums go on from y where k0 > 0, and the epilogue follows
// where k1 is the last. Each entry is one chain of additions in the order of k: the same bits in every tile.
// Meanwhile `next` and the numbers after it are fetched, `n_next` of them for each panel of x.
template <class T, int R, int N, bool exact>
void tile(const Product<T>& p, Index row, Index column, Index k0, Index k1, const T* next, Index n_next) {
    constexpr int P = panel<T>, L = lanes<T>;
    V<T> sum[R][N];
    auto entry = [&](Panels<T> of, int r, int n) {
        return of.data + (column / P + n / 2) * of.stride + (row + r) * P + n % 2 * L;
    };
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 8
        for (int n = 0; n < N; ++n) sum[r][n] = k0 ? load(entry(p.y, r, n)) : V<T>{};
    const T* w = p.w + column / P * p.w_panel + k0 * p.w_row;
    [[maybe_unused]] const int last = int(p.columns - column) - (N - 1) * L;  // columns of the last vector
    for (Index k = k0; k < k1; k += P) {
        const T* x = p.x.data + k / P * p.x.stride + row * P;
        const Index some = k1 - k < P ? k1 - k : P;
        prefetch(next, n_next);
        next += n_next;
        for (Index i = 0; i < some; ++i) {
            V<T> b[N];
#pragma GCC unroll 8
            for (int n = 0; n < N; ++n) b[n] = exact && n == N - 1 ? load(w + n * L, last) : load(w + n * L);
#pragma GCC unroll 16
            for (int r = 0; r < R; ++r) {
                V<T> a = broadcast(x[r * P + i]);
#pragma GCC unroll 8
                for (int n = 0; n < N; ++n) sum[r][n] = fma(a, b[n], sum[r][n]);
            }
            w += p.w_row;
        }
    }
    auto each = [&](auto&& change) {
#pragma GCC unroll 16
        for (int r = 0; r < R; ++r)
#pragma GCC unroll 8
            for (int n = 0; n < N; ++n) change(sum[r][n], r, n);
    };
    if (k1 == p.k) {
        if (p.scale != T(1)) each([&](V<T>& y, int, int) { y *= p.scale; });
        if (p.bias) each([&](V<T>& y, int, int n) { y += load(p.bias + column + n * L); });
        if (p.relu) each([&](V<T>& y, int, int) { y = select(y <= T(0), V<T>{}, y); });
        if (p.before.data) each([&](V<T>& y, int r, int n) { store(entry(p.before, r, n), y); });
        if (p.factor.kind != Derivative::one)
            each([&](V<T>& y, int r, int n) { y *= derivative(p.factor.kind, entry(p.factor.values, r, n)); });
    }
    each([&](V<T>& y, int r, int n) { store(entry(p.y, r, n), y); });
}

// Of the functions for tiles of up to tile_rows rows and 1 or 2 vectors, and for few rows 8, the one that is wanted.
template <class T, int R = tile_rows>
CLEARPROP_INLINE void tile_of(int rows, int vectors, bool exact, const Product<T>& p, Index row, Index column, Index k0,
                              Index k1, const T* next, Index n_next) {
    if constexpr (R > 0) {
        if (rows != R) return tile_of<T, R - 1>(rows, vectors, exact, p, row, column, k0, k1, next, n_next);
        auto of_width = exact ? (vectors == 2 ? tile<T, R, 2, true> : tile<T, R, 1, true>)
                              : (vectors == 2 ? tile<T, R, 2, false> : tile<T, R, 1, false>);
        if constexpr (R <= few_rows)
            if (vectors == 8) of_width = tile<T, R, 8, false>;
        of_width(p, row, column, k0, k1, next, n_next);
    }
}

// Rows [begin, end) of y. A block of W stays in cache while all rows pass by; the next block is fetched meanwhile.
template <class T> void product(const Product<T>& p, Index begin, Index end) {
    constexpr int P = panel<T>, L = lanes<T>;
    const Index tiles = (end - begin + tile_rows - 1) / tile_rows;
    if (tiles == 0) return;
    const Index blocks = p.k < 2 * k_block<T> ? 1 : p.k / k_block<T>;
    const Index block = ((p.k + blocks - 1) / blocks + P - 1) / P * P;
    const bool in_panels = p.w_row == P;
    for (Index k0 = 0; k0 == 0 || k0 < p.k; k0 += block) {
        const Index k1 = p.k - k0 < block ? p.k : k0 + block;
        for (Index column = 0, vectors; column < p.columns; column += vectors == 8 ? 8 * L : P) {
            const Index left = p.columns - column;
            // flat rows are read in longer pieces
            vectors = !in_panels && end - begin <= few_rows && left >= 8 * L ? 8 : left > L ? 2 : 1;
            const bool exact = p.exact && left < P && left != L;
            const T* const next = p.w + (column / P + 1) * p.w_panel + k0 * P;
            const Index n_next = in_panels && left > P ? P * P / tiles : 0;
            for (Index t = 0; t < tiles; ++t) {  // tiles of nearly equal size: none is too small for the pipelines
                const Index from = begin + (end - begin) * t / tiles, to = begin + (end - begin) * (t + 1) / tiles;
                if (blocks > 1) prefetch(p.y.data + column / P * p.y.stride + to * P, tile_rows * P);
                tile_of<T>(int(to - from), int(vectors), exact, p, from, column, k0, k1,
                           next + (k1 - k0) * P * t / tiles, n_next);
            }
        }
    }
}

// Asks for what the update will need of row i of a part. Few lines at a time: many would hold up the loads in between.
template <class T> CLEARPROP_INLINE void fetch_row(const WeightPart<T>& p, Index i) {
    constexpr int P = panel<T>;
    const T* const slots[] = {p.slot_1, p.slot_2};
    for (const T* slot : slots)
        if (slot) prefetch(slot + i * p.n_out + p.panel * P, P + lanes<T> - 1);
    prefetch(p.packed + p.panel * p.packed_panel + i * P, P);
    if (p.transposed) prefetch(p.transposed + i / P * p.transposed_panel + p.panel * P * P + i % P * P, P);
}

// g (rows P apart) += the sum over rows [r0, r0 + rows) and all uses of R columns of x from `i` on times N vectors of d.
template <class T, int R, int N>
CLEARPROP_INLINE void gradient_tile(const WeightPart<T>& p, Index i, Index r0, Index rows, bool fetches, T* g) {
    constexpr int P = panel<T>, L = lanes<T>;
    V<T> sum[R][N] = {};
    const Index stretch = (rows + R - 1) / R;
    for (int use = 0; use < p.n_uses; ++use) {
        const Panels<T> xs = p.uses[use].x, ds = p.uses[use].d;
        const T* x = xs.data + i / P * xs.stride + r0 * P + i % P;
        const T* d = ds.data + p.panel * ds.stride + r0 * P;
        for (Index r = 0, row = i; r < rows; ++row) {
            if (fetches && row < p.end) fetch_row(p, row);
            for (const Index end = rows - r < stretch ? rows : r + stretch; r < end; ++r) {
                V<T> b[N];
#pragma GCC unroll 2
                for (int n = 0; n < N; ++n) b[n] = load(d + r * P + n * L);
#pragma GCC unroll 16
                for (int k = 0; k < R; ++k) {
                    V<T> a = broadcast(x[r * P + k]);
#pragma GCC unroll 2
                    for (int n = 0; n < N; ++n) sum[k][n] = fma(a, b[n], sum[k][n]);
                }
            }
        }
    }
#pragma GCC unroll 16
    for (int k = 0; k < R; ++k)
#pragma GCC unroll 2
        for (int n = 0; n < N; ++n) store(g + k * P + n * L, r0 ? load(g + k * P + n * L) + sum[k][n] : sum[k][n]);
}

// x^T d for the columns [begin, end) of x and one panel of d, into scratch. Sums of shards are added in their order, so
// that a gradient can be put together from shards computed elsewhere. A shard's d stays in the first cache.
template <class T> void gradient(const WeightPart<T>& p) {
    constexpr int P = panel<T>, R = gradient_rows, narrow = 2 * R < P ? 2 * R : P;
    static_assert(P % R == 0 && P % narrow == 0);
    const bool wide = p.n_out - p.panel * P > lanes<T>;
    for (Index r0 = 0; r0 < p.rows; r0 += shard_rows) {
        const bool last = p.rows - r0 <= shard_rows;
        const Index rows = last ? p.rows - r0 : shard_rows;
        for (Index i = p.begin; i < p.end; i += wide ? R : narrow) {
            T* g = p.scratch + (i - p.begin) * P;
            wide ? gradient_tile<T, R, 2>(p, i, r0, rows, p.fetches && last, g)
                 : gradient_tile<T, narrow, 1>(p, i, r0, rows, p.fetches && last, g);
        }
    }
}

}  // namespace clearprop::CLEARPROP_TARGET
