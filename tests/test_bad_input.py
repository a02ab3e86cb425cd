"""Every wrong input is refused on purpose, in words that name it, say what was got and what to do instead."""

from __future__ import annotations

import json
import pickle
import traceback
from hashlib import sha256

import numpy
import pytest
import scipy.sparse
from safetensors.numpy import save as save_tensors
from sklearn.exceptions import NotFittedError

import clearprop as cp
from clearprop import ArgumentError, DataError, ModelFileError, NonFiniteError, ShapeError
from clearprop.cli.problem import Problem
from clearprop.estimators.tables.reader import read_table
from clearprop.files import FORMAT, write_model

NAN, INF = float("nan"), float("inf")
RNG = numpy.random.default_rng(0)
X, Y = RNG.normal(size=(12, 3)), RNG.normal(size=12)
C = numpy.arange(12) % 3
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
XN, XI = X.copy(), X.copy()
XN[4, 1], XI[7, 0] = NAN, INF


def net(**options):
    return cp.Network([cp.Dense(2), cp.Tanh(), cp.Dense(1)], inputs=3, **options)


def classes(**options):
    return cp.Network([cp.Dense(3)], inputs=3, loss=cp.CrossEntropy(), **options)


def two_inputs():
    left, right = cp.Input(3, name="left"), cp.Input(2, name="right")
    return cp.Network(cp.Dense(1)(cp.Concatenate()(left, right)))


def train(network=None, X=X, y=Y, **options):
    return list(cp.train(net() if network is None else network, X, y, **options))


def clf(X=X, y=C, fit=None, **options):
    return cp.MLPClassifier(4, max_iter=2, **options).fit(X, y, **(fit or {}))


def reg(X=X, y=Y, fit=None, **options):
    return cp.MLPRegressor(hidden_layer_sizes=4, max_iter=2, **options).fit(X, y, **(fit or {}))


def ragged():
    return [[1.0, 2.0, 3.0], [1.0, 2.0]]


def started(optimizer=None):
    network = net()
    return network, train(network, epochs=1, optimizer=optimizer)[-1].state


def resume(optimizer):
    network, state = started(cp.Adam())
    return train(network, state=state, optimizer=optimizer)


def refit(first, second, **options):
    model = cp.MLPClassifier(2, warm_start=True, solver="sgd", max_iter=200, tol=1.0, n_iter_no_change=1, **options)
    return model.fit(X, first).fit(X, second)


