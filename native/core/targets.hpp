// The instruction sets that kernels were built for, and the one in use.
#pragma once

#include <string>
#include <vector>

#include "../kernels/interface.hpp"

namespace clearprop {

std::vector<std::string> targets();    // best first
std::vector<std::string> supported();  // of these, the ones that this processor runs

// Kernels of a supported target, or nullptr.
template <class T> const Kernels<T>* kernels_of(const std::string& target);

// Operations a second of multiply-adds alone, in so many threads: what no engine can exceed.
double measure_fma_peak(const std::string& target, bool single_precision, int threads);

}  // namespace clearprop
