// How a graph is run: which nodes are computed together, in which stages, and what makes up each parameter's gradient.
#pragma once

#include <vector>

#include "program.hpp"

namespace clearprop {

// What the plan knows of a node.
struct NodePlan {
    int fused = -1;          // dense: the activation that is computed with it
    bool within = false;     // activation: computed with the dense before it, whose output is not stored
    bool folded = false;     // activation: its f' is folded into the product that makes the gradient
    bool learns = false;     // a gradient at its output leads to a parameter
    Derivative derivative = Derivative::one;
    std::vector<bool> adds;  // of each input: another node has already left a gradient there
};

// A stretch of work in which rows do not depend on one another.
struct Stage {
    int moments = -1;           // first of all: batch norm whose statistics are taken over all rows
    int gradient_moments = -1;  // likewise, of its gradients
    int forward_begin = 0, forward_end = 0;
    bool loss = false;
    int backward_begin = 0, backward_end = 0;  // from begin - 1 down to end
};

// One use of a parameter, by node: what a Use of the kernels is made of.
struct NodeUse {
    int node;   // whose gradient d is
    bool bias;  // sum of d alone, or times numbers of at most 1
    int input;  // node whose output is x, where the use has no x of its own (-1)
    int through = -1;  // parameter that d is multiplied by on its way, if there is one
};

struct Plan {
    explicit Plan(const Program& program);

    std::vector<NodePlan> nodes;
    std::vector<std::vector<NodeUse>> uses;   // of each parameter
    bool batch_norm = false;                  // whether there is one

    // Stages of a forward pass, and of a backward pass after it; `batch`: batch norm takes the statistics of the batch.
    std::vector<Stage> stages(const Program& program, bool backward, bool batch) const;

    double operations = 0.0;  // multiplications and additions of a training step, a row
    double forward_operations = 0.0;
};

// How f'(a) is had: from h, or stored.
Derivative derivative_of(const Node& node);

}  // namespace clearprop
