// Tests of the core without Python: prints the checks that failed, and returns 1 if there are any.
#include <cstdio>
#include <stdexcept>
#include <vector>

#include "core/cpus.hpp"
#include "core/targets.hpp"

namespace {

int failures = 0;

void check(bool fine, const char* what, const char* target = "") {
    if (fine) return;
    ++failures;
    std::fprintf(stderr, "FAILED: %s %s\n", what, target);
}

void test_every_supported_target_computes() {
    for (const auto& name : clearprop::supported()) {
        clearprop::set_target(name);
        check(name == clearprop::kernels().target, "the target that was set is in force", name.c_str());
        for (std::size_t n : {0, 1, 3, 15, 16, 17}) {
            std::vector<double> x(n, 3.0), y(n, 1.0);
            clearprop::kernels().add_scaled(n, 2.0, x.data(), y.data());
            check(y == std::vector<double>(n, 7.0), "1 + 2 * 3 is 7", name.c_str());
        }
        std::printf("ran %s\n", name.c_str());
    }
}

void test_unknown_targets_are_refused() {
    try {
        clearprop::set_target("mmx");
        check(false, "an unknown target is refused");
    } catch (const std::invalid_argument&) {
    }
}

}  // namespace

int main() {
    test_every_supported_target_computes();
    test_unknown_targets_are_refused();
    check(clearprop::targets().back() == "baseline", "baseline is always there");
    check(clearprop::available_cpus() >= 1, "there is a processor");
    return failures == 0 ? 0 : 1;
}
