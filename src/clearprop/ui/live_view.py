"""`LiveView`: a callback that shows a training while it goes on, and keeps it as a file."""

from __future__ import annotations

import atexit
import html
import os
import sys
from pathlib import Path
from typing import Any, NoReturn, Self

from clearprop.errors import ArgumentError, NonFiniteError
from clearprop.files import write_atomically
from clearprop.state import TrainState
from clearprop.training import Callback, EpochReport
from clearprop.ui.recording import recorded_page
from clearprop.ui.server import PageServer, open_in_browser
from clearprop.ui.watch import WatchSession, watched_problem
from clearprop.validation import check_bool, check_integer

__all__ = ["LiveView"]

HEIGHT = 800  # pixels of the page in a notebook


class LiveView(Callback):
    """A page that shows a training while it goes on: the user's own network, rows and column names.

    Pass it as a callback to `clearprop.train`, or to ``set_callbacks`` of `MLPClassifier` and `MLPRegressor`, whose
    ``fit`` it then shows; their ``partial_fit`` and the other estimators call no callbacks. It begins to answer at
    ``url`` at once, and goes on after the training, until `close` or the end of the program. Training never waits for a
    browser, unless somebody presses pause on the page. Each training is a run of the page.

    Parameters
    ----------
    port : int or None
        Where the page is served on this machine; by default the first free port from 8765 on, 0 for any.
    record : path-like or None
        Where the page is written to at the end of each training, also of one that fails: one HTML file that shows all
        views without a server.
    open : bool, default=True
        Whether to open the page in a browser, where the program runs on a terminal.

    Attributes
    ----------
    url : str
        Where the page is. It holds a token, so hand it to nobody.

    Raises
    ------
    ArgumentError
        For an argument of another kind.
    MissingExtraError
        If what the page needs is not installed: ``pip install 'clearprop[ui]'``.
    OSError
        If the port is in use.

    Examples
    --------
    >>> import clearprop as cp
    >>> X, y = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0.0, 1.0, 1.0, 0.0]
    >>> net = cp.Network([cp.Dense(4), cp.Tanh(), cp.Dense(1)], inputs=2, loss=cp.BinaryCrossEntropy())
    >>> with cp.LiveView(port=0, open=False) as view:
    ...     reports = net.fit(X, y, epochs=5, callbacks=[view])
    >>> view.url.startswith("http://127.0.0.1:")
    True
    """

    def __init__(
        self,
        port: int | None = None,
        *,
        record: str | os.PathLike[str] | None = None,
        open: bool = True,
    ) -> None:
        if port is not None and check_integer("LiveView", "port", port, minimum=0) > 65535:
            raise ArgumentError(f"LiveView: port must be at most 65535, got {port}.")
        check_bool("LiveView", "open", open)
        if record is not None and not Path(record).resolve().parent.is_dir():
            raise ArgumentError(f"LiveView: record={str(record)!r}: there is no such folder; make it first.")
        self.record = record
        self.session = WatchSession()
        self._server = PageServer(self.session, port=port).start()
        self.url = self._server.url
        self._opens = open
        atexit.register(self.close)  # until then the page goes on, also where nobody keeps the view
        self._root: Any = None  # the context of the training that is looked at

    # ---- the hooks

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        """Begin to look when the first epoch begins, for then the network and its rows are there."""
        if context.task_name != "epoch" or context.task_id != 0:
            return
        root = context.parent
        net = getattr(estimator, "network_", estimator)
        problem = watched_problem(net, root.rows, root.held_out, root.columns, getattr(estimator, "classes_", None))
        title = f"{type(estimator).__name__} {'-'.join(str(node.shape[-1]) for node in _dense(net))}"
        with self.session.changed:
            self._root, self._net = root, net
            self.session.begin(title, problem, net, root.optimizer, self._state(None), root.max_subtasks or 0)
        if self._opens:
            self._opens = False
            open_in_browser(self.url)

    def on_fit_task_end(self, estimator: Any, context: Any) -> bool:
        """Look at the end of an epoch; return whether the page ends the training."""
        if context.task_name != "epoch" or context.report is None:
            return False
        with self.session.changed:
            return context.parent is self._root and self.session.observe(self._state(context.report), context.report)

    def teardown(self, estimator: Any, context: Any) -> None:
        """Note how the training ended, and write the page where a file was asked for."""
        error = sys.exc_info()[1]
        status, message = "finished", None
        if isinstance(error, NonFiniteError):
            status, message = "diverged", str(error)
        elif isinstance(error, Exception | KeyboardInterrupt) and not isinstance(error, StopIteration):
            message = f"ended by {type(error).__name__}"
        with self.session.changed:
            if context is not self._root:  # it failed before its first epoch, or was left for another training
                return
            self.session.finish(self._state(context.report), status, message)
            self._root = None
        if self.record is not None:
            write_atomically(self.record, self.page())

    def _state(self, report: EpochReport | None) -> TrainState:
        """Return the living state of the run; after early stopping it is the best one."""
        state: TrainState | None = self._root.state
        if state is not None:
            return state
        done = 0 if report is None else report.epoch  # iterations of L-BFGS
        return TrainState(self._net.vector, self._net.buffer_vector, {}, done, done)

    # ---- what is left of it

    def page(self) -> bytes:
        """Return the page of the last run as one HTML file, in UTF-8."""
        return recorded_page(self.session)

    def close(self) -> None:
        """Stop serving the page."""
        atexit.unregister(self.close)
        self.session.close()
        self._server.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"LiveView({self._server.address})"

    def _repr_html_(self) -> str:
        """Show the recorded page in a notebook, wherever that runs."""
        if not self.session.runs:
            return f"<p>{html.escape(repr(self))}: no training yet</p>"
        page = html.escape(self.page().decode())
        return f'<iframe srcdoc="{page}" width="100%" height="{HEIGHT}" sandbox="allow-scripts"></iframe>'

    def __reduce__(self) -> NoReturn:
        raise ArgumentError("LiveView watches training in its own process; train with n_jobs=1, or without it.")


def _dense(net: Any) -> list[Any]:
    """Return the inputs of a network and its nodes with weights, which name its size."""
    learned = {name.rpartition(".")[0] for name in net.parameters}
    return [node for node in net.graph.nodes if node.layer is None or node.name in learned]
