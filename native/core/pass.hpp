// One forward and backward pass over rows of a batch, node by node; threads run it on different rows.
#pragma once

#include <vector>

#include "memory.hpp"
#include "plan.hpp"
#include "pool.hpp"

namespace clearprop {

// Panels of P = `panel` columns that a matrix is cut into.
inline Index n_panels(Index columns, Index panel) { return (columns + panel - 1) / panel; }

// The parameters as the kernels take them: matrices in panels and transposed panels, vectors filled up to whole panels.
// Updates happen here; the flat vector is read before them and written after them.
template <class T> struct Weights {
    Weights(const Program& program, const Plan& plan, const Kernels<T>& kernels);

    // Rows [begin, end) of panel `panel` of a parameter; `w` is the flat vector.
    WeightPart<T> part(int parameter, T* w, Index begin, Index end, Index panel) const;
    // The same with slots and gradient, where there are any: flat vectors as well.
    WeightPart<T> part(int parameter, const State<T>& state, T* gradient, Index begin, Index end, Index panel) const;
    // Brings vectors, and with `matrices` everything, up to date with the flat vector; thread `number` of `n`.
    void pack(const T* w, bool matrices, int number, int n) const;
    // Brings the flat vector up to date with what was updated here.
    void unpack(T* w, int number, int n) const;

    const Program& program;
    const Kernels<T>& kernels;
    std::vector<Memory<T>> packed, transposed;  // empty for matrices before `reserve`, and where nobody reads them
    void reserve();

  private:
    void each_panel(T* w, bool matrices, int number, int n, void (*kernel)(const WeightPart<T>&)) const;
    std::vector<bool> wants_transposed_;
};

// What a pass leaves behind for the rows of a batch.
template <class T> struct Workspace {
    Workspace(const Program& program, const Plan& plan, const Kernels<T>& kernels, Index capacity, bool backward);

    struct OfNode {
        Panels<T> value{}, delta{};   // output, and gradient at it
        Panels<T> stored{}, extra{};  // f'(a), slopes drawn, mask or z; dh / d(what it learns)
        T *mean = nullptr, *variance = nullptr, *mean_dz = nullptr, *mean_dz_z = nullptr;  // batch norm: of each column
        T* deviation = nullptr;       // batch norm: of each column; layer norm: of each row
    };
    Index capacity;         // rows
    std::vector<OfNode> nodes;
    Panels<T> spare{};      // for gradients that are added to others
    Memory<T> shares;       // of each row in the mean
    Memory<double> values;  // loss of each row

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
    const T* parameters = nullptr;   // read where `flat`
    bool flat = false;               // few rows: matrices are read where they lie
    const T* buffers = nullptr;      // running statistics, where the batch has none
    int number = 0, n_threads = 1;   // which share of the columns of dense boxes is computed

    // Batch norm takes the statistics of the batch, and of one row there are none.
    bool batch_statistics() const { return training && n_rows > 1; }
    Index row(Index r) const { return rows ? rows[r] : r; }
    double weight(Index r) const { return batch->weight ? double(batch->weight[row(r)]) : 1.0; }
};

template <class T> class Pass {
  public:
    Pass(const Program& program, const Plan& plan, const Weights<T>& weights, Workspace<T>& space)
        : inputs_seen(program.nodes.size(), 0.0), program_(program), plan_(plan), weights_(weights),
          kernels_(weights.kernels), space_(space),
          loss_parameters_(program.loss_parameters.begin(), program.loss_parameters.end()) {}

    // Before a step without statistics of the batch, by one thread: running ones take their place.
    void prepare(const Step<T>& step);
    // One stage for these rows of the step, but for its statistics; the loss where there are targets.
    void run(const Step<T>& step, const Stage& stage, Index begin, Index end);
    // Statistics over whole columns that a stage begins with; thread `number` of `n` takes every n-th panel.
    void statistics(const Step<T>& step, const Stage& stage, int number, int n);

    // Turns the first rows of the output from scores into predictions; NaN in rows where a score is not finite.
    void link(Index rows);

    // What the kernels of a periodic embedding take.
    Periodic<T> periodic(int i) const;

    // Largest |x| of each input and |gradient| at the scores, since they were last set to 0.
    std::vector<double> inputs_seen;
    double scores_seen = 0.0;

  private:
    void forward(const Step<T>& step, int i, Index begin, Index end);
    void backward(const Step<T>& step, int i, Index begin, Index end);
    void dense(const Step<T>& step, int i, Index begin, Index end);
    void dense_back(int i, Index begin, Index end);
    void activate(const Step<T>& step, int i, Panels<T> a, Range panels, Index begin, Index end);
    void draw(const Step<T>& step, int i, Index begin, Index end);
    void drop(const Step<T>& step, int i, Index begin, Index end);
    void copy(Panels<T> from, Index from_column, Panels<T> to, Index to_column, Index columns, Index begin, Index end);
    void give(int i, int which, Panels<T> d, Index begin, Index end);
    Panels<T> target(int i, int which);
    Normalization<T> normalization(int i) const;
    Factor<T> factor(int i) const { return {plan_.nodes[i].derivative, derivative_values(i)}; }
    Panels<T> derivative_values(int i) const {
        const bool stored = plan_.nodes[i].derivative == Derivative::stored;
        return stored ? at(i).stored : at(i).value;
    }
    const Node& node(int i) const { return program_.nodes[i]; }
    typename Workspace<T>::OfNode& at(int i) const { return space_.nodes[i]; }

    const Program& program_;
    const Plan& plan_;
    const Weights<T>& weights_;
    const Kernels<T>& kernels_;
    Workspace<T>& space_;
    std::vector<T> loss_parameters_;
};

}  // namespace clearprop
