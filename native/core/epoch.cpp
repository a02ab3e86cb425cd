#include <algorithm>
#include <chrono>
#include <cmath>

#include "executor.hpp"
#include "worker.hpp"

namespace clearprop {

namespace {

constexpr double operations_between_clocks = 1e7, seconds_between_signals = 0.05;

// Asks whether to stop, but not so often that it costs time.
class Signals {
  public:
    explicit Signals(const std::function<bool()>& interrupted) : interrupted_(interrupted) {}

    // After so many operations since the last call.
    bool interrupted(double operations) {
        operations_ += operations;
        if (operations_ < operations_between_clocks) return false;
        operations_ = 0.0;
        const auto now = std::chrono::steady_clock::now();
        if (std::chrono::duration<double>(now - last_).count() < seconds_between_signals) return false;
        last_ = now;
        return interrupted_();
    }

  private:
    const std::function<bool()>& interrupted_;
    std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
    double operations_ = 0.0;
};

// Largest size in each parameter's part of a flat vector; 0 where there is no vector.
template <class T> std::vector<double> largest_of_each(const Program& program, const T* vector) {
    std::vector<double> largest;
    for (const Parameter& parameter : program.parameters)
        largest.push_back(vector ? largest_of(vector + parameter.start, parameter.size()) : 0.0);
    return largest;
}

}  // namespace

template <class T>
Epoch Executor<T>::run_epoch(const State<T>& state, const Optimizer& optimizer, const Batch<T>& batch,
                             const int64_t* order, Index n_rows, Index batch_size, const double* rates, double* data,
                             double* penalty, const std::function<bool()>& interrupted, int threads) {
    const std::unique_lock held = lock();
    batch_size = std::min(batch_size, n_rows);
    const Index n_batches = (n_rows + batch_size - 1) / batch_size;
    const int n = threads_for(plan_.operations * double(batch_size), threads);
    const Step<T> common{
        .batch = &batch, .training = true, .backward = true, .seed = state.seed, .buffers = state.buffers};
    Run<T> run(plan_, weights_, workspace(batch_size), common, batch_size, n);
    Bounds<T> bounds(program_, plan_, largest_of_each(program_, state.parameters),
                     largest_of_each(program_, state.slot_1), largest_of_each(program_, state.slot_2));
    const bool clips = optimizer.clip_norm > 0.0;
    Memory<T> gradient(clips ? program_.n_parameters : 0);
    bool limited = false;
    for (const Parameter& parameter : program_.parameters) limited = limited || parameter.limit > 0.0;
    std::vector<Update<T>> updates;
    enum class Verdict { go, measure, stop } verdict = Verdict::go;
    Epoch epoch;
    Signals signals(interrupted);
    const std::vector<std::unique_ptr<Worker<T>>> workers = workers_of(run);

    run_parallel(n, [&](int number) {
        weights_.pack(state.parameters, true, number, n);
        Worker<T>& worker = *workers[number];
        run.barrier.wait();
        for (Index at = 0; at < n_batches; ++at) {
            const Index begin = at * batch_size, end = std::min(begin + batch_size, n_rows);
            const uint64_t step = state.step + uint64_t(at);
            const double weight = worker.pass(order + begin, end - begin, step, -1.0);
            // the thread that called is the one for which Python looks at signals
            if (number == 0) epoch.interrupted = signals.interrupted(plan_.operations * double(end - begin));
            run.barrier.wait([&] {
                data[at] = worker.loss();
                set_updates(updates, optimizer, rates[at], step + 1, weight);
                epoch.unsafe = !std::isfinite(data[at]) || !worker.finite_statistics();
                if (epoch.unsafe || epoch.interrupted)
                    verdict = Verdict::stop;
                else if (!bounds.allow(updates, bounds.gradients(run.seen_by_all(worker.step()))))
                    verdict = Verdict::measure;
                else
                    verdict = Verdict::go;
            });
            if (verdict == Verdict::measure) {
                worker.measure(bounds);
                run.barrier.wait([&] {
                    epoch.unsafe = !bounds.allow(updates, run.largest_bounds());
                    verdict = epoch.unsafe ? Verdict::stop : Verdict::go;
                });
            }
            if (verdict == Verdict::stop) break;
            if (number == 0) worker.keep_statistics(state.buffers);
            auto record = [&] {
                epoch.gradient_norm = run.norm(&Seen::squares);
                penalty[at] = run.penalty(weight);
            };
            if (clips) {
                worker.update(state, gradient.data(), updates, Task::gradient);
                run.barrier.wait([&] {
                    record();
                    const double norm = run.norm(&Seen::clipped_squares);
                    for (Update<T>& update : updates)
                        update.scale = T(norm > optimizer.clip_norm ? optimizer.clip_norm / norm : 1.0);
                });
                worker.update(state, gradient.data(), updates, Task::apply);
            } else {
                worker.update(state, nullptr, updates, Task::both);
            }
            if (limited) {
                run.barrier.wait();
                worker.limit();
            }
            run.barrier.wait([&] {
                if (!clips) record();
                bounds.set_weights(run.largest_weights());
                epoch.done = at + 1;
            });
        }
        weights_.unpack(state.parameters, number, n);
    });
    return epoch;
}

template Epoch Executor<float>::run_epoch(const State<float>&, const Optimizer&, const Batch<float>&, const int64_t*,
                                          Index, Index, const double*, double*, double*, const std::function<bool()>&,
                                          int);
template Epoch Executor<double>::run_epoch(const State<double>&, const Optimizer&, const Batch<double>&,
                                           const int64_t*, Index, Index, const double*, double*, double*,
                                           const std::function<bool()>&, int);

}  // namespace clearprop
