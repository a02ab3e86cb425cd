"""What is to be learned from a table: the task, the features, the target, and what deserves a second look."""

from __future__ import annotations

import csv
import io
import re
import shlex
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy

from clearprop.errors import ArgumentError, DataError
from clearprop.estimators.tables import Preprocessing
from clearprop.estimators.tables.table import Table, are_numbers, closest
from clearprop.training.data import spare_classes, split_rows
from clearprop.validation import check_choice, show

__all__ = ["LOSSES", "Problem", "class_codes", "infer_task", "known_rows", "numbers"]

Array = Any

LOSSES = {
    "classification": ("cross_entropy",),
    "regression": ("squared_error", "absolute_error", "poisson"),
}
MANY = 10  # whole numbers with more distinct values than this are a quantity
MANY_TEXTS = 100
NUMERIC = re.compile(r"\W{0,2}\d[\d.,:/' ]*\s*(\W{1,2}|[^\W\d]{1,4}\d?)?")
FEW = 20  # rows; the whole numbers of so few may all differ by chance


@dataclass(frozen=True)
class Problem:
    """The rows of a table to learn from.

    Attributes
    ----------
    task : {"classification", "regression"}
        What the target is.
    target : str
        Its column.
    features : Table
        The columns to read, of the rows that have a target.
    y : array
        The target: an array of objects, labels of one type; or float64.
    preprocessing : Preprocessing
        What becomes of the features.
    notes : list of str
        What is left out, and why, and what deserves a second look.
    """

    task: str
    target: str
    features: Table
    y: Array
    preprocessing: Preprocessing
    notes: list[str]

    @classmethod
    def of(
        cls,
        table: Table,
        target: str,
        *,
        task: str | None = None,
        loss: str | None = None,
        features: Iterable[str] | None = None,
        drop: Iterable[str] = (),
        categorical: Collection[str] = (),
    ) -> Problem:
        """Return what is to be learned.

        Parameters
        ----------
        table : Table
            Rows; those without a target are left out.
        target : str
            The column to predict.
        task : {"classification", "regression"} or None
            By default told from the target's values.
        loss : str or None
            One of `LOSSES` for the task.
        features : iterable of str or None
            The columns to read; by default all but the target.
        drop : iterable of str
            Columns not to read.
        categorical : collection of str
            Columns whose numbers are names of categories.
        """
        table, notes = known_rows(table.with_categories(categorical), target)
        if table.n_rows < 2:
            raise DataError(
                f"{table.source} has one row to learn from; training needs two or more, one of them to validate on."
            )
        given = task is not None
        try:
            table.kind(target)
        except DataError as error:  # numbers, and some that are not
            if task != "classification":
                raise DataError(str(error).replace(f"--categorical {target}", "--task classification")) from None
            table = table.with_categories([target])
        task = task or infer_task(table, target)
        if loss is not None:
            check_choice(task, "--loss", loss, LOSSES[task])
        kinds = _kinds(table, target, features, set(drop))
        preprocessing = Preprocessing.fit(table, kinds)
        left_out = _left_out(preprocessing)
        if not preprocessing.columns:
            why = f" ({'; '.join(left_out)})" if left_out else ""
            raise DataError(f"{table.source} has no column left to learn from{why}.")
        if task == "classification":
            notes += _check_classes(table, target, given)
        numeric = [name for name, kind in {**kinds, target: table.kind(target)}.items() if kind == "number"]
        if commas := [name for name in numeric if table.has_commas(name)]:
            notes.append(f"read with decimal commas: {', '.join(commas)}")
        y = _labels(table, target) if task == "classification" else numbers(table, target)
        if loss == "poisson" and y.min() < 0:
            low = int(numpy.argmin(y))
            raise DataError(f"{table.place(low, target)} is {y[low]:g}; --loss poisson needs numbers >= 0.")
        read = {name: kind for name, kind in kinds.items() if name not in preprocessing.dropped}
        notes += [*left_out, *_doubts(table, {name: kind for name, kind in read.items() if name not in categorical})]
        return cls(task, target, table.select(kinds), y, preprocessing, notes)

    @property
    def labels(self) -> list[Any]:
        """The classes, sorted; none for numbers."""
        return numpy.unique(self.y).tolist() if self.task == "classification" else []

    def encode(self, table: Table) -> Array:
        """Return the target of other rows, as `y` is."""
        if self.task == "regression":
            return numbers(table, self.target)
        return numpy.unique(self.y)[class_codes(table, self.target, self.labels)]

    def split(self, share: float, seed: int) -> tuple[Array, Array]:
        """Return the rows to train and to validate on, drawn at random; each class gives its share.

        A class of which all rows would be held out is trained on instead.
        """
        n_rows = len(self.y)
        n_held_out = round(share * n_rows)
        if 0 < n_held_out < n_rows:
            codes = None
            if self.task == "classification":
                _, codes = numpy.unique(self.y, return_inverse=True)
            _, held_out = split_rows(n_rows, share, codes, seed)
            if codes is not None:
                held_out = spare_classes(held_out, codes)
            if held_out.size:
                return numpy.setdiff1d(numpy.arange(n_rows), held_out), held_out
            n_held_out = 0
        raise DataError(
            f"{self.features.source}: --valid {share:g} of {n_rows} rows leaves {n_held_out} to validate on and "
            f"{n_rows - n_held_out} to train on. Give more rows, another --valid, or none."
        )


def _labels(table: Table, name: str) -> Array:
    """Return the classes of the rows, an array of the type that they have in Python: texts are objects."""
    labels = table.labels(name)
    objects = numpy.array(labels, dtype=object)
    if isinstance(labels[0], str):
        return objects
    plain = numpy.array(labels)
    return plain if plain.tolist() == labels else objects  # integers may be too large for NumPy's


