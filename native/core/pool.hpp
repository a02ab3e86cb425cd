// Threads of our own: few, right for the work, asleep when there is none, and made anew after a fork.
#pragma once

#include <atomic>
#include <functional>

#include "../kernels/interface.hpp"

namespace clearprop {

// Where `n` threads wait for one another: they spin for some microseconds, then sleep.
class Barrier {
  public:
    explicit Barrier(int n) : n_(n) {}

    void wait() {
        wait([] {});
    }

    // The last thread to come calls `then` while the others still wait.
    template <class Function> void wait(Function then) {
        const unsigned phase = phase_.load(std::memory_order_acquire);
        if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 < n_) return sleep(phase);
        then();
        arrived_.store(0, std::memory_order_relaxed);
        phase_.store(phase + 1, std::memory_order_release);
        if (n_ > 1) phase_.notify_all();
    }

  private:
    void sleep(unsigned phase);

    const int n_;
    std::atomic<int> arrived_{0};
    std::atomic<unsigned> phase_{0};
};

// Of some things in order, the ones from `begin` up to `end`.
struct Range {
    Index begin = 0, end = 0;
    Index size() const { return end - begin; }
};

// The share of thread `number` of `n` in so many things.
inline Range share(Index count, int number, int n) { return {count * number / n, count * (number + 1) / n}; }

// How many threads so many operations are worth, at most `most`.
int threads_for(double operations, int most);

// Runs work(0) to work(n - 1) at the same time, work(0) on the calling thread, and returns when all are done.
void run_parallel(int n, const std::function<void(int)>& work);

}  // namespace clearprop
