"""Who is measured: one module a library, each imported only within a worker process of its own.

A trainer is made of a `nets.Task` and a number of threads. `reset()` puts back the initial parameters and forgets what
the optimizer remembers; `train(epochs)` runs epochs 0 to epochs - 1 in the task's orders and returns the loss of each,
the mean over its batches before their updates. `detail` says what was used.

A predictor is made likewise. `outputs(rows)` returns the outputs of the first rows as nested lists, and
`run(rows, calls)` computes them `calls` times.

Who takes tables is described by `contestants.table.TableContestant`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Contestant:
    """Where a contestant is found.

    Attributes
    ----------
    label : str
        What the tables call it.
    module, name : str
        The module within this package, and the class in it.
    epsilon_hat : bool, default=False
        Whether its Adam adds epsilon before the bias correction and not after it.
    link : bool, default=False
        Whether it predicts probabilities and not scores.
    """

    label: str
    module: str
    name: str
    epsilon_hat: bool = False
    link: bool = False


TRAINERS = {
    "clearprop": Contestant("clearprop", "with_clearprop", "Trainer"),
    "sklearn": Contestant("scikit-learn", "with_sklearn", "Trainer", epsilon_hat=True),
    "torch": Contestant("PyTorch eager", "with_torch", "EagerTrainer"),
    "compile": Contestant("PyTorch compiled", "with_torch", "CompiledTrainer"),
    "jax": Contestant("JAX jit + scan", "with_jax", "Trainer"),
}
ESTIMATORS = {
    "clearprop": Contestant("clearprop.MLPClassifier", "with_clearprop", "EstimatorTrainer"),
    "sklearn": Contestant("sklearn.MLPClassifier", "with_sklearn", "EstimatorTrainer"),
}
REFERENCE = Contestant("float64 reference", "with_clearprop", "ReferenceTrainer")
SGEMM = Contestant("sgemm", "with_numpy", "MatrixProduct")
SCORES = {
    "clearprop": Contestant("clearprop, executor's scores", "with_clearprop", "ScoresPredictor"),
    "predict": Contestant("clearprop, net.predict", "with_clearprop", "NetworkPredictor", link=True),
    "torch": Contestant("PyTorch eager", "with_torch", "EagerPredictor"),
    "compile": Contestant("PyTorch compiled", "with_torch", "CompiledPredictor"),
    "onnx": Contestant("ONNX Runtime", "with_onnxruntime", "Predictor"),
}
PREDICTIONS = {
    "clearprop": Contestant("clearprop estimator", "with_clearprop", "EstimatorPredictor", link=True),
    "sklearn": Contestant("scikit-learn estimator", "with_sklearn", "EstimatorPredictor", link=True),
}
PRESETS = {
    "fast": Contestant("clearprop fast", "with_clearprop_tables", "Fast"),
    "balanced": Contestant("clearprop balanced", "with_clearprop_tables", "Balanced"),
    "best": Contestant("clearprop best", "with_clearprop_tables", "Best"),
}
TABLE_PEERS = {
    "hgb": Contestant("HistGradientBoosting", "with_sklearn_tables", "HistGradientBoosting"),
    "lightgbm": Contestant("LightGBM", "with_lightgbm", "Table"),
    "xgboost": Contestant("XGBoost", "with_xgboost", "Table"),
    "catboost": Contestant("CatBoost", "with_catboost", "Table"),
    "mlp": Contestant("sklearn MLP", "with_sklearn_tables", "MLP"),
    "scaled_mlp": Contestant("sklearn MLP, scaled", "with_sklearn_tables", "ScaledMLP"),
    "constant": Contestant("mean or majority", "with_sklearn_tables", "Constant"),
}