def known_rows(table: Table, target: str) -> tuple[Table, list[str]]:
    """Return the rows that have a target, and a note if there are others; `DataError` where none has."""
    rows = table.present(target)
    if not rows.size:
        raise DataError(f"{table.source}: '{target}' is missing in every row; it is what the network is to learn.")
    if len(rows) == table.n_rows:
        return table, []
    return table.take(rows), [f"{table.n_rows - len(rows)} of {table.n_rows} rows have no '{target}': left out"]


def numbers(table: Table, name: str) -> Array:
    """Return a target of numbers, float64; booleans count as 0 and 1."""
    return table.numbers(name, boolean=table.kind(name) == "boolean")


def infer_task(table: Table, name: str) -> str:
    """Return ``"classification"`` for texts, booleans and few distinct whole numbers, else ``"regression"``."""
    labels = table.labels(name)
    n_distinct = len(set(labels))
    if isinstance(labels[0], bool | str):
        return "classification"
    few = isinstance(labels[0], int) and n_distinct <= MANY and 2 * n_distinct <= len(labels)
    return "classification" if few else "regression"


def class_codes(table: Table, name: str, labels: list[Any]) -> Array:
    """Return the place of every row's class in `labels`; `DataError` for a class that is not among them."""
    places = {label: place for place, label in enumerate(labels)}
    if isinstance(labels[0], str):
        found = table.categories(name).tolist()
    else:
        by_text = {str(label): label for label in labels}  # a Parquet file may hold 1 as "1"
        found = [by_text.get(label, label) for label in table.labels(name)]
    for row, label in enumerate(found):
        if label not in places:
            hint = closest(str(label), map(str, labels))
            raise DataError(f"{table.place(row, name)} is {show(label)}, a class the model does not know{hint}")
    return numpy.array([places[label] for label in found])


def _check_classes(table: Table, target: str, given: bool) -> list[str]:
    """Refuse one class, and texts of which hardly any two are alike unless the user has asked for classification."""
    counts = Counter(table.labels(target))
    if len(counts) < 2:
        only = show(next(iter(counts)))
        raise DataError(f"{table.source}: '{target}' is {only} in every row; classification needs two classes.")
    alone = sum(count == 1 for count in counts.values())
    some = 2 * alone <= table.n_rows and (len(counts) <= 50 or 2 * len(counts) <= table.n_rows)
    if some or table.kind(target) not in ("category", "date"):
        return []
    found = f"'{target}' has {len(counts)} different texts in {table.n_rows} rows"
    if given:
        return [f"{found}; there is little to learn about a class of so few rows"]
    example = next(iter(counts))
    numeric = "," in example and example.replace(",", "").isdigit()
    hint = " For numbers with decimal commas, separate the columns by semicolons." if numeric else ""
    raise DataError(
        f"{table.source}: {found} (such as {show(example)}), which looks like names or free text; "
        f"classes need several rows each. Choose another --target, or pass --task classification if they are.{hint}"
    )


def _kinds(table: Table, target: str, features: Iterable[str] | None, drop: set[str]) -> dict[str, str]:
    """Return the features to read and what they hold."""
    chosen = list(table.columns) if features is None else list(dict.fromkeys(features))
    table.require([*chosen, *drop])
    if features is not None and target in chosen:
        raise ArgumentError(f"'{target}' is the target, so it cannot be a feature; leave it out of --features.")
    return {name: table.kind(name) for name in chosen if name != target and name not in drop}


def _left_out(preprocessing: Preprocessing) -> list[str]:
    """Return for each reason to leave columns out a text that names them."""
    reasons: dict[str, list[str]] = {}
    for name, why in preprocessing.dropped.items():
        reasons.setdefault(why, []).append(name)
    return [f"left out ({why}): {', '.join(found)}" for why, found in reasons.items()]


def _doubts(table: Table, kinds: Mapping[str, str]) -> list[str]:
    """Return what the user may want to look at: columns that may only name rows, and codes."""
    doubts, n_rows = [], table.n_rows
    for name, kind in kinds.items():
        remedy = f"if it only names rows, leave it out with --drop {_option(name)}"
        if kind == "number":
            values = table.numbers(name)
            if len(numpy.unique(values)) == n_rows > FEW and (values == numpy.floor(values)).all():
                doubts.append(f"'{name}' is another whole number in every row; {remedy}")
        elif kind == "category":
            texts = set(table.categories(name)) - {None}
            if (padded := table.padded(name)) is not None:
                doubts.append(f"'{name}' has whole numbers with leading zeros ({padded}): taken as categories")
            elif sum(map(_is_like_a_number, texts)) > 0.9 * len(texts) > 5 and not are_numbers(texts):
                doubts.append(
                    f"'{name}' holds texts such as {show(min(texts))}, taken as categories; numbers must be written as "
                    "85.3 and dates as 2026-01-31 to be read as such"
                )
            elif len(texts) > MANY_TEXTS and 2 * len(texts) > n_rows:
                doubts.append(f"'{name}' has {len(texts)} different texts in {n_rows} rows; {remedy}")
    return doubts


def _is_like_a_number(text: str) -> bool:
    """Return whether a text is a number with a unit or the like, as ``85.3 m2``, ``$1,200`` and ``13.05.2020`` are."""
    return NUMERIC.fullmatch(text) is not None


def _option(name: str) -> str:
    """Return the name of a column as the user can type it in a list of names."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="").writerow([name])
    return shlex.quote(buffer.getvalue())
