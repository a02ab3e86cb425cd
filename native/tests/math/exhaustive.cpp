// The largest error of every function of kernels/math.hpp, erf.hpp and turns.hpp: floats over all 2^32 inputs against the
// C library's double functions, doubles over samples against its long double functions (80 bits or more). Exits 1 when
// one is above its stated bound.
//
//   g++ -std=c++20 -O3 -ffp-contract=off -Wall -Wextra -pthread exhaustive.cpp -o exhaustive
//   (for the baseline; the others add -DCLEARPROP_TARGET=avx2 -mavx2 -mfma, or
//   -DCLEARPROP_TARGET=avx512 -mavx512f -mavx512dq -mavx512bw -mavx512vl -mfma)
//   ./exhaustive [--stride N] [--samples N] [--threads N] [--only NAME] [--cycles]
//
// --stride N takes every N-th float (an odd N reaches all exponents and last bits), --samples N so many doubles a
// function, --cycles measures time instead. An error is in units in the last place of the true result, of subnormal
// numbers in theirs; a NaN, an infinity or a sign of zero in the wrong place counts as infinite.
#ifndef CLEARPROP_TARGET
#define CLEARPROP_TARGET baseline
#endif

#include <algorithm>
#include <bit>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <thread>
#include <vector>

#include "../../kernels/math.hpp"

namespace {

namespace target = clearprop::CLEARPROP_TARGET;

constexpr int block = 1024;  // elements a call; both arrays stay in the nearest cache

// ---- the functions under test, and the same in the wider type

#define FUNCTION(name)                                                           \
    struct name##_ {                                                             \
        template <class T> [[gnu::noinline]] static void run(const T* a, T* y) { \
            for (int i = 0; i < block; i += target::lanes<T>)                    \
                target::store<T>(y + i, target::name(target::load<T>(a + i)));   \
        }                                                                        \
        template <class W> static W reference(W a);                              \
    };                                                                           \
    template <class W> W name##_::reference(W a)

FUNCTION(exp) { return std::exp(a); }
FUNCTION(expm1) { return std::expm1(a); }
FUNCTION(log) { return std::log(a); }
FUNCTION(log1p) { return std::log1p(a); }
FUNCTION(tanh) { return std::tanh(a); }
FUNCTION(sigmoid) { return 1 / (1 + std::exp(-a)); }
FUNCTION(softplus) { return a > 0 ? a + std::log1p(std::exp(-a)) : std::log1p(std::exp(a)); }
FUNCTION(erf) { return std::erf(a); }
// A quarter turn and less, as the library's functions round an argument near pi / 2, where cosines are small.
template <class W> W sine_of_turns(W size) {
    constexpr W turn = W(6.2831853071795864769252867665590058L);
    const W y = std::min(size, W(0.5) - size);
    return y < W(0.125) ? std::sin(turn * y) : std::cos(turn * (W(0.25) - y));
}
template <class W> W beside_whole(W a) {  // half turns behind even whole numbers are positive
    a = std::abs(a);
    return std::isinf(a) ? std::numeric_limits<W>::quiet_NaN() : std::remainder(a, W(1));
}
FUNCTION(cos_turns) {
    const W quarter = W(0.25) - std::abs(beside_whole(a));
    return std::copysign(sine_of_turns(std::abs(quarter)), quarter);
}
FUNCTION(sin_turns) {
    const W rest = beside_whole(a);
    const W size = sine_of_turns(std::abs(rest));
    return std::signbit(rest) != std::signbit(a) ? -size : size;
}
FUNCTION(normal_cdf) {
    // -a / sqrt 2 in two parts: a relative error of erfc is z^2 times that of z. The first part of sqrt(1/2) has 11
    // bits, so that its product with a double is exact in a long double.
    constexpr W head = W(0.70703125), tail = W(0.70710678118654752440084436210485L - 0.70703125L);
    const W exact = -a * head, small = -a * tail, z = exact + small, missing = (exact - z) + small;
    const W correction = W(1.1283791670955125738961589031215L) * std::exp(-z * z) * missing;
    return (std::erfc(z) - (std::abs(a) < 100 ? correction : 0)) / 2;
}

// ---- errors

template <class T> struct Worst {
    double error = 0;
    T input = 0;
    void see(double e, T a) {
        if (e > error) error = e, input = a;
    }
};

