// The kernels of one instruction set, as the core sees them: a table of functions on pointers and sizes.
// Included by kernels/target.cpp, so nothing in here may define an inline function.
#pragma once

#include <cstddef>

namespace clearprop {

struct Kernels {
    const char* target;
    void (*add_scaled)(std::size_t n, double scale, const double* x, double* y);  // y += scale x
};

// One table for each target that was built.
namespace baseline { extern const Kernels kernels; }
namespace avx2 { extern const Kernels kernels; }
namespace avx512 { extern const Kernels kernels; }

}  // namespace clearprop
