#include "core/targets.hpp"

#include <atomic>
#include <stdexcept>

namespace clearprop {
namespace {

struct Target {
    const Kernels* kernels;
    bool runs;  // on this processor, under this operating system
};

const std::vector<Target>& built() {
    static const std::vector<Target> found{
#ifdef CLEARPROP_HAVE_AVX512
        {&avx512::kernels,
         __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
             __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")},
#endif
#ifdef CLEARPROP_HAVE_AVX2
        {&avx2::kernels, __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")},
#endif
        {&baseline::kernels, true},
    };
    return found;
}

const Kernels* best() {
    for (const Target& target : built())
        if (target.runs) return target.kernels;
    return &baseline::kernels;
}

std::atomic<const Kernels*>& in_force() {
    static std::atomic<const Kernels*> chosen{best()};
    return chosen;
}

}  // namespace

std::vector<std::string> targets() {
    std::vector<std::string> names;
    for (const Target& target : built()) names.emplace_back(target.kernels->target);
    return names;
}

std::vector<std::string> supported() {
    std::vector<std::string> names;
    for (const Target& target : built())
        if (target.runs) names.emplace_back(target.kernels->target);
    return names;
}

const Kernels& kernels() { return *in_force(); }

void set_target(const std::string& name) {
    for (const Target& target : built())
        if (target.runs && name == target.kernels->target) {
            in_force() = target.kernels;
            return;
        }
    throw std::invalid_argument("'" + name + "' is not among the supported targets");
}

}  // namespace clearprop