// One unit in the last place of type T at truth
template <class T, class W> W unit_of(W truth) {
    constexpr int digits = std::numeric_limits<T>::digits;
    const W size = std::min<W>(std::abs(truth), std::numeric_limits<T>::max());
    if (size < std::numeric_limits<T>::min()) return std::numeric_limits<T>::denorm_min();
    if constexpr (sizeof(W) == 8)  // quicker than the library, and exact for a normal number
        return std::bit_cast<double>(std::bit_cast<uint64_t>(size) & 0x7ff0000000000000) * std::ldexp(1.0, 1 - digits);
    else
        return std::ldexp(W(1), std::ilogb(size) + 1 - digits);
}

template <class T, class W> double error_of(T y, W truth) {
    constexpr double infinite = std::numeric_limits<double>::infinity();
    if (truth != truth || y != y) return (truth != truth) == (y != y) ? 0 : infinite;
    if (y == 0 && std::signbit(y) != std::signbit(truth)) return infinite;
    const W next = std::ldexp(W(1), std::numeric_limits<T>::max_exponent);  // the number whose place infinity takes
    const W got = std::clamp<W>(y, -next, next), expected = std::clamp<W>(truth, -next, next);
    return double(std::abs(got - expected) / unit_of<T>(expected));
}

struct Options {
    uint64_t stride = 1, samples = 100'000'000;
    unsigned threads = 2;
    const char* only = nullptr;
    bool cycles = false;
};

template <class T, class W, class Function, class Fill>
Worst<T> worst_of(uint64_t count, unsigned n_threads, const Fill& fill) {
    std::vector<Worst<T>> worst(n_threads);
    std::vector<std::thread> threads;
    const uint64_t n_blocks = (count + block - 1) / block;
    for (unsigned id = 0; id < n_threads; ++id)
        threads.emplace_back([&, id] {
            alignas(64) T a[block], y[block];
            Worst<T> mine;
            for (uint64_t b = id; b < n_blocks; b += n_threads) {
                fill(b * block, a);
                Function::run(a, y);
                for (int i = 0; i < block; ++i) mine.see(error_of<T, W>(y[i], Function::reference(W(a[i]))), a[i]);
            }
            worst[id] = mine;
        });
    for (auto& thread : threads) thread.join();
    for (const auto& other : worst) worst[0].see(other.error, other.input);
    return worst[0];
}

// ---- inputs

// Every kind of value, whatever the stride
template <class T> void fill_extremes(T* a) {
    using limits = std::numeric_limits<T>;
    const T values[] = {0, limits::denorm_min(), limits::min(), limits::epsilon(), 1, limits::max(), limits::infinity(),
                        limits::quiet_NaN(), std::nextafter(limits::min(), T(0)), std::nextafter(T(1), T(0))};
    for (int i = 0; i < block; ++i) a[i] = (i & 1 ? -1 : 1) * values[size_t(i / 2) % std::size(values)];
}