NETWORKS = [
    ("layers-one", lambda: cp.Network(cp.Dense(3), inputs=3), ArgumentError, "layers", "Dense(3)", "[Dense(10)]"),
    ("layers-none", lambda: cp.Network(None, inputs=3), ArgumentError, "layers", "None", "write [Dense(10)]"),
    ("layers-empty", lambda: cp.Network([], inputs=3), ArgumentError, "layers", "none", "write [Dense(10)]"),
    ("layers-text", lambda: cp.Network("dense", inputs=3), ArgumentError, "layers", "'dense'", "list of layers"),
    ("layers-class", lambda: cp.Network([cp.ReLU], inputs=3), ArgumentError, "layers", "ReLU", "did you mean ReLU()"),
    ("layers-number", lambda: cp.Network([10, 5], inputs=3), ArgumentError, "layers", "10", "must be a layer"),
    ("layers-loss", lambda: cp.Network([cp.Huber()], inputs=3), ArgumentError, "layers", "Huber()", "must be a layer"),
    ("inputs-missing", lambda: cp.Network([cp.Dense(1)]), ArgumentError, "inputs=", "list", "number of features"),
    ("inputs-zero", lambda: cp.Network([cp.Dense(1)], inputs=0), ArgumentError, "shape", "got 0", ">= 1"),
    ("inputs-float", lambda: cp.Network([cp.Dense(1)], inputs=3.0), ArgumentError, "shape", "got 3.0", "integer"),
    ("inputs-text", lambda: cp.Network([cp.Dense(1)], inputs="3"), ArgumentError, "shape", "got '3'", "integer"),
    ("inputs-empty", lambda: cp.Network([cp.Dense(1)], inputs=()), ArgumentError, "shape", "got ()", "number of"),
    ("inputs-image", lambda: cp.Network([cp.Dense(1)], inputs=(2, 2)), ShapeError, "dense_1", "(2, 2)", "Flatten()"),
    ("graph-number", lambda: cp.Network(cp.Dense(1)(cp.Input(3)), 3), ArgumentError, "inputs", "got 3", "Input nodes"),
    ("graph-array", lambda: cp.Dense(1)(X), ArgumentError, "called on nodes", "ndarray", "clearprop.Input(n)"),
    ("graph-nothing", lambda: cp.Dense(1)(), ArgumentError, "called on nodes", "nothing", "clearprop.Input(n)"),
    ("loss-class", lambda: net(loss=cp.Huber), ArgumentError, "loss", "Huber", "Huber()"),
    ("loss-text", lambda: net(loss="mse"), ArgumentError, "loss", "'mse'", "CrossEntropy()"),
    ("loss-outputs", lambda: net(loss=cp.CrossEntropy()), ArgumentError, "at least 2", "got 1", "Dense(2)"),
    ("penalty-number", lambda: net(penalty=0.1), ArgumentError, "penalty", "0.1", "L2(1e-4)"),
    ("constraint-class", lambda: net(constraint=cp.MaxNorm), ArgumentError, "constraint", "MaxNorm", "MaxNorm()"),
    ("seed-text", lambda: net(seed="x"), ArgumentError, "seed", "'x'", "integer"),
    ("dtype-int", lambda: net(dtype=int), ArgumentError, "dtype", "int", "float32 or float64"),
    ("dtype-none", lambda: net(dtype=None), ArgumentError, "dtype", "None", "float32 or float64"),
    ("units-huge", lambda: cp.Network([cp.Dense(10**30)], 3), ArgumentError, "layers", "0" * 20, "fewer units"),
    ("dtype-text", lambda: net(dtype="single precision"), ArgumentError, "dtype", "'single", "float32 or float64"),
    ("engine-unknown", lambda: net(engine="cuda"), ArgumentError, "engine", "'cuda'", "'auto'"),
    ("units-zero", lambda: cp.Dense(0), ArgumentError, "Dense: units", "got 0", ">= 1"),
    ("units-bool", lambda: cp.Dense(True), ArgumentError, "Dense: units", "got True", "integer"),
    ("bias-number", lambda: cp.Dense(2, bias=1), ArgumentError, "Dense: bias", "got 1", "True or False"),
    ("initializer", lambda: cp.Dense(2, initializer=cp.He), ArgumentError, "initializer", "He", "He()"),
    ("name-dot", lambda: cp.Dense(2, name="a.b"), ArgumentError, "name", "'a.b'", "letters, digits and _"),
    ("dropout-one", lambda: cp.Dropout(1.0), ArgumentError, "Dropout: rate", "got 1.0", ">= 0 and < 1"),
    ("dropout-nan", lambda: cp.Dropout(NAN), ArgumentError, "Dropout: rate", "got nan", "finite"),
    ("noise", lambda: cp.GaussianNoise(-1.0), ArgumentError, "deviation", "got -1.0", ">= 0"),
    ("batch-norm", lambda: cp.BatchNorm(momentum=2), ArgumentError, "momentum", "got 2", "<= 1"),
    ("layer-norm", lambda: cp.LayerNorm(epsilon=0), ArgumentError, "epsilon", "got 0", "> 0"),
    ("maxout", lambda: cp.Maxout(2, 0), ArgumentError, "Maxout: pieces", "got 0", ">= 1"),
    ("reshape", lambda: cp.Reshape([2, 2]), ArgumentError, "Reshape: shape", "[2, 2]", "tuple"),
    ("reshape-size", lambda: cp.Network([cp.Reshape((2, 2))], inputs=3), ShapeError, "reshape_1", "(3,)", "4 entries"),
    ("huber", lambda: cp.Huber(0.0), ArgumentError, "Huber: delta", "got 0.0", "> 0"),
    ("quantile", lambda: cp.Quantile(1.5), ArgumentError, "quantile", "got 1.5", "> 0 and < 1"),
    ("smoothing", lambda: cp.CrossEntropy(-0.1), ArgumentError, "label_smoothing", "got -0.1", ">= 0"),
    ("l2", lambda: cp.L2(-1.0), ArgumentError, "L2: strength", "got -1.0", ">= 0"),
    ("l1-inf", lambda: cp.L1(INF), ArgumentError, "L1: strength", "got inf", "finite"),
    ("elastic-net", lambda: cp.ElasticNet(1.0, 2.0), ArgumentError, "l1_ratio", "got 2.0", "<= 1"),
    ("per-row", lambda: cp.L2(1.0, per_row=1), ArgumentError, "per_row", "got 1", "True or False"),
    ("max-norm", lambda: cp.MaxNorm(0.0), ArgumentError, "MaxNorm: limit", "got 0.0", "> 0"),
    ("he", lambda: cp.He("gauss"), ArgumentError, "distribution", "'gauss'", "'uniform', 'normal'"),
    ("constant", lambda: cp.Constant("0"), ArgumentError, "Constant: value", "got '0'", "finite number"),
    ("rate-negative", lambda: cp.SGD(-0.1), ArgumentError, "learning_rate", "got -0.1", "> 0"),
    ("rate-nan", lambda: cp.Adam(NAN), ArgumentError, "learning_rate", "got nan", "finite"),
    ("rate-text", lambda: cp.Adam("fast"), ArgumentError, "learning_rate", "'fast'", "finite number > 0"),
    ("momentum", lambda: cp.SGD(momentum=1.5), ArgumentError, "SGD: momentum", "got 1.5", "<= 1"),
    ("nesterov", lambda: cp.SGD(nesterov=True), ArgumentError, "nesterov", "momentum=0", "momentum=0.9"),
    ("beta", lambda: cp.Adam(beta_1=1.0), ArgumentError, "beta_1", "got 1.0", "< 1"),
    ("rmsprop", lambda: cp.RMSProp(alpha=-1), ArgumentError, "alpha", "got -1", ">= 0"),
    ("adagrad", lambda: cp.AdaGrad(epsilon=-1), ArgumentError, "epsilon", "got -1", ">= 0"),
    ("weight-decay", lambda: cp.AdamW(weight_decay=-1), ArgumentError, "weight_decay", "got -1", ">= 0"),
    ("clip-norm", lambda: cp.SGD(clip_norm=0), ArgumentError, "clip_norm", "got 0", "> 0"),
    ("factors", lambda: cp.SGD(rate_factors=[1]), ArgumentError, "rate_factors", "[1]", "mapping"),
    ("factor", lambda: cp.SGD(rate_factors={"b": -1}), ArgumentError, "rate_factors['b']", "got -1", ">= 0"),
    ("lbfgs", lambda: cp.LBFGS(memory=0), ArgumentError, "LBFGS: memory", "got 0", ">= 1"),
    ("cosine", lambda: cp.Cosine(0.1, minimum=0.2), ArgumentError, "minimum", "got 0.2", "<= 0.1"),
    ("cosine-steps", lambda: cp.Cosine(0.1)(3), ArgumentError, "Cosine: steps", "not known", "pass steps="),
    ("one-cycle", lambda: cp.OneCycle(0.1, warm=1.0), ArgumentError, "warm", "got 1.0", "< 1"),
    ("step-decay", lambda: cp.StepDecay(0.1, every=0), ArgumentError, "every", "got 0", ">= 1"),
    ("plateau", lambda: cp.ReduceOnPlateau(0.1, factor=1.0), ArgumentError, "factor", "got 1.0", "< 1"),
    ("warm-up", lambda: cp.WarmUp("x", 3), ArgumentError, "schedule", "got 'x'", "finite number"),
    ("parameter-name", lambda: net().trace(X, Y)["dense_1.V"], cp.UnknownNameError, "'dense_1.V'", "known",
     "dense_1.a"),
    ("trace-optimizer", lambda: net().trace(X, Y, optimizer=cp.Adam), ArgumentError, "optimizer", "Adam", "Adam()"),
    ("check-network", lambda: cp.check_gradient([1], X, Y), ArgumentError, "net", "[1]", "pass for example"),
    ("check-entries", lambda: cp.check_gradient(net(), X, Y, max_entries=0), ArgumentError, "max_entries", "0", ">= 1"),
    ("check-tolerance", lambda: cp.check_gradient(net(), X, Y, tolerance=-1), ArgumentError, "tolerance", "-1", "> 0"),
    ("check-step", lambda: cp.check_gradient(cp.Network([cp.Dense(1), cp.Step()], 3), X, Y), cp.NoGradientError,
     "Step", "no gradient", "only predict"),
]  # fmt: skip

