#include <algorithm>

#include "pass.hpp"

namespace clearprop {

template <class T>
Weights<T>::Weights(const Program& program, const Plan& plan, const Kernels<T>& kernels)
    : program(program), kernels(kernels), packed(program.parameters.size()), transposed(program.parameters.size()),
      wants_transposed_(program.parameters.size(), false) {
    for (std::size_t p = 0; p < program.parameters.size(); ++p) {
        const Parameter& parameter = program.parameters[p];
        if (!parameter.matrix)
            packed[p] = Memory<T>(n_panels(parameter.columns, kernels.panel) * kernels.panel * parameter.rows);
        for (const NodeUse& use : plan.uses[p])
            if (parameter.matrix && plan.nodes[use.input].learns) wants_transposed_[p] = true;
    }
}

template <class T> void Weights<T>::reserve() {
    for (std::size_t p = 0; p < packed.size(); ++p) {
        const Parameter& parameter = program.parameters[p];
        if (!packed[p])
            packed[p] = Memory<T>(n_panels(parameter.columns, kernels.panel) * kernels.panel * parameter.rows);
        if (wants_transposed_[p] && !transposed[p])
            transposed[p] = Memory<T>(n_panels(parameter.rows, kernels.panel) * kernels.panel * parameter.columns);
    }
}

template <class T>
WeightPart<T> Weights<T>::part(int p, T* w, Index begin, Index end, Index panel) const {
    const Parameter& parameter = program.parameters[p];
    WeightPart<T> part{};
    part.w = w ? w + parameter.start : nullptr;
    part.n_in = parameter.rows;
    part.n_out = parameter.columns;
    part.begin = begin;
    part.end = end;
    part.panel = panel;
    part.packed = packed[p].data();
    part.transposed = transposed[p].data();
    part.packed_panel = parameter.rows * kernels.panel;
    part.transposed_panel = parameter.columns * kernels.panel;
    return part;
}

template <class T>
WeightPart<T> Weights<T>::part(int p, const State<T>& state, T* gradient, Index begin, Index end, Index panel) const {
    const Index start = program.parameters[p].start;
    WeightPart<T> full = part(p, state.parameters, begin, end, panel);
    if (state.slot_1) full.slot_1 = state.slot_1 + start;
    if (state.slot_2) full.slot_2 = state.slot_2 + start;
    if (gradient) full.gradient = gradient + start;
    return full;
}

template <class T> void Weights<T>::pack(const T* w, bool matrices, int number, int n) const {
    each_panel(const_cast<T*>(w), matrices, number, n, kernels.pack);  // which only reads w
}

template <class T> void Weights<T>::unpack(T* w, int number, int n) const {
    each_panel(w, true, number, n, kernels.unpack);
}

template <class T>
void Weights<T>::each_panel(T* w, bool matrices, int number, int n, void (*kernel)(const WeightPart<T>&)) const {
    int turn = 0;
    for (int p = 0; p < int(packed.size()); ++p) {
        const Parameter& parameter = program.parameters[p];
        if (parameter.matrix && !matrices) continue;
        for (Index panel = 0; panel < n_panels(parameter.columns, kernels.panel); ++panel)
            if (turn++ % n == number) kernel(part(p, w, 0, parameter.rows, panel));
    }
}

template <class T>
Workspace<T>::Workspace(const Program& program, const Plan& plan, const Kernels<T>& kernels, Index capacity,
                        bool backward)
    : capacity(capacity), nodes(program.nodes.size()) {
    const Index P = kernels.panel;
    Index size = 0, widest = 0;
    bool adds = false;
    for (const NodePlan& planned : plan.nodes)
        for (bool one : planned.adds) adds = adds || one;
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
            return Panels<T>{take(n_panels(width, P) * stride), stride};
        };
        for (std::size_t i = 0; i < nodes.size(); ++i) {
            const Node& node = program.nodes[i];
            const NodePlan& planned = plan.nodes[i];
            OfNode& of = nodes[i];
            widest = std::max(widest, node.width);
            if (planned.fused < 0) of.value = matrix(node.width);
            const Index columns = n_panels(node.width, P) * P;
            if (node.box == Box::batch_norm) {
                of.mean = take(columns);
                of.variance = take(columns);
                of.deviation = take(columns);
            }
            if (node.box == Box::layer_norm) of.deviation = take(n_panels(capacity, P) * P);
            if (!backward) continue;
            if (!planned.learns) {  // nor does it pass gradients, but it draws
                if (node.box == Box::dropout || node.box == Box::gaussian_noise || node.unit == Unit::rrelu)
                    of.stored = matrix(node.width);
                if (i + 1 == nodes.size()) of.delta = matrix(node.width);
                continue;
            }
            if (!planned.folded || node.learned()) of.delta = matrix(node.width);
            const bool keeps = node.box == Box::dropout || node.box == Box::gaussian_noise ||
                               node.box == Box::batch_norm || node.box == Box::layer_norm;
            if (keeps || (node.box == Box::activation && planned.derivative == Derivative::stored))
                of.stored = matrix(node.width);
            if (node.learned()) of.extra = matrix(node.width);
            if (node.box == Box::batch_norm) {
                of.mean_dz = take(columns);
                of.mean_dz_z = take(columns);
            }
        }
        if (backward && adds) spare = matrix(widest);
        if (!round) memory_ = Memory<T>(size);
    }
    for (std::size_t i = 0; i < nodes.size(); ++i)
        if (plan.nodes[i].fused >= 0) nodes[i].value = nodes[plan.nodes[i].fused].value;
    shares = Memory<T>(backward ? capacity : 0);
    values = Memory<double>(backward ? capacity : 0);
}

template struct Weights<float>;
template struct Weights<double>;
template struct Workspace<float>;
template struct Workspace<double>;

}  // namespace clearprop
