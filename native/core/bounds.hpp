// Proof, before an update, that no number in it can overflow.
//
// The gradient of a matrix never lies in memory as a whole, so it cannot be looked at before the weights change. But it
// is bounded: |gradient| <= rows max|x| max|d|, where |x| and |d| are bounded by the inputs, the gradient at the scores
// and the largest weight of each parameter; and what an optimizer makes of it is bounded as well. Where this is not
// enough, |x| and |d| are measured; where that is not enough, nothing is changed, and the caller computes the step with
// the array engine, which looks at every number.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <type_traits>
#include <vector>

#include "plan.hpp"

namespace clearprop {

// Takes the larger size; NaN, once seen, stays.
inline void keep_larger(double& largest, double seen) {
    if (!(seen <= largest) && largest == largest) largest = seen;
}

// Largest |value|; NaN where there is one. Without the sign, the bits of numbers are in the order of the numbers, and
// NaN comes last.
template <class T> double largest_of(const T* values, Index n) {
    using Bits = std::conditional_t<sizeof(T) == 4, int32_t, int64_t>;
    Bits most = 0;
    for (Index i = 0; i < n; ++i) most = std::max(most, std::bit_cast<Bits>(std::abs(values[i])));
    return double(std::bit_cast<T>(most));
}

// What is known of a step.
struct Measured {
    std::vector<double> inputs;  // largest |x| of each input, by its place in Batch::inputs
    double scores = 0.0;         // largest |gradient| at the scores
    Index rows = 0;
    bool batch_statistics = false;
};

constexpr double turn = 6.283185307179586476925286766559;  // 2 pi

template <class T> class Bounds {
  public:
    // Largest sizes of weights and slots as the run begins.
    Bounds(const Program& program, const Plan& plan, std::vector<double> weights, std::vector<double> slot_1,
           std::vector<double> slot_2)
        : program_(program), plan_(plan), weights_(std::move(weights)), slot_1_(std::move(slot_1)),
          slot_2_(std::move(slot_2)) {}

    // Upper bounds of the gradients of all parameters.
    const std::vector<double>& gradients(const Measured& measured);

    // Whether updates with gradients of at most these sizes are safe; if so they are taken to have been made.
    bool allow(const std::vector<Update<T>>& updates, const std::vector<double>& gradients);

    // By how much d may grow on its way to a use: through the outputs of a column, and the slope of a cosine of turns.
    double factor(const NodeUse& use) const {
        return use.through < 0 ? 1.0 : turn * program_.nodes[use.node].second * weights_[use.through];
    }

    void set_weights(const std::vector<double>& largest) { weights_ = largest; }

  private:
    struct After;
    After after(std::size_t parameter, const Update<T>& update, double gradient) const;

    const Program& program_;
    const Plan& plan_;
    std::vector<double> weights_, slot_1_, slot_2_;
    std::vector<double> values_, deltas_, gradients_;  // of nodes, nodes, parameters
    std::vector<double> factors_;  // of nodes: z or g(a) - a, by which the gradient of what they learn is multiplied
};

}  // namespace clearprop