DATA = [
    ("x-width", lambda: net().predict(X[:, :2]), DataError, "X must have shape (n, 3)", "got (12, 2)", "n, 3"),
    ("x-one-row", lambda: net().predict(X[0]), DataError, "X", "got (3,)", "reshape(1, -1)"),
    ("x-scalar", lambda: net().predict(3.0), DataError, "X", "got ()", "(n, 3)"),
    ("x-none", lambda: net().predict(None), DataError, "X", "got ()", "(n, 3)"),
    ("x-3d", lambda: net().predict(X[None]), DataError, "X", "got (1, 12, 3)", "(n, 3)"),
    ("x-no-rows", lambda: net().predict(X[:0]), DataError, "X", "got shape (0, 3)", "at least one row"),
    ("x-nan", lambda: net().predict(XN), DataError, "Input X contains NaN", "row 4", "fill or drop"),
    ("x-inf", lambda: net().loss(XI, Y), DataError, "Input X contains infinity", "row 7", "fill or drop"),
    ("x-float32", lambda: net().predict(X * 1e300), DataError, "Input X contains infinity", "row 0", "fill or drop"),
    ("x-text", lambda: net().predict([["1", "2", "3"]]), DataError, "X must be", "<U1", "encode or drop"),
    ("x-object", lambda: net().predict([[1.0, "a", None]]), DataError, "X must be", "real numbers", "encode or drop"),
    ("x-complex", lambda: net().predict(X + 1j), DataError, "X must be", "complex128", "encode or drop"),
    ("x-dates", lambda: net().predict(X.astype("M8[D]")), DataError, "X must be", "datetime64", "encode or drop"),
    ("x-huge", lambda: net().predict([[10**400, 0, 0]]), DataError, "X must be", "too large", "encode or drop"),
    ("x-ragged", lambda: net().predict(ragged()), DataError, "X must be", "inhomogeneous", "encode or drop"),
    ("x-sparse", lambda: cp.Network([cp.Tanh()], 3).predict(scipy.sparse.csr_array(X)), DataError, "X is sparse",
     "only Dense", "X.toarray()"),
    ("x-sparse-nan", lambda: net().predict(scipy.sparse.csr_array(XN)), DataError, "contains NaN", "row 4", "drop"),
    ("x-sparse-complex", lambda: net().predict(scipy.sparse.csr_array(X + 1j)), DataError, "X", "complex", "encode"),
    ("y-length", lambda: net().loss(X, Y[:5]), DataError, "y", "got (5,)", "one row of y"),
    ("y-width", lambda: net().loss(X, numpy.c_[Y, Y]), DataError, "y", "got (12, 2)", "(12, 1) or (12,)"),
    ("y-none", lambda: net().loss(X, None), DataError, "y", "dtype object", "encode"),
    ("y-text", lambda: net().loss(X, list("abcdefghijkl")), DataError, "y", "<U1", "encode"),
    ("y-nan", lambda: net().loss(X, XN[:, 1]), DataError, "y", "got nan in row 4", "drop or fill"),
    ("y-complex", lambda: net().loss(X, Y + 1j), DataError, "y", "complex128", "encode"),
    ("y-ragged", lambda: net().loss(X[:2], ragged()), DataError, "y", "inhomogeneous", "same number"),
    ("y-float32", lambda: net().loss(X, Y * 1e300), DataError, "y must be finite", "inf in row 0", "drop or fill"),
    ("y-unknown-class", lambda: classes().loss(X, C + 1), DataError, "y must hold class", "got 3 in row 2", "output"),
    ("y-negative-class", lambda: classes().loss(X, C - 1), DataError, "y must hold class", "got -1 in row 0", "0 to 2"),
    ("y-half-class", lambda: classes().loss(X, C / 2), DataError, "y must hold class", "got 0.5 in row 1", "0 to 2"),
    ("y-labels", lambda: classes().loss(X, C.astype(str)), DataError, "y must hold class", "<U", "numpy.unique"),
    ("y-not-distribution", lambda: classes().loss(X, X), DataError, "row of y", "in row 0", "divide each row"),
    ("y-not-labels", lambda: net(loss=cp.BinaryCrossEntropy()).loss(X, C), DataError, "y must lie", "2.0", "0 and 1"),
    ("y-not-counts", lambda: net(loss=cp.Poisson()).loss(X, -C), DataError, "y must be >= 0", "-1.0 in row 1", "use"),
    ("y-image", lambda: cp.Network([cp.ReLU()], (2, 2)).loss(X[:, :1].reshape(3, 2, 2), Y[:3]), ShapeError, "relu_1",
     "(2, 2)", "Flatten()"),
    ("weight-length", lambda: net().loss(X, Y, [1.0]), DataError, "sample_weight", "got (1,)", "one number a row"),
    ("weight-negative", lambda: net().loss(X, Y, C - 1.0), DataError, "sample_weight", "-1.0 in row 0", ">= 0"),
    ("weight-zero", lambda: net().loss(X, Y, C * 0), DataError, "sample_weight", "zeros only", "pass None"),
    ("weight-nan", lambda: net().loss(X, Y, XN[:, 1] ** 2), DataError, "sample_weight", "nan in row 4", "finite"),
    ("weight-text", lambda: net().loss(X, Y, ["1"] * 12), DataError, "sample_weight", "<U1", "one number a row"),
    ("weight-matrix", lambda: net().loss(X, Y, X**2), DataError, "sample_weight", "got (12, 3)", "one number a row"),
    ("weight-sum", lambda: net().loss(X, Y, [3e38] * 12), DataError, "sample_weight", "got inf", "divide the weights"),
    ("weight-scalar", lambda: net().loss(X, Y, 2.0), DataError, "sample_weight", "got ()", "one number a row"),
    ("inputs-count", lambda: two_inputs().predict((X,)), DataError, "X", "got tuple", "2 arrays (left, right)"),
    ("inputs-array", lambda: two_inputs().predict(X), DataError, "X", "got ndarray", "2 arrays (left, right)"),
    ("inputs-names", lambda: two_inputs().predict({"left": X}), DataError, "X", "got left", "left, right"),
    ("inputs-extra", lambda: two_inputs().predict({"left": X, "right": X, 3: X}), DataError, "X", "3", "left, right"),
    ("inputs-rows", lambda: two_inputs().predict((X, X[:5, :2])), DataError, "inputs", "right: 5", "same number"),
    ("inputs-shape", lambda: two_inputs().predict((X, X)), DataError, "X['right']", "got (12, 3)", "(n, 2)"),
    ("inputs-nan", lambda: two_inputs().predict((XN, X[:, :2])), DataError, "X['left']", "row 4", "fill or drop"),
    ("overflow-predict", lambda: cp.Network([cp.Scale(cp.Constant(9.0))], 3, dtype="f8").predict([[1e308] * 3]),
     NonFiniteError, "scores", "inf", "scale"),
    ("overflow-loss", lambda: net(dtype="f8").loss(X, Y * 1e300), NonFiniteError, "loss", "inf", "scale"),
    ("overflow-gradient", lambda: net(dtype="f8").gradient(X, Y * 1e300), NonFiniteError, "loss", "inf", "scale"),
    ("overflow-link", lambda: cp.Network([cp.Dense(1, initializer=cp.Constant(90.0))], 1, cp.Poisson()).predict([[1]]),
     NonFiniteError, "prediction", "inf", "scale"),
    ("overflow-check", lambda: cp.check_gradient(net(), X, Y * 1e300), NonFiniteError, "loss", "inf", "scale"),
]  # fmt: skip

