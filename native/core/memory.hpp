// Zeroed memory on cache lines.
#pragma once

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include <cstdint>
#include <cstdlib>
#include <new>
#include <utility>

#include "../kernels/interface.hpp"

namespace clearprop {

template <class T> class Memory {
  public:
    Memory() = default;
    explicit Memory(Index size) : size_(size) {
        const std::size_t bytes = std::size_t(size) * sizeof(T) + 2 * line;
        memory_ = std::calloc(1, bytes);  // large pieces come from the system as zeros and are not touched here
        if (!memory_) throw std::bad_alloc();
        ask_for_huge_pages(memory_, bytes);
        data_ = reinterpret_cast<T*>((reinterpret_cast<std::uintptr_t>(memory_) + line - 1) / line * line);
    }
    Memory(Memory&& other) noexcept { swap(other); }
    Memory& operator=(Memory&& other) noexcept {
        swap(other);
        return *this;
    }
    Memory(const Memory&) = delete;
    Memory& operator=(const Memory&) = delete;
    ~Memory() { std::free(memory_); }

    T* data() const { return data_; }
    Index size() const { return size_; }
    explicit operator bool() const { return data_ != nullptr; }

  private:
    static constexpr std::size_t line = 64;

    // Large pages spare the processor most of the walks through page tables.
    static void ask_for_huge_pages([[maybe_unused]] void* memory, [[maybe_unused]] std::size_t bytes) {
#if defined(__linux__)
        constexpr std::uintptr_t page = 4096;
        constexpr std::size_t enough = std::size_t(4) << 20;
        if (bytes < enough) return;
        const std::uintptr_t begin = reinterpret_cast<std::uintptr_t>(memory) / page * page + page;
        madvise(reinterpret_cast<void*>(begin), bytes - page, MADV_HUGEPAGE);  // where refused: as before
#endif
    }

    void swap(Memory& other) {
        std::swap(memory_, other.memory_);
        std::swap(data_, other.data_);
        std::swap(size_, other.size_);
    }
    void* memory_ = nullptr;
    T* data_ = nullptr;
    Index size_ = 0;
};

}  // namespace clearprop
