// What is done to rows of a batch besides products and activations: moving, adding, scaling, normalizing.
#pragma once

#include "interface.hpp"
#include "math.hpp"
#include "product.hpp"

namespace clearprop::CLEARPROP_TARGET {

// Calls f(panel, offset of the vector in the panel's column block) for all vectors of the rows.
template <class T, class Function>
CLEARPROP_INLINE void each_vector(Index columns, Index begin, Index end, Function f) {
    for (Index p = 0; p * panel<T> < columns; ++p)
        for (Index i = begin * panel<T>; i < end * panel<T>; i += lanes<T>) f(p, i);
}

// Calls f(column, mask of the real columns, offset in panels of that stride) for the vectors of one row.
template <class T, class Function> CLEARPROP_INLINE void along_row(Index columns, Function f) {
    for (Index c = 0; c < columns; c += lanes<T>) {
        const Index some = columns - c < lanes<T> ? columns - c : lanes<T>;
        f(c, first<T>(int(some)));
    }
}

template <class T> CLEARPROP_INLINE T* entry(Panels<T> a, Index row, Index column) {
    return a.data + column / panel<T> * a.stride + row * panel<T> + column % panel<T>;
}

template <class T>
double load_rows(const T* x, Index width, const int64_t* rows, Index begin, Index end, Panels<T> to) {
    constexpr int P = panel<T>, L = lanes<T>;
    V<T> most{};
    for (Index r = begin; r < end; ++r) {
        const T* from = x + (rows ? rows[r] : r) * width;
        const T* ahead = rows && r + 4 < end ? x + rows[r + 4] * width : nullptr;
        Index c = 0;
        for (; c + P <= width; c += P) {
            if (ahead) prefetch(ahead + c, P);
            for (int n = 0; n < P; n += L) {
                V<T> v = load(from + c + n);
                most = larger(abs(v), most);
                store(entry(to, r, c) + n, v);
            }
        }
        if (ahead) prefetch(ahead + c, width - c);
        for (; c < width; c += L) {
            V<T> v = load(from + c, int(width - c < L ? width - c : L));
            most = larger(abs(v), most);
            store(entry(to, r, c), v);
        }
    }
    return double(largest_lane<T>(most));
}

template <class T> void store_rows(Panels<T> from, Index width, Index begin, Index end, T* to) {
    constexpr int L = lanes<T>;
    for (Index r = begin; r < end; ++r)
        for (Index c = 0; c < width; c += L) {
            V<T> v = load(entry(from, r, c));
            T* y = to + (r - begin) * width + c;
            width - c < L ? store(y, v, int(width - c)) : store(y, v);
        }
}

template <class T> void add(Panels<T> a, Panels<T> b, Panels<T> to, Index columns, Index begin, Index end) {
    each_vector<T>(columns, begin, end, [&](Index p, Index i) {
        store(to.data + p * to.stride + i, load(a.data + p * a.stride + i) + load(b.data + p * b.stride + i));
    });
}

template <class T> void multiply(Panels<T> a, Panels<T> b, Panels<T> to, Index columns, Index begin, Index end) {
    each_vector<T>(columns, begin, end, [&](Index p, Index i) {
        store(to.data + p * to.stride + i, load(a.data + p * a.stride + i) * load(b.data + p * b.stride + i));
    });
}

template <class T> void drop(const Dropout<T>& d, Index row) {
    const V<T> scale = broadcast(d.scale);
    along_row<T>(d.columns, [&](Index c, Bits<T> real) {
        const V<T> mask = select(real & (load_shorts<T>(d.numbers + c) >= d.limit), scale, V<T>{});
        store(entry(d.mask, row, c), mask);
        store(entry(d.h, row, c), mask * load(entry(d.x, row, c)));
    });
}

template <class T> void scale_columns(Panels<T> a, const T* s, Panels<T> to, Index columns, Index begin, Index end) {
    each_vector<T>(columns, begin, end, [&](Index p, Index i) {
        store(to.data + p * to.stride + i,
              load(a.data + p * a.stride + i) * load(s + p * panel<T> + i % panel<T>));
    });
}

template <class T> double largest(Panels<T> a, Index columns, Index begin, Index end) {
    V<T> most{}, bad{};
    for (Index r = begin; r < end; ++r)
        along_row<T>(columns, [&](Index c, Bits<T> real) {
            V<T> v = select(real, abs(load(entry(a, r, c))), V<T>{});
            most = larger(v, most);
            bad = bad + v * T(0);  // NaN for ever after an infinity or a NaN
        });
    return double(largest_lane<T>(most)) + double(sum_lanes<T>(bad));
}

// ---- softmax along a row, as a box

template <class T>
void softmax(Panels<T> a, Panels<T> h, bool logarithm, Index columns, Index begin, Index end) {
    for (Index r = begin; r < end; ++r) {
        V<T> top = broadcast(T(-__builtin_inf())), total{};
        along_row<T>(columns, [&](Index c, Bits<T> real) {
            V<T> v = load(entry(a, r, c));
            top = larger(select(real, v, broadcast(T(-__builtin_inf()))), top);
        });
        const T most = largest_lane<T>(top);
        along_row<T>(columns, [&](Index c, Bits<T> real) {
            V<T> shifted = load(entry(a, r, c)) - most, e = select(real, exp(shifted), V<T>{});
            total += e;
            store(entry(h, r, c), logarithm ? select(real, shifted, V<T>{}) : e);
        });
        const T sum = sum_lanes<T>(total);
        const V<T> log_sum = log(broadcast(sum));
        along_row<T>(columns, [&](Index c, Bits<T> real) {
            V<T> v = load(entry(h, r, c));
            store(entry(h, r, c), logarithm ? select(real, v - log_sum, V<T>{}) : v / sum);
        });
    }
}

// da = h (dh - sum dh h), or for the logarithm da = dh - exp(h) sum dh
template <class T>
void softmax_back(Panels<T> h, Panels<T> dh, Panels<T> da, bool logarithm, Index columns, Index begin, Index end) {
    for (Index r = begin; r < end; ++r) {
        V<T> total{};
        along_row<T>(columns, [&](Index c, Bits<T> real) {
            V<T> d = load(entry(dh, r, c)), y = load(entry(h, r, c));
            total += select(real, logarithm ? d : d * y, V<T>{});
        });
        const T sum = sum_lanes<T>(total);
        along_row<T>(columns, [&](Index c, Bits<T> real) {
            V<T> d = load(entry(dh, r, c)), y = load(entry(h, r, c));
            store(entry(da, r, c), select(real, logarithm ? d - exp(y) * sum : y * (d - sum), V<T>{}));
        });
    }
}

// ---- normalization: z = (x - mean) / deviation, y = gain z + bias

template <class T> void layer_norm(const Normalization<T>& n, Index begin, Index end) {
    const T columns = T(n.columns);
    for (Index r = begin; r < end; ++r) {
        V<T> total{}, squares{};
        along_row<T>(n.columns, [&](Index c, Bits<T> real) { total += select(real, load(entry(n.x, r, c)), V<T>{}); });
        const T mean = sum_lanes<T>(total) / columns;
        along_row<T>(n.columns, [&](Index c, Bits<T> real) {
            V<T> centered = select(real, load(entry(n.x, r, c)) - mean, V<T>{});
            squares = fma(centered, centered, squares);
        });
        const V<T> deviation = sqrt(broadcast(sum_lanes<T>(squares) / columns + n.epsilon));
        if (n.deviation) n.deviation[r] = deviation[0];
        along_row<T>(n.columns, [&](Index c, Bits<T> real) {
            V<T> z = select(real, (load(entry(n.x, r, c)) - mean) / deviation, V<T>{});
            if (n.z.data) store(entry(n.z, r, c), z);
            store(entry(n.y, r, c), z * load(n.gain + c) + load(n.bias + c));
        });
    }
}

// dx = (dz - mean(dz) - z mean(dz z)) / deviation with dz = dy gain; gain is 0 where there is no column
template <class T> void layer_norm_back(const Normalization<T>& n, Index begin, Index end) {
    const T columns = T(n.columns);
    for (Index r = begin; r < end; ++r) {
        V<T> total{}, products{};
        along_row<T>(n.columns, [&](Index c, Bits<T>) {
            V<T> dz = load(entry(n.dy, r, c)) * load(n.gain + c);
            total += dz;
            products = fma(dz, load(entry(n.z, r, c)), products);
        });
        const T mean = sum_lanes<T>(total) / columns, mean_z = sum_lanes<T>(products) / columns;
        along_row<T>(n.columns, [&](Index c, Bits<T> real) {
            V<T> dz = load(entry(n.dy, r, c)) * load(n.gain + c), z = load(entry(n.z, r, c));
            store(entry(n.dx, r, c), select(real, (dz - mean - z * mean_z) / n.deviation[r], V<T>{}));
        });
    }
}

template <class T> void normalize(const Normalization<T>& n, Index begin, Index end) {
    for (Index r = begin; r < end; ++r)
        along_row<T>(n.columns, [&](Index c, Bits<T> real) {
            V<T> z = select(real, (load(entry(n.x, r, c)) - load(n.mean + c)) / load(n.deviation + c), V<T>{});
            if (n.z.data) store(entry(n.z, r, c), z);
            store(entry(n.y, r, c), z * load(n.gain + c) + load(n.bias + c));
        });
}

template <class T> void batch_norm_back(const Normalization<T>& n, bool batch, Index begin, Index end) {
    for (Index r = begin; r < end; ++r)
        along_row<T>(n.columns, [&](Index c, Bits<T> real) {
            V<T> dz = load(entry(n.dy, r, c)) * load(n.gain + c);
            if (batch) dz = dz - load(n.mean_dz + c) - load(entry(n.z, r, c)) * load(n.mean_dz_z + c);
            store(entry(n.dx, r, c), select(real, dz / load(n.deviation + c), V<T>{}));
        });
}

// Mean and (biased) variance of the columns of one panel; variance in `deviation`.
template <class T> void moments(const Normalization<T>& n, Index p, Index rows) {
    constexpr int P = panel<T>, L = lanes<T>;
    for (int v = 0; v < P; v += L) {
        const T* x = n.x.data + p * n.x.stride + v;
        V<T> total{}, squares{};
        for (Index r = 0; r < rows; ++r) total += load(x + r * P);
        const V<T> mean = total / T(rows);
        for (Index r = 0; r < rows; ++r) {
            V<T> centered = load(x + r * P) - mean;
            squares = fma(centered, centered, squares);
        }
        store(n.mean + p * P + v, mean);
        store(n.deviation + p * P + v, squares / T(rows));
    }
}

// Means of dz and dz z over the rows, for the columns of one panel.
template <class T> void gradient_moments(const Normalization<T>& n, Index p, Index rows) {
    constexpr int P = panel<T>, L = lanes<T>;
    for (int v = 0; v < P; v += L) {
        V<T> total{}, products{};
        const V<T> gain = load(n.gain + p * P + v);
        for (Index r = 0; r < rows; ++r) {
            V<T> dz = load(n.dy.data + p * n.dy.stride + r * P + v) * gain;
            total += dz;
            products = fma(dz, load(n.z.data + p * n.z.stride + r * P + v), products);
        }
        store(n.mean_dz + p * P + v, total / T(rows));
        store(n.mean_dz_z + p * P + v, products / T(rows));
    }
}

// Gradient of a vector parameter: sums over the rows of d, or of d x.
template <class T> void column_sums(const WeightPart<T>& p) {
    constexpr int P = panel<T>, L = lanes<T>;
    for (int v = 0; v < P; v += L) {
        V<T> total{};
        for (Index r0 = 0; r0 < p.rows; r0 += shard_rows) {
            const Index r1 = p.rows - r0 < shard_rows ? p.rows : r0 + shard_rows;
            V<T> shard{};
            for (int use = 0; use < p.n_uses; ++use) {
                const Use<T>& u = p.uses[use];
                const T* d = u.d.data + p.panel * u.d.stride + v;
                const T* x = u.x.data ? u.x.data + p.panel * u.x.stride + v : nullptr;
                if (x)
                    for (Index r = r0; r < r1; ++r) shard = fma(load(d + r * P), load(x + r * P), shard);
                else
                    for (Index r = r0; r < r1; ++r) shard += load(d + r * P);
            }
            total = r0 ? total + shard : shard;
        }
        store(p.scratch + v, total);
    }
}

}  // namespace clearprop::CLEARPROP_TARGET
