"""The training of a table model: which columns to read, which rows to validate on, and the best epoch kept."""

from __future__ import annotations

import csv
import dataclasses
import io
import shlex
from collections import Counter
from collections.abc import Generator, Iterable

import numpy

import clearprop
from clearprop.errors import ArgumentError, DataError
from clearprop.estimators.table import TableModel
from clearprop.estimators.table_columns import Columns
from clearprop.estimators.table_data import Table
from clearprop.estimators.table_recipe import Recipe
from clearprop.estimators.table_target import LOSSES, Classes, Values, has_target, infer_task
from clearprop.training import EarlyStopping, EpochReport, train
from clearprop.training.data import split_rows
from clearprop.training.stopping import Watch
from clearprop.validation import check_choice, show

__all__ = ["TableTraining"]

FEW = 20  # rows; so few may all differ by chance
MANY_TEXTS = 100


class TableTraining:
    """A table model and the rows that it is going to be trained on.

    Parameters
    ----------
    table : Table
        Rows; those without a target are left out.
    target : str
        The column to predict.
    task : {"classification", "regression"} or None
        By default told from the target's values.
    features : iterable of str or None
        The columns to read; by default all but the target.
    drop : iterable of str
        Columns not to read.
    categorical : iterable of str
        Columns whose numbers are names of categories.
    validation : float or Table
        Share of the rows to validate on (0 for none), or other rows.
    recipe : Recipe
        The network and its training.

    Attributes
    ----------
    model : TableModel
        The model: untrained at first, the best one when `reports` has ended.
    notes : list of str
        What was left out, and why, and what deserves a second look.
    n_rows, n_validation : int
        Rows to train on and to validate on.
    """

    def __init__(
        self,
        table: Table,
        target: str,
        *,
        task: str | None = None,
        features: Iterable[str] | None = None,
        drop: Iterable[str] = (),
        categorical: Iterable[str] = (),
        validation: float | Table = 0.2,
        recipe: Recipe | None = None,
    ) -> None:
        self.recipe = recipe = Recipe() if recipe is None else recipe
        table = table.with_categories(categorical)
        self.notes: list[str] = []
        rows = has_target(table, target)
        if len(rows) < table.n_rows:
            self.notes.append(f"{table.n_rows - len(rows)} of {table.n_rows} rows have no '{target}': left out")
            table = table.take(rows)
        self.task = infer_task(table, target) if task is None else task
        if recipe.loss is not None:
            check_choice(self.task, "loss", recipe.loss, LOSSES[self.task])
        kinds = self._kinds(table, target, features, set(drop))
        self._check_classes(table, target, given=task is not None)
        numeric = [name for name, kind in {**kinds, target: table.kind(target)}.items() if kind == "number"]
        if commas := [name for name in numeric if table.has_commas(name)]:
            self.notes.append(f"read with decimal commas: {', '.join(commas)}")
        aim = Classes.fit(table, target) if self.task == "classification" else Values.fit(table, target, recipe.loss)
        if isinstance(validation, Table):
            held_out: Table | None = validation.take(has_target(validation, target))
        elif validation == 0:
            held_out = None
        else:
            table, held_out = self._split(table, aim, validation)
        if isinstance(aim, Values):  # scaled by the training rows alone
            aim = Values.fit(table, target, recipe.loss)
        columns = Columns.fit(table, kinds)
        missing = tuple(sorted(table.missing))
        self.model = TableModel(recipe.network(len(columns.inputs), aim), columns, aim, missing)
        self._X, self._y = columns.transform(table), aim.encode(table)
        self._held_out = held_out
        self._validation = None if held_out is None else (columns.transform(held_out), aim.encode(held_out))
        if isinstance(validation, Table) and held_out is not None:
            self.notes += [f"{held_out.source}: {text}" for text in columns.unseen(held_out)]
        self.n_rows = table.n_rows
        self.n_validation = 0 if held_out is None else held_out.n_rows
        self.model.record = {
            "clearprop": clearprop.__version__,
            "source": table.source,
            "rows": self.n_rows,
            "validation_rows": self.n_validation,
            "recipe": {**dataclasses.asdict(recipe), "hidden": list(recipe.hidden), "batch_size": self.batch_size},
        }

    def _check_classes(self, table: Table, target: str, given: bool) -> None:
        """Refuse texts of which hardly any two are alike as classes, unless the user has asked for classification."""
        if self.task != "classification" or table.kind(target) not in ("category", "date"):
            return
        counts = Counter(table.labels(target))
        alone = sum(count == 1 for count in counts.values())
        if 2 * alone <= table.n_rows and (len(counts) <= 50 or 2 * len(counts) <= table.n_rows):
            return
        found = f"'{target}' has {len(counts)} different texts in {table.n_rows} rows"
        if given:
            self.notes.append(f"{found}; there is little to learn about a class of so few rows")
            return
        example = next(iter(counts))
        numeric = "," in example and example.replace(",", "").isdigit()
        hint = " For numbers with decimal commas, separate the columns by semicolons." if numeric else ""
        raise DataError(
            f"{table.source}: {found} (such as {show(example)}), which looks like names or free text; "
            f"classes need several rows each. Choose another --target, or pass --task classification if they are.{hint}"
        )

    def _kinds(self, table: Table, target: str, features: Iterable[str] | None, drop: set[str]) -> dict[str, str]:
        """Return the features to read and what they hold; columns that tell nothing are left out."""
        chosen = list(table.columns) if features is None else list(dict.fromkeys(features))
        table.require([*chosen, *drop])
        if features is not None and target in chosen:
            raise ArgumentError(f"'{target}' is the target, so it cannot be a feature; leave it out of --features.")
        n_rows = table.n_rows
        kinds, constant, different, doubts = {}, [], [], []
        for name in chosen:
            if name == target or name in drop:
                continue
            kind = table.kind(name).replace("date", "category")  # this model knows no dates
            values = table.categories(name) if kind == "category" else table.numbers(name, boolean=kind == "boolean")
            n_distinct = len(set(values.tolist())) if kind == "category" else len(numpy.unique(values))
            if n_distinct == 1 and n_rows > 1:
                constant.append(name)
                continue
            if kind == "category" and n_distinct == n_rows > FEW:
                different.append(name)
                continue
            kinds[name] = kind
            remedy = f"if it only names rows, leave it out with --drop {_option(name)}"
            if kind == "number" and n_distinct == n_rows > FEW and (values == numpy.floor(values)).all():
                doubts.append(f"'{name}' is another whole number in every row; {remedy}")
            elif kind == "category" and n_distinct > MANY_TEXTS and 2 * n_distinct > n_rows:
                doubts.append(f"'{name}' has {n_distinct} different texts in {n_rows} rows; {remedy}")
            elif kind == "category" and (padded := table.padded(name)) is not None:
                doubts.append(f"'{name}' has whole numbers with leading zeros ({padded}): taken as categories")
        reasons = ((constant, "the same value in every row"), (different, "another text in every row"))
        self.notes += [f"left out ({why}): {', '.join(found)}" for found, why in reasons if found]
        if not kinds:
            why = "; ".join(self.notes)
            raise DataError(f"{table.source} has no column left to learn from{f' ({why})' if why else ''}.")
        self.notes += doubts
        return kinds

    def _split(self, table: Table, target: Classes | Values, share: float) -> tuple[Table, Table]:
        """Return the rows to train and to validate on, drawn at random; each class gives its share."""
        n_held_out = round(share * table.n_rows)
        if not 0 < n_held_out < table.n_rows:
            count = "1 row" if table.n_rows == 1 else f"{table.n_rows} rows"
            raise DataError(
                f"{table.source}: --valid {share:g} of {count} leaves {n_held_out} to validate on and "
                f"{table.n_rows - n_held_out} to train on. Give more rows, another --valid, or --valid 0 for none."
            )
        classes = target.encode(table) if isinstance(target, Classes) else None
        kept, held_out = split_rows(table.n_rows, share, classes, self.recipe.seed)
        return table.take(kept), table.take(held_out)

    @property
    def batch_size(self) -> int:
        """Rows of an update."""
        automatic = min(256, max(16, self.n_rows // 100))
        return self.recipe.batch_size or automatic

    def reports(self, progress: bool = False) -> Generator[EpochReport, None, None]:
        """Train and yield a report an epoch.

        However it ends (all epochs, patience, an exception such as KeyboardInterrupt, or `close`), the model then has
        the parameters of the best epoch so far: the one of least validation loss, or the last where nothing is
        validated on.
        """
        net, record = self.model.network, self.model.record
        watch = Watch(EarlyStopping(self.recipe.patience))
        history: dict[str, list[float]] = {"loss": []}
        if self.n_validation:
            history["validation_loss"] = []
        record |= {"epochs": 0, "best_epoch": 0, "stopped": "interrupted", "history": history}
        reports = train(
            net,
            self._X,
            self._y,
            optimizer=self.recipe.make_optimizer(),
            epochs=self.recipe.epochs,
            batch_size=self.batch_size,
            validation=self._validation,
            seed=self.recipe.seed,
            progress=progress,
        )
        try:
            for report in reports:
                best = watch.best
                stop = self.n_validation > 0 and watch.stops(report)
                for name, values in history.items():
                    values.append(report.value(name))
                record["epochs"] = report.epoch
                if not self.n_validation or watch.best < best:
                    record["best_epoch"] = report.epoch
                yield report
                if stop:
                    record["stopped"] = "patience"
                    break
            else:
                record["stopped"] = "epochs"
        finally:
            reports.close()
            watch.restore()

    def validate(self) -> dict[str, float]:
        """Return the metrics on the validation rows, empty where there are none; the record keeps them."""
        metrics = {} if self._held_out is None else self.model.evaluate(self._held_out)
        self.model.record["validation"] = metrics
        return metrics


def _option(name: str) -> str:
    """Return the name of a column as the user can type it in a list of names."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="").writerow([name])
    return shlex.quote(buffer.getvalue())
