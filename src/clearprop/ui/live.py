"""Training on the page: a thread that runs the engine, and never waits for anybody who looks."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from clearprop.engines import choose
from clearprop.errors import ArgumentError, ClearpropError, NonFiniteError
from clearprop.estimators.options import ACTIVATIONS
from clearprop.training import EpochReport
from clearprop.training.run import Epoch, Run
from clearprop.ui.history import History, Snapshot
from clearprop.ui.problems import BUILT_IN, Problem, Source
from clearprop.ui.runs import RunRecord
from clearprop.ui.session import Session
from clearprop.ui.settings import Settings

__all__ = ["LiveSession"]

STRETCH = 0.1  # seconds after which a pause is heeded
PATIENCE = 5.0  # seconds that whoever asks for one epoch is kept waiting


class Learner:
    """A run on its way: the living network, which only the training thread touches.

    Parameters
    ----------
    problem : Problem
        The rows.
    settings : Settings
        How to train.
    """

    def __init__(self, problem: Problem, settings: Settings) -> None:
        activation = ACTIVATIONS[settings.activation or "identity"]
        net = problem.make_network(settings.hidden, activation, settings.l2, settings.weight_seed)
        rows, held_out = problem.batches(net)
        self.optimizer = settings.make_optimizer()
        self.run = Run(
            net, rows, held_out, self.optimizer, settings.max_epochs, settings.batch_size, True, (problem.metric,),
            settings.order_seed,
        )  # fmt: skip
        self.rate = self.run.rate(self.optimizer)
        self.epoch: Epoch | None = None
        self.speed = 0.0  # batches a second

    @property
    def batch(self) -> int:
        """Batches done of the epoch under way."""
        return 0 if self.epoch is None else self.epoch.n_done

    def snapshot(self) -> Snapshot:
        """Return a copy of the state."""
        assert self.run.state is not None
        return Snapshot(self.run.state.copy(), self.batch)

    def advance(self, one_batch: bool) -> EpochReport | None:
        """Run one batch, or as many as fit into a moment; return the report where they end the epoch."""
        if self.epoch is None:
            self.epoch = Epoch(self.run, self.optimizer, self.rate)
        began, done = time.perf_counter(), self.epoch.n_done
        report = self.epoch.advance(1 if one_batch else max(1, int(self.speed * STRETCH)))
        self.speed = (self.epoch.n_done - done) / max(time.perf_counter() - began, 1e-6)
        if report is not None:
            self.epoch = None
        return report


class LiveSession(Session):
    """Runs that the page makes and trains.

    Parameters
    ----------
    sources : sequence of Source
        What can be learned; the first one is shown.
    changes : dict
        Settings of the first run that differ from those that suit its source.
    """

    mode = "live"

    def __init__(self, sources: Sequence[Source] = BUILT_IN, **changes: Any) -> None:
        super().__init__()
        self.sources = {source.name: source for source in sources}
        self._goal: str | None = None
        self._busy = self._closed = False
        self._due = 0.0  # when the epoch under way may end
        self._waits = False  # whether the last one ended before it might
        self._orders = threading.Lock()  # one at a time, for each waits for the training thread
        self._begin(Settings.for_source(sources[0], **changes))
        self._thread = threading.Thread(target=self._work, name="clearprop-training", daemon=True)
        self._thread.start()

    def _begin(self, settings: Settings) -> None:
        """Make a run of settings and look at it."""
        problem = self.sources[settings.problem].problem(settings.noise, settings.data_seed)
        learner = Learner(problem, settings)
        self._look_at(str(next(self._numbers)), learner, problem, settings)

    def _look_at(self, number: str, learner: Learner, problem: Problem, settings: Settings) -> None:
        history = History(problem.metric)
        start = learner.snapshot()
        history.keep(start)
        run = RunRecord(
            number, settings.title(problem), asdict(settings), problem, learner.run.net.copy(), learner.optimizer,
            learner.run.n_batches, history, start,
        )  # fmt: skip
        with self.changed:
            self.settings, self.learner = settings, learner
            self._show(run)

    @property
    def spares_products(self) -> bool:
        """Whether the native engine trains, which does without NumPy's matrix products."""
        net, optimizer = self.current.network, self.current.optimizer
        return optimizer is not None and choose(net.engine, net.program, optimizer).name == "native"

    @property
    def hurries(self) -> bool:
        """Whether a training is under way that takes all the time it can get: no pace holds it up."""
        return super().hurries and not self._waits

    # ---- what the page asks for

    def change(self, settings: Any) -> None:
        """Make another run of settings, or let this one go on to another end where nothing else differs."""
        with self._orders:
            wanted = self.settings.changed(settings, self.sources)
            self._pause()
            if self.settings.needs_another_run(wanted):
                self._begin(wanted)
                return
            with self.changed:
                self.settings, run = wanted, self.current
                run.settings = asdict(wanted)
                if run.status == "finished" and not self._ends():
                    run.status, run.message = "paused", None
                self._touch(reset=True, now=True)

    def control(self, action: str) -> None:
        """Play, pause, run one batch, finish one epoch, go back to the start, or end the run."""
        with self._orders:
            self._pause()
            run = self.current
            if action == "rewind":
                self._look_at(run.id, Learner(run.problem, self.settings), run.problem, self.settings)
            elif action == "stop" and run.status != "diverged":
                self._rest("finished", "stopped")
            elif action in ("play", "batch", "epoch"):
                self._start(action)
        if action in ("batch", "epoch"):
            with self.changed:
                self.changed.wait_for(lambda: self._goal is None, timeout=PATIENCE)

    def _start(self, goal: str) -> None:
        if self.current.status == "diverged":
            raise ArgumentError("the run has diverged; rewind it, or change its settings.")
        if goal == "play" and (reason := self._ends()):
            self._rest("finished", reason)
            return
        with self.changed:
            self._goal, self.current.status, self.current.message = goal, "running", None
            self._due, self._waits = time.monotonic(), False
            self._touch(listed=True, now=True)
            self.changed.notify_all()

    def close(self) -> None:
        """End the training thread."""
        with self._orders:
            self._pause()
            with self.changed:
                self._closed = True
                self.changed.notify_all()
        self._thread.join()

    def _choices(self) -> dict[str, Any]:
        problems = [{"name": source.name, "title": source.title} for source in self.sources.values()]
        return {**super()._choices(), "problems": problems}

    def _pause(self) -> None:
        """Let the training thread come to rest."""
        with self.changed:
            self._goal = None
            self.changed.notify_all()
            self.changed.wait_for(lambda: not self._busy)
            if self.current.status == "running":
                self._rest("paused", None)

    def _ends(self) -> str | None:
        """Return why the run is at its end, or None."""
        settings, curve = self.settings, self.current.history.curve
        state = self.learner.run.state
        assert state is not None
        if state.epoch >= settings.max_epochs:
            return f"epoch {state.epoch} of {settings.max_epochs}"
        if settings.stop_loss is not None and curve["loss"] and curve["loss"][-1] < settings.stop_loss:
            return f"loss below {settings.stop_loss:g}"
        return None

    # ---- the training thread

    def _work(self) -> None:
        while True:
            with self.changed:
                self.changed.wait_for(lambda: self._goal or self._closed)
                if self._closed:
                    return
                self._busy, goal, learner = True, self._goal, self.learner
            try:
                report = learner.advance(goal == "batch")
                status, message = None, None
            except NonFiniteError as error:
                report, status, message = None, "diverged", str(error)
            except ClearpropError as error:
                report, status, message = None, "finished", str(error)
            except Exception as error:  # whoever waits for this thread must not wait for ever
                logging.getLogger("clearprop.ui").exception("training on the page failed")
                report, status, message = None, "finished", f"ended by {type(error).__name__}: {error}"
            with self.changed:
                self._busy = False
                self._note(goal, report, status, message)
                self.changed.notify_all()
                if report is not None and self._goal == "play" and self.settings.pace is not None:
                    self._wait(1.0 / self.settings.pace)

    def _wait(self, interval: float) -> None:
        """Wait until an interval has passed since the last epoch was due, or something else is asked for."""
        now = time.monotonic()
        due = self._due = max(self._due + interval, now)
        self._waits = due > now
        self.changed.wait_for(lambda: self._goal != "play" or self._closed or self._due != due, timeout=due - now)

    def _note(self, goal: str | None, report: EpochReport | None, status: str | None, message: str | None) -> None:
        """Note what a stretch of training has brought."""
        run, state = self.current, self.learner.run.state
        assert state is not None
        thinned = run.note(state, self.learner.batch, report, self.version + 1)
        if status is None and goal == "play" and report is not None and (reason := self._ends()):
            status, message = "finished", reason
        elif status is None and (self._goal is None or goal == "batch" or (goal == "epoch" and report is not None)):
            status = "paused"
        self._touch(reset=thinned)
        if status is not None:
            self._goal = None
            self._rest(status, message)

    def _rest(self, status: str, message: str | None) -> None:
        """Note that training stands still, with a snapshot of where."""
        run, state = self.current, self.learner.run.state
        assert state is not None
        with self.changed:
            run.note(state, self.learner.batch, None, self.version + 1, stops=True)
            run.status, run.message = status, message
            self._touch(listed=True, now=True)
