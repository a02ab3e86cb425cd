// Compiled once for each instruction set, with -DCLEARPROP_TARGET=baseline, avx2 or avx512.
#include "kernels/kernels.hpp"

#define TEXT_OF(name) #name
#define TEXT(name) TEXT_OF(name)

namespace clearprop::CLEARPROP_TARGET {
namespace {

void add_scaled(std::size_t n, double scale, const double* x, double* y) {
    for (std::size_t i = 0; i < n; ++i) y[i] += scale * x[i];
}

}  // namespace

constinit const Kernels kernels{TEXT(CLEARPROP_TARGET), add_scaled};

}  // namespace clearprop::CLEARPROP_TARGET
