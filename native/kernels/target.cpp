// All kernels for one target: the build compiles this file once for each, with CLEARPROP_TARGET as its name.
#include "activation.hpp"
#include "loss.hpp"
#include "periodic.hpp"
#include "sparse.hpp"
#include "update.hpp"

#define CLEARPROP_STRING(name) #name
#define CLEARPROP_NAME(name) CLEARPROP_STRING(name)

namespace clearprop::CLEARPROP_TARGET {

template <class T> void function(int which, const T* x, T* y, Index n) {
    for (Index i = 0; i < n; i += lanes<T>) {
        const int some = int(n - i < lanes<T> ? n - i : lanes<T>);
        const V<T> v = load(x + i, some);
        V<T> result = v;
        switch (which) {
            case 0: result = exp(v); break;
            case 1: result = expm1(v); break;
            case 2: result = log(v); break;
            case 3: result = log1p(v); break;
            case 4: result = tanh(v); break;
            case 5: result = sigmoid(v); break;
            case 6: result = softplus(v); break;
            case 7: result = normal_cdf(v); break;
            case 8: result = erf(v); break;
            case 9: result = cos_turns(v); break;
            case 10: result = sin_turns(v); break;
        }
        store(y + i, result, some);
    }
}

// As many multiply-adds as the processor can do: sixteen independent chains.
template <class T> double fma_peak(Index rounds) {
    V<T> sum[16], a = broadcast(T(0.999)), b = broadcast(T(1e-3));
    for (int i = 0; i < 16; ++i) sum[i] = broadcast(T(i));
    __asm__ volatile("" : "+x"(a), "+x"(b));
    for (Index r = 0; r < rounds; ++r)
#pragma GCC unroll 16
        for (int i = 0; i < 16; ++i) sum[i] = fma(sum[i], a, b);
    for (int i = 0; i < 16; ++i) __asm__ volatile("" : : "x"(sum[i]));
    return double(rounds) * 16 * lanes<T> * 2;
}

template <class T> constexpr Kernels<T> table = {
    CLEARPROP_NAME(CLEARPROP_TARGET), panel<T>, tile_rows,
    load_rows<T>, store_rows<T>, product<T>, sparse_product<T>, activate<T>, pass_back<T>, add<T>, multiply<T>,
    drop<T>, scale_columns<T>, softmax<T>, softmax_back<T>, layer_norm<T>, layer_norm_back<T>, normalize<T>,
    batch_norm_back<T>, periodic<T>, periodic_back<T>, loss<T>, largest<T>,
    moments<T>, gradient_moments<T>, gradient<T>, sparse_gradient<T>, column_sums<T>, periodic_gradient<T>, update<T>,
    pack<T>, unpack<T>, limit_columns<T>,
    function<T>, fma_peak<T>,
};

const Kernels<float>& kernels_float() { return table<float>; }
const Kernels<double>& kernels_double() { return table<double>; }

}  // namespace clearprop::CLEARPROP_TARGET
