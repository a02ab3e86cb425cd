#include <algorithm>

#include "executor.hpp"
#include "pool.hpp"

namespace clearprop {

namespace {

constexpr Index parameters_worth_a_thread = 150000;  // about the time that a sleeping thread takes to wake
constexpr Index few_rows = 16;       // up to here, packing the weights costs more than it saves
constexpr Index chunk_size = 65536;  // numbers of the widest node that stay in the second cache

// The inputs of a batch from row `begin` on.
template <class T> Batch<T> inputs_from(const Program& program, const Batch<T>& batch, Index begin) {
    Batch<T> rest;
    rest.inputs = batch.inputs;
    for (const Node& node : program.nodes) {
        if (node.box != Box::input) continue;
        Rows<T>& input = rest.inputs[node.input_number()];
        if (input.is_sparse())
            input.sparse.starts += begin;
        else
            input.values += begin * node.width;
    }
    return rest;
}

}  // namespace

template <class T>
void Executor<T>::scores(const T* parameters, const T* buffers, const Batch<T>& batch, bool link, T* out, int threads) {
    if (batch.n_rows == 0) return;
    const std::unique_lock held = lock();
    if (batch.n_rows <= few_rows) return scores_of_few(parameters, buffers, batch, link, out, threads);
    const int n = threads_for(plan_.forward_operations * double(batch.n_rows), threads);
    weights_.reserve();
    const Stage stage = plan_.stages(program_, false, false)[0];
    const Index width = program_.nodes.back().width;
    Index widest = 1;
    for (const Node& node : program_.nodes) widest = std::max(widest, node.width);
    const Index several = std::clamp(chunk_size / widest, 2 * kernels_.tile_rows, 16 * kernels_.tile_rows);
    const Index chunk_rows = std::min(several, batch.n_rows);
    const Index n_chunks = (batch.n_rows + chunk_rows - 1) / chunk_rows;
    Barrier packed(n);
    run_parallel(n, [&](int number) {
        weights_.pack(parameters, true, number, n);
        packed.wait();
        Workspace<T> space(program_, plan_, kernels_, chunk_rows, false);
        Pass<T> pass(program_, plan_, weights_, space);
        Step<T> step{.buffers = buffers};
        pass.prepare(step);
        const Range chunks = share(n_chunks, number, n);
        for (Index at = chunks.begin; at < chunks.end; ++at) {
            const Index begin = at * chunk_rows;
            const Batch<T> rest = inputs_from(program_, batch, begin);
            step.batch = &rest;
            step.n_rows = std::min(chunk_rows, batch.n_rows - begin);
            pass.run(step, stage, 0, step.n_rows);
            if (link) pass.link(step.n_rows);
            kernels_.store_rows(space.nodes.back().value, width, 0, step.n_rows, out + begin * width);
        }
    });
}

// Few rows read the weights where they lie, and large networks more of them in a microsecond than one thread can: the
// threads divide the columns of each dense box.
template <class T>
void Executor<T>::scores_of_few(const T* parameters, const T* buffers, const Batch<T>& batch, bool link, T* out,
                                int threads) {
    weights_.pack(parameters, false, 0, 1);
    Workspace<T> space(program_, plan_, kernels_, batch.n_rows, false);
    const int n = program_.n_parameters < parameters_worth_a_thread ? 1 : threads;
    const Batch<T> rest = inputs_from(program_, batch, 0);
    Barrier barrier(n);
    run_parallel(n, [&](int number) {
        Pass<T> pass(program_, plan_, weights_, space);
        const Step<T> step{.batch = &rest, .n_rows = batch.n_rows, .parameters = parameters, .flat = true,
                           .buffers = buffers, .number = number, .n_threads = n};
        if (number == 0) pass.prepare(step);
        for (int i = 0; i < int(program_.nodes.size()); ++i) {
            const bool divided = program_.nodes[i].box == Box::dense;
            if (divided) barrier.wait();
            if (divided || number == 0) pass.run(step, {.forward_begin = i, .forward_end = i + 1}, 0, batch.n_rows);
            if (divided) barrier.wait();
        }
        if (number > 0) return;
        if (link) pass.link(batch.n_rows);
        kernels_.store_rows(space.nodes.back().value, program_.nodes.back().width, 0, batch.n_rows, out);
    });
}

template void Executor<float>::scores(const float*, const float*, const Batch<float>&, bool, float*, int);
template void Executor<double>::scores(const double*, const double*, const Batch<double>&, bool, double*, int);

}  // namespace clearprop
