// A program, ready to run: predictions, losses, gradients, updates and whole epochs.
#pragma once

#include <functional>
#include <memory>
#include <mutex>

#include "pass.hpp"

namespace clearprop {

struct Epoch {
    Index done = 0;            // batches
    bool unsafe = false;       // numbers of the next batch overflow, or might: it has changed nothing
    bool interrupted = false;  // likewise, because it was asked to stop
    double gradient_norm = 0.0;
};

template <class T> class Executor {
  public:
    Executor(Program program, const Kernels<T>& kernels);

    // Output of the last node for all rows of the batch, (n, width), where wanted after the loss's link.
    void scores(const T* parameters, const T* buffers, const Batch<T>& batch, bool link, T* out, int threads);

    // Loss of the data and penalty; with `gradient` also the gradient of their sum. A batch may be one shard of a
    // larger one of weight `total` (negative: it is none): the gradients of shards of `shard_rows` rows, added in their
    // order, are that of the whole to the last bit. Shards leave the penalty out.
    struct Loss {
        double data = 0.0, penalty = 0.0;
    };
    Loss loss(const T* parameters, T* buffers, const Batch<T>& batch, bool training, uint64_t seed, uint64_t step,
              double total, T* gradient, int threads);

    // One update from a given gradient of the loss and the penalty, clipped before.
    void apply(const State<T>& state, const Optimizer& optimizer, T* gradient, double rate);

    // One update for each batch of `batch_size` rows in the order given; rates, and losses on return, one a batch.
    Epoch run_epoch(const State<T>& state, const Optimizer& optimizer, const Batch<T>& batch, const int64_t* order,
                    Index n_rows, Index batch_size, const double* rates, double* data, double* penalty,
                    const std::function<bool()>& interrupted, int threads);

  private:
    void scores_of_few(const T* parameters, const T* buffers, const Batch<T>& batch, bool link, T* out, int threads);
    // One call at a time: they share the weights in panels and the workspace.
    std::unique_lock<std::mutex> lock();
    // For training on batches of so many rows.
    Workspace<T>& workspace(Index rows);
    // `step` counts from 1; `weight` is that of the batch.
    void set_updates(std::vector<Update<T>>& updates, const Optimizer& optimizer, double rate, uint64_t step,
                     double weight) const;

    Program program_;
    Plan plan_;
    const Kernels<T>& kernels_;
    Weights<T> weights_;
    std::unique_ptr<Workspace<T>> space_;
    std::vector<double> scales_;  // on the gradient of each parameter: NTK's factor
    std::unique_ptr<std::mutex> mutex_ = std::make_unique<std::mutex>();
    int process_;
};

}  // namespace clearprop
