#include "pass.hpp"

namespace clearprop {

namespace {

Index panels(Index columns, Index panel) { return (columns + panel - 1) / panel; }

}  // namespace

template <class T>
Weights<T>::Weights(const Program& program, const Plan& plan, const Kernels<T>& kernels)
    : program(program), kernels(kernels), packed(program.parameters.size()), transposed(program.parameters.size()),
      wants_transposed_(program.parameters.size(), false) {
    for (std::size_t p = 0; p < program.parameters.size(); ++p) {
        const Parameter& parameter = program.parameters[p];
        if (!parameter.matrix) packed[p] = Memory<T>(panels(parameter.columns, kernels.panel) * kernels.panel);
        for (const NodeUse& use : plan.uses[p])
            if (parameter.matrix && plan.nodes[std::size_t(use.input)].learns) wants_transposed_[p] = true;
    }
}

template <class T> void Weights<T>::reserve() {
    for (std::size_t p = 0; p < packed.size(); ++p) {
        const Parameter& parameter = program.parameters[p];
        if (!packed[p]) packed[p] = Memory<T>(panels(parameter.columns, kernels.panel) * kernels.panel * parameter.rows);
        if (wants_transposed_[p] && !transposed[p])
            transposed[p] = Memory<T>(panels(parameter.rows, kernels.panel) * kernels.panel * parameter.columns);
    }
}

template <class T>
WeightPart<T> Weights<T>::part(int p, T* w, Index begin, Index end, Index panel) const {
    const Parameter& parameter = program.parameters[std::size_t(p)];
    WeightPart<T> part{};
    part.w = w + parameter.start;
    part.n_in = parameter.rows;
    part.n_out = parameter.columns;
    part.begin = begin;
    part.end = end;
    part.panel = panel;
    part.packed = packed[std::size_t(p)].data();
    part.transposed = transposed[std::size_t(p)].data();
    part.packed_panel = parameter.rows * kernels.panel;
    part.transposed_panel = parameter.columns * kernels.panel;
    return part;
}

template <class T> void Weights<T>::pack(const T* w, bool matrices, int number, int n) {
    int turn = 0;
    for (std::size_t p = 0; p < packed.size(); ++p) {
        const Parameter& parameter = program.parameters[p];
        if (parameter.matrix && !matrices) continue;
        for (Index panel = 0; panel < panels(parameter.columns, kernels.panel); ++panel)
            if (turn++ % n == number)  // the kernel only reads w
                kernels.pack(part(int(p), const_cast<T*>(w), 0, parameter.rows, panel));
    }
}

template <class T>
Workspace<T>::Workspace(const Program& program, const Plan& plan, const Kernels<T>& kernels, Index capacity, bool backward)
    : capacity(capacity), nodes(program.nodes.size()) {
    const Index P = kernels.panel;
    Index size = 0, widest = 0;
    // first all sizes, then the places: one piece of memory
    for (int round = 0; round < 2; ++round) {
        T* next = round ? memory_.data() : nullptr;
        auto take = [&](Index n) {
            T* place = round ? next : nullptr;
            round ? void(next += n) : void(size += n);
            return place;
        };
        // panels begin on different sets of the cache, so that a row's panels do not displace one another
        auto matrix = [&](Index width) {
            const Index stride = capacity * P + 64 / Index(sizeof(T));
            return Panels<T>{take(panels(width, P) * stride), stride};
        };
        for (std::size_t i = 0; i < nodes.size(); ++i) {
            const Node& node = program.nodes[i];
            const NodePlan& planned = plan.nodes[i];
            OfNode& of = nodes[i];
            widest = node.width > widest ? node.width : widest;
            if (planned.fused < 0) of.value = matrix(node.width);
            if (node.box == Box::batch_norm || node.box == Box::layer_norm) {
                of.mean = take(panels(node.width, P) * P);
                of.variance = take(panels(node.width, P) * P);
                of.deviation = take(node.box == Box::batch_norm ? panels(node.width, P) * P : panels(capacity, P) * P);
            }
            if (!backward || !planned.learns) {
                if (backward && node.box == Box::dropout) of.stored = matrix(node.width);
                if (backward && node.unit == Unit::rrelu) of.stored = matrix(node.width);
                if (backward && i + 1 == nodes.size()) of.delta = matrix(node.width);
                continue;
            }
            of.delta = matrix(node.width);
            const bool keeps = node.box == Box::dropout || node.box == Box::batch_norm || node.box == Box::layer_norm;
            if (keeps || (node.box == Box::activation && planned.derivative == Derivative::stored))
                of.stored = matrix(node.width);
            if (node.unit == Unit::prelu) of.extra = matrix(node.width);
            if (node.box == Box::batch_norm) {
                of.mean_dz = take(panels(node.width, P) * P);
                of.mean_dz_z = take(panels(node.width, P) * P);
            }
        }
        if (backward) spare = matrix(widest);
        if (!round) memory_ = Memory<T>(size);
    }
    for (std::size_t i = 0; i < nodes.size(); ++i)
        if (plan.nodes[i].fused >= 0) nodes[i].value = nodes[std::size_t(plan.nodes[i].fused)].value;
    shares = Memory<T>(backward ? capacity : 0);
    values = Memory<double>(backward ? capacity : 0);
}

template struct Weights<float>;
template struct Weights<double>;
template struct Workspace<float>;
template struct Workspace<double>;

}  // namespace clearprop
