#include "pool.hpp"

#include <unistd.h>
#if defined(__linux__)
#include <sched.h>
#endif

#include <algorithm>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace clearprop {

namespace {

constexpr double operations_worth_a_thread = 2.5e6;

// Some 0.3 ms in all: longer than other threads need for their share of a step, or Python from one epoch to the next.
constexpr int spins = 20000, spins_before_yield = 1000;

void relax() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

// The processors that the threads of a pool were last seen on, by number; thread 0 is the caller.
constexpr int most_seats = 64;
struct Board {
    std::atomic<int> cpus[most_seats];
};
thread_local Board* board = nullptr;
thread_local int seat_number = 0;

#if defined(__linux__)

// Notes where this thread is, and finds the processors that none with a lower number was last seen on. Schedulers put a
// thread next to the one that wakes it, and leave both there for long.
class Elsewhere {
  public:
    Elsewhere() {
        if (!board || seat_number >= most_seats) return;
        const int here = sched_getcpu();
        board->cpus[seat_number].store(here, std::memory_order_relaxed);
        CPU_ZERO(&allowed_);
        if (seat_number == 0 || here < 0 || here >= CPU_SETSIZE) return;
        if (sched_getaffinity(0, sizeof allowed_, &allowed_) != 0) return;
        elsewhere_ = allowed_;
        for (int i = 0; i < seat_number; ++i) {
            const int taken = board->cpus[i].load(std::memory_order_relaxed);
            if (taken >= 0 && taken < CPU_SETSIZE) CPU_CLR(taken, &elsewhere_);
        }
        known_ = CPU_COUNT(&elsewhere_) > 0;
        crowded_ = known_ && !CPU_ISSET(here, &elsewhere_);
    }

    bool crowded() const { return crowded_; }  // another thread is on this processor
    void go() { moved_ = known_ && sched_setaffinity(0, sizeof elsewhere_, &elsewhere_) == 0; }
    ~Elsewhere() {  // affinity is as before
        if (moved_) sched_setaffinity(0, sizeof allowed_, &allowed_);
    }

  private:
    cpu_set_t allowed_, elsewhere_;
    bool known_ = false, crowded_ = false, moved_ = false;
};

#else

struct Elsewhere {
    bool crowded() const { return false; }
    void go() {}
};

#endif

// Waits until `value` is no longer `old`.
template <class T> void wait_while(const std::atomic<T>& value, T old) {
    for (int i = 0; i < spins; ++i) {
        if (value.load(std::memory_order_acquire) != old) return;
        if (i == spins_before_yield) {
            Elsewhere elsewhere;
            if (elsewhere.crowded()) elsewhere.go();
        }
        i < spins_before_yield || i % 64 ? relax() : std::this_thread::yield();
    }
    Elsewhere elsewhere;
    elsewhere.go();  // so that it is not woken on the processor of the thread that wakes it
    while (value.load(std::memory_order_acquire) == old) value.wait(old, std::memory_order_acquire);
}

class Pool {
  public:
    explicit Pool(pid_t process) : process_(process) {
        for (std::atomic<int>& cpu : board_.cpus) cpu.store(-1, std::memory_order_relaxed);
    }

    const pid_t process_;

    // Returns false, having done nothing, if the threads are at work for somebody else.
    bool run(int n, const std::function<void(int)>& work) {
        const std::unique_lock lock(mutex_, std::try_to_lock);
        if (!lock) return false;
        while (int(seats_.size()) < n - 1) {
            seats_.push_back(std::make_unique<Seat>());
            Seat& seat = *seats_.back();
            const int number = int(seats_.size());
            std::thread([&seat, number, this] {
                board = &board_;
                seat_number = number;
                for (unsigned done = 0;; ++done) {
                    wait_while(seat.asked, done);
                    (*seat.work)(number);
                    seat.done.store(done + 1, std::memory_order_release);
                    seat.done.notify_one();
                }
            }).detach();
        }
        for (int i = 0; i < n - 1; ++i) {
            seats_[i]->work = &work;
            seats_[i]->asked.fetch_add(1, std::memory_order_release);
            seats_[i]->asked.notify_one();
        }
        board = &board_;
        Elsewhere();  // notes where the caller is
        work(0);
        board = nullptr;
        for (int i = 0; i < n - 1; ++i) {
            Seat& seat = *seats_[i];
            wait_while(seat.done, seat.asked.load(std::memory_order_relaxed) - 1);
        }
        return true;
    }

  private:
    struct Seat {  // of one thread
        const std::function<void(int)>* work = nullptr;
        alignas(64) std::atomic<unsigned> asked{0};
        alignas(64) std::atomic<unsigned> done{0};
    };

    std::mutex mutex_;
    std::vector<std::unique_ptr<Seat>> seats_;
    Board board_;
};

// The pool of this process. A fork copies the memory but not the threads, so the child begins with a new pool; pools
// are never destroyed, because their threads sleep until the process ends.
Pool& pool() {
    static std::atomic<Pool*> current{nullptr};
    Pool* known = current.load(std::memory_order_acquire);
    while (!known || known->process_ != getpid()) {
        Pool* fresh = new Pool(getpid());
        if (current.compare_exchange_strong(known, fresh)) return *fresh;
        delete fresh;
    }
    return *known;
}

}  // namespace

void Barrier::sleep(unsigned phase) { wait_while(phase_, phase); }

int threads_for(double operations, int most) {
    return std::max(1, std::min(most, int(operations / operations_worth_a_thread)));
}

void run_parallel(int n, const std::function<void(int)>& work) {
    if (n <= 1) return work(0);
    std::vector<std::exception_ptr> failures(n);
    const std::function<void(int)> guarded = [&](int number) {
        try {
            work(number);
        } catch (...) {
            failures[number] = std::current_exception();
        }
    };
    if (!pool().run(n, guarded)) {  // another thread of the program has the pool
        std::vector<std::jthread> others;
        for (int i = 1; i < n; ++i) others.emplace_back(guarded, i);
        guarded(0);
    }
    for (const std::exception_ptr& failure : failures)
        if (failure) std::rethrow_exception(failure);
}

}  // namespace clearprop
