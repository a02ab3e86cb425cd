#include "targets.hpp"

#include <algorithm>
#include <chrono>

#include "pool.hpp"

#define CLEARPROP_DECLARE(target)            \
    namespace clearprop::target {            \
    const Kernels<float>& kernels_float();   \
    const Kernels<double>& kernels_double(); \
    }

CLEARPROP_DECLARE(baseline)
#if defined(CLEARPROP_HAVE_AVX2)
CLEARPROP_DECLARE(avx2)
#endif
#if defined(CLEARPROP_HAVE_AVX512)
CLEARPROP_DECLARE(avx512)
#endif

namespace clearprop {

namespace {

struct Target {
    const char* name;
    bool supported;
    const Kernels<float>& (*single)();
    const Kernels<double>& (*twice)();
};

const std::vector<Target>& table() {
    static const std::vector<Target> all = {
#if defined(CLEARPROP_HAVE_AVX512)
        {"avx512",
         __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
             __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
             __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"),
         avx512::kernels_float, avx512::kernels_double},
#endif
#if defined(CLEARPROP_HAVE_AVX2)
        {"avx2", __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"), avx2::kernels_float,
         avx2::kernels_double},
#endif
        {"baseline", true, baseline::kernels_float, baseline::kernels_double},
    };
    return all;
}

const Target* find(const std::string& name) {
    for (const Target& target : table())
        if (target.supported && name == target.name) return &target;
    return nullptr;
}

}  // namespace

std::vector<std::string> targets() {
    std::vector<std::string> names;
    for (const Target& target : table()) names.push_back(target.name);
    return names;
}

std::vector<std::string> supported() {
    std::vector<std::string> names;
    for (const Target& target : table())
        if (target.supported) names.push_back(target.name);
    return names;
}

template <> const Kernels<float>* kernels_of<float>(const std::string& name) {
    const Target* target = find(name);
    return target ? &target->single() : nullptr;
}

template <> const Kernels<double>* kernels_of<double>(const std::string& name) {
    const Target* target = find(name);
    return target ? &target->twice() : nullptr;
}

double measure_fma_peak(const std::string& name, bool single_precision, int threads) {
    const Target* target = find(name);
    if (!target) return 0.0;
    std::vector<double> done(threads, 0.0);
    Barrier barrier(threads);
    double best = 0.0;
    for (int round = 0; round < 5; ++round) {
        std::chrono::steady_clock::time_point begin, end;
        run_parallel(threads, [&](int number) {
            barrier.wait([&] { begin = std::chrono::steady_clock::now(); });
            const Index rounds = 4000000;
            done[number] =
                single_precision ? target->single().fma_peak(rounds) : target->twice().fma_peak(rounds);
            barrier.wait([&] { end = std::chrono::steady_clock::now(); });
        });
        double operations = 0.0;
        for (double share : done) operations += share;
        best = std::max(best, operations / std::chrono::duration<double>(end - begin).count());
    }
    return best;
}

}  // namespace clearprop
