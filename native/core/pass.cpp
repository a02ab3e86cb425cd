#include "pass.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "bounds.hpp"
#include "philox.hpp"

namespace clearprop {

namespace {

constexpr uint64_t noise_purpose = 3;  // clearprop.streams.Purpose.NOISE

template <class T> double largest_of_row(const Sparse<T>& x, int64_t row) {
    return largest_of(x.values + x.starts[row], x.starts[row + 1] - x.starts[row]);
}

template <class T> T& entry(Panels<T> of, Index panel, Index r, Index c) {
    return of.data[c / panel * of.stride + r * panel + c % panel];
}

}  // namespace

template <class T> void Pass<T>::run(const Step<T>& step, const Stage& stage, Index begin, Index end) {
    for (int i = stage.forward_begin; i < stage.forward_end; ++i) forward(step, i, begin, end);
    if (stage.loss && (step.batch->target || step.batch->classes)) {
        LossRows<T> rows{};
        const int last = int(program_.nodes.size()) - 1;
        rows.kind = program_.loss;
        rows.parameters = loss_parameters_.data();
        rows.columns = node(last).width;
        rows.scores = at(last).value;
        rows.target = step.batch->target;
        rows.classes = step.batch->classes;
        rows.rows = step.rows;
        rows.shares = space_.shares.data();
        rows.values = space_.values.data();
        if (step.backward) rows.d = at(last).delta;
        keep_larger(scores_seen, kernels_.loss(rows, begin, end));
    }
    for (int i = stage.backward_begin - 1; i >= stage.backward_end; --i) backward(step, i, begin, end);
}

template <class T> void Pass<T>::prepare(const Step<T>& step) {
    for (int i = 0; i < int(program_.nodes.size()); ++i)
        if (node(i).box == Box::batch_norm)
            for (Index c = 0; c < node(i).width; ++c) {
                at(i).mean[c] = step.buffers[node(i).buffers[0] + c];
                at(i).deviation[c] = std::sqrt(step.buffers[node(i).buffers[1] + c] + T(node(i).number));
            }
}

template <class T> void Pass<T>::statistics(const Step<T>& step, const Stage& stage, int number, int n) {
    const bool gradients = stage.gradient_moments >= 0;
    const int i = gradients ? stage.gradient_moments : stage.moments;
    const Normalization<T> norm = normalization(i);
    const Index P = kernels_.panel;
    for (Index panel = number; panel * P < node(i).width; panel += n) {
        if (gradients) {
            kernels_.gradient_moments(norm, panel, step.n_rows);
            continue;
        }
        kernels_.moments(norm, panel, step.n_rows);
        for (Index c = panel * P; c < (panel + 1) * P; ++c) {
            at(i).variance[c] = at(i).deviation[c];
            at(i).deviation[c] = std::sqrt(at(i).variance[c] + T(node(i).number));
        }
    }
}

template <class T> Normalization<T> Pass<T>::normalization(int i) const {
    const typename Workspace<T>::OfNode& of = at(i);
    Normalization<T> norm{};
    norm.columns = node(i).width;
    norm.epsilon = T(node(i).number);
    norm.x = at(node(i).inputs[0]).value;
    norm.z = of.stored;
    norm.y = of.value;
    norm.gain = weights_.packed[node(i).parameters[0]].data();
    norm.bias = weights_.packed[node(i).parameters[1]].data();
    norm.mean = of.mean;
    norm.deviation = of.deviation;
    norm.dy = of.delta;
    norm.mean_dz = of.mean_dz;
    norm.mean_dz_z = of.mean_dz_z;
    return norm;
}

template <class T> Periodic<T> Pass<T>::periodic(int i) const {
    const Node& n = node(i);
    Periodic<T> embedding{};
    embedding.columns = node(n.inputs[0]).width;
    embedding.frequencies = Index(n.number);
    embedding.width = Index(n.second);
    Panels<T>* const places[] = {&embedding.w, &embedding.b, &embedding.W, &embedding.c};
    for (int which = 0; which < 4; ++which) {
        const int parameter = n.parameters[which];
        *places[which] = {weights_.packed[parameter].data(), program_.parameters[parameter].rows * kernels_.panel};
    }
    embedding.x = at(n.inputs[0]).value;
    embedding.h = at(i).value;
    embedding.dh = at(i).delta;
    return embedding;
}

template <class T>
void Pass<T>::copy(Panels<T> from, Index from_column, Panels<T> to, Index to_column, Index columns, Index begin,
                   Index end) {
    const Index P = kernels_.panel;
    for (Index c = 0; c < columns; ++c) {
        const T* source = &entry(from, P, 0, from_column + c);
        T* place = &entry(to, P, 0, to_column + c);
        for (Index r = begin; r < end; ++r) place[r * P] = source[r * P];
    }
    for (Index c = to_column + columns; c % P; ++c)  // what fills up a panel is 0; the spare place had other widths
        for (Index r = begin; r < end; ++r) entry(to, P, r, c) = T(0);
}

// ---- forward

template <class T> void Pass<T>::forward(const Step<T>& step, int i, Index begin, Index end) {
    const Node& n = node(i);
    typename Workspace<T>::OfNode& of = at(i);
    const Panels<T> x = n.inputs.empty() ? Panels<T>{} : at(n.inputs[0]).value;
    switch (n.box) {
        case Box::input: {
            const Rows<T>& rows = step.batch->inputs[n.input_number()];
            double& seen = inputs_seen[n.input_number()];
            if (rows.is_sparse())
                for (Index r = begin; r < end; ++r) keep_larger(seen, largest_of_row(rows.sparse, step.row(r)));
            else
                keep_larger(seen, kernels_.load_rows(rows.values, n.width, step.rows, begin, end, of.value));
            return;
        }
        case Box::dense: return dense(step, i, begin, end);
        case Box::activation:
            if (!plan_.nodes[i].within) activate(step, i, x, {0, n_panels(n.width, kernels_.panel)}, begin, end);
            return;
        case Box::dropout:
        case Box::gaussian_noise:
            if (!step.training || n.number == 0.0) return copy(x, 0, of.value, 0, n.width, begin, end);
            if (n.box == Box::dropout) return drop(step, i, begin, end);
            draw(step, i, begin, end);
            return kernels_.add(x, of.stored, of.value, n.width, begin, end);
        case Box::scale:
            return kernels_.scale_columns(x, weights_.packed[n.parameters[0]].data(), of.value, n.width,
                                          begin, end);
        case Box::batch_norm: return kernels_.normalize(normalization(i), begin, end);
        case Box::layer_norm: return kernels_.layer_norm(normalization(i), begin, end);
        case Box::periodic: return kernels_.periodic(periodic(i), begin, end);
        case Box::softmax:
        case Box::log_softmax:
            return kernels_.softmax(x, of.value, n.box == Box::log_softmax, n.width, begin, end);
        case Box::add:
            kernels_.add(x, at(n.inputs[1]).value, of.value, n.width, begin, end);
            for (std::size_t k = 2; k < n.inputs.size(); ++k)
                kernels_.add(of.value, at(n.inputs[k]).value, of.value, n.width, begin, end);
            return;
        case Box::concatenate: {
            Index column = 0;
            for (int input : n.inputs) {
                copy(at(input).value, 0, of.value, column, node(input).width, begin, end);
                column += node(input).width;
            }
            return;
        }
    }
}

template <class T> void Pass<T>::dense(const Step<T>& step, int i, Index begin, Index end) {
    const Node& n = node(i);
    const int fused = plan_.nodes[i].fused;
    const Parameter& w = program_.parameters[n.parameters[0]];
    Product<T> p{};
    p.x = at(n.inputs[0]).value;
    p.w = step.flat ? step.parameters + w.start : weights_.packed[n.parameters[0]].data();
    p.w_row = step.flat ? w.columns : kernels_.panel;
    p.w_panel = step.flat ? kernels_.panel : w.rows * kernels_.panel;
    p.exact = step.flat;
    p.k = w.rows;
    const Index P = kernels_.panel;
    const Range panels = share(n_panels(w.columns, P), step.number, step.n_threads);
    if (panels.size() == 0) return;
    p.w += panels.begin * p.w_panel;
    p.columns = std::min(w.columns - panels.begin * P, panels.size() * P);
    if (n.parameters[1] >= 0) p.bias = weights_.packed[n.parameters[1]].data() + panels.begin * P;
    p.scale = T(n.number);
    p.relu = fused >= 0 && node(fused).unit == Unit::relu && !node(fused).mixes();
    p.factor.kind = Derivative::one;
    p.y = at(i).value;
    p.y.data += panels.begin * p.y.stride;
    const Sparse<T>* sparse = sparse_rows(node(n.inputs[0]), *step.batch);
    if (sparse)
        kernels_.sparse_product(p, *sparse, step.rows, begin, end);
    else
        kernels_.product(p, begin, end);
    if (fused >= 0 && (sparse || !p.relu) && (node(fused).unit != Unit::identity || node(fused).mixes()))
        activate(step, fused, at(fused).value, panels, begin, end);
}

template <class T>
void Pass<T>::activate(const Step<T>& step, int i, Panels<T> a, Range panels, Index begin, Index end) {
    const Node& n = node(i);
    const typename Workspace<T>::OfNode& of = at(i);
    Activation<T> f{};
    f.unit = n.unit;
    f.parameter = T(n.unit == Unit::rrelu ? 0.5 * (n.number + n.second) : n.number);
    if (n.learned()) f.learned = weights_.packed[n.parameters[0]].data() + panels.begin * kernels_.panel;
    f.a = a;
    f.h = of.value;
    f.stored = of.stored;
    f.extra = of.extra;
    if (n.unit == Unit::rrelu && of.stored.data) {
        if (step.training)
            draw(step, i, begin, end);
        else
            for (Index c = 0; c < n.width; ++c)
                for (Index r = begin; r < end; ++r) entry(of.stored, kernels_.panel, r, c) = f.parameter;
    }
    for (Panels<T>* panels_of : {&f.a, &f.h}) panels_of->data += panels.begin * panels_of->stride;
    kernels_.activate(f, std::min(n.width - panels.begin * kernels_.panel, panels.size() * kernels_.panel), begin, end);
}

// The random numbers of a box in training: rrelu's slopes, noise.
template <class T> void Pass<T>::draw(const Step<T>& step, int i, Index begin, Index end) {
    const Node& n = node(i);
    const Stream stream{step.seed, noise_purpose, step.step, uint64_t(i)};
    const uint64_t width = uint64_t(n.width);
    for (Index r = begin; r < end; ++r) {
        auto place = [&](uint64_t column) -> T& { return entry(at(i).stored, kernels_.panel, r, Index(column)); };
        if (n.box == Box::gaussian_noise)
            each_normal(stream, r * width, width, [&](auto c, double z) { place(c) = T(n.number * z); });
        else
            each_uniform(stream, r * width, width,
                         [&](auto c, double u) { place(c) = T(n.number) + T(n.second - n.number) * T(u); });
    }
}

// Dropout in training, some columns of a row at a time: their random numbers stay in the first cache.
template <class T> void Pass<T>::drop(const Step<T>& step, int i, Index begin, Index end) {
    constexpr Index piece = 1024;  // a multiple of every P
    const Node& n = node(i);
    const Stream stream{step.seed, noise_purpose, step.step, uint64_t(i)};
    uint16_t numbers[piece + 2 * block_integers] = {};
    Dropout<T> d{};
    d.limit = int(0x1p16 * n.number);
    d.scale = T(1) / T(1.0 - n.number);
    for (Index c = 0; c < n.width; c += piece) {
        d.columns = std::min(piece, n.width - c);
        d.x = at(n.inputs[0]).value;
        d.mask = at(i).stored;
        d.h = at(i).value;
        for (Panels<T>* of : {&d.x, &d.mask, &d.h}) of->data += c / kernels_.panel * of->stride;
        for (Index r = begin; r < end; ++r) {
            d.numbers = integers(stream, uint64_t(r * n.width + c), uint64_t(d.columns), numbers);
            kernels_.drop(d, r);
        }
    }
}

template <class T> void Pass<T>::link(Index rows) {
    const Panels<T> y = space_.nodes.back().value;
    const Index width = program_.nodes.back().width;
    Activation<T> f{};
    f.a = f.h = y;
    std::vector<Index> overflown;  // sigmoid would make a fine number of an infinite score
    if (!std::isfinite(kernels_.largest(y, width, 0, rows)))
        for (Index r = 0; r < rows; ++r)
            if (!std::isfinite(kernels_.largest(y, width, r, r + 1))) overflown.push_back(r);
    switch (program_.loss) {
        case LossKind::cross_entropy:
        case LossKind::kl_divergence: kernels_.softmax(y, y, false, width, 0, rows); break;
        case LossKind::binary_cross_entropy: f.unit = Unit::sigmoid; break;
        case LossKind::poisson: f.unit = Unit::exp; break;
        default: break;
    }
    if (f.unit != Unit::identity) kernels_.activate(f, width, 0, rows);
    for (Index r : overflown)
        for (Index c = 0; c < width; ++c)
            entry(y, kernels_.panel, r, c) = std::numeric_limits<T>::quiet_NaN();
}

// ---- backward

// Where the gradient at input `which` of node i is to be written: its place, or a spare one if it has to be added.
template <class T> Panels<T> Pass<T>::target(int i, int which) {
    const bool adds = plan_.nodes[i].adds[which];
    return adds ? space_.spare : at(node(i).inputs[which]).delta;
}

template <class T> void Pass<T>::give(int i, int which, Panels<T> d, Index begin, Index end) {
    if (!plan_.nodes[i].adds[which]) return;
    const int input = node(i).inputs[which];
    kernels_.add(at(input).delta, d, at(input).delta, node(input).width, begin, end);
}

template <class T> void Pass<T>::backward(const Step<T>& step, int i, Index begin, Index end) {
    const Node& n = node(i);
    const NodePlan& planned = plan_.nodes[i];
    const typename Workspace<T>::OfNode& of = at(i);
    if (n.inputs.empty() || !planned.learns || planned.folded) return;
    if (n.box == Box::concatenate || n.box == Box::add) {
        Index column = 0;
        for (int which = 0; which < int(n.inputs.size()); ++which) {
            const int input = n.inputs[which];
            if (plan_.nodes[input].learns) {
                copy(of.delta, n.box == Box::add ? 0 : column, target(i, which), 0, node(input).width, begin, end);
                give(i, which, target(i, which), begin, end);
            }
            column += node(input).width;
        }
        return;
    }
    const int input = n.inputs[0];
    if (!plan_.nodes[input].learns) return;
    const Panels<T> dx = target(i, 0);
    switch (n.box) {
        case Box::dense: dense_back(i, begin, end); break;
        case Box::activation: kernels_.pass_back(factor(i), of.delta, dx, n.width, begin, end); break;
        case Box::dropout:
            if (step.training && n.number > 0.0)
                kernels_.multiply(of.delta, of.stored, dx, n.width, begin, end);
            else
                copy(of.delta, 0, dx, 0, n.width, begin, end);
            break;
        case Box::gaussian_noise: copy(of.delta, 0, dx, 0, n.width, begin, end); break;
        case Box::scale:
            kernels_.scale_columns(of.delta, weights_.packed[n.parameters[0]].data(), dx, n.width, begin, end);
            break;
        case Box::batch_norm:
        case Box::layer_norm: {
            Normalization<T> norm = normalization(i);
            norm.dx = dx;
            if (n.box == Box::layer_norm)
                kernels_.layer_norm_back(norm, begin, end);
            else
                kernels_.batch_norm_back(norm, step.batch_statistics(), begin, end);
            break;
        }
        case Box::periodic: {
            Periodic<T> embedding = periodic(i);
            embedding.dx = dx;
            kernels_.periodic_back(embedding, begin, end);
            break;
        }
        case Box::softmax:
        case Box::log_softmax:
            kernels_.softmax_back(of.value, of.delta, dx, n.box == Box::log_softmax, n.width, begin, end);
            break;
        default: break;
    }
    give(i, 0, dx, begin, end);
}

template <class T> void Pass<T>::dense_back(int i, Index begin, Index end) {
    const Node& n = node(i);
    const int input = n.inputs[0];
    const Parameter& w = program_.parameters[n.parameters[0]];
    Product<T> p{};
    p.x = at(i).delta;
    p.w = weights_.transposed[n.parameters[0]].data();
    p.w_row = kernels_.panel;
    p.w_panel = w.columns * kernels_.panel;
    p.k = w.columns;
    p.columns = w.rows;
    p.scale = T(n.number);
    if (plan_.nodes[input].folded) {  // straight to the input of the activation
        p.factor = factor(input);
        p.y = at(node(input).inputs[0]).delta;
        if (node(input).learned()) p.before = at(input).delta;
    } else {
        p.factor.kind = Derivative::one;
        p.y = target(i, 0);
    }
    kernels_.product(p, begin, end);
}

template class Pass<float>;
template class Pass<double>;

}  // namespace clearprop
