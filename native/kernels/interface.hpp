// What the core asks of the kernels: plain structures, and a table of functions for each target and type.
//
// Kernels know pointers, sizes and strides; graphs, threads and memory belong to the core. Activations of a batch are
// stored in panels: matrices cut into strips of P columns (two vectors), so that a kernel walks through memory in
// order. The columns that fill up the last panel hold finite numbers that nobody reads, and zeros in weights, biases
// and gradients. Rows [begin, end) of a batch are computed without regard to where they begin: the same bits for any
// division of the work.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace clearprop {

typedef ptrdiff_t Index;

constexpr Index shard_rows = 256;  // of a batch: sums over rows are sums over shards of so many rows, added in order

// Entry (r, c) lies at data[(c / P) * stride + r * P + c % P].
template <class T> struct Panels {
    T* data;
    Index stride;
};

// How a gradient passes an activation: dh is multiplied by f'(a), which comes from h, or was stored by the forward pass.
enum class Derivative : int { one, relu, tanh, sigmoid, stored };

template <class T> struct Factor {
    Derivative kind;
    Panels<T> values;  // h for relu, tanh and sigmoid; f'(a) for stored
};

enum class Unit : int {
    identity, relu, leaky_relu, rrelu, prelu, abs, elu, selu, sigmoid, tanh, hard_tanh, softplus, gelu, silu, mish,
    exp,  // the link of a loss, no box
};

// An elementwise activation h = f(a); h may be a.
template <class T> struct Activation {
    Unit unit;
    T parameter;       // slope, alpha
    const T* learned;  // prelu: slopes; other units: alpha, the share of f in h = (1 - alpha) a + alpha f(a); or nullptr
    Panels<T> a, h;
    Panels<T> stored;  // where dh/da goes; rrelu: holds the slopes drawn (nullptr in prediction); data may be nullptr
    Panels<T> extra;   // where dh/d(learned) goes, min(a, 0) or f(a) - a; data may be nullptr
};

// y = (scale x W + bias), then relu, then times a factor. x has k columns; W lies in panels or in rows `w_row` apart.
template <class T> struct Product {
    Panels<T> x;
    const T* w;
    Index w_row, w_panel;  // from row to row, from one panel of columns to the next
    Index k, columns;
    bool exact;            // nothing behind the last column of W may be read
    const T* bias;         // in whole panels, or nullptr
    T scale;
    bool relu;
    Panels<T> before;      // where y goes before that factor as well; data may be nullptr
    Factor<T> factor;
    Panels<T> y;
};

enum class Rule : int { sgd, momentum, nesterov, rmsprop, adagrad, adam };

// One update of one parameter, as numbers of this step.
template <class T> struct Update {
    Rule rule;
    T rate;                     // with the factor of the parameter, and Adam's corrections
    T first, second;            // momentum or beta_1; alpha or beta_2
    T first_left, second_left;  // 1 - first, 1 - second
    T epsilon;
    T decay;                    // AdamW: rate times weight decay
    T l1, l2;                   // gradient of the penalty: l1 sign(w) + l2 w
    T clip;                     // limit of an entry of the gradient, or infinity
    T scale;                    // factor on the gradient of the data (or, in `apply`, on the whole)
};

// What a pass over weights saw.
struct Seen {
    double squares;          // sum of g^2
    double clipped_squares;  // the same after the limit on each entry
    double weight_squares;   // sum of w^2 before the update, where there is a penalty
    double weight_sizes;     // sum of |w| before the update, likewise
    double largest;          // largest |w| after the update
};

// One use of a parameter in a batch: its gradient is x^T d, or the sum over rows of d (times x where there is an x).
template <class T> struct Use {
    Panels<T> x, d;
};

enum class Task : int { both, gradient, apply };  // gradient and update in one; one without the other

// Rows [begin, end) (begin a multiple of P) of the panel `panel` of a weight matrix (n_in, n_out), or of a vector
// parameter (n_in = 1).
template <class T> struct WeightPart {
    T *w, *slot_1, *slot_2, *gradient;  // flat, rows of n_out entries; w is where the weights come from and go to
    Index n_in, n_out, begin, end, panel;
    T *packed, *transposed;             // in panels: what is updated, and a copy of it that may be nullptr
    Index packed_panel, transposed_panel;
    const Use<T>* uses;
    int n_uses;
    Index rows;                         // of the batch
    bool fetches;                       // the flat vectors are too large for the cache: ask for them in time
    T* scratch;                         // at least 3 (end - begin + P) P numbers
};

enum class LossKind : int {
    squared_error, absolute_error, huber, quantile, poisson, binary_cross_entropy, cross_entropy, kl_divergence, hinge,
};

