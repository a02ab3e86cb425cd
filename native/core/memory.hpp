// Zeroed memory on cache lines.
#pragma once

#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

#include "../kernels/interface.hpp"

namespace clearprop {

template <class T> class Memory {
  public:
    Memory() = default;
    explicit Memory(Index size) : size_(size) {
        const std::size_t bytes = (std::size_t(size) * sizeof(T) + 2 * line - 1) / line * line;  // never 0
        data_ = static_cast<T*>(std::aligned_alloc(line, bytes));
        if (!data_) throw std::bad_alloc();
        std::memset(static_cast<void*>(data_), 0, bytes);
    }
    Memory(Memory&& other) noexcept { swap(other); }
    Memory& operator=(Memory&& other) noexcept {
        swap(other);
        return *this;
    }
    Memory(const Memory&) = delete;
    Memory& operator=(const Memory&) = delete;
    ~Memory() { std::free(data_); }

    T* data() const { return data_; }
    Index size() const { return size_; }
    explicit operator bool() const { return data_ != nullptr; }

  private:
    static constexpr std::size_t line = 64;
    void swap(Memory& other) {
        std::swap(data_, other.data_);
        std::swap(size_, other.size_);
    }
    T* data_ = nullptr;
    Index size_ = 0;
};

}  // namespace clearprop
