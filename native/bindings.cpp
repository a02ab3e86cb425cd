// The Python module clearprop._native: the only file that knows Python. src/clearprop/_native.pyi has its types.
#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "core/cpus.hpp"
#include "core/targets.hpp"

namespace nb = nanobind;

NB_MODULE(_native, m) {
    m.doc() = "The native core of clearprop; clearprop.engines.native is its only user.";
    m.def("targets", &clearprop::targets, "Instruction sets that were built, best first.");
    m.def("supported", &clearprop::supported, "Of these, the ones that this processor runs, best first.");
    m.def("target", [] { return std::string(clearprop::kernels().target); }, "The instruction set in force.");
    m.def("set_target", &clearprop::set_target, nb::arg("name"), "Compute with one of supported() from here on.");
    m.def("available_cpus", &clearprop::available_cpus, "Processors that affinity and control group grant.");
}
