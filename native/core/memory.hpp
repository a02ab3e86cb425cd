// Zeroed memory on cache lines.
#pragma once

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