TRAINING = [
    ("net", lambda: train([1]), ArgumentError, "net", "[1]", "pass for example"),
    ("epochs", lambda: train(epochs=0), ArgumentError, "epochs", "got 0", ">= 1"),
    ("epochs-float", lambda: train(epochs=2.0), ArgumentError, "epochs", "got 2.0", "integer"),
    ("batch-size", lambda: train(batch_size=-1), ArgumentError, "batch_size", "got -1", ">= 1"),
    ("batch-size-auto", lambda: train(batch_size="auto"), ArgumentError, "batch_size", "'auto'", "integer"),
    ("seed", lambda: train(seed=None), ArgumentError, "seed", "got None", "integer"),
    ("progress", lambda: train(progress="yes"), ArgumentError, "progress", "'yes'", "True or False"),
    ("shuffle", lambda: train(shuffle="no"), ArgumentError, "shuffle", "'no'", "True or False"),
    ("shuffle-short", lambda: train(shuffle=lambda e, n: range(n - 1)), ArgumentError, "shuffle", "range", "12 row"),
    ("shuffle-empty", lambda: train(shuffle=lambda e, n: []), ArgumentError, "shuffle", "[]", "12 row numbers"),
    ("shuffle-beyond", lambda: train(shuffle=lambda e, n: range(1, 13)), ArgumentError, "shuffle", "(1, 13)", "to 11"),
    ("shuffle-text", lambda: train(shuffle=lambda e, n: "abc"), ArgumentError, "shuffle", "'abc'", "row numbers"),
    ("shuffle-ragged", lambda: train(shuffle=lambda e, n: ragged()), ArgumentError, "shuffle", "[[1.0", "row numbers"),
    ("optimizer-class", lambda: train(optimizer=cp.Adam), ArgumentError, "optimizer", "Adam", "Adam(1e-3)"),
    ("optimizer-text", lambda: train(optimizer="adam"), ArgumentError, "optimizer", "'adam'", "Adam(1e-3)"),
    ("rate-call", lambda: train(optimizer=cp.SGD(lambda s: "a")), ArgumentError, "learning_rate(0)", "'a'", "finite"),
    ("rate-none", lambda: train(optimizer=cp.SGD(lambda s: None)), ArgumentError, "learning_rate(0)", "None", "finite"),
    ("rate-sign", lambda: train(optimizer=cp.SGD(lambda s: -1.0)), ArgumentError, "learning_rate(0)", "-1.0", ">= 0"),
    ("factors-unknown", lambda: train(optimizer=cp.SGD(rate_factors={"V": 1})), ArgumentError, "rate_factors", "'V'",
     "it has dense_1.W"),
    ("metrics", lambda: train(metrics=["auc"]), ArgumentError, "metrics", "'auc'", "'accuracy', 'r2'"),
    ("metrics-number", lambda: train(metrics=5), ArgumentError, "metrics", "got 5", "'accuracy', 'r2'"),
    ("metrics-nested", lambda: train(metrics=[["r2"]]), ArgumentError, "metrics", "['r2']", "'accuracy', 'r2'"),
    ("metrics-numbers", lambda: train(classes(), X, C, metrics="r2"), ArgumentError, "'r2'", "classes", "'accuracy'"),
    ("metrics-classes", lambda: train(metrics="accuracy"), ArgumentError, "'accuracy'", "other numbers", "use 'r2'"),
    ("stopping-class", lambda: train(early_stopping=cp.EarlyStopping), ArgumentError, "early_stopping", "EarlyStopping",
     "EarlyStopping()"),
    ("stopping-number", lambda: train(early_stopping=5), ArgumentError, "early_stopping", "5", "(patience=10)"),
    ("patience", lambda: cp.EarlyStopping(patience=0), ArgumentError, "patience", "got 0", ">= 1"),
    ("tolerance", lambda: cp.EarlyStopping(tolerance=-1), ArgumentError, "tolerance", "got -1", ">= 0"),
    ("monitor", lambda: cp.EarlyStopping(monitor=3), ArgumentError, "monitor", "got 3", "'validation_loss'"),
    ("monitor-unknown", lambda: train(early_stopping=cp.EarlyStopping(monitor="validation_loss")), ArgumentError,
     "monitor", "'validation_loss'", "'loss'"),
    ("callbacks-one", lambda: train(callbacks=cp.Callback()), ArgumentError, "callbacks", "Callback", "put it into []"),
    ("callbacks-class", lambda: train(callbacks=[cp.Callback]), ArgumentError, "callbacks", "Callback", "instances"),
    ("callbacks-function", lambda: train(callbacks=[print]), ArgumentError, "callbacks", "print", "clearprop.Callback"),
    ("validation-share", lambda: train(validation=1.0), ArgumentError, "validation", "got 1.0", "< 1"),
    ("validation-few", lambda: train(validation=0.01), DataError, "validation=0.01", "0 rows", "at least one"),
    ("validation-text", lambda: train(validation="20%"), ArgumentError, "validation", "'20%'", "> 0"),
    ("validation-items", lambda: train(validation=(X,)), ArgumentError, "validation", "1 items", "(X, y)"),
    ("validation-shape", lambda: train(validation=(X[:, :1], Y)), DataError, "validation: X", "(12, 1)", "(n, 3)"),
    ("validation-nan", lambda: train(validation=(XN, Y)), DataError, "validation: Input X", "row 4", "fill or drop"),
    ("validation-weight", lambda: train(validation=0.2, sample_weight=numpy.eye(12)[0]), DataError, "validation=0.2",
     "weight 0", "validation=(X, y)"),
    ("class-weight", lambda: train(class_weight={0: 2.0}), ArgumentError, "class_weight", "other", "sample_weight="),
    ("class-weight-text", lambda: train(classes(), X, C, class_weight="even"), ArgumentError, "class_weight", "'even'",
     "'balanced'"),
    ("class-weight-key", lambda: train(classes(), X, C, class_weight={7: 1.0}), ArgumentError, "class_weight", "[7]",
     "does not hold"),
    ("class-weight-sign", lambda: train(classes(), X, C, class_weight={0: -1}), ArgumentError, "class_weight[0]",
     "got -1", ">= 0"),
    ("class-weight-zero", lambda: train(classes(), X, C, class_weight=dict.fromkeys(range(3), 0)), ArgumentError,
     "class_weight", "zeros only", "> 0"),
    ("state-kind", lambda: train(state={}), ArgumentError, "state", "{}", "report.state"),
    ("state-foreign", lambda: train(state=started()[1], epochs=1) and train(net(seed=1), state=started()[1]),
     ArgumentError, "state", "another network", "report of this one"),
    ("state-optimizer", lambda: resume(cp.SGD()), ArgumentError, "state", "square_mean", "same optimizer"),
    ("lbfgs-dropout", lambda: cp.train(cp.Network([cp.Dropout(0.5), cp.Dense(1)], 3), X, Y, optimizer=cp.LBFGS()),
     ArgumentError, "LBFGS", "'dropout_1'", "use Adam()"),
    ("lbfgs-constraint", lambda: cp.train(net(constraint=cp.MaxNorm(1.0)), X, Y, optimizer=cp.LBFGS()), ArgumentError,
     "LBFGS", "'dense_1.W'", "use Adam()"),
    ("lbfgs-empty", lambda: train(cp.Network([cp.Tanh()], 1), X[:, :1], Y, optimizer=cp.LBFGS()), ArgumentError,
     "LBFGS", "no parameters", "Dense"),
    ("step", lambda: train(cp.Network([cp.Dense(1), cp.Step()], 3)), cp.NoGradientError, "Step", "no gradient", "use"),
]  # fmt: skip

