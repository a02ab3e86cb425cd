#include "worker.hpp"

#include <algorithm>
#include <cmath>

namespace clearprop {

namespace {

constexpr Index chunk_rows = 256;      // rows that pass through all nodes before the next ones
constexpr Index part_rows = 128;       // rows of a weight matrix that are updated at a time,
constexpr Index small_part_rows = 32;  // and in small networks, so that all threads have the same work
constexpr Index few_parts = 32;        // (whatever their number: norms and penalties are sums over parts)
constexpr double rows_an_update = 40;  // of whose gradient an update takes the time
constexpr double periodic_cost = 8;    // of an entry of a periodic embedding's gradient, where a product's costs 1
constexpr Index cache_bytes = 700000;  // of a second-level cache, for weights and what belongs to them

}  // namespace

template <class T>
Run<T>::Run(const Plan& plan, const Weights<T>& weights, Workspace<T>& space, const Step<T>& common, Index rows, int n)
    : program(weights.program), plan(plan), weights(weights), kernels(weights.kernels), space(space), common(common),
      n(n), barrier(n), stages(plan.stages(program, common.backward, true)),
      stages_of_one_row(plan.stages(program, common.backward, false)), passes(n), bounds(n) {
    set_uses();
    set_parts(rows);
    seen.resize(parts.size());
}

template <class T> void Run<T>::set_uses() {
    uses.resize(program.parameters.size());
    for (std::size_t p = 0; p < uses.size(); ++p)
        for (const NodeUse& use : plan.uses[p]) {
            const typename Workspace<T>::OfNode& of = space.nodes[use.node];
            Use<T> pair{{}, of.delta};
            if (use.input >= 0)
                pair.x = space.nodes[use.input].value;
            else if (!use.bias)
                pair.x = program.nodes[use.node].learned() ? of.extra : of.stored;
            uses[p].push_back(pair);
        }
}

template <class T> void Run<T>::set_parts(Index rows) {
    const Index P = kernels.panel;
    Index large_parts = 0;
    for (const Parameter& parameter : program.parameters)
        large_parts += n_panels(parameter.columns, P) * ((parameter.rows + part_rows - 1) / part_rows);
    const Index usual_height = large_parts < few_parts ? small_part_rows : part_rows;
    double total = 0.0;
    auto add = [&](int p, Index panel, Index begin, Index end, Index place, const Sparse<T>* sparse, double of_entry) {
        const bool wide = program.parameters[p].columns - panel * P > P / 2;
        const double size = double((end - begin) * (wide ? P : P / 2));
        const double cost = of_entry * size * (double(rows) + rows_an_update) * double(uses[p].size());
        parts.push_back({p, panel, begin, end, place, sparse, cost});
        total += cost;
    };
    for (int p = 0; p < int(uses.size()); ++p) {
        const Parameter& parameter = program.parameters[p];
        const Node& node = program.nodes[plan.uses[p][0].node];
        if (node.box == Box::periodic) {
            for (Index panel = 0; p == node.parameters[0] && panel < n_panels(parameter.columns, P); ++panel) {
                Index place = 0;
                for (int each : node.parameters) {
                    const Index height = program.parameters[each].rows;
                    add(each, panel, 0, height, place, nullptr, periodic_cost);
                    place += height;
                }
            }
            continue;
        }
        const Sparse<T>* sparse = nullptr;
        for (const NodeUse& use : plan.uses[p])
            if (use.input >= 0 && !sparse) sparse = sparse_rows(program.nodes[use.input], *common.batch);
        // its kernel looks at all entries of x for each part
        const Index height = sparse ? parameter.rows : usual_height;
        // one after the other the panels of d pass by the same columns of x, which stay in the second cache
        for (Index begin = 0; begin < parameter.rows; begin += height)
            for (Index panel = 0; panel < n_panels(parameter.columns, P); ++panel)
                add(p, panel, begin, std::min(parameter.rows, begin + height), 0, sparse, 1.0);
    }
    first_part.assign(n + 1, int(parts.size()));
    double before = 0.0;
    for (int at = 0, number = 0; at < int(parts.size()); ++at) {
        while (number < n && parts[at].place == 0 && before >= total * number / n) first_part[number++] = at;
        before += parts[at].cost;
    }
}

template <class T> const Measured& Run<T>::seen_by_all(const Step<T>& step) {
    measured_.inputs.assign(program.nodes.size(), 0.0);
    measured_.scores = 0.0;
    measured_.rows = step.n_rows;
    measured_.batch_statistics = step.batch_statistics();
    for (const Pass<T>* pass : passes) {
        for (std::size_t i = 0; i < measured_.inputs.size(); ++i)
            keep_larger(measured_.inputs[i], pass->inputs_seen[i]);
        keep_larger(measured_.scores, pass->scores_seen);
    }
    return measured_;
}

template <class T> const std::vector<double>& Run<T>::largest_bounds() {
    for (const std::vector<double>& of_thread : bounds)
        for (std::size_t p = 0; p < of_thread.size(); ++p) keep_larger(bounds[0][p], of_thread[p]);
    return bounds[0];
}

template <class T> double Run<T>::norm(double Seen::*squares) const {
    double sum = 0.0;
    for (const Seen& of_part : seen) sum += of_part.*squares;
    return std::sqrt(sum);
}

template <class T> double Run<T>::penalty(double weight) const {
    double sum = 0.0;
    for (std::size_t i = 0; i < parts.size(); ++i)
        sum += program.parameters[parts[i].parameter].penalty(seen[i].weight_sizes, seen[i].weight_squares, weight);
    return sum;
}

template <class T> std::vector<double> Run<T>::largest_weights() const {
    std::vector<double> largest(program.parameters.size(), 0.0);
    for (std::size_t i = 0; i < parts.size(); ++i) {
        double& most = largest[parts[i].parameter];
        most = std::max(most, seen[i].largest);
    }
    return largest;
}

template <class T>
Worker<T>::Worker(Run<T>& run, int number)
    : run_(run), program_(run.program), kernels_(run.kernels), space_(run.space), number_(number),
      pass_(program_, run.plan, run.weights, space_) {
    run.passes[number] = &pass_;
    Index largest = 0;
    for (const typename Run<T>::Part& part : run.parts) largest = std::max(largest, part.place + part.end - part.begin);
    scratch_ = Memory<T>(3 * (largest + kernels_.panel) * kernels_.panel);
}

template <class T> double Worker<T>::pass(const int64_t* rows, Index n_rows, uint64_t step, double total) {
    pass_.inputs_seen.assign(pass_.inputs_seen.size(), 0.0);
    pass_.scores_seen = 0.0;
    step_ = run_.common;
    step_.rows = rows;
    step_.n_rows = n_rows;
    step_.step = step;
    range_ = share(n_rows, number_, run_.n);
    weight_ = total;
    if (total < 0.0) {
        weight_ = step_.batch->weight ? 0.0 : double(n_rows);
        for (Index r = 0; step_.batch->weight && r < n_rows; ++r) weight_ += step_.weight(r);
    }
    for (Index r = range_.begin; r < range_.end; ++r)
        space_.shares.data()[r] = T(weight_ > 0.0 ? step_.weight(r) / weight_ : step_.weight(r));
    if (run_.plan.batch_norm && !step_.batch_statistics()) {
        if (number_ == 0) pass_.prepare(step_);
        run_.barrier.wait();
    }
    for (const Stage& stage : step_.batch_statistics() ? run_.stages : run_.stages_of_one_row) {
        if (stage.moments >= 0 || stage.gradient_moments >= 0) {
            run_.barrier.wait();
            pass_.statistics(step_, stage, number_, run_.n);
            run_.barrier.wait();
        }
        for (Index at = range_.begin; at < range_.end; at += chunk_rows)
            pass_.run(step_, stage, at, std::min(range_.end, at + chunk_rows));
    }
    return weight_;
}

template <class T> void Worker<T>::measure(const Bounds<T>& bounds) {
    std::vector<double>& measured = run_.bounds[number_];
    measured.assign(run_.uses.size(), 0.0);
    for (std::size_t p = 0; p < measured.size(); ++p)
        for (std::size_t u = 0; u < run_.uses[p].size(); ++u) {
            const Use<T>& use = run_.uses[p][u];
            const NodeUse& planned = run_.plan.uses[p][u];
            const int input = planned.input;
            const Index width = program_.nodes[planned.node].width;
            double x = 1.0;
            if (input >= 0 && sparse_rows(program_.nodes[input], *step_.batch))
                x = pass_.inputs_seen[program_.nodes[input].input_number()];
            else if (use.x.data)
                x = kernels_.largest(use.x, input >= 0 ? program_.nodes[input].width : width, range_.begin, range_.end);
            const double d = kernels_.largest(use.d, width, range_.begin, range_.end);
            measured[p] += double(step_.n_rows) * x * bounds.factor(planned) * d;
        }
}

template <class T>
void Worker<T>::update(const State<T>& state, T* gradient, const std::vector<Update<T>>& updates, Task task) {
    const bool fetches = program_.n_parameters * Index(sizeof(T)) * 3 > run_.n * cache_bytes;
    const int first = run_.first_part[number_], last = run_.first_part[number_ + 1];
    for (int at = first; at < last; ++at) {
        const typename Run<T>::Part& part = run_.parts[at];
        const std::vector<Use<T>>& uses = run_.uses[part.parameter];
        WeightPart<T> piece = run_.weights.part(part.parameter, state, gradient, part.begin, part.end, part.panel);
        piece.uses = uses.data();
        piece.n_uses = int(uses.size());
        piece.rows = step_.n_rows;
        piece.fetches = fetches;
        piece.scratch = scratch_.data() + part.place * kernels_.panel;
        if (task != Task::apply && part.place == 0) compute_gradient(part, piece);
        run_.seen[at] = kernels_.update(piece, updates[part.parameter], task);
    }
}

template <class T>
void Worker<T>::compute_gradient(const typename Run<T>::Part& part, const WeightPart<T>& piece) const {
    const int node = run_.plan.uses[part.parameter][0].node;
    if (program_.nodes[node].box == Box::periodic)
        kernels_.periodic_gradient(pass_.periodic(node), piece);
    else if (part.sparse)
        kernels_.sparse_gradient(piece, *part.sparse, step_.rows);
    else if (program_.parameters[part.parameter].matrix)
        kernels_.gradient(piece);
    else
        kernels_.column_sums(piece);
}

template <class T> void Worker<T>::limit() {
    int turn = 0;
    for (int p = 0; p < int(program_.parameters.size()); ++p) {
        const Parameter& parameter = program_.parameters[p];
        if (parameter.limit <= 0.0) continue;
        for (Index panel = 0; panel < n_panels(parameter.columns, kernels_.panel); ++panel)
            if (turn++ % run_.n == number_)
                kernels_.limit_columns(run_.weights.part(p, nullptr, 0, parameter.rows, panel), T(parameter.limit));
    }
}

// The weighted mean of the rows' losses: sums of shards, added in order.
template <class T> double Worker<T>::loss() const {
    double sum = 0.0;
    for (Index begin = 0; begin < step_.n_rows; begin += shard_rows) {
        double shard = 0.0;
        for (Index r = begin; r < std::min(step_.n_rows, begin + shard_rows); ++r)
            shard += space_.values.data()[r] * step_.weight(r);
        sum += shard;
    }
    return weight_ > 0.0 ? sum / weight_ : sum;
}

template <class T> bool Worker<T>::finite_statistics() const {
    if (!step_.batch_statistics()) return true;
    for (std::size_t i = 0; i < program_.nodes.size(); ++i) {
        const Node& node = program_.nodes[i];
        if (node.box != Box::batch_norm) continue;
        const typename Workspace<T>::OfNode& of = space_.nodes[i];
        if (!std::isfinite(largest_of(of.mean, node.width)) || !std::isfinite(largest_of(of.variance, node.width)))
            return false;
    }
    return true;
}

template <class T> void Worker<T>::keep_statistics(T* buffers) const {
    if (!step_.batch_statistics()) return;
    for (std::size_t i = 0; i < program_.nodes.size(); ++i) {
        const Node& node = program_.nodes[i];
        if (node.box != Box::batch_norm) continue;
        const typename Workspace<T>::OfNode& of = space_.nodes[i];
        const T momentum = T(node.second), left = T(1.0 - node.second);
        for (Index c = 0; c < node.width; ++c) {
            T &mean = buffers[node.buffers[0] + c], &variance = buffers[node.buffers[1] + c];
            mean = left * mean + momentum * of.mean[c];
            variance = left * variance + momentum * of.variance[c];
        }
    }
}

template struct Run<float>;
template struct Run<double>;
template class Worker<float>;
template class Worker<double>;

}  // namespace clearprop
