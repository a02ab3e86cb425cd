"""LightGBM."""

from __future__ import annotations

from typing import Any

import lightgbm

from contestants.table import CategoryContestant


class Table(CategoryContestant):
    """`LGBMClassifier` or `LGBMRegressor`, which recognise columns of categories."""

    detail = f"LightGBM {lightgbm.__version__}"

    def make(self) -> Any:
        """Return the estimator."""
        make = lightgbm.LGBMRegressor if self.task.is_regression else lightgbm.LGBMClassifier
        return make(n_jobs=self.threads, random_state=self.task.seed, verbose=-1)