// Sample number `index`: a mixing function of the index, so that the samples do not depend on the number of threads.
uint64_t random_bits(uint64_t index) {  // splitmix64 (Steele, Lea and Flood, 2014)
    uint64_t z = (index + 1) * 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

// Where a path, the exponent or the kind of result changes; visited with their neighbours and their negatives.
constexpr double corners[] = {0,        0x1p-1074, 0x1p-1022, 0x1p-54, 0x1p-53, 0x1p-27,          0.25,   0.375, 0.5,
                              0.75,     1,         1.5,       2,       3,       4,                6,      10,    20,
                              37.5,     38.5,      39.5,      40,      708.4,   709.782712893384, 744.44, 745.2, 746,
                              0x1p1023, 0x1.8p1023};

double sample(uint64_t index, double low, double high) {
    const uint64_t kind = index % 8, bits = random_bits(2 * index), more = random_bits(2 * index + 1);
    const double unit = double(bits >> 11) * 0x1p-53, sign = more & 1 ? 1 : -1;
    if (kind < 4) return low + (high - low) * unit;
    if (kind == 4) return sign * std::ldexp(1 + unit, int((more >> 1) % 72) - 60);
    if (kind == 5) return std::bit_cast<double>(bits);
    const double corner = kind == 6 ? corners[(more >> 1) % std::size(corners)]
                                    : 0.34657359027997264 * double((more >> 1) % 2151);  // half multiples of ln 2
    return sign * std::bit_cast<double>(std::bit_cast<uint64_t>(corner) + bits % 2048 - (corner > 0 ? 1024 : 0));
}

// ---- time

double seconds() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double seconds_of_a_cycle() {  // a chain of additions takes one each
    double best = 1;
    for (int repeat = 0; repeat < 20; ++repeat) {
        const double start = seconds();
        uint64_t x = 1;
        for (int i = 0; i < 1'000'000; ++i) {
            x += uint64_t(i);
            asm volatile("" : "+r"(x));
        }
        best = std::min(best, (seconds() - start) / 1e6);
    }
    return best;
}

template <class T, class Function> double cycles(double low, double high) {
    alignas(64) T a[block], y[block];
    for (int i = 0; i < block; ++i) a[i] = T(low + (high - low) * double(random_bits(i) >> 11) * 0x1p-53);
    double best = 1;
    for (int repeat = 0; repeat < 1000; ++repeat) {
        const double start = seconds();
        for (int i = 0; i < 20; ++i) {
            Function::run(a, y);
            asm volatile("" : : "r"(y) : "memory");
        }
        best = std::min(best, (seconds() - start) / (20.0 * block));
    }
    return best / seconds_of_a_cycle();
}

// low to high: where the function is not flat, for the samples; bounds as stated in math.hpp
template <class Function>
bool check(const Options& options, const char* name, double low, double high, double float_bound, double double_bound) {
    if (options.only && std::strcmp(options.only, name)) return true;
    if (options.cycles) {
        const double from = std::max(low, -4.0), to = std::min(high, 4.0);
        std::printf("%-10s  float %6.2f  double %6.2f cycles an element\n", name, cycles<float, Function>(from, to),
                    cycles<double, Function>(from, to));
        return true;
    }
    const auto extremes = [](uint64_t, auto* a) { fill_extremes(a); };
    auto floats = worst_of<float, double, Function>(
        ((uint64_t(1) << 32) + options.stride - 1) / options.stride, options.threads, [&](uint64_t start, float* a) {
            for (int i = 0; i < block; ++i) a[i] = std::bit_cast<float>(uint32_t((start + i) * options.stride));
        });
    auto doubles = worst_of<double, long double, Function>(
        options.samples, options.threads, [&](uint64_t start, double* a) {
            for (int i = 0; i < block; ++i) a[i] = sample(start + i, low, high);
        });
    const auto float_extremes = worst_of<float, double, Function>(block, 1, extremes);
    const auto double_extremes = worst_of<double, long double, Function>(block, 1, extremes);
    floats.see(float_extremes.error, float_extremes.input);
    doubles.see(double_extremes.error, double_extremes.input);
    const bool good = floats.error <= float_bound && doubles.error <= double_bound;
    std::printf("%-10s  float %7.4f <= %g at %-15.9g  double %7.4f <= %g at %-23.17g  %s\n", name, floats.error,
                float_bound, double(floats.input), doubles.error, double_bound, doubles.input,
                good ? "ok" : "TOO LARGE");
    std::fflush(stdout);
    return good;
}

}  // namespace

int main(int n_arguments, char** arguments) {
    Options options;
    for (int i = 1; i < n_arguments; ++i) {
        const auto is = [&](const char* name) { return !std::strcmp(arguments[i], name); };
        if (is("--cycles")) {
            options.cycles = true;
            continue;
        }
        const char* value = i + 1 < n_arguments ? arguments[i + 1] : nullptr;
        if (value && is("--stride"))
            options.stride = std::strtoull(value, nullptr, 10);
        else if (value && is("--samples"))
            options.samples = std::strtoull(value, nullptr, 10);
        else if (value && is("--threads"))
            options.threads = unsigned(std::strtoul(value, nullptr, 10));
        else if (value && is("--only"))
            options.only = value;
        else {
            std::fprintf(stderr, "unknown option, or one without its value: %s\n", arguments[i]);
            return 2;
        }
        ++i;
    }
    if (!options.stride || !options.threads) {
        std::fprintf(stderr, "--stride and --threads must be 1 or more\n");
        return 2;
    }
    bool good = true;
    good &= check<exp_>(options, "exp", -750, 715, 1.06, 1.1);
    good &= check<expm1_>(options, "expm1", -4, 4, 1.25, 1.3);
    good &= check<log_>(options, "log", 0, 4, 0.93, 1);
    good &= check<log1p_>(options, "log1p", -1, 4, 1.27, 1);
    good &= check<tanh_>(options, "tanh", -4, 4, 1.84, 1.9);
    good &= check<sigmoid_>(options, "sigmoid", -40, 40, 1.89, 1.9);
    good &= check<softplus_>(options, "softplus", -40, 40, 1.69, 1.7);
    good &= check<normal_cdf_>(options, "normal_cdf", -39, 9, 4.2, 4.4);
    good &= check<erf_>(options, "erf", -6, 6, 2.3, 2.8);
    good &= check<cos_turns_>(options, "cos_turns", -4, 4, 1.95, 2.2);
    good &= check<sin_turns_>(options, "sin_turns", -4, 4, 1.9, 2.1);
    return good ? 0 : 1;
}