OURS, THEIRS = ArgumentError, ValueError  # the second: scikit-learn's own message, raised by scikit-learn
ESTIMATORS = [
    ("hidden-zero", lambda: cp.MLPClassifier(0).fit(X, C), THEIRS, "hidden_layer_sizes", "got 0", "[1, inf)"),
    ("hidden-negative", lambda: cp.MLPClassifier((3, -1)).fit(X, C), OURS, "hidden_layer_sizes", "[3, -1]", "> 0"),
    ("hidden-float", lambda: cp.MLPClassifier((3.5,)).fit(X, C), OURS, "hidden_layer_sizes", "[3.5]", "whole numbers"),
    ("activation", lambda: clf(activation="rleu"), THEIRS, "activation", "'rleu'", "must be"),
    ("activation-class", lambda: clf(activation=cp.ReLU), THEIRS, "activation", "ReLU", "must be"),
    ("activation-list", lambda: clf(activation=["relu"] * 3), OURS, "activation", "'relu'", "1 hidden layers"),
    ("activation-item", lambda: clf(activation=["rleu"]), OURS, "activation", "'rleu'", "among"),
    ("solver", lambda: clf(solver="newton"), THEIRS, "solver", "'newton'", "must be"),
    ("solver-class", lambda: clf(solver=cp.Adam), THEIRS, "solver", "Adam", "instance"),
    ("alpha", lambda: reg(alpha=-1), THEIRS, "alpha", "got -1", "[0.0, inf)"),
    ("batch-size", lambda: reg(batch_size=0), THEIRS, "batch_size", "got 0", "[1, inf)"),
    ("rate", lambda: reg(learning_rate_init=0.0), THEIRS, "learning_rate_init", "got 0.0", "(0.0, inf)"),
    ("schedule", lambda: reg(learning_rate="cosine"), THEIRS, "learning_rate", "'cosine'", "must be"),
    ("max-iter", lambda: cp.MLPRegressor(max_iter=0).fit(X, Y), THEIRS, "max_iter", "got 0", "[1, inf)"),
    ("momentum", lambda: reg(momentum=2), THEIRS, "momentum", "got 2", "[0.0, 1.0]"),
    ("beta", lambda: reg(beta_1=1), THEIRS, "beta_1", "got 1", "[0.0, 1.0)"),
    ("fraction", lambda: reg(validation_fraction=1.5), THEIRS, "validation_fraction", "got 1.5", "[0.0, 1.0)"),
    ("no-change", lambda: reg(n_iter_no_change=0), THEIRS, "n_iter_no_change", "got 0", "[1, inf)"),
    ("dropout", lambda: reg(dropout=1.0), THEIRS, "dropout", "got 1.0", "[0.0, 1.0)"),
    ("loss-text", lambda: reg(loss="log_loss"), THEIRS, "loss", "'log_loss'", "must be"),
    ("loss-class", lambda: reg(loss=cp.Huber), THEIRS, "loss", "Huber", "instance"),
    ("class-weight", lambda: clf(class_weight="even"), THEIRS, "class_weight", "'even'", "'balanced'"),
    ("dtype", lambda: clf(dtype="float16"), OURS, "dtype", "'float16'", "float32 or float64"),
    ("engine", lambda: clf(engine="cuda"), OURS, "engine", "'cuda'", "'auto'"),
    ("random-state", lambda: clf(random_state="x"), THEIRS, "random_state", "'x'", "must be"),
    ("scoring", lambda: reg(scoring="nope", early_stopping=True), THEIRS, "scoring", "'nope'", "get_scorer_names"),
    ("fraction-zero", lambda: reg(validation_fraction=0.0, early_stopping=True), THEIRS, "test_size", "=0.0", "(0, 1)"),
    ("loss-classes", lambda: reg(loss=cp.CrossEntropy()), OURS, "CrossEntropy", "got 1", "BinaryCrossEntropy"),
    ("class-weight-key", lambda: clf(class_weight={9: 1.0}), THEIRS, "class_weight", "[0, 1, 2]", "not in"),
    ("class-weight-sign", lambda: clf(class_weight={0: -1.0}), ArgumentError, "class_weight", "{0: -1.0}", ">= 0"),
    ("lbfgs-dropout", lambda: reg(dropout=0.5, solver="lbfgs"), OURS, "LBFGS", "'dropout_1'", "use Adam()"),
    ("unknown", lambda: cp.MLPClassifier().set_params(hidden=3), THEIRS, "'hidden'", "Invalid parameter", "Valid"),
    ("x-nan", lambda: clf(XN), THEIRS, "Input X contains NaN", "MLPClassifier", "imputer"),
    ("x-inf", lambda: reg(XI), THEIRS, "Input X contains infinity", "float64", "too large"),
    ("x-1d", lambda: reg(X[0], Y[:3]), THEIRS, "2D array", "got 1D", "Reshape your data"),
    ("x-empty", lambda: reg(X[:0], Y[:0]), THEIRS, "0 sample(s)", "(0, 3)", "minimum of 1"),
    ("x-no-columns", lambda: reg(X[:, :0]), THEIRS, "0 feature(s)", "(12, 0)", "minimum of 1"),
    ("x-text", lambda: reg(numpy.full((12, 3), "a")), THEIRS, "could not convert", "'a'", "float"),
    ("x-complex", lambda: reg(X + 1j), THEIRS, "Complex data", "not supported", "j"),
    ("y-nan", lambda: reg(y=XN[:, 1]), THEIRS, "Input y contains NaN", "y", "NaN"),
    ("y-length", lambda: reg(y=Y[:5]), THEIRS, "inconsistent", "[12, 5]", "samples"),
    ("y-numbers", lambda: clf(y=Y), THEIRS, "Unknown label type", "continuous", "discrete classes"),
    ("y-none", lambda: clf(y=None), THEIRS, "y", "None", "requires y"),
    ("y-counts", lambda: reg(loss="poisson", y=-C), DataError, "y must be >= 0", "-1.0 in row 1", "SquaredError"),
    ("y-hinge", lambda: clf(loss="hinge", y=numpy.eye(3, dtype=int)[C] + numpy.eye(3, dtype=int)[C - 1]), OURS,
     "Hinge", "several labels", "log_loss"),
    ("weight-length", lambda: clf(fit={"sample_weight": [1.0]}), THEIRS, "sample_weight", "(1,)", "(12,)"),
    ("weight-nan", lambda: clf(fit={"sample_weight": XN[:, 1]}), THEIRS, "sample_weight", "NaN", "contains"),
    ("weight-negative", lambda: clf(fit={"sample_weight": C - 1.0}), DataError, "sample_weight", "-1.0", ">= 0"),
    ("weight-zero", lambda: reg(fit={"sample_weight": C * 0.0}), THEIRS, "sample weights", "at least one", "non-zero"),
    ("x-val-alone", lambda: reg(fit={"X_val": X}), DataError, "X_val", "y_val", "both"),
    ("x-val-width", lambda: reg(fit={"X_val": X[:, :2], "y_val": Y}), THEIRS, "2 features", "3 features", "expecting"),
    ("x-val-lbfgs", lambda: reg(solver="lbfgs", fit={"X_val": X, "y_val": Y}), OURS, "lbfgs", "X_val", "use solver"),
    ("y-val-class", lambda: clf(fit={"X_val": X, "y_val": C + 5}), DataError, "classes not in", "[5 6 7]", "[0 1 2]"),
    ("validation-small", lambda: clf(early_stopping=True, validation_fraction=0.01, y=C > 0), THEIRS, "test_size",
     "= 1", "number of classes"),
    ("one-hot-warm", lambda: refit(C, C % 2), DataError, "warm_start", "[0 1]", "[0 1 2]"),
    ("partial-classes", lambda: cp.MLPClassifier().partial_fit(X, C), THEIRS, "classes", "first call", "must be"),
    ("partial-unknown", lambda: cp.MLPClassifier().partial_fit(X, C, classes=[0, 1]), DataError, "classes", "[0 1 2]",
     "[0 1]"),
    ("partial-stopping", lambda: cp.MLPRegressor(early_stopping=True).partial_fit(X, Y), OURS, "partial_fit",
     "early_stopping=True", "pass X_val"),
    ("not-fitted", lambda: cp.MLPRegressor().predict(X), NotFittedError, "MLPRegressor", "not fitted", "Call 'fit'"),
    ("predict-width", lambda: clf().predict(X[:, :2]), THEIRS, "2 features", "3 features", "expecting"),
    ("predict-nan", lambda: reg().predict(XN), THEIRS, "Input X contains NaN", "MLPRegressor", "imputer"),
    ("sparse-text", lambda: reg().predict("X"), THEIRS, "2D array", "scalar", "Reshape"),
]  # fmt: skip


