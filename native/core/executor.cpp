#include "executor.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>

#include "bounds.hpp"
#include "pool.hpp"

namespace clearprop {

namespace {

constexpr double operations_worth_a_thread = 2.5e6;
constexpr Index chunk_rows = 512;      // rows that pass through all nodes before the next ones
constexpr Index part_rows = 128;       // rows of a weight matrix that are updated at a time
constexpr Index few_rows = 16;         // up to here, packing the weights costs more than it saves
constexpr Index cache_bytes = 700000;  // of a second-level cache, for weights and what belongs to them
constexpr double seconds_between_signals = 0.05;

Index panels(Index columns, Index panel) { return (columns + panel - 1) / panel; }

void keep_larger(double& largest, double seen) {
    if (!(seen <= largest) && largest == largest) largest = seen;  // NaN stays
}

template <class T> double largest_of(const T* values, Index n) {
    double most = 0.0;
    for (Index i = 0; i < n; ++i) keep_larger(most, std::abs(double(values[i])));
    return most;
}

// The penalty of one parameter, for weights of which so much was seen.
double penalty_of(const Parameter& p, double sizes, double squares, double per_row) {
    return (p.l1 * sizes + 0.5 * p.l2 * squares) * (p.per_row ? per_row : 1.0);
}

// The weighted mean of the rows' losses: sums of shards, added in order.
template <class T>
double mean_loss(const double* values, const T* weight, const int64_t* rows, Index n_rows, double total) {
    double sum = 0.0;
    for (Index r0 = 0; r0 < n_rows; r0 += shard_rows) {
        double shard = 0.0;
        for (Index r = r0; r < std::min(n_rows, r0 + shard_rows); ++r)
            shard += weight ? values[r] * double(weight[rows ? rows[r] : r]) : values[r];
        sum += shard;
    }
    return total > 0.0 ? sum / total : sum;
}

double per_row_of(double total) { return total > 0.0 ? 1.0 / total : 0.0; }

}  // namespace

template <class T>
Executor<T>::Executor(Program program, const Kernels<T>& kernels)
    : program_(std::move(program)), plan_(program_), kernels_(kernels), weights_(program_, plan_, kernels),
      uses_(program_.parameters.size()), scales_(program_.parameters.size(), 1.0) {
    for (const Node& node : program_.nodes)
        if (node.box == Box::dense) scales_[std::size_t(node.parameters[0])] = node.number;
}

template <class T> int Executor<T>::threads_for(double operations, int most) const {
    return std::max(1, std::min(most, int(operations / operations_worth_a_thread)));
}

template <class T>
void Executor<T>::scores(const T* parameters, const T* buffers, const Batch<T>& batch, bool link, T* out, int threads) {
    if (batch.n_rows == 0) return;
    const std::unique_lock lock(mutex_);
    const bool flat = batch.n_rows <= few_rows;
    if (!flat) weights_.reserve();
    const Stage stage = plan_.stages(program_, false, false)[0];
    const Index width = program_.nodes.back().width;
    Index widest = 1;
    for (const Node& node : program_.nodes) widest = std::max(widest, node.width);
    Index chunk = std::clamp<Index>(65536 / widest, 2 * kernels_.tile_rows, 16 * kernels_.tile_rows);
    chunk = std::min(chunk, batch.n_rows);
    const int n = flat ? 1 : threads_for(plan_.forward_operations * double(batch.n_rows), threads);
    const Index chunks = (batch.n_rows + chunk - 1) / chunk;
    Barrier packed(n);
    if (flat) weights_.pack(parameters, false, 0, 1);
    run_parallel(n, [&](int number) {
        if (!flat) {
            weights_.pack(parameters, true, number, n);
            packed.wait();
        }
        Workspace<T> space(program_, plan_, kernels_, chunk, false);
        Pass<T> pass(program_, plan_, weights_, space);
        Step<T> step;
        step.parameters = parameters;
        step.buffers = buffers;
        step.flat = flat;
        pass.prepare(step);
        for (Index at = chunks * number / n; at < chunks * (number + 1) / n; ++at) {
            const Index begin = at * chunk, rows = std::min(chunk, batch.n_rows - begin);
            Batch<T> part = batch;
            for (std::size_t i = 0; i < part.inputs.size(); ++i) {
                Rows<T>& input = part.inputs[i];
                if (input.is_sparse()) {
                    input.sparse.starts += begin;
                    continue;
                }
                for (const Node& node : program_.nodes)
                    if (node.box == Box::input && std::size_t(node.number) == i) input.values += begin * node.width;
            }
            part.target = nullptr;
            part.classes = nullptr;
            step.batch = &part;
            step.n_rows = rows;
            pass.run(step, stage, 0, rows);
            if (link) pass.link(rows);
            kernels_.store_rows(space.nodes.back().value, width, 0, rows, out + begin * width);
        }
    });
}

// ---- training

template <class T> void Executor<T>::prepare(Index rows, const Batch<T>& batch) {
    weights_.reserve();
    const bool fresh = !space_ || space_->capacity < rows;
    if (fresh) space_ = std::make_unique<Workspace<T>>(program_, plan_, kernels_, rows, true);
    parts_.clear();
    for (std::size_t p = 0; p < program_.parameters.size(); ++p) {
        const Parameter& parameter = program_.parameters[p];
        bool sparse = false;
        uses_[p].clear();
        for (const NodeUse& use : plan_.uses[p]) {
            const typename Workspace<T>::OfNode& of = space_->nodes[std::size_t(use.node)];
            Use<T> pair{{}, of.delta};
            const Node& node = program_.nodes[std::size_t(use.node)];
            if (use.input >= 0) {
                sparse = sparse || sparse_input(use.input, batch);
                pair.x = space_->nodes[std::size_t(use.input)].value;
            } else if (!use.bias) {
                pair.x = node.unit == Unit::prelu ? of.extra : of.stored;
            }
            uses_[p].push_back(pair);
        }
        const Index height = sparse ? parameter.rows : part_rows;
        // one after the other the panels of d pass by the same columns of x, which stay in the second cache
        for (Index begin = 0; begin < parameter.rows; begin += height)
            for (Index panel = 0; panel < panels(parameter.columns, kernels_.panel); ++panel) {
                const Index end = std::min(parameter.rows, begin + height);
                const double size = double((end - begin) * kernels_.panel);
                parts_.push_back({int(p), panel, begin, end, sparse,
                                  size * (double(rows) + 40.0) * double(uses_[p].size())});
            }
    }
}

template <class T> bool Executor<T>::sparse_input(int node, const Batch<T>& batch) const {
    if (node < 0 || program_.nodes[std::size_t(node)].box != Box::input) return false;
    return batch.inputs[std::size_t(program_.nodes[std::size_t(node)].number)].is_sparse();
}

template <class T> std::vector<double> Executor<T>::largest_weights(const std::vector<Seen>& seen) const {
    std::vector<double> largest(program_.parameters.size(), 0.0);
    for (std::size_t i = 0; i < parts_.size(); ++i) {
        double& most = largest[std::size_t(parts_[i].parameter)];
        most = std::max(most, seen[i].largest);
    }
    return largest;
}

// What the threads of a call share.
template <class T> struct Executor<T>::Run {
    Run(Executor& executor, int n) : executor(executor), n(n), barrier(n), seen(executor.parts_.size()),
          measured(static_cast<std::size_t>(n)), passes(static_cast<std::size_t>(n)) {
        double total = 0.0, before = 0.0;
        for (const Part& part : executor.parts_) total += part.cost;
        first_part.assign(std::size_t(n) + 1, int(executor.parts_.size()));
        for (int at = 0, number = 0; at < int(executor.parts_.size()); before += executor.parts_[std::size_t(at++)].cost)
            while (number < n && before >= total * number / n) first_part[std::size_t(number++)] = at;
        first_part[0] = 0;
    }

    // What the threads saw of the step's rows.
    const Measured& seen_by_all(const Step<T>& step) {
        sizes.inputs.assign(executor.program_.nodes.size(), 0.0);
        sizes.scores = 0.0;
        sizes.rows = step.n_rows;
        sizes.batch_statistics = step.training && step.n_rows > 1;
        for (const Pass<T>* pass : passes) {
            for (std::size_t i = 0; i < sizes.inputs.size(); ++i) keep_larger(sizes.inputs[i], pass->inputs_seen[i]);
            keep_larger(sizes.scores, pass->scores_seen);
        }
        return sizes;
    }

    const std::vector<double>& largest_measured() {
        for (const std::vector<double>& bounds : measured)
            for (std::size_t p = 0; p < bounds.size(); ++p) keep_larger(measured[0][p], bounds[p]);
        return measured[0];
    }

    Executor& executor;
    const int n;
    Barrier barrier;
    Measured sizes;
    std::vector<Seen> seen;       // of each part
    std::vector<int> first_part;  // of each thread
    std::vector<std::vector<double>> measured;  // bounds of all gradients, from the rows of each thread
    std::vector<const Pass<T>*> passes;         // of each thread
    std::vector<Stage> stages, stages_of_one_row;  // batch norm takes no statistics of one row
    const Batch<T>* batch = nullptr;
    bool training = false, backward = false;
    uint64_t seed = 0;
    const T* buffers = nullptr;
};

// One thread's share of the work.
template <class T> class Executor<T>::Worker {
  public:
    Worker(Run& run, int number)
        : run_(run), executor_(run.executor), number_(number), space_(*executor_.space_),
          pass_(executor_.program_, executor_.plan_, executor_.weights_, space_) {
        run.passes[std::size_t(number)] = &pass_;
        Index largest = 0;
        for (const Part& part : executor_.parts_) largest = std::max(largest, part.end - part.begin);
        scratch_ = Memory<T>((largest + 2 * executor_.kernels_.panel) * executor_.kernels_.panel);
    }

    // Forward and, where wanted, backward. Returns the weight of the batch.
    template <class Poll> double rows(const int64_t* rows, Index n_rows, uint64_t step_number, double total, Poll poll) {
        pass_.inputs_seen.assign(pass_.inputs_seen.size(), 0.0);
        pass_.scores_seen = 0.0;
        step_ = Step<T>{};
        step_.batch = run_.batch;
        step_.rows = rows;
        step_.n_rows = n_rows;
        step_.training = run_.training;
        step_.backward = run_.backward;
        step_.seed = run_.seed;
        step_.step = step_number;
        step_.buffers = run_.buffers;
        const Index begin = n_rows * number_ / run_.n, end = n_rows * (number_ + 1) / run_.n;
        const T* weight = run_.batch->weight;
        if (total < 0.0) {
            total = weight ? 0.0 : double(n_rows);
            for (Index r = 0; weight && r < n_rows; ++r) total += double(weight[rows ? rows[r] : r]);
        }
        for (Index r = begin; r < end; ++r) {
            const double w = weight ? double(weight[rows ? rows[r] : r]) : 1.0;
            space_.shares.data()[r] = T(total > 0.0 ? w / total : w);
        }
        if (!pass_.batch_statistics(step_) && (number_ == 0 || n_rows == 1) && executor_.plan_.batch_norm) {
            if (n_rows > 1 || end > begin) pass_.prepare(step_);
        }
        if (!pass_.batch_statistics(step_) && executor_.plan_.batch_norm && n_rows > 1) run_.barrier.wait();
        for (const Stage& stage : pass_.batch_statistics(step_) ? run_.stages : run_.stages_of_one_row) {
            if (stage.moments >= 0 || stage.gradient_moments >= 0) {
                run_.barrier.wait();
                pass_.statistics(step_, stage, number_, run_.n);
                run_.barrier.wait();
            }
            for (Index at = begin; at < end; at += chunk_rows) {
                pass_.run(step_, stage, at, std::min(end, at + chunk_rows));
                poll();
            }
        }
        return total;
    }

    // Bounds of the gradients, from what is now in memory: this thread's rows.
    void measure() {
        const Index n_rows = step_.n_rows, begin = n_rows * number_ / run_.n, end = n_rows * (number_ + 1) / run_.n;
        std::vector<double>& bounds = run_.measured[std::size_t(number_)];
        bounds.assign(executor_.uses_.size(), 0.0);
        for (std::size_t p = 0; p < executor_.uses_.size(); ++p)
            for (std::size_t u = 0; u < executor_.uses_[p].size(); ++u) {
                const Use<T>& use = executor_.uses_[p][u];
                const NodeUse& node = executor_.plan_.uses[p][u];
                const Parameter& parameter = executor_.program_.parameters[p];
                double x = 1.0;
                if (executor_.sparse_input(node.input, *run_.batch))
                    x = pass_.inputs_seen[std::size_t(executor_.program_.nodes[std::size_t(node.input)].number)];
                else if (use.x.data)
                    x = executor_.kernels_.largest(use.x, parameter.matrix ? parameter.rows : parameter.columns, begin, end);
                bounds[p] += double(n_rows) * x * executor_.kernels_.largest(use.d, parameter.columns, begin, end);
            }
    }

    // Rows of the next step: they are fetched into the cache while the weights are updated.
    void expect(const int64_t* rows, Index n_rows) {
        next_rows_ = rows + n_rows * number_ / run_.n;
        n_next_ = n_rows * (number_ + 1) / run_.n - n_rows * number_ / run_.n;
        Index width = 0;
        for (const Node& node : executor_.program_.nodes)
            if (node.box == Box::input && !run_.batch->inputs[std::size_t(node.number)].is_sparse()) width += node.width;
        if (width * n_next_ * Index(sizeof(T)) > cache_bytes / 2) n_next_ = 0;
    }

    // Gradient, update or both of this thread's parts.
    void weights(const State<T>& state, T* gradient, const std::vector<Update<T>>& updates, Task task) {
        const bool fetches = executor_.program_.n_parameters * Index(sizeof(T)) * 3 > run_.n * cache_bytes;
        const int first = run_.first_part[std::size_t(number_)], last = run_.first_part[std::size_t(number_) + 1];
        for (int at = first; at < last; ++at) {
            fetch(n_next_ * (at - first) / (last - first), n_next_ * (at - first + 1) / (last - first));
            const Part& part = executor_.parts_[std::size_t(at)];
            const Parameter& parameter = executor_.program_.parameters[std::size_t(part.parameter)];
            const std::vector<Use<T>>& uses = executor_.uses_[std::size_t(part.parameter)];
            WeightPart<T> piece = executor_.weights_.part(part.parameter, state.parameters, part.begin, part.end, part.panel);
            if (state.slot_1) piece.slot_1 = state.slot_1 + parameter.start;
            if (state.slot_2) piece.slot_2 = state.slot_2 + parameter.start;
            if (gradient) piece.gradient = gradient + parameter.start;
            piece.uses = uses.data();
            piece.n_uses = int(uses.size());
            piece.rows = step_.n_rows;
            piece.fetches = fetches;
            piece.scratch = scratch_.data();
            if (task != Task::apply) {
                if (part.sparse) {
                    const Node& input = executor_.program_.nodes[std::size_t(executor_.plan_.uses[std::size_t(part.parameter)][0].input)];
                    executor_.kernels_.sparse_gradient(piece, run_.batch->inputs[std::size_t(input.number)].sparse, step_.rows);
                } else if (parameter.matrix) {
                    executor_.kernels_.gradient(piece);
                } else {
                    executor_.kernels_.column_sums(piece);
                }
            }
            run_.seen[std::size_t(at)] = executor_.kernels_.update(piece, updates[std::size_t(part.parameter)], task);
        }
    }

    void limit(T* w) {
        int turn = 0;
        for (std::size_t p = 0; p < executor_.program_.parameters.size(); ++p) {
            const Parameter& parameter = executor_.program_.parameters[p];
            if (parameter.limit <= 0.0) continue;
            for (Index panel = 0; panel < panels(parameter.columns, executor_.kernels_.panel); ++panel)
                if (turn++ % run_.n == number_)
                    executor_.kernels_.limit_columns(executor_.weights_.part(int(p), w, 0, parameter.rows, panel), T(parameter.limit));
        }
    }

    bool finite_statistics() const {
        if (!pass_.batch_statistics(step_)) return true;
        for (std::size_t i = 0; i < executor_.program_.nodes.size(); ++i) {
            const typename Workspace<T>::OfNode& of = space_.nodes[i];
            if (executor_.program_.nodes[i].box != Box::batch_norm) continue;
            const Index width = executor_.program_.nodes[i].width;
            if (!std::isfinite(largest_of(of.mean, width)) || !std::isfinite(largest_of(of.variance, width))) return false;
        }
        return true;
    }

    // Running statistics of batch norm, after the update is sure.
    void commit(T* buffers) {
        if (!pass_.batch_statistics(step_)) return;
        for (std::size_t i = 0; i < executor_.program_.nodes.size(); ++i) {
            const Node& node = executor_.program_.nodes[i];
            if (node.box != Box::batch_norm) continue;
            const typename Workspace<T>::OfNode& of = space_.nodes[i];
            const T momentum = T(node.second), left = T(1.0 - node.second);
            for (Index c = 0; c < node.width; ++c) {
                const T variance = of.variance[c];
                T &mean = buffers[node.buffers[0] + c], &running = buffers[node.buffers[1] + c];
                mean = left * mean + momentum * of.mean[c];
                running = left * running + momentum * variance;
            }
        }
    }

    const Step<T>& step() const { return step_; }

  private:
    void fetch(Index begin, Index end) const {
        for (const Node& node : executor_.program_.nodes) {
            if (node.box != Box::input) continue;
            const Rows<T>& input = run_.batch->inputs[std::size_t(node.number)];
            for (Index r = begin; r < end && !input.is_sparse(); ++r)
                for (Index c = 0; c < node.width; c += 64 / Index(sizeof(T)))
                    __builtin_prefetch(input.values + next_rows_[r] * node.width + c, 0, 2);
        }
    }

    const int64_t* next_rows_ = nullptr;
    Index n_next_ = 0;
    Run& run_;
    Executor& executor_;
    const int number_;
    Workspace<T>& space_;
    Pass<T> pass_;
    Memory<T> scratch_;
    Step<T> step_;
};

template <class T>
typename Executor<T>::Loss Executor<T>::loss(const T* parameters, T* buffers, const Batch<T>& batch, bool training,
                                             uint64_t seed, uint64_t step, double total, T* gradient, int threads) {
    const std::unique_lock lock(mutex_);
    prepare(batch.n_rows, batch);
    const int n = threads_for(plan_.operations * double(batch.n_rows), threads);
    Run run(*this, n);
    run.batch = &batch;
    run.training = training;
    run.backward = gradient != nullptr;
    run.seed = seed;
    run.buffers = buffers;
    run.stages = plan_.stages(program_, gradient != nullptr, true);
    run.stages_of_one_row = plan_.stages(program_, gradient != nullptr, false);
    std::vector<Update<T>> updates(program_.parameters.size());
    Loss result;
    run_parallel(n, [&](int number) {
        weights_.pack(parameters, true, number, n);
        run.barrier.wait();
        Worker worker(run, number);
        const double weight = worker.rows(nullptr, batch.n_rows, step, total, [] {});
        run.barrier.wait([&] {
            if (training) worker.commit(buffers);
            result.data = mean_loss(space_->values.data(), batch.weight, nullptr, batch.n_rows, weight);
            set_updates(updates, Optimizer(), 0.0, 1, per_row_of(weight));
            for (std::size_t p = 0; p < updates.size(); ++p) {
                if (total >= 0.0) updates[p].l1 = updates[p].l2 = T(0);
                const Parameter& parameter = program_.parameters[p];
                if (total >= 0.0 || (parameter.l1 == 0.0 && parameter.l2 == 0.0)) continue;
                double sizes = 0.0, squares = 0.0;
                for (Index i = 0; i < parameter.size(); ++i) {
                    const double w = double(parameters[parameter.start + i]);
                    sizes += std::abs(w);
                    squares += w * w;
                }
                result.penalty += penalty_of(parameter, sizes, squares, per_row_of(weight));
            }
        });
        const State<T> state{const_cast<T*>(parameters), nullptr, nullptr, nullptr, seed, step};  // only read
        if (gradient) worker.weights(state, gradient, updates, Task::gradient);
    });
    return result;
}

template <class T>
void Executor<T>::apply(const State<T>& state, const Optimizer& optimizer, T* gradient, double rate) {
    const std::unique_lock lock(mutex_);
    weights_.reserve();
    parts_.clear();
    for (std::size_t p = 0; p < program_.parameters.size(); ++p)
        for (Index panel = 0; panel < panels(program_.parameters[p].columns, kernels_.panel); ++panel)
            parts_.push_back({int(p), panel, 0, program_.parameters[p].rows, false, 1.0});
    std::vector<Update<T>> updates;
    set_updates(updates, optimizer, rate, state.step + 1, 0.0);
    weights_.pack(state.parameters, true, 0, 1);
    for (const Part& part : parts_) {
        const Parameter& parameter = program_.parameters[std::size_t(part.parameter)];
        WeightPart<T> piece = weights_.part(part.parameter, state.parameters, part.begin, part.end, part.panel);
        if (state.slot_1) piece.slot_1 = state.slot_1 + parameter.start;
        if (state.slot_2) piece.slot_2 = state.slot_2 + parameter.start;
        piece.gradient = gradient + parameter.start;
        Update<T> update = updates[std::size_t(part.parameter)];
        update.scale = T(1);
        kernels_.update(piece, update, Task::apply);
    }
    for (const Part& part : parts_)
        if (program_.parameters[std::size_t(part.parameter)].limit > 0.0)
            kernels_.limit_columns(weights_.part(part.parameter, state.parameters, part.begin, part.end, part.panel),
                                   T(program_.parameters[std::size_t(part.parameter)].limit));
}

template <class T>
void Executor<T>::set_updates(std::vector<Update<T>>& updates, const Optimizer& o, double rate, uint64_t step,
                              double per_row) const {
    double correction = 1.0, epsilon = o.epsilon;
    if (o.rule == Rule::adam) {
        const double root = std::sqrt(1.0 - std::pow(o.second, double(step)));
        correction = root / (1.0 - std::pow(o.first, double(step)));
        if (!o.epsilon_hat) epsilon *= root;
    }
    updates.resize(program_.parameters.size());
    for (std::size_t p = 0; p < updates.size(); ++p) {
        const Parameter& parameter = program_.parameters[p];
        const double own = o.factors.empty() ? rate : rate * o.factors[p];
        Update<T>& u = updates[p];
        u.rule = o.rule;
        u.rate = T(own * correction);
        u.epsilon = T(epsilon);
        u.decay = parameter.decays ? T(own * o.weight_decay) : T(0);
        u.first = T(o.first);
        u.second = T(o.second);
        u.first_left = T(1.0 - o.first);
        u.second_left = T(1.0 - o.second);
        const double penalty = parameter.per_row ? per_row : 1.0;
        u.l1 = T(parameter.l1 * penalty);
        u.l2 = T(parameter.l2 * penalty);
        u.clip = o.clip_value > 0.0 ? T(o.clip_value) : std::numeric_limits<T>::infinity();
        u.scale = T(scales_[p]);
    }
}

template <class T>
Epoch Executor<T>::run_epoch(const State<T>& state, const Optimizer& optimizer, const Batch<T>& batch,
                             const int64_t* order, Index n_rows, Index batch_size, const double* rates, double* data,
                             double* penalty, const std::function<bool()>& interrupted, int threads) {
    const std::unique_lock lock(mutex_);
    batch_size = std::min(batch_size, n_rows);
    prepare(batch_size, batch);
    const int n = threads_for(plan_.operations * double(batch_size), threads);
    const Index n_parameters = program_.n_parameters, n_batches = (n_rows + batch_size - 1) / batch_size;
    const std::size_t n_named = program_.parameters.size();
    Run run(*this, n);
    run.batch = &batch;
    run.training = run.backward = true;
    run.seed = state.seed;
    run.buffers = state.buffers;
    run.stages = plan_.stages(program_, true, true);
    run.stages_of_one_row = plan_.stages(program_, true, false);
    Memory<T> gradient(optimizer.clip_norm > 0.0 ? n_parameters : 0);
    bool constrained = false;
    for (const Parameter& parameter : program_.parameters) constrained = constrained || parameter.limit > 0.0;

    auto sizes_of = [&](const T* vector) {
        std::vector<double> sizes(n_named, 0.0);
        for (std::size_t p = 0; vector && p < n_named; ++p)
            sizes[p] = largest_of(vector + program_.parameters[p].start, program_.parameters[p].size());
        return sizes;
    };
    Bounds<T> bounds(program_, plan_, sizes_of(state.parameters), sizes_of(state.slot_1), sizes_of(state.slot_2));
    std::vector<Update<T>> updates;
    Epoch epoch;
    enum class Verdict { go, measure, stop } verdict = Verdict::go;
    const bool clips = optimizer.clip_norm > 0.0;
    auto last_signals = std::chrono::steady_clock::now();
    double work = 0.0;
    auto poll = [&](double operations) {  // thread 0 alone
        work += operations;
        if (work < 1e7) return;
        work = 0.0;
        const auto now = std::chrono::steady_clock::now();
        if (std::chrono::duration<double>(now - last_signals).count() < seconds_between_signals) return;
        last_signals = now;
        if (interrupted()) epoch.interrupted = true;
    };

    run_parallel(n, [&](int number) {
        weights_.pack(state.parameters, true, number, n);
        Worker worker(run, number);
        run.barrier.wait();
        for (Index at = 0; at < n_batches; ++at) {
            const Index begin = at * batch_size, rows = std::min(batch_size, n_rows - begin);
            const double operations = plan_.operations * double(rows);
            const double weight = worker.rows(order + begin, rows, state.step + uint64_t(at), -1.0,
                                              [&] { if (number == 0) poll(operations); });
            const double per_row = per_row_of(weight);
            run.barrier.wait([&] {
                data[at] = mean_loss(space_->values.data(), batch.weight, order + begin, rows, weight);
                set_updates(updates, optimizer, rates[at], state.step + uint64_t(at) + 1, per_row);
                const bool finite = std::isfinite(data[at]) && worker.finite_statistics();
                verdict = !finite || epoch.interrupted ? Verdict::stop
                          : bounds.allow(updates, bounds.gradients(run.seen_by_all(worker.step()))) ? Verdict::go
                                                                                                    : Verdict::measure;
                epoch.unsafe = !finite;
                if (verdict == Verdict::go) worker.commit(state.buffers);
            });
            if (verdict == Verdict::measure) {
                worker.measure();
                run.barrier.wait([&] {
                    epoch.unsafe = !bounds.allow(updates, run.largest_measured());
                    verdict = epoch.unsafe ? Verdict::stop : Verdict::go;
                    if (verdict == Verdict::go) worker.commit(state.buffers);
                });
            }
            if (verdict == Verdict::stop) break;
            worker.expect(order + begin + rows, std::min(batch_size, n_rows - begin - rows));
            if (clips) {
                worker.weights(state, gradient.data(), updates, Task::gradient);
                run.barrier.wait([&] {
                    sum_seen(run.seen, at, per_row, epoch, penalty);
                    double squares = 0.0;
                    for (const Seen& seen : run.seen) squares += seen.clipped_squares;
                    const double norm = std::sqrt(squares);
                    for (Update<T>& update : updates)
                        update.scale = T(norm > optimizer.clip_norm ? optimizer.clip_norm / norm : 1.0);
                });
                worker.weights(state, gradient.data(), updates, Task::apply);
            } else {
                worker.weights(state, nullptr, updates, Task::both);
            }
            if (constrained) {
                run.barrier.wait();
                worker.limit(state.parameters);
            }
            run.barrier.wait([&] {
                if (!clips) sum_seen(run.seen, at, per_row, epoch, penalty);
                bounds.set_weights(largest_weights(run.seen));
                epoch.done = at + 1;
            });
        }
    });
    return epoch;
}

// The gradient's norm and the penalty of a step, from what its parts saw.
template <class T>
void Executor<T>::sum_seen(const std::vector<Seen>& seen, Index at, double per_row, Epoch& epoch, double* penalty) const {
    double squares = 0.0, total = 0.0;
    for (std::size_t i = 0; i < parts_.size(); ++i) {
        squares += seen[i].squares;
        total += penalty_of(program_.parameters[std::size_t(parts_[i].parameter)], seen[i].weight_sizes,
                            seen[i].weight_squares, per_row);
    }
    epoch.gradient_norm = std::sqrt(squares);
    penalty[at] = total;
}

template class Executor<float>;
template class Executor<double>;

}  // namespace clearprop