// Loss and gradient at the scores; row r of the batch has row rows[r] of the targets.
template <class T> struct LossRows {
    LossKind kind;
    const T* parameters;     // delta, label_smoothing; of quantiles one a column
    Index columns;
    Panels<T> scores;
    const T* target;         // (n, columns), or nullptr where `classes` holds class numbers
    const int64_t* classes;
    const int64_t* rows;     // nullptr: in order
    const T* shares;         // of each row of the batch in the mean
    double* values;          // loss of each row of the batch
    Panels<T> d;             // gradient at the scores times the share; data may be nullptr
};

// h = mask x for one row, with mask = 0 where a number is below the limit, else the scale.
template <class T> struct Dropout {
    const uint16_t* numbers;  // of each column; behind them, whole vectors can be read
    int limit;
    T scale;
    Index columns;
    Panels<T> x, mask, h;
};

// z = (x - mean) / deviation, y = gain z + bias.
template <class T> struct Normalization {
    Index columns;
    T epsilon;
    Panels<T> x, z, y;        // z.data may be nullptr
    const T *gain, *bias;     // in whole panels
    T *mean, *deviation;      // batch norm: of each column, in whole panels; layer norm: deviation of each row
    Panels<T> dy, dx;
    T *mean_dz, *mean_dz_z;   // batch norm: of each column
};

// h = (x, e_1, ..., e_width) with e_o = sum over k of W_ok z_k + c_o and z_k = cos(2 pi w_k x + b_k), column by column.
template <class T> struct Periodic {
    Index columns, frequencies, width;  // of x; and how many numbers are added to each of them
    Panels<T> w, b, W, c;               // rows k, k, o frequencies + k and o
    Panels<T> x, h, dh, dx;
};

// Numbers of the rows of a sparse matrix, as in SciPy's CSR format.
template <class T> struct Sparse {
    const T* values;
    const int64_t *columns, *starts;
};

template <class T> struct Kernels {
    const char* target;
    Index panel;       // P
    Index tile_rows;   // rows that a product takes at a time

    // rows in, rows out; load_rows and loss return the largest |x| and |d|
    double (*load_rows)(const T* x, Index width, const int64_t* rows, Index begin, Index end, Panels<T> to);
    void (*store_rows)(Panels<T> from, Index width, Index begin, Index end, T* to);
    void (*product)(const Product<T>&, Index begin, Index end);
    void (*sparse_product)(const Product<T>&, const Sparse<T>&, const int64_t* rows, Index begin, Index end);
    void (*activate)(const Activation<T>&, Index columns, Index begin, Index end);
    void (*pass_back)(const Factor<T>&, Panels<T> dh, Panels<T> da, Index columns, Index begin, Index end);
    void (*add)(Panels<T> a, Panels<T> b, Panels<T> to, Index columns, Index begin, Index end);
    void (*multiply)(Panels<T> a, Panels<T> b, Panels<T> to, Index columns, Index begin, Index end);
    void (*drop)(const Dropout<T>&, Index row);
    void (*scale_columns)(Panels<T> a, const T* s, Panels<T> to, Index columns, Index begin, Index end);
    void (*softmax)(Panels<T> a, Panels<T> h, bool logarithm, Index columns, Index begin, Index end);
    void (*softmax_back)(Panels<T> h, Panels<T> dh, Panels<T> da, bool logarithm, Index columns, Index begin, Index end);
    void (*layer_norm)(const Normalization<T>&, Index begin, Index end);
    void (*layer_norm_back)(const Normalization<T>&, Index begin, Index end);
    void (*normalize)(const Normalization<T>&, Index begin, Index end);       // batch norm, mean and deviation known
    void (*batch_norm_back)(const Normalization<T>&, bool batch, Index begin, Index end);
    void (*periodic)(const Periodic<T>&, Index begin, Index end);
    void (*periodic_back)(const Periodic<T>&, Index begin, Index end);
    double (*loss)(const LossRows<T>&, Index begin, Index end);
    double (*largest)(Panels<T> a, Index columns, Index begin, Index end);    // |a|; NaN or infinity where there is one

    // whole columns, one panel at a time
    void (*moments)(const Normalization<T>&, Index panel, Index rows);        // mean, and variance in `deviation`
    void (*gradient_moments)(const Normalization<T>&, Index panel, Index rows);
    void (*gradient)(const WeightPart<T>&);                                   // into scratch
    void (*sparse_gradient)(const WeightPart<T>&, const Sparse<T>&, const int64_t* rows);
    void (*column_sums)(const WeightPart<T>&);                                // into scratch
    void (*periodic_gradient)(const Periodic<T>&, const WeightPart<T>&);      // into scratch, of all its parameters
    Seen (*update)(const WeightPart<T>&, const Update<T>&, Task);
    void (*pack)(const WeightPart<T>&);                                       // from flat to panels
    void (*unpack)(const WeightPart<T>&);
    void (*limit_columns)(const WeightPart<T>&, T limit);                     // max-norm

    // functions of the vector library, for their tests
    void (*function)(int which, const T* x, T* y, Index n);
    double (*fma_peak)(Index rounds);                                         // returns operations done
};

}  // namespace clearprop
