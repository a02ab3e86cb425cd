"""XGBoost."""

from __future__ import annotations

from typing import Any

import xgboost

from contestants.table import CategoryContestant


class Table(CategoryContestant):
    """`XGBClassifier` or `XGBRegressor`, told that there are categories."""

    detail = f"XGBoost {xgboost.__version__}"

    def make(self) -> Any:
        """Return the estimator."""
        make = xgboost.XGBRegressor if self.task.is_regression else xgboost.XGBClassifier
        return make(n_jobs=self.threads, random_state=self.task.seed, enable_categorical=True)
