#include "cpus.hpp"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <thread>

#ifdef __linux__
#include <sched.h>
#endif

namespace clearprop {
namespace {

int by_affinity() {
#ifdef __linux__
    for (int size = 1024; size <= 1 << 20; size *= 4) {  // the kernel refuses a mask smaller than its own
        cpu_set_t* mask = CPU_ALLOC(size);
        if (!mask) break;
        const auto bytes = CPU_ALLOC_SIZE(size);
        const int count = sched_getaffinity(0, bytes, mask) == 0 ? CPU_COUNT_S(bytes, mask) : 0;
        CPU_FREE(mask);
        if (count > 0) return count;
    }
#endif
    return static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
}

// As seen within a container, where the process's own group is the root.
int by_quota() {
    double quota = 0, period = 0;
    if (std::ifstream file{"/sys/fs/cgroup/cpu.max"}) {
        file >> quota >> period;  // "max 100000" fails to read: no quota
    } else {
        std::ifstream{"/sys/fs/cgroup/cpu/cpu.cfs_quota_us"} >> quota;  // -1: no quota
        std::ifstream{"/sys/fs/cgroup/cpu/cpu.cfs_period_us"} >> period;
    }
    if (!(quota > 0 && period > 0)) return std::numeric_limits<int>::max();
    return static_cast<int>(std::clamp(std::ceil(quota / period), 1.0, 1e6));
}

}  // namespace

int available_cpus() { return std::min(by_affinity(), by_quota()); }

}  // namespace clearprop
