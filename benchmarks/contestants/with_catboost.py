"""CatBoost."""

from __future__ import annotations

from typing import Any

import catboost
import pandas

from contestants.table import TableContestant, categorical


class Table(TableContestant):
    """`CatBoostClassifier` or `CatBoostRegressor`, told which columns are categories."""

    detail = f"CatBoost {catboost.__version__}"

    def make(self) -> Any:
        """Return the estimator."""
        make = catboost.CatBoostRegressor if self.task.is_regression else catboost.CatBoostClassifier
        return make(
            thread_count=self.threads,
            random_seed=self.task.seed,
            cat_features=categorical(self.task.X_train),
            verbose=False,
            allow_writing_files=False,
        )

    def learn(self, X: pandas.DataFrame) -> pandas.DataFrame:
        """Return the table with a level of its own for missing categories, which CatBoost refuses otherwise."""
        return X.assign(**{name: X[name].astype(object).where(X[name].notna(), "missing") for name in categorical(X)})
