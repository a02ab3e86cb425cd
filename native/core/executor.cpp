#include "executor.hpp"

#include <unistd.h>

#include <cmath>
#include <limits>

#include "worker.hpp"

namespace clearprop {

template <class T>
Executor<T>::Executor(Program program, const Kernels<T>& kernels)
    : program_(std::move(program)), plan_(program_), kernels_(kernels), weights_(program_, plan_, kernels),
      scales_(program_.parameters.size(), 1.0), process_(int(getpid())) {
    for (const Node& node : program_.nodes)
        if (node.box == Box::dense) scales_[node.parameters[0]] = node.number;
}

// A fork may copy the lock while a thread that the child does not have holds it, so a child begins with a fresh one.
template <class T> std::unique_lock<std::mutex> Executor<T>::lock() {
    if (process_ != int(getpid())) {
        process_ = int(getpid());
        static_cast<void>(mutex_.release());  // it may be locked for ever, and so may not be destroyed
        mutex_ = std::make_unique<std::mutex>();
        static_cast<void>(space_.release());  // it may be half made
    }
    return std::unique_lock(*mutex_);
}

template <class T> Workspace<T>& Executor<T>::workspace(Index rows) {
    weights_.reserve();
    if (!space_ || space_->capacity < rows)
        space_ = std::make_unique<Workspace<T>>(program_, plan_, kernels_, rows, true);
    return *space_;
}

template <class T>
typename Executor<T>::Loss Executor<T>::loss(const T* parameters, T* buffers, const Batch<T>& batch, bool training,
                                             uint64_t seed, uint64_t step, double total, T* gradient, int threads) {
    const std::unique_lock held = lock();
    const bool whole = total < 0.0;
    const int n = threads_for(plan_.operations * double(batch.n_rows), threads);
    const Step<T> common{
        .batch = &batch, .training = training, .backward = gradient != nullptr, .seed = seed, .buffers = buffers};
    Run<T> run(plan_, weights_, workspace(batch.n_rows), common, batch.n_rows, n);
    std::vector<Update<T>> updates;
    Loss result;
    const std::vector<std::unique_ptr<Worker<T>>> workers = workers_of(run);
    run_parallel(n, [&](int number) {
        weights_.pack(parameters, true, number, n);
        run.barrier.wait();
        Worker<T>& worker = *workers[number];
        const double weight = worker.pass(nullptr, batch.n_rows, step, total);
        run.barrier.wait([&] {
            if (training) worker.keep_statistics(buffers);
            result.data = worker.loss();
            set_updates(updates, Optimizer(), 0.0, 1, weight);  // for scales and penalties
            for (std::size_t p = 0; p < updates.size(); ++p) {
                if (!whole) updates[p].l1 = updates[p].l2 = T(0);
                const Parameter& parameter = program_.parameters[p];
                if (!whole || (parameter.l1 == 0.0 && parameter.l2 == 0.0)) continue;
                double sizes = 0.0, squares = 0.0;
                for (Index i = 0; i < parameter.size(); ++i) {
                    const double w = double(parameters[parameter.start + i]);
                    sizes += std::abs(w);
                    squares += w * w;
                }
                result.penalty += parameter.penalty(sizes, squares, weight);
            }
        });
        const State<T> state{const_cast<T*>(parameters), nullptr, nullptr, nullptr, seed, step};  // only read
        if (gradient) worker.update(state, gradient, updates, Task::gradient);
    });
    return result;
}

template <class T>
void Executor<T>::apply(const State<T>& state, const Optimizer& optimizer, T* gradient, double rate) {
    const std::unique_lock held = lock();
    weights_.reserve();
    weights_.pack(state.parameters, true, 0, 1);
    std::vector<Update<T>> updates;
    set_updates(updates, optimizer, rate, state.step + 1, 0.0);
    for (int p = 0; p < int(updates.size()); ++p) {
        const Parameter& parameter = program_.parameters[p];
        updates[p].scale = T(1);  // the gradient has its factor
        for (Index panel = 0; panel < n_panels(parameter.columns, kernels_.panel); ++panel) {
            const WeightPart<T> piece = weights_.part(p, state, gradient, 0, parameter.rows, panel);
            kernels_.update(piece, updates[p], Task::apply);
            if (parameter.limit > 0.0) kernels_.limit_columns(piece, T(parameter.limit));
        }
    }
    weights_.unpack(state.parameters, 0, 1);
}

// The equations stand in clearprop.optimizers; Adam's corrections are moved into rate and epsilon.
template <class T>
void Executor<T>::set_updates(std::vector<Update<T>>& updates, const Optimizer& o, double rate, uint64_t step,
                              double weight) const {
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
        u.l1 = T(parameter.l1 * parameter.penalty_factor(weight));
        u.l2 = T(parameter.l2 * parameter.penalty_factor(weight));
        u.clip = o.clip_value > 0.0 ? T(o.clip_value) : std::numeric_limits<T>::infinity();
        u.scale = T(scales_[p]);
    }
}

template class Executor<float>;
template class Executor<double>;

}  // namespace clearprop
