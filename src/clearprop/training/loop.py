"""The training loop: a generator of frozen reports, one an epoch."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from typing import Any

from clearprop.errors import ArgumentError
from clearprop.network import Network
from clearprop.optimizers import LBFGS, Adam, Optimizer
from clearprop.state import TrainState
from clearprop.training.callbacks import CallbackContext, CallbackList
from clearprop.training.data import prepare
from clearprop.training.metrics import check_metrics, reported
from clearprop.training.order import Order
from clearprop.training.progress import ProgressBar
from clearprop.training.report import EpochReport
from clearprop.training.run import Run
from clearprop.training.stopping import EarlyStopping, Watch
from clearprop.validation import check_bool, check_choice, check_instance, check_integer, show

__all__ = ["run_epochs", "train"]


def train(
    net: Network,
    X: Any,
    y: Any,
    *,
    sample_weight: Any = None,
    class_weight: Any = None,
    optimizer: Optimizer | LBFGS | None = None,
    epochs: int = 50,
    batch_size: int = 32,
    shuffle: bool | Order = True,
    validation: Any = None,
    metrics: Iterable[str] = (),
    early_stopping: EarlyStopping | None = None,
    callbacks: Iterable[Any] = (),
    progress: bool = False,
    seed: int = 0,
    state: TrainState | None = None,
) -> Generator[EpochReport]:
    """Train `net` and yield a report after every epoch; to stop early, leave the loop.

    The same seed and the same data give the same bits.

    Parameters
    ----------
    net : Network
        Its parameters are changed in place.
    X, y : array-like
        Rows and targets, as for `Network.loss`.
    sample_weight : array-like of shape (n,) or None
        Weights of the rows.
    class_weight : "balanced", mapping of class number to weight, or None
        Weights of the classes, multiplied into those of the rows; validation rows are not reweighted.
    optimizer : Optimizer or LBFGS, default=Adam()
        The rule of the updates. With LBFGS an epoch is one iteration on all rows.
    epochs : int, default=50
        Passes over the rows.
    batch_size : int, default=32
        Rows of an update: 1 for one example at a time, len(X) for the full batch. The last batch may be smaller.
    shuffle : bool or callable, default=True
        Whether to draw a new order each epoch; a callable ``(epoch, n_rows) -> order`` gives its own.
    validation : float, (X, y), (X, y, sample_weight) or None
        Rows to validate on: a share of the rows (stratified for classes) or others.
    metrics : str or iterable of str
        ``"accuracy"``, ``"r2"``, ``"mae"``, ``"rmse"``.
    early_stopping : EarlyStopping or None
        When to stop by itself; at the end the best parameters are restored.
    callbacks : iterable of Callback
        Objects whose hooks are called; see `clearprop.Callback`.
    progress : bool, default=False
        Whether to show a progress bar, on a terminal only.
    seed : int, default=0
        Seed of shuffling, dropout and noise.
    state : TrainState or None
        A report's `state`, to continue that run: optimizer, step and random numbers (and with them the rows that
        ``validation=0.2`` holds out) go on where they were. Not for LBFGS, whose memory SciPy keeps to itself.

    Yields
    ------
    EpochReport
        Loss, validation loss, metrics and more.

    Raises
    ------
    NonFiniteError
        At the first loss, gradient or parameter that is not finite; it names epoch, batch and node, and the network
        keeps the last finite parameters.
    ArgumentError, DataError
        At once, for arguments or data that cannot be used.

    Examples
    --------
    >>> import clearprop as cp
    >>> X, y = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0.0, 1.0, 1.0, 0.0]
    >>> net = cp.Network([cp.Dense(8), cp.Tanh(), cp.Dense(1)], inputs=2, loss=cp.BinaryCrossEntropy(), seed=1)
    >>> for report in cp.train(net, X, y, optimizer=cp.Adam(0.1), epochs=200, batch_size=4):
    ...     if report.loss < 0.01:
    ...         break
    >>> net.predict(X).round().ravel().tolist()
    [0.0, 1.0, 1.0, 0.0]
    """
    optimizer = Adam() if optimizer is None else optimizer
    check_instance("train", "net", net, Network, "Network([Dense(1)], inputs=3)")
    check_bool("train", "progress", progress)
    if not isinstance(optimizer, Optimizer | LBFGS):
        raise ArgumentError(f"train: optimizer must be an optimizer such as Adam(1e-3), got {show(optimizer)}.")
    check_integer("train", "epochs", epochs, minimum=1)
    check_integer("train", "batch_size", batch_size, minimum=1)
    check_integer("train", "seed", seed)
    if not callable(shuffle):
        check_bool("train", "shuffle", shuffle)
    if early_stopping is not None:
        check_instance("train", "early_stopping", early_stopping, EarlyStopping, "EarlyStopping(patience=10)")
    if state is not None:
        check_instance("train", "state", state, TrainState, "report.state")
    split_seed = seed if state is None else state.seed  # a run that goes on keeps its rows to validate on
    data, held_out = prepare(net, X, y, sample_weight, class_weight, validation, split_seed)
    names = check_metrics(metrics, data.target if held_out is None else held_out.target)
    if early_stopping is not None and early_stopping.monitor is not None:
        check_choice("EarlyStopping", "monitor", early_stopping.monitor, reported(names, held_out is not None))
    columns = tuple(map(str, X.columns)) if hasattr(X, "columns") else None
    run = Run(net, data, held_out, optimizer, epochs, batch_size, shuffle, names, seed, state)
    context = CallbackContext(
        "fit", max_subtasks=epochs, rows=data, held_out=held_out, optimizer=optimizer, state=run.state, columns=columns
    )
    hooks = CallbackList(callbacks, net, context, (ProgressBar(),) if progress else ())
    return run_epochs(run, early_stopping, hooks)


def run_epochs(run: Run, early_stopping: EarlyStopping | None, callbacks: CallbackList) -> Generator[EpochReport]:
    """Yield the reports of a run, with its callbacks called and its early stopping applied."""
    watch = None if early_stopping is None else Watch(early_stopping)
    reports = run.reports()
    try:
        callbacks.begin()
        for number in range(run.epochs):
            context = callbacks.begin_epoch(number)
            report = next(reports, None)
            if report is None:
                break
            stop = callbacks.end_epoch(context, report)
            if watch is not None:
                stop = watch.stops(report) or stop
            if stop:
                if watch is not None:
                    watch.restore()
                yield report
                break
            if number == run.epochs - 1 and watch is not None:
                watch.restore()
            yield report
        callbacks.end()
    finally:
        reports.close()
        callbacks.teardown()
