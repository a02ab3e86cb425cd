// One forward and backward pass over rows of a batch, node by node; threads run it on different rows.
#pragma once

#include <vector>

#include "memory.hpp"
#include "plan.hpp"

namespace clearprop {

// The parameters as the kernels take them: matrices in panels and transposed panels, vectors filled up to whole panels.
template <class T> struct Weights {
    Weights(const Program& program, const Plan& plan, const Kernels<T>& kernels);

    // Rows [begin, end) of panel `panel` of a parameter; `w` is the flat vector.
    WeightPart<T> part(int parameter, T* w, Index begin, Index end, Index panel) const;
    // Brings vectors, and with `matrices` everything, up to date with the flat vector; thread `number` of `n`.
    void pack(const T* w, bool matrices, int number, int n);

    const Program& program;
    const Kernels<T>& kernels;
    std::vector<Memory<T>> packed, transposed;  // matrices are allocated by `reserve`
    void reserve();

  private:
    std::vector<bool> wants_transposed_;
};

// What a pass leaves behind for the rows of a batch.
template <class T> struct Workspace {
    Workspace(const Program& program, const Plan& plan, const Kernels<T>& kernels, Index capacity, bool backward);

    struct OfNode {
        Panels<T> value{}, delta{};      // output, and gradient at it
        Panels<T> stored{}, extra{};     // f'(a), mask or z; min(a, 0) of prelu
        T *mean = nullptr, *variance = nullptr, *deviation = nullptr;  // of each column; layer norm: of each row
        T *mean_dz = nullptr, *mean_dz_z = nullptr;
    };
    Index capacity;
    std::vector<OfNode> nodes;
    Panels<T> spare{};                   // for gradients that are added to others
    Memory<T> shares;
    Memory<double> values;               // loss of each row

  private:
    Memory<T> memory_;
};

// Where the rows of a step come from, and how they are passed.
template <class T> struct Step {
    const Batch<T>* batch = nullptr;
    const int64_t* rows = nullptr;   // row numbers in the batch's arrays, or nullptr: in order
    Index n_rows = 0;
    bool training = false;           // noise, and statistics of the batch
    bool backward = false;
    uint64_t seed = 0, step = 0;
    const T* parameters = nullptr;   // flat; read by `flat` products
    bool flat = false;               // few rows: matrices are read where they lie
    const T* buffers = nullptr;
};

template <class T> class Pass {
  public:
    Pass(const Program& program, const Plan& plan, const Weights<T>& weights, Workspace<T>& space)
        : inputs_seen(program.nodes.size(), 0.0), program_(program), plan_(plan), weights_(weights),
          kernels_(weights.kernels), space_(space) {}

    // Before a step, by one thread: running statistics take the place of a batch's.
    void prepare(const Step<T>& step);
    void run(const Step<T>& step, const Stage& stage, Index begin, Index end);
    // Statistics over whole columns that a stage begins with; thread `number` of `n` takes every n-th panel.
    void statistics(const Step<T>& step, const Stage& stage, int number, int n);

    // Turns the first rows of the output from scores into predictions.
    void link(Index rows);

    // Largest |x| of each input and |gradient| at the scores, since they were last set to 0.
    std::vector<double> inputs_seen;
    double scores_seen = 0.0;

    bool batch_statistics(const Step<T>& step) const { return step.training && step.n_rows > 1; }

  private:
    void forward(const Step<T>& step, int i, Index begin, Index end);
    void backward(const Step<T>& step, int i, Index begin, Index end);
    void dense(const Step<T>& step, int i, Index begin, Index end);
    void dense_back(int i, Index begin, Index end);
    void activate(const Step<T>& step, int i, Panels<T> a, Index begin, Index end);
    void draw(const Step<T>& step, int i, Index begin, Index end);
    void copy(Panels<T> from, Index from_column, Panels<T> to, Index to_column, Index columns, Index begin, Index end);
    void give(int i, int which, Panels<T> d, Index begin, Index end);
    Panels<T> target(int i, int which);
    Normalization<T> normalization(int i) const;
    Factor<T> factor(int i) const { return {plan_.nodes[std::size_t(i)].derivative, derivative_values(i)}; }
    Panels<T> derivative_values(int i) const {
        const bool stored = plan_.nodes[std::size_t(i)].derivative == Derivative::stored;
        return stored ? at(i).stored : at(i).value;
    }
    const Node& node(int i) const { return program_.nodes[std::size_t(i)]; }
    typename Workspace<T>::OfNode& at(int i) const { return space_.nodes[std::size_t(i)]; }

    const Program& program_;
    const Plan& plan_;
    const Weights<T>& weights_;
    const Kernels<T>& kernels_;
    Workspace<T>& space_;
};

}  // namespace clearprop
