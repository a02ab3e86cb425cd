// What the core is asked to run: the native forms of clearprop.engines.Program and Batch, of optimizers and of states.
#pragma once

#include <string>
#include <vector>

#include "../kernels/interface.hpp"

namespace clearprop {

enum class Box : int {
    input, dense, activation, dropout, gaussian_noise, scale, batch_norm, layer_norm, periodic, softmax, log_softmax,
    add, concatenate,
};

struct Node {
    Box box;
    Unit unit = Unit::identity;
    std::vector<int> inputs;
    Index width;
    double number = 0.0;                // slope, alpha, share dropped, deviation, epsilon, scale or frequencies;
                                        // input: its place in Batch::inputs
    double second = 0.0;                // upper slope, momentum, or width of an embedding
    std::vector<int> parameters;        // places in Program::parameters, in the order of the box; -1: none
    std::vector<Index> buffers;         // where running mean and variance begin

    int input_number() const { return int(number); }
    // An activation with a number for each column: prelu's slope, or alpha, the share that another unit has (Parametric).
    bool learned() const { return box == Box::activation && !parameters.empty(); }
    bool mixes() const { return learned() && unit != Unit::prelu; }
};

// A parameter in the flat vector. A matrix is that of a dense box, with a row for each column of x; others are smaller,
// and a vector is one row.
struct Parameter {
    Index start, rows, columns;
    bool matrix, decays;
    double l1 = 0.0, l2 = 0.0;  // strengths of its penalties
    bool per_row = false;       // whether these are divided by the weight of the batch
    double limit = 0.0;         // max-norm, or 0

    Index size() const { return rows * columns; }

    // What the penalties are multiplied by in a batch of this weight.
    double penalty_factor(double weight) const {
        if (!per_row) return 1.0;
        return weight > 0.0 ? 1.0 / weight : 0.0;
    }
    // The penalties, from the sums of |w| and of w^2.
    double penalty(double sizes, double squares, double weight) const {
        return (l1 * sizes + 0.5 * l2 * squares) * penalty_factor(weight);
    }
};

struct Program {
    std::vector<Node> nodes;
    std::vector<Parameter> parameters;
    Index n_parameters = 0, n_buffers = 0;
    LossKind loss = LossKind::squared_error;
    std::vector<double> loss_parameters;  // what the kernels' LossRows take
};

// An optimizer's own numbers; what changes from step to step is given with the step.
struct Optimizer {
    Rule rule = Rule::sgd;
    double first = 0.0, second = 0.0, epsilon = 0.0, weight_decay = 0.0;
    bool epsilon_hat = false;
    double clip_norm = 0.0, clip_value = 0.0;  // 0: no limit
    std::vector<double> factors;               // on the rate, one a parameter; empty: all 1
};

// Rows of one input: dense (`values`, one after the other) or sparse.
template <class T> struct Rows {
    const T* values = nullptr;
    Sparse<T> sparse = {};
    bool is_sparse() const { return values == nullptr; }
};

template <class T> struct Batch {
    std::vector<Rows<T>> inputs;
    Index n_rows = 0;
    const T* target = nullptr;         // or
    const int64_t* classes = nullptr;  // class numbers; neither in prediction
    const T* weight = nullptr;         // of each row; nullptr: all 1
};

// The sparse rows that a node stands for, or nullptr.
template <class T> const Sparse<T>* sparse_rows(const Node& node, const Batch<T>& batch) {
    if (node.box != Box::input) return nullptr;
    const Rows<T>& rows = batch.inputs[node.input_number()];
    return rows.is_sparse() ? &rows.sparse : nullptr;
}

// What training changes; flat vectors that belong to the caller.
template <class T> struct State {
    T *parameters, *buffers, *slot_1, *slot_2;
    uint64_t seed, step;  // step: updates done so far
};

}  // namespace clearprop
