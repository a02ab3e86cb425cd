// A step of training, divided among threads: what they share, and what each of them does.
#pragma once

#include <memory>
#include <vector>

#include "bounds.hpp"
#include "pass.hpp"
#include "pool.hpp"

namespace clearprop {

// What the threads of a call share.
template <class T> struct Run {
    // Of a parameter: what one thread updates at a time. Where several parameters need one another for their gradients,
    // these are made together before the first of the parts is updated, and the parts follow one another.
    struct Part {
        int parameter;
        Index panel, begin, end;
        Index place;              // rows of gradients before its own, 0 for the first of those made together
        const Sparse<T>* sparse;  // the input that is x, where that is sparse
        double cost;
    };

    // `common` is what does not change from step to step; a step has at most `rows` rows.
    Run(const Plan& plan, const Weights<T>& weights, Workspace<T>& space, const Step<T>& common, Index rows, int n);

    // What the threads saw of the rows of this step.
    const Measured& seen_by_all(const Step<T>& step);
    // Bounds of all gradients, from those that the threads measured.
    const std::vector<double>& largest_bounds();

    // Of the last pass over the weights: root of the sum of `squares`, penalties, largest |w| of each parameter.
    double norm(double Seen::*squares) const;
    double penalty(double weight) const;
    std::vector<double> largest_weights() const;

    const Program& program;
    const Plan& plan;
    const Weights<T>& weights;
    const Kernels<T>& kernels;
    Workspace<T>& space;
    const Step<T> common;
    const int n;  // threads
    Barrier barrier;
    const std::vector<Stage> stages, stages_of_one_row;  // batch norm takes no statistics of one row

    std::vector<std::vector<Use<T>>> uses;    // of each parameter
    std::vector<Part> parts;
    std::vector<int> first_part;              // of each thread, and the end
    std::vector<Seen> seen;                   // of each part
    std::vector<const Pass<T>*> passes;       // of each thread
    std::vector<std::vector<double>> bounds;  // of each thread: of all gradients, from its rows

  private:
    void set_uses();
    void set_parts(Index rows);
    Measured measured_;
};

// One thread's share of the work.
template <class T> class Worker {
  public:
    Worker(Run<T>& run, int number);

    // Forward and, where wanted, backward, for this thread's share of the rows. `total` as in Executor::loss. Returns
    // the weight by which the sum of the losses is divided.
    double pass(const int64_t* rows, Index n_rows, uint64_t step, double total);
    // Bounds of the gradients, from what is now in memory of this thread's rows.
    void measure(const Bounds<T>& bounds);
    // Gradient, update or both of this thread's parts.
    void update(const State<T>& state, T* gradient, const std::vector<Update<T>>& updates, Task task);
    // Max-norm, for this thread's share of the columns.
    void limit();

    // Of the whole step, when all threads have passed its rows; for one of them.
    double loss() const;
    bool finite_statistics() const;
    void keep_statistics(T* buffers) const;  // of batch norm, for prediction

    const Step<T>& step() const { return step_; }

  private:
    void compute_gradient(const typename Run<T>::Part& part, const WeightPart<T>& piece) const;

    Run<T>& run_;
    const Program& program_;
    const Kernels<T>& kernels_;
    Workspace<T>& space_;
    const int number_;
    Pass<T> pass_;
    Memory<T> scratch_;  // the gradient of a part, or of several
    Step<T> step_;
    double weight_ = 0.0;
    Range range_;  // this thread's rows of the step
};

// Of all threads, made before they begin: a thread that failed would leave the others waiting for it.
template <class T> std::vector<std::unique_ptr<Worker<T>>> workers_of(Run<T>& run) {
    std::vector<std::unique_ptr<Worker<T>>> workers;
    for (int number = 0; number < run.n; ++number) workers.push_back(std::make_unique<Worker<T>>(run, number));
    return workers;
}

}  // namespace clearprop
