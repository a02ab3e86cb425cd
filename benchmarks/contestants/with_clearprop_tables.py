"""clearprop's estimators for tables, which are handed the table as it is."""

from __future__ import annotations

from typing import Any, ClassVar

import clearprop as cp
from contestants.table import TableContestant


class Fast(TableContestant):
    """`Classifier` or `Regressor` with ``preset="fast"``; they take the CPUs that the process may use."""

    preset: ClassVar[str] = "fast"
    detail = f"clearprop {cp.__version__}"

    def make(self) -> Any:
        """Return the estimator."""
        make = cp.Regressor if self.task.is_regression else cp.Classifier
        return make(preset=self.preset, random_state=self.task.seed)

    def intervals(self) -> list[list[float]]:
        """Return the prediction intervals of the test table."""
        ends: list[list[float]] = self.model.predict_interval(self.task.X_test, coverage=0.9).tolist()
        return ends


class Balanced(Fast):
    """The same with ``preset="balanced"``."""

    preset = "balanced"


class Best(Fast):
    """The same with ``preset="best"``."""

    preset = "best"
