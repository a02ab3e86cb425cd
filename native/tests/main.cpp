// Tests of the core without Python, for the sanitizers: networks of all boxes are run and trained in every target.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <thread>
#include <vector>

#include "core/cpus.hpp"
#include "core/executor.hpp"
#include "core/pool.hpp"
#include "core/targets.hpp"

using namespace clearprop;

namespace {

int failures = 0;

void check(bool fine, const char* what, const std::string& where = "") {
    if (fine) return;
    ++failures;
    std::fprintf(stderr, "FAILED: %s %s\n", what, where.c_str());
}

// A graph with every box: x -> dense -> unit -> dropout -> noise -> batch norm -> (+) -> layer norm -> scale ->
// periodic embedding -> [ , x] -> softmax -> dense, with odd widths.
Program program_with_every_box(Unit unit, LossKind loss, Index outputs) {
    Program program;
    Index at = 0;
    auto parameter = [&](Index rows, Index columns, bool matrix) {
        program.parameters.push_back({at, rows, columns, matrix, matrix, 1e-4, 1e-3, false, matrix ? 3.0 : 0.0});
        at += rows * columns;
        return int(program.parameters.size()) - 1;
    };
    auto add = [&](Box box, std::vector<int> inputs, Index width, double number, std::vector<int> owned) {
        program.nodes.push_back({box, Unit::identity, inputs, width, number, 0.0, owned, {}});
        return int(program.nodes.size()) - 1;
    };
    const Index in = 5, width = 37;
    const int x = add(Box::input, {}, in, 0.0, {});
    const int a = add(Box::dense, {x}, width, 1.0, {parameter(in, width, true), parameter(1, width, false)});
    std::vector<int> learned;  // prelu has slopes, and mish here a share
    if (unit == Unit::prelu || unit == Unit::mish) learned = {parameter(1, width, false)};
    const int h = add(Box::activation, {a}, width, 0.25, learned);
    program.nodes[std::size_t(h)].unit = unit;
    program.nodes[std::size_t(h)].second = 0.5;
    const int d = add(Box::dropout, {h}, width, 0.25, {});
    const int e = add(Box::gaussian_noise, {d}, width, 0.2, {});
    const int n = add(Box::batch_norm, {e}, width, 1e-5, {parameter(1, width, false), parameter(1, width, false)});
    program.nodes[std::size_t(n)].second = 0.1;
    program.nodes[std::size_t(n)].buffers = {0, width};
    const int sum = add(Box::add, {n, h}, width, 0.0, {});
    const int z = add(Box::layer_norm, {sum}, width, 1e-5, {parameter(1, width, false), parameter(1, width, false)});
    const int s = add(Box::scale, {z}, width, 0.0, {parameter(1, width, false)});
    const Index frequencies = 18, added = 2, embedded = (1 + added) * width;
    const int periodic = add(Box::periodic, {s}, embedded, double(frequencies),
                             {parameter(frequencies, width, false), parameter(frequencies, width, false),
                              parameter(added * frequencies, width, false), parameter(added, width, false)});
    program.nodes[std::size_t(periodic)].second = double(added);
    const int both = add(Box::concatenate, {periodic, x}, embedded + in, 0.0, {});
    const int p = add(Box::softmax, {both}, embedded + in, 0.0, {});
    const int l = add(Box::log_softmax, {p}, embedded + in, 0.0, {});
    add(Box::dense, {l}, outputs, 0.5, {parameter(embedded + in, outputs, true), -1});
    program.n_parameters = at;
    program.n_buffers = 2 * width;
    program.loss = loss;
    program.loss_parameters.assign(std::size_t(outputs), 0.4);
    return program;
}

template <class T> struct Data {
    std::vector<T> x, target, weight, parameters, buffers, slot_1, slot_2;
    std::vector<int64_t> classes, order;
    Batch<T> batch;

    Data(const Program& program, Index rows, bool classified) {
        std::mt19937 random(7);
        std::normal_distribution<double> normal;
        const Index in = program.nodes[0].width, out = program.nodes.back().width;
        for (Index i = 0; i < rows * in; ++i) x.push_back(T(normal(random)));
        for (Index i = 0; i < rows * out; ++i) target.push_back(T(std::abs(normal(random)) / 3.0));
        for (Index i = 0; i < rows; ++i) {
            weight.push_back(T(1 + i % 3));
            classes.push_back(i % (out == 1 ? 2 : out));
            order.push_back(rows - 1 - i);
        }
        for (Index i = 0; i < program.n_parameters; ++i) parameters.push_back(T(normal(random) / 3.0));
        buffers.assign(std::size_t(program.n_buffers), T(1));
        slot_1.assign(parameters.size(), T(0));
        slot_2.assign(parameters.size(), T(0));
        batch.inputs = {{x.data(), {}}};
        batch.n_rows = rows;
        (classified ? void(batch.classes = classes.data()) : void(batch.target = target.data()));
        batch.weight = weight.data();
    }
};

template <class T> void train(const std::string& target, Unit unit, LossKind loss, Rule rule, int threads) {
    const bool classified = loss == LossKind::cross_entropy || loss == LossKind::hinge;
    const Program program = program_with_every_box(unit, loss, 3);
    const Index rows = 301, batch_size = 100;
    Data<T> data(program, rows, classified);
    Executor<T> executor(program, *kernels_of<T>(target));
    Optimizer optimizer;
    optimizer.rule = rule;
    optimizer.first = 0.9;
    optimizer.second = 0.99;
    optimizer.epsilon = 1e-6;
    optimizer.clip_norm = rule == Rule::momentum ? 0.5 : 0.0;
    std::vector<double> rates(4, 1e-3), losses(4), penalties(4);
    const State<T> state{data.parameters.data(), data.buffers.data(), data.slot_1.data(), data.slot_2.data(), 3, 0};
    const Epoch epoch = executor.run_epoch(state, optimizer, data.batch, data.order.data(), rows, batch_size, rates.data(),
                                           losses.data(), penalties.data(), [] { return false; }, threads);
    check(epoch.done == 4 && !epoch.unsafe, "an epoch is run to its end", target);
    for (double value : losses) check(std::isfinite(value), "losses are finite", target);
    std::vector<T> gradient(data.parameters.size()), scores(std::size_t(rows * 3)), again(3);
    executor.loss(data.parameters.data(), data.buffers.data(), data.batch, true, 1, 2, -1.0, gradient.data(), threads);
    executor.scores(data.parameters.data(), data.buffers.data(), data.batch, true, scores.data(), threads);
    Batch<T> one = data.batch;
    one.n_rows = 1;
    executor.scores(data.parameters.data(), data.buffers.data(), one, true, again.data(), 1);
    check(again[0] == scores[0] && again[2] == scores[2], "one row alone has the bits it has among others", target);
}

void test_all_boxes() {
    const Unit units[] = {Unit::relu, Unit::rrelu, Unit::prelu, Unit::elu, Unit::tanh, Unit::gelu, Unit::mish};
    const LossKind losses[] = {LossKind::squared_error, LossKind::huber, LossKind::poisson, LossKind::binary_cross_entropy,
                               LossKind::cross_entropy, LossKind::kl_divergence, LossKind::hinge};
    const Rule rules[] = {Rule::sgd, Rule::momentum, Rule::nesterov, Rule::rmsprop, Rule::adagrad, Rule::adam, Rule::adam};
    for (const std::string& target : supported()) {
        for (int i = 0; i < 7; ++i) {
            train<float>(target, units[i], losses[i], rules[i], 1 + i % 4);
            train<double>(target, units[i], losses[6 - i], rules[i], 1 + i % 3);
        }
        std::printf("ran %s\n", target.c_str());
    }
}

// The work of a step must not depend on who does it; here for the sanitizer of threads.
void test_threads_meet_and_part() {
    for (int n : {1, 2, 3, 8}) {
        std::vector<int> counts(static_cast<std::size_t>(n), 0);
        Barrier barrier(n);
        int rounds = 0;
        run_parallel(n, [&](int number) {
            for (int i = 0; i < 200; ++i) {
                ++counts[std::size_t(number)];
                barrier.wait([&] { ++rounds; });
            }
        });
        check(rounds == 200 && counts.back() == 200, "all threads come to every barrier");
    }
    std::vector<std::thread> callers;
    std::vector<int> sums(3, 0);
    for (int caller = 0; caller < 3; ++caller)
        callers.emplace_back([&sums, caller] {
            for (int i = 0; i < 50; ++i) {
                std::atomic<int> sum{0};
                run_parallel(3, [&](int number) { sum += number; });
                sums[std::size_t(caller)] += sum;
            }
        });
    for (std::thread& caller : callers) caller.join();
    check(sums == std::vector<int>(3, 150), "callers at the same time get all of their own work done");
}

}  // namespace

int main() {
    test_all_boxes();
    test_threads_meet_and_part();
    check(targets().back() == "baseline", "baseline is always there");
    check(available_cpus() >= 1, "there is a processor");
    return failures == 0 ? 0 : 1;
}
