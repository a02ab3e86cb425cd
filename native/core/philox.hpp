// Philox 4x64-10, as clearprop.streams addresses it: a random number by its place, without those before it.
//
// Salmon, Moraes, Dror and Shaw (2011), "Parallel random numbers: as easy as 1, 2, 3".
#pragma once

#include <cmath>
#include <cstdint>
#include <numbers>

namespace clearprop {

struct Stream {
    uint64_t seed, purpose, step, node;

    // Words 4 * block to 4 * block + 3.
    void words(uint64_t block, uint64_t out[4]) const {
        uint64_t c0 = block + 1, c1 = node, c2 = step, c3 = 0, k0 = seed, k1 = purpose;
        for (int round = 0; round < 10; ++round) {
            const unsigned __int128 a = (unsigned __int128)(c0) * 0xD2E7470EE14C6C93u;
            const unsigned __int128 b = (unsigned __int128)(c2) * 0xCA5A826395121157u;
            const uint64_t n0 = uint64_t(b >> 64) ^ c1 ^ k0, n2 = uint64_t(a >> 64) ^ c3 ^ k1;
            c1 = uint64_t(b);
            c3 = uint64_t(a);
            c0 = n0;
            c2 = n2;
            k0 += 0x9E3779B97F4A7C15u;
            k1 += 0xBB67AE8584CAA73Bu;
        }
        out[0] = c0;
        out[1] = c1;
        out[2] = c2;
        out[3] = c3;
    }

    static double uniform(uint64_t word) { return double(word >> 11) * 0x1p-53; }
};

// Calls f(column, number in [0, 1)) for the `width` numbers from position `start` on.
template <class Function> void each_uniform(const Stream& stream, uint64_t start, uint64_t width, Function f) {
    uint64_t words[4];
    for (uint64_t c = 0; c < width; ++c) {
        const uint64_t at = start + c;
        if (c == 0 || at % 4 == 0) stream.words(at / 4, words);
        f(c, Stream::uniform(words[at % 4]));
    }
}

// The same with standard normal numbers by Box and Muller (1958), of two numbers in [0, 1) each.
template <class Function> void each_normal(const Stream& stream, uint64_t start, uint64_t width, Function f) {
    double radius = 0.0;
    each_uniform(stream, 2 * start, 2 * width, [&](uint64_t place, double u) {
        if (place % 2 == 0)
            radius = std::sqrt(-2.0 * std::log1p(-u));
        else
            f(place / 2, radius * std::cos(2.0 * std::numbers::pi * u));
    });
}

constexpr double largest_normal = 8.6;  // log1p(2^-53 - 1) is the most: sqrt(2 * 53 log 2)

constexpr int block_integers = 16;  // of 16 bits, in a block of four words

// Writes the `width` integers from position `start` on, with what else is in their blocks; returns where they begin.
inline const uint16_t* integers(const Stream& stream, uint64_t start, uint64_t width, uint16_t* out) {
    uint64_t words[4];
    uint16_t* next = out;
    for (uint64_t block = start / block_integers; block * block_integers < start + width; ++block) {
        stream.words(block, words);
        for (uint64_t word : words)
            for (int bits = 0; bits < 64; bits += 16) *next++ = uint16_t(word >> bits);
    }
    return out + start % block_integers;
}

}  // namespace clearprop
