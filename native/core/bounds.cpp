#include "bounds.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "philox.hpp"

namespace clearprop {

namespace {

// |f(a)| <= slope |a| + offset and |f'(a)| <= slope.
struct UnitBound {
    double slope, offset;
    double of(double a) const { return slope * a + offset; }
};

// Of the unit alone; `learned` is the largest slope of prelu.
UnitBound bound_of_unit(const Node& node, double learned) {
    switch (node.unit) {
        case Unit::leaky_relu: return {std::max(1.0, std::abs(node.number)), 0.0};
        case Unit::rrelu: return {std::max({1.0, std::abs(node.number), std::abs(node.second)}), 0.0};
        case Unit::prelu: return {std::max(1.0, learned), 0.0};
        case Unit::elu: return {std::max(1.0, node.number), node.number};
        case Unit::selu: return {1.76, 1.76};
        case Unit::softplus:
        case Unit::gelu:
        case Unit::silu:
        case Unit::mish: return {1.2, 1.0};
        default: return {1.0, 0.0};
    }
}

// Of a unit g with its share: f(a) = a + alpha (g(a) - a).
UnitBound bound_of(const Node& node, double learned) {
    const UnitBound g = bound_of_unit(node, learned);
    if (!node.mixes()) return g;
    const double alpha = std::max(1.0, learned);  // so that g(a) - a is bounded as well
    return {1.0 + alpha * (1.0 + g.slope), alpha * g.offset};
}

}  // namespace

template <class T> const std::vector<double>& Bounds<T>::gradients(const Measured& measured) {
    const std::size_t n = program_.nodes.size();
    const double rows = double(measured.rows);
    values_.assign(n, 0.0);
    factors_.assign(n, 0.0);
    deltas_.assign(n, 0.0);
    gradients_.assign(program_.parameters.size(), 0.0);
    auto weight = [&](const Node& node, std::size_t which) {
        const bool there = which < node.parameters.size() && node.parameters[which] >= 0;
        return there ? weights_[node.parameters[which]] : 0.0;
    };
    for (std::size_t i = 0; i < n; ++i) {
        const Node& node = program_.nodes[i];
        const double x = node.inputs.empty() ? 0.0 : values_[node.inputs[0]];
        double& value = values_[i];
        switch (node.box) {
            case Box::input: value = measured.inputs[node.input_number()]; break;
            case Box::dense: {
                const double k = double(program_.nodes[node.inputs[0]].width);
                value = node.number * k * x * weight(node, 0) + weight(node, 1);
                break;
            }
            case Box::activation:
                value = bound_of(node, weight(node, 0)).of(x);
                if (node.mixes()) factors_[i] = value;
                break;
            case Box::dropout: value = x / (1.0 - node.number); break;
            case Box::gaussian_noise: value = x + node.number * largest_normal; break;
            case Box::scale: value = x * weight(node, 0); break;
            case Box::batch_norm:  // without statistics of the batch there is no bound
                factors_[i] = measured.batch_statistics ? std::sqrt(rows) : std::numeric_limits<double>::infinity();
                value = factors_[i] * weight(node, 0) + weight(node, 1);
                break;
            case Box::layer_norm:
                factors_[i] = std::sqrt(double(node.width));
                value = factors_[i] * weight(node, 0) + weight(node, 1);
                break;
            case Box::periodic: value = std::max(x, node.number * weight(node, 2) + weight(node, 3)); break;
            case Box::softmax: value = 1.0; break;
            case Box::log_softmax: value = 2.0 * x + std::log(double(node.width)); break;
            case Box::add:
            case Box::concatenate:
                for (int input : node.inputs) value += values_[input];
                break;
        }
        if (!(value <= std::numeric_limits<T>::max()) || !(x <= std::numeric_limits<T>::max()))
            value = std::numeric_limits<double>::infinity();
    }
    deltas_[n - 1] = measured.scores;
    for (std::size_t i = n; i-- > 0;) {
        const Node& node = program_.nodes[i];
        const double d = deltas_[i];
        double passed = d;
        if (node.box == Box::dense) passed = node.number * double(node.width) * d * weight(node, 0);
        if (node.box == Box::activation) passed = bound_of(node, weight(node, 0)).slope * d;
        if (node.box == Box::dropout) passed = d / (1.0 - node.number);
        if (node.box == Box::scale) passed = d * weight(node, 0);
        if (node.box == Box::batch_norm) passed = weight(node, 0) * d * (2.0 + rows) / std::sqrt(node.number);
        if (node.box == Box::layer_norm)
            passed = weight(node, 0) * d * (2.0 + double(node.width)) / std::sqrt(node.number);
        if (node.box == Box::periodic)
            passed = d * (1.0 + turn * node.number * weight(node, 0) * node.second * weight(node, 2));
        if (node.box == Box::softmax || node.box == Box::log_softmax) passed = d * (1.0 + double(node.width));
        for (int input : node.inputs) deltas_[input] += passed;
    }
    for (std::size_t p = 0; p < gradients_.size(); ++p)
        for (const NodeUse& use : plan_.uses[p]) {
            const Node& node = program_.nodes[use.node];
            double x = 1.0;
            if (!use.bias) x = factors_[use.node] > 0.0 ? factors_[use.node] : values_[node.inputs[0]];
            gradients_[p] += rows * x * factor(use) * deltas_[use.node];
        }
    return gradients_;
}

template <class T> struct Bounds<T>::After {
    double gradient, slot_1, slot_2, weight;
};

template <class T>
typename Bounds<T>::After Bounds<T>::after(std::size_t p, const Update<T>& u, double gradient) const {
    const double g = gradient * std::abs(double(u.scale)) + double(u.l1) + double(u.l2) * weights_[p];
    const double rate = double(u.rate);
    After next{g, slot_1_[p], slot_2_[p], 0.0};
    double move = rate * g;
    switch (u.rule) {
        case Rule::sgd: break;
        case Rule::momentum:
        case Rule::nesterov:
            next.slot_1 = double(u.first) * slot_1_[p] + move;
            move += next.slot_1;
            break;
        case Rule::adagrad:
            next.slot_1 += g * g;
            move = rate * g / double(u.epsilon);
            break;
        case Rule::rmsprop:
            next.slot_1 = std::max(slot_1_[p], g * g);
            move = rate * g / double(u.epsilon);
            break;
        case Rule::adam:
            next.slot_1 = std::max(slot_1_[p], g);
            next.slot_2 = std::max(slot_2_[p], g * g);
            move = rate * next.slot_1 / double(u.epsilon) + double(u.decay) * weights_[p];
            break;
    }
    next.weight = weights_[p] + move;
    return next;
}

template <class T> bool Bounds<T>::allow(const std::vector<Update<T>>& updates, const std::vector<double>& gradients) {
    const double limit = double(std::numeric_limits<T>::max()) / 16.0;
    for (std::size_t p = 0; p < updates.size(); ++p) {
        const After next = after(p, updates[p], gradients[p]);
        const double size = double(program_.parameters[p].size()), w = weights_[p];
        if (!(next.gradient * next.gradient * size < limit && next.slot_1 < limit && next.slot_2 < limit &&
              next.weight < limit && w * w * size < limit))
            return false;
    }
    for (std::size_t p = 0; p < updates.size(); ++p) {
        const After next = after(p, updates[p], gradients[p]);
        slot_1_[p] = next.slot_1;
        slot_2_[p] = next.slot_2;
    }
    return true;
}

template class Bounds<float>;
template class Bounds<double>;

}  // namespace clearprop
