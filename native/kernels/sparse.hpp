// Products with the rows of a sparse matrix, for the first layer of a network.
#pragma once

#include "rows.hpp"

namespace clearprop::CLEARPROP_TARGET {

// y = scale x W + bias, row r of the batch being row rows[r] of x; relu and factor are left to other kernels.
template <class T>
void sparse_product(const Product<T>& p, const Sparse<T>& x, const int64_t* rows, Index begin, Index end) {
    constexpr int P = panel<T>, L = lanes<T>;
    for (Index r = begin; r < end; ++r) {
        const int64_t row = rows ? rows[r] : r;
        for (Index column = 0; column < p.columns; column += P)
            for (int n = 0; n < P; n += L) {
                if (column + n >= p.columns) continue;
                const T* w = p.w + column / P * p.w_panel + n;
                const int some = int(p.columns - column - n < L ? p.columns - column - n : L);
                V<T> sum{};
                for (int64_t at = x.starts[row]; at < x.starts[row + 1]; ++at) {
                    const T* from = w + x.columns[at] * p.w_row;
                    sum = fma(broadcast(x.values[at]), p.exact && some < L ? load(from, some) : load(from), sum);
                }
                sum = sum * p.scale;
                if (p.bias) sum = sum + load(p.bias + column + n);
                store(entry(p.y, r, column) + n, sum);
            }
    }
}

// The gradient x^T d of one whole panel; the entries of x are added in the order of the rows.
template <class T> void sparse_gradient(const WeightPart<T>& p, const Sparse<T>& x, const int64_t* rows) {
    constexpr int P = panel<T>, L = lanes<T>;
    for (Index i = 0; i < (p.end - p.begin) * P; i += L) store(p.scratch + i, V<T>{});
    for (int use = 0; use < p.n_uses; ++use)
        for (Index r = 0; r < p.rows; ++r) {
            const T* d = p.uses[use].d.data + p.panel * p.uses[use].d.stride + r * P;
            const V<T> low = load(d), high = load(d + L);
            const int64_t row = rows ? rows[r] : r;
            for (int64_t at = x.starts[row]; at < x.starts[row + 1]; ++at) {
                if (x.columns[at] < p.begin || x.columns[at] >= p.end) continue;
                T* g = p.scratch + (x.columns[at] - p.begin) * P;
                const V<T> value = broadcast(x.values[at]);
                store(g, fma(value, low, load(g)));
                store(g + L, fma(value, high, load(g + L)));
            }
        }
}

}  // namespace clearprop::CLEARPROP_TARGET
