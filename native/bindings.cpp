// The only file that knows Python: arrays come in as they lie in memory, and nothing is copied.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <map>
#include <optional>
#include <stdexcept>

#include "core/cpus.hpp"
#include "core/executor.hpp"
#include "core/targets.hpp"

namespace nb = nanobind;
using namespace clearprop;

namespace {

template <class T> using Vector = nb::ndarray<T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
template <class T> using Matrix = nb::ndarray<const T, nb::ndim<2>, nb::c_contig, nb::device::cpu>;

const std::map<std::string, Box> boxes = {
    {"Dense", Box::dense}, {"Dropout", Box::dropout}, {"GaussianNoise", Box::gaussian_noise}, {"Scale", Box::scale}, {"BatchNorm", Box::batch_norm},
    {"LayerNorm", Box::layer_norm}, {"Softmax", Box::softmax}, {"LogSoftmax", Box::log_softmax}, {"Add", Box::add},
    {"Concatenate", Box::concatenate}, {"PeriodicEmbedding", Box::periodic},
};

const std::map<std::string, Unit> units = {
    {"Identity", Unit::identity}, {"ReLU", Unit::relu}, {"LeakyReLU", Unit::leaky_relu}, {"RReLU", Unit::rrelu},
    {"PReLU", Unit::prelu}, {"Abs", Unit::abs}, {"ELU", Unit::elu}, {"SELU", Unit::selu}, {"Sigmoid", Unit::sigmoid},
    {"Tanh", Unit::tanh}, {"HardTanh", Unit::hard_tanh}, {"Softplus", Unit::softplus}, {"GELU", Unit::gelu},
    {"SiLU", Unit::silu}, {"Mish", Unit::mish},
};

const std::map<std::string, LossKind> losses = {
    {"SquaredError", LossKind::squared_error}, {"AbsoluteError", LossKind::absolute_error}, {"Huber", LossKind::huber},
    {"Quantile", LossKind::quantile}, {"Poisson", LossKind::poisson},
    {"BinaryCrossEntropy", LossKind::binary_cross_entropy}, {"CrossEntropy", LossKind::cross_entropy},
    {"KLDivergence", LossKind::kl_divergence}, {"Hinge", LossKind::hinge},
};

const std::map<std::string, Rule> rules = {
    {"sgd", Rule::sgd}, {"momentum", Rule::momentum}, {"nesterov", Rule::nesterov}, {"rmsprop", Rule::rmsprop},
    {"adagrad", Rule::adagrad}, {"adam", Rule::adam},
};

const std::vector<std::string> functions = {
    "exp", "expm1", "log", "log1p", "tanh", "sigmoid", "softplus", "normal_cdf", "erf", "cos_turns", "sin_turns",
};

template <class Value> std::vector<std::string> names(const std::map<std::string, Value>& table) {
    std::vector<std::string> found;
    for (const auto& [name, value] : table) found.push_back(name);
    return found;
}

// (box, inputs, width, number, second, parameters, buffers)
typedef std::tuple<std::string, std::vector<int>, Index, double, double, std::vector<int>, std::vector<Index>> NodeTuple;
// (start, rows, columns, matrix, decays, l1, l2, per_row, limit)
typedef std::tuple<Index, Index, Index, bool, bool, double, double, bool, double> ParameterTuple;
// (rule, first, second, epsilon, epsilon_hat, weight_decay, clip_norm, clip_value, factors)
typedef std::tuple<std::string, double, double, double, bool, double, double, double, std::vector<double>> OptimizerTuple;

Program program_of(const std::vector<NodeTuple>& nodes, const std::vector<ParameterTuple>& parameters, Index n_buffers,
                   const std::string& loss, const std::vector<double>& loss_parameters) {
    Program program;
    for (const auto& [box, inputs, width, number, second, owned, buffers] : nodes) {
        Node node{Box::input, Unit::identity, inputs, width, number, second, owned, buffers};
        if (units.count(box)) {
            node.box = Box::activation;
            node.unit = units.at(box);
        } else if (box != "Input") {
            node.box = boxes.at(box);
        }
        program.nodes.push_back(node);
    }
    for (const auto& [start, rows, columns, matrix, decays, l1, l2, per_row, limit] : parameters) {
        program.parameters.push_back({start, rows, columns, matrix, decays, l1, l2, per_row, limit});
        program.n_parameters += rows * columns;
    }
    program.n_buffers = n_buffers;
    program.loss = losses.at(loss);
    program.loss_parameters = loss_parameters;
    return program;
}

Optimizer optimizer_of(const OptimizerTuple& given) {
    const auto& [rule, first, second, epsilon, epsilon_hat, weight_decay, clip_norm, clip_value, factors] = given;
    return {rules.at(rule), first, second, epsilon, weight_decay, epsilon_hat, clip_norm, clip_value, factors};
}

// Rows, targets and weights as Python holds them; keeps them alive.
template <class T> struct GivenBatch {
    std::vector<Matrix<T>> dense;
    std::vector<std::tuple<Vector<const T>, Vector<const int64_t>, Vector<const int64_t>>> sparse;
    std::optional<Matrix<T>> target;
    std::optional<Vector<const int64_t>> classes;
    std::optional<Vector<const T>> weight;
    Batch<T> batch;

    GivenBatch(nb::list inputs, nb::handle given_target, nb::handle given_weight) {
        for (nb::handle input : inputs) {
            if (nb::isinstance<nb::tuple>(input)) {
                sparse.push_back(nb::cast<std::tuple<Vector<const T>, Vector<const int64_t>, Vector<const int64_t>>>(input));
                const auto& [values, columns, starts] = sparse.back();
                batch.inputs.push_back({nullptr, {values.data(), columns.data(), starts.data()}});
                batch.n_rows = Index(starts.shape(0)) - 1;
            } else {
                dense.push_back(nb::cast<Matrix<T>>(input));
                batch.inputs.push_back({dense.back().data(), {}});
                batch.n_rows = Index(dense.back().shape(0));
            }
        }
        Vector<const int64_t> numbers;
        if (!given_target.is_none()) {
            if (nb::try_cast(given_target, numbers, false)) {
                classes = numbers;
                batch.classes = numbers.data();
            } else {
                target = nb::cast<Matrix<T>>(given_target);
                batch.target = target->data();
            }
        }
        if (!given_weight.is_none()) {
            weight = nb::cast<Vector<const T>>(given_weight);
            batch.weight = weight->data();
        }
    }
};

template <class T> class PythonExecutor {
  public:
    PythonExecutor(const std::string& target, const std::vector<NodeTuple>& nodes,
                   const std::vector<ParameterTuple>& parameters, Index n_buffers, const std::string& loss,
                   const std::vector<double>& loss_parameters)
        : executor_(program_of(nodes, parameters, n_buffers, loss, loss_parameters), kernels(target)) {}

    void scores(Vector<const T> parameters, Vector<const T> buffers, nb::list inputs, bool link,
                nb::ndarray<T, nb::ndim<2>, nb::c_contig, nb::device::cpu> out, int threads) {
        const GivenBatch<T> given(inputs, nb::none(), nb::none());
        const nb::gil_scoped_release released;
        executor_.scores(parameters.data(), buffers.data(), given.batch, link, out.data(), threads);
    }

    std::tuple<double, double> loss(Vector<const T> parameters, Vector<T> buffers, nb::list inputs, nb::object target,
                                    nb::object weight, bool training, uint64_t seed, uint64_t step, double total,
                                    nb::object gradient, int threads) {
        const GivenBatch<T> given(inputs, target, weight);
        Vector<T> vector;
        if (!gradient.is_none()) vector = nb::cast<Vector<T>>(gradient);
        const nb::gil_scoped_release released;
        const auto [data, penalty] = executor_.loss(parameters.data(), buffers.data(), given.batch, training, seed, step,
                                                    total, vector.is_valid() ? vector.data() : nullptr, threads);
        return {data, penalty};
    }

    void apply(Vector<T> parameters, const std::vector<Vector<T>>& slots, uint64_t step, const OptimizerTuple& optimizer,
               Vector<T> gradient, double rate) {
        const State<T> state = state_of(parameters, nullptr, slots, 0, step);
        const Optimizer given = optimizer_of(optimizer);
        const nb::gil_scoped_release released;
        executor_.apply(state, given, gradient.data(), rate);
    }

    // Returns (batches done, whether the next may overflow, norm of the last gradient, what a signal raised or None).
    std::tuple<Index, bool, double, nb::object> run_epoch(Vector<T> parameters, Vector<T> buffers, const std::vector<Vector<T>>& slots,
                                              uint64_t seed, uint64_t step, const OptimizerTuple& optimizer,
                                              nb::list inputs, nb::object target, nb::object weight,
                                              Vector<const int64_t> order, Index batch_size, Vector<const double> rates,
                                              Vector<double> data, Vector<double> penalty, int threads) {
        const GivenBatch<T> given(inputs, target, weight);
        const State<T> state = state_of(parameters, buffers.data(), slots, seed, step);
        const Optimizer rule = optimizer_of(optimizer);
        Epoch epoch;
        nb::object raised = nb::none();
        {
            const nb::gil_scoped_release released;
            epoch = executor_.run_epoch(
                state, rule, given.batch, order.data(), Index(order.shape(0)), batch_size, rates.data(), data.data(),
                penalty.data(),
                [&raised] {
                    const nb::gil_scoped_acquire acquired;
                    if (PyErr_CheckSignals() == 0) return false;
                    const nb::python_error error;
                    raised = nb::borrow(error.value());
                    return true;
                },
                threads);
        }
        return {epoch.done, epoch.unsafe, epoch.gradient_norm, raised};
    }

  private:
    static const Kernels<T>& kernels(const std::string& target) {
        const Kernels<T>* found = kernels_of<T>(target);
        if (!found) throw std::invalid_argument("no kernels for target " + target);
        return *found;
    }

    static State<T> state_of(const Vector<T>& parameters, T* buffers, const std::vector<Vector<T>>& slots, uint64_t seed,
                             uint64_t step) {
        T* slot_1 = slots.size() > 0 ? slots[0].data() : nullptr;
        T* slot_2 = slots.size() > 1 ? slots[1].data() : nullptr;
        return {parameters.data(), buffers, slot_1, slot_2, seed, step};
    }

    Executor<T> executor_;
};

template <class T> void bind_executor(nb::module_& m, const char* name) {
    typedef PythonExecutor<T> E;
    nb::class_<E>(m, name)
        .def(nb::init<const std::string&, const std::vector<NodeTuple>&, const std::vector<ParameterTuple>&, Index,
                      const std::string&, const std::vector<double>&>())
        .def("scores", &E::scores)
        .def("loss", &E::loss, nb::arg("parameters"), nb::arg("buffers"), nb::arg("inputs"), nb::arg("target").none(),
             nb::arg("weight").none(), nb::arg("training"), nb::arg("seed"), nb::arg("step"), nb::arg("total"),
             nb::arg("gradient").none(), nb::arg("threads"))
        .def("apply", &E::apply)
        .def("run_epoch", &E::run_epoch, nb::arg("parameters"), nb::arg("buffers"), nb::arg("slots"), nb::arg("seed"),
             nb::arg("step"), nb::arg("optimizer"), nb::arg("inputs"), nb::arg("target").none(),
             nb::arg("weight").none(), nb::arg("order"), nb::arg("batch_size"), nb::arg("rates"), nb::arg("data"),
             nb::arg("penalty"), nb::arg("threads"));
}

template <class T> void vector_function(const std::string& target, const std::string& name, Vector<const T> x, Vector<T> y) {
    const Kernels<T>* found = kernels_of<T>(target);
    for (std::size_t which = 0; found && which < functions.size(); ++which)
        if (functions[which] == name) return found->function(int(which), x.data(), y.data(), Index(x.shape(0)));
    throw std::invalid_argument("no function " + name + " for target " + target);
}

}  // namespace

NB_MODULE(_native, m) {
    m.doc() = "The native core: clearprop.engines.native is its only door.";
    m.attr("BOXES") = names(boxes);
    m.attr("ACTIVATIONS") = names(units);
    m.attr("LOSSES") = names(losses);
    m.attr("RULES") = names(rules);
    m.attr("FUNCTIONS") = functions;
    m.attr("SHARD_ROWS") = shard_rows;
    m.def("targets", targets);
    m.def("supported", supported);
    m.def("available_cpus", available_cpus);
    m.def("measure_fma_peak", measure_fma_peak, nb::call_guard<nb::gil_scoped_release>());
    m.def("vector_function", vector_function<float>);
    m.def("vector_function", vector_function<double>);
    bind_executor<float>(m, "Executor32");
    bind_executor<double>(m, "Executor64");
}
