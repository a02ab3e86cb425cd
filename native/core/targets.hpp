// The instruction sets ("targets") that were built, those that this processor runs, and the one in force.
#pragma once

#include <string>
#include <vector>

#include "kernels/kernels.hpp"

namespace clearprop {

std::vector<std::string> targets();    // built, best first
std::vector<std::string> supported();  // of these, the ones that this processor runs, best first

const Kernels& kernels();                 // in force; at first the best that is supported
void set_target(const std::string& name);  // throws std::invalid_argument unless it is one of supported()

}  // namespace clearprop
