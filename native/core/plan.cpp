#include "plan.hpp"

namespace clearprop {

namespace {

constexpr double sine_operations = 20;  // what a cosine or sine costs

}  // namespace

Derivative derivative_of(const Node& node) {
    if (node.learned()) return Derivative::stored;
    switch (node.unit) {
        case Unit::identity: return Derivative::one;
        case Unit::relu: return Derivative::relu;
        case Unit::tanh: return Derivative::tanh;
        case Unit::sigmoid: return Derivative::sigmoid;
        default: return Derivative::stored;
    }
}

Plan::Plan(const Program& program) : nodes(program.nodes.size()), uses(program.parameters.size()) {
    const int n = int(program.nodes.size());
    std::vector<std::vector<int>> readers(n);
    for (int i = 0; i < n; ++i) {
        const Node& node = program.nodes[i];
        NodePlan& plan = nodes[i];
        for (int parameter : node.parameters) plan.learns = plan.learns || parameter >= 0;
        for (int input : node.inputs) {
            plan.learns = plan.learns || nodes[input].learns;
            readers[input].push_back(i);
        }
        batch_norm = batch_norm || node.box == Box::batch_norm;
        if (node.box == Box::activation) plan.derivative = derivative_of(node);
        if (node.box == Box::dense) {
            const double work = 2.0 * double(program.nodes[node.inputs[0]].width) * double(node.width);
            forward_operations += work;
            operations += nodes[node.inputs[0]].learns ? 3.0 * work : 2.0 * work;
        } else if (node.box == Box::periodic) {
            const double cosines = double(program.nodes[node.inputs[0]].width) * node.number;
            const double work = cosines * (sine_operations + 2.0 * node.second);
            forward_operations += work;
            operations += 3.0 * work;
        } else {
            forward_operations += 4.0 * double(node.width);
            operations += 12.0 * double(node.width);
        }
    }
    for (int i = 0; i < n; ++i) {
        const Node& node = program.nodes[i];
        NodePlan& plan = nodes[i];
        if (node.box != Box::activation) continue;
        const int before = node.inputs[0];
        if (readers[before].size() != 1) continue;
        if (program.nodes[before].box == Box::dense && node.unit != Unit::rrelu) {
            nodes[before].fused = i;
            plan.within = true;
        }
        const std::vector<int>& after = readers[i];
        plan.folded = nodes[before].learns && after.size() == 1 &&
                      program.nodes[after[0]].box == Box::dense;
    }
    std::vector<bool> given(n, false);
    for (int i = n - 1; i >= 0; --i) {
        const Node& node = program.nodes[i];
        for (int input : node.inputs) {
            nodes[i].adds.push_back(given[input]);
            given[input] = true;
        }
        const std::vector<int>& p = node.parameters;
        if (node.box == Box::dense) {
            uses[p[0]].push_back({i, false, node.inputs[0]});
            if (p[1] >= 0) uses[p[1]].push_back({i, true, -1});
        } else if (node.box == Box::scale) {
            uses[p[0]].push_back({i, false, node.inputs[0]});
        } else if (node.box == Box::periodic) {
            uses[p[0]].push_back({i, false, node.inputs[0], p[2]});
            uses[p[1]].push_back({i, true, -1, p[2]});
            uses[p[2]].push_back({i, true, -1});
            uses[p[3]].push_back({i, true, -1});
        } else if (node.learned()) {
            uses[p[0]].push_back({i, false, -1});
        } else if (node.box == Box::batch_norm || node.box == Box::layer_norm) {
            uses[p[0]].push_back({i, false, -1});
            uses[p[1]].push_back({i, true, -1});
        }
    }
}

std::vector<Stage> Plan::stages(const Program& program, bool backward, bool batch) const {
    const int n = int(program.nodes.size());
    std::vector<Stage> all(1);
    for (int i = 0; i < n; ++i) {
        if (batch && program.nodes[i].box == Box::batch_norm) {
            Stage next;
            next.moments = i;
            next.forward_begin = i;
            all.push_back(next);
        }
        all.back().forward_end = i + 1;
    }
    all.back().loss = true;
    all.back().backward_begin = all.back().backward_end = n;
    if (!backward) return all;
    for (int i = n - 1; i >= 0; --i) {
        if (batch && program.nodes[i].box == Box::batch_norm && nodes[i].learns) {
            Stage next;
            next.gradient_moments = i;
            next.backward_begin = i + 1;
            all.push_back(next);
        }
        all.back().backward_end = i;
    }
    return all;
}

}  // namespace clearprop
