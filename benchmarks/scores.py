"""What `accuracy.py` finds, and means of it."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass
class Score:
    """How a contestant fared on a split.

    Attributes
    ----------
    kind, name : str
        "classification" or "regression", and the name of the set.
    seed : int
        Of the split.
    contestant : str
        Its key.
    status : str
        "ok", or why there is no figure.
    detail : str
        Library and version.
    error : float or None
        Error rate, or RMSE in multiples of the standard deviation.
    fit_seconds, predict_seconds : float or None
        For the training rows, and for the test rows.
    log_loss, calibration_error : float or None
        Of classifiers.
    coverage : float or None
        Share of the test rows within their interval of 90 %, of regressors that have intervals.
    """

    kind: str
    name: str
    seed: int
    contestant: str
    status: str = "ok"
    detail: str = ""
    error: float | None = None
    fit_seconds: float | None = None
    predict_seconds: float | None = None
    log_loss: float | None = None
    calibration_error: float | None = None
    coverage: float | None = None

    def __str__(self) -> str:
        if self.status != "ok":
            return f"FAILED: {self.status}"
        return f"error {self.error:.4f}, fit {self.fit_seconds:.2f} s, predict {self.predict_seconds:.2f} s"


FIGURES = ("error", "fit_seconds", "predict_seconds", "log_loss", "calibration_error", "coverage")


def read_runs(path: Path) -> list[tuple[dict[str, Any], list[Score]]]:
    """Return the runs of which an earlier JSON tells: machine and contestants, and their scores."""
    content = json.loads(path.read_text())
    scores = [Score(**row) for row in content["rows"]]
    return [(run, [score for score in scores if score.contestant in run["contestants"]]) for run in content["runs"]]


@dataclass(frozen=True)
class Column:
    """A contestant's means over the splits of each set.

    Attributes
    ----------
    label : str
        What tables and pictures call it.
    means : dict of str to dict
        By set: the mean of each of `FIGURES`, or None where no classifier is.
    failures : dict of str to str
        By set: why there are no means.
    """

    label: str
    means: dict[str, dict[str, float | None]]
    failures: dict[str, str]

    @property
    def sets(self) -> list[str]:
        """The names of all sets, in alphabetical order."""
        return sorted([*self.means, *self.failures])

    @classmethod
    def of(cls, label: str, scores: Iterable[Score], sets: Sequence[str], splits: Sequence[int]) -> Column:
        """Return the means over the splits; a set on which a split failed, or is not there, counts as failed."""
        found = {(score.name, score.seed): score for score in scores}
        means, failures = {}, {}
        for name in sets:
            group = [found.get((name, seed)) for seed in splits]
            reasons = [
                score.status if score else "not measured" for score in group if not score or score.status != "ok"
            ]
            if reasons:
                failures[name] = reasons[0]
            else:
                means[name] = {figure: _mean([getattr(score, figure) for score in group]) for figure in FIGURES}
        return cls(label, means, failures)

    def figures(self, figure: str) -> list[float] | None:
        """Return a figure for every set, or None if there are failures."""
        values = [means[figure] for means in self.means.values()]
        return None if self.failures else [value for value in values if value is not None]

    def error(self, name: str) -> float | None:
        """Return the error on a set, or None if it failed there."""
        return self.means[name]["error"] if name in self.means else None


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.mean(known) if known else None