def written(folder, data=None, flip=None, cut=None):
    """Return the path of a model file that holds `data`, or a saved network with a bit flipped or its end cut off."""
    path = folder / "model"
    net().save(path)
    data = bytearray(path.read_bytes() if data is None else data)
    if flip is not None:
        data[flip // 8] ^= 1 << flip % 8
    path.write_bytes(data[:cut])
    return path


def described(folder, change, arrays=None):
    """Return the path of a whole model file whose description was changed before it was written."""
    path, network = folder / "model", net()
    description = {"network": json.loads(json.dumps(network.to_config()))}
    change(description)
    tensors = {f"parameters/{name}": view for name, view in network.parameters.items()}
    write_model(path, description, tensors if arrays is None else arrays)
    return path


def newer(folder):
    text = json.dumps({"clearprop": FORMAT + 1, "digest": "0" * 64})
    data = save_tensors({"a": X}, metadata={"clearprop": text})
    return written(folder, data.replace(b"0" * 64, sha256(data).hexdigest().encode()))


def layer_of(description):
    return description["network"]["graph"]["nodes"][1]["layer"]


FOREIGN = "not a clearprop model file"
FILES = [
    ("missing", lambda f: cp.load(f / "none"), FileNotFoundError, "No such file", "none"),
    ("folder", lambda f: cp.load(f), IsADirectoryError, "Is a directory", "test_"),
    ("path", lambda: cp.load(3), ArgumentError, "path", "got 3", "pathlib.Path"),
    ("save-path", lambda: net().save(None), ArgumentError, "path", "got None", "pathlib.Path"),
    ("save-nowhere", lambda f: net().save(f / "no" / "model"), FileNotFoundError, "no such folder", "no"),
    ("save-on-folder", lambda f: net().save(f), IsADirectoryError, "Is a directory", "test_"),
    ("save-extra-name", lambda f: net().save(f / "m", extra={"digest": 1}), ArgumentError, "'digest'", "taken",
     "rename"),
    ("save-extra-network", lambda f: net().save(f / "m", extra={"network": 1}), ArgumentError, "'network'", "taken",
     "rename"),
    ("save-extra-nan", lambda f: net().save(f / "m", extra={"a": NAN}), ArgumentError, "JSON", "Out of range",
     "finite numbers"),
    ("save-extra-array", lambda f: net().save(f / "m", extra={"a": X}), ArgumentError, "JSON", "ndarray", "lists"),
    ("save-extra-list", lambda f: net().save(f / "m", extra=[1]), ArgumentError, "extra", "[1]", "mapping"),
    ("empty", lambda f: cp.load(written(f, b"")), ModelFileError, "model'", FOREIGN, "net.save"),
    ("text", lambda f: cp.load(written(f, b"a,b\n1,2\n" * 9)), ModelFileError, "model'", FOREIGN, "net.save"),
    ("pickle", lambda f: cp.load(written(f, pickle.dumps({"a": X}))), ModelFileError, "model'", FOREIGN, "net.save"),
    ("foreign", lambda f: cp.load(written(f, save_tensors({"a": X}))), ModelFileError, "model'", FOREIGN, "net.save"),
    ("half", lambda f: cp.load(written(f, cut=-20)), ModelFileError, "damaged", "expected", "restore it"),
    ("flip-header", lambda f: cp.load(written(f, flip=8 * 900)), ModelFileError, "damaged", "expected", "restore it"),
    ("flip-length", lambda f: cp.load(written(f, flip=60)), ModelFileError, "model'", FOREIGN, "net.save"),
    ("flip-number", lambda f: cp.load(written(f, flip=-8)), ModelFileError, "damaged", "expected", "restore it"),
    ("longer", lambda f: cp.load(written(f, written(f).read_bytes() + b"0")), ModelFileError, "damaged", "expected",
     "restore it"),
    ("newer", lambda f: cp.load(newer(f)), ModelFileError, "format 2", "reads 1", "update clearprop"),
    ("no-network", lambda f: cp.load(described(f, lambda d: d.pop("network"))), ModelFileError, "no network", "model",
     "net.save"),
    ("unknown-box", lambda f: cp.load(described(f, lambda d: layer_of(d).update(kind="Warp"))), ModelFileError,
     "'Warp'", "unknown kind", "import the module"),
    ("wrong-box", lambda f: cp.load(described(f, lambda d: layer_of(d).update(kind="Huber"))), ModelFileError, "Huber",
     "units", "restored"),
    ("no-tensor", lambda f: cp.load(described(f, lambda d: None, {})), ModelFileError, "/dense_1.W'", "nothing",
     "expected"),
    ("tensor-shape", lambda f: cp.load(described(f, lambda d: layer_of(d).update(units=10**9))), ModelFileError,
     "dense_1.W", "(3, 2)", "expected"),
    ("bad-units", lambda f: cp.load(described(f, lambda d: layer_of(d).update(units="x"))), ModelFileError, "'x'",
     "units", ">= 1"),
    ("bad-dtype", lambda f: cp.load(described(f, lambda d: d["network"].update(dtype="f2"))), ModelFileError, "'f2'",
     "dtype", "float32 or"),
    ("bad-seed", lambda f: cp.load(described(f, lambda d: d["network"].update(seed="x"))), ModelFileError, "'x'",
     "seed", "integer"),
    ("bad-graph", lambda f: cp.load(described(f, lambda d: d["network"].update(graph=[]))), ModelFileError,
     "description", "damaged", "list indices"),
    ("network-list", lambda f: cp.load(described(f, lambda d: d.update(network=[1]))), ModelFileError, "description",
     "list", "damaged"),
]  # fmt: skip


def table(folder, text, name="data.csv"):
    (folder / name).write_text(text)
    return read_table(folder / name)


def problem(folder, text, target="y", **options):
    return Problem.of(table(folder, text), target, **options)


GOOD = "a,b,y\n" + "".join(f"{i},{i * i % 7},{'yes' if i % 3 else 'no'}\n" for i in range(30))

TABLES = [
    ("missing-file", lambda f: read_table(f / "none.csv"), DataError, "none.csv", "cannot", "file"),
    ("empty-file", lambda f: table(f, ""), DataError, "data.csv", "empty", "header"),
    ("no-rows", lambda f: table(f, "a,b\n"), DataError, "data.csv", "no rows", "at least one row"),
    ("ragged", lambda f: table(f, "a,b\n1,2\n3\n"), DataError, "data.csv:3", "1 field", "header has 2"),
    ("twice", lambda f: table(f, "a,a\n1,2\n"), DataError, "'a'", "more than once", "rename"),
    ("half-parquet", lambda f: table(f, "PAR1 and no more", "data.parquet"), DataError, "data.parquet", "Parquet",
     "write it again"),
    ("target-missing", lambda f: problem(f, GOOD, "z"), DataError, "'z'", "data.csv", "there are 'a'"),
    ("target-close", lambda f: problem(f, GOOD.replace("y\n", "label\n", 1), "lable"), DataError, "'lable'", "data.csv",
     "did you mean 'label'"),
    ("column-missing", lambda f: problem(f, GOOD).preprocessing.transform(table(f, "a\n1\n", "new.csv")), DataError,
     "'b'", "new.csv", "there are 'a'"),
    ("not-a-number", lambda f: problem(f, GOOD.replace("\n7,", "\nseven,")), DataError, "data.csv:9", "'seven'",
     "--na seven"),
    ("one-class", lambda f: problem(f, GOOD.replace("no", "yes")), DataError, "'y'", "'yes' in every row",
     "two classes"),
    ("no-features", lambda f: problem(f, "y\n1.5\n2.5\n"), DataError, "data.csv", "no column left", "learn from"),
    ("target-as-feature", lambda f: problem(f, GOOD, features=["y"]), ArgumentError, "'y'", "target", "leave it out"),
]  # fmt: skip

TABLE = [
    pytest.param(*row[1:3], row[3:], id=f"{group}-{row[0]}")
    for group, rows in (
        ("network", NETWORKS), ("data", DATA), ("train", TRAINING), ("estimator", ESTIMATORS), ("file", FILES),
        ("table", TABLES),
    )
    for row in rows
]  # fmt: skip


def assert_deliberate(error: BaseException) -> None:
    """Assert that the error is ours, the operating system's, or one that scikit-learn raises in its own checks."""
    place = traceback.extract_tb(error.__traceback__)[-1].filename
    assert isinstance(error, cp.ClearpropError | OSError) or "/sklearn/" in place, f"{error!r} from {place}"
    assert "Traceback" not in str(error)


@pytest.mark.parametrize(("call", "kind", "fragments"), TABLE)
def test_a_wrong_input_is_refused_with_its_name_what_was_got_and_the_remedy(call, kind, fragments, tmp_path):
    with pytest.raises(kind) as caught:
        call(tmp_path) if call.__code__.co_argcount else call()
    assert_deliberate(caught.value)
    assert len(fragments) >= (2 if isinstance(caught.value, OSError) else 3)
    missing = [fragment for fragment in fragments if fragment.lower() not in str(caught.value).lower()]
    assert not missing, f"{missing} not in: {caught.value}"
