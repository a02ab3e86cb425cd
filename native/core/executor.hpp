// A program, ready to run: predictions, losses, gradients, updates and whole epochs.
#pragma once

#include <functional>
#include <memory>
#include <mutex>

#include "pass.hpp"

namespace clearprop {

// What training changes; flat vectors that belong to the caller.
template <class T> struct State {
    T *parameters, *buffers, *slot_1, *slot_2;
    uint64_t seed, step;  // step: updates done so far
};

struct Epoch {
    Index done = 0;           // batches
    bool unsafe = false;      // the next batch might overflow: it has not been touched
    bool interrupted = false;
    double gradient_norm = 0.0;
};

template <class T> class Executor {
  public:
    Executor(Program program, const Kernels<T>& kernels);

    // Output of the last node for all rows of the batch, (n, width), where wanted after the loss's link.
    void scores(const T* parameters, const T* buffers, const Batch<T>& batch, bool link, T* out, int threads);

    // Loss of the data and penalty; with `gradient` also the gradient of their sum. A batch may be one shard of a
    // larger one of weight `total`: the sums of the shards, in their order, are those of the whole, to the last bit,
    // where a shard has `shard_rows` rows. Shards leave the penalty out.
    struct Loss {
        double data = 0.0, penalty = 0.0;
    };
    Loss loss(const T* parameters, T* buffers, const Batch<T>& batch, bool training, uint64_t seed, uint64_t step,
              double total, T* gradient, int threads);

    // One update from a given gradient, clipped before.
    void apply(const State<T>& state, const Optimizer& optimizer, T* gradient, double rate);

    // One update for each batch of `batch_size` rows in the order given; rates, and losses on return, one a batch.
    Epoch run_epoch(const State<T>& state, const Optimizer& optimizer, const Batch<T>& batch, const int64_t* order,
                    Index n_rows, Index batch_size, const double* rates, double* data, double* penalty,
                    const std::function<bool()>& interrupted, int threads);

  private:
    struct Part {  // of a parameter: what one thread updates at a time
        int parameter;
        Index panel, begin, end;
        bool sparse;
        double cost;
    };
    struct Run;
    class Worker;

    void set_updates(std::vector<Update<T>>& updates, const Optimizer& optimizer, double rate, uint64_t step,
                     double per_row) const;
    bool sparse_input(int node, const Batch<T>& batch) const;
    void sum_seen(const std::vector<Seen>& seen, Index at, double per_row, Epoch& epoch, double* penalty) const;
    std::vector<double> largest_weights(const std::vector<Seen>& seen) const;
    void prepare(Index rows, const Batch<T>& batch);
    int threads_for(double operations, int most) const;

    Program program_;
    Plan plan_;
    const Kernels<T>& kernels_;
    Weights<T> weights_;
    std::unique_ptr<Workspace<T>> space_;
    std::vector<std::vector<Use<T>>> uses_;
    std::vector<Part> parts_;
    std::vector<double> scales_;  // on the gradient of each parameter: NTK's factor
    std::mutex mutex_;  // one call at a time: they share the workspace
};

}  // namespace clearprop
