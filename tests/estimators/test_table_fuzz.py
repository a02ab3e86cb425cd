"""Tables that nobody would think of: random columns of every kind, with gaps, few rows and rows unlike those before."""

from __future__ import annotations

import datetime
import tempfile
from pathlib import Path

import numpy
import pandas
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import clearprop as cp
from clearprop.estimators.tables import Recipe

QUICK = Recipe(hidden=(4,), epochs=1, batch_size=16)
# a column is a kind and what draws its values; the rows to predict are drawn anew
VALUES = {
    "floats": st.floats(allow_nan=True, allow_infinity=False, width=64),
    "small": st.floats(-3, 3),
    "integers": st.integers(-(2**62), 2**62),
    "few": st.sampled_from([0, 1, 2]),
    "flags": st.booleans(),
    "texts": st.text(max_size=3),
    "letters": st.sampled_from("abcdefghijklmnop"),
    "dates": st.datetimes(datetime.datetime(1700, 1, 1), datetime.datetime(2200, 1, 1)),
    "mixed": st.one_of(st.integers(-5, 5), st.text(max_size=2), st.booleans()),
    "constant": st.just(7.0),
    "nothing": st.none(),
}


@st.composite
def tables(draw):
    """Draw rows to learn from, and rows to predict with the same columns."""
    kinds = draw(st.lists(st.sampled_from(sorted(VALUES)), min_size=1, max_size=6))
    n, n_new = draw(st.integers(2, 20)), draw(st.integers(1, 5))
    gaps = draw(st.sampled_from([0.0, 0.0, 0.3, 0.9]))
    random = numpy.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    parts = []
    for rows in (n, n_new):
        columns = {}
        for place, kind in enumerate(kinds):
            values = draw(st.lists(VALUES[kind], min_size=rows, max_size=rows))
            missing = random.random(rows) < gaps
            if kind == "mixed":  # or it would be a column of numbers in one part and of texts in the other
                values[0], missing[0] = "x", False
            columns[f"{kind} {place}"] = pandas.Series(
                [None if gone else value for value, gone in zip(values, missing, strict=True)]
            )
        parts.append(pandas.DataFrame(columns))
    return parts


def from_its_file(model):
    """Return the model as its file tells it."""
    with tempfile.TemporaryDirectory() as folder:
        model.save(Path(folder) / "model")
        return cp.load(Path(folder) / "model")


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=250, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(tables(), st.integers(2, 4))
def test_any_table_is_classified(parts, n_classes):
    table, new = parts
    y = [f"class {row % min(n_classes, len(table))}" for row in range(len(table))]
    model = cp.Classifier(QUICK, random_state=0).fit(table, y)
    p = model.predict_proba(new)
    assert numpy.isfinite(p).all()
    numpy.testing.assert_allclose(p.sum(axis=1), 1.0, atol=1e-5)
    assert set(model.predict(new)) <= set(y)
    str(model.preprocessing_.summary())
    assert numpy.isfinite(model.attributions(new)).all()
    numpy.testing.assert_array_equal(from_its_file(model).predict_proba(new), p)


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=250, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(tables(), st.floats(-1e30, 1e30), st.floats(0, 1e30))
def test_numbers_of_any_table_are_predicted(parts, offset, scale):
    table, new = parts
    y = offset + scale * numpy.arange(len(table))
    model = cp.Regressor(QUICK, random_state=0).fit(table, y)
    prediction = model.predict(new)
    assert (prediction >= y.min()).all()
    assert (prediction <= y.max()).all()
    low, high = model.predict_interval(new, coverage=0.1).T
    assert (low <= high).all()
    numpy.testing.assert_array_equal(from_its_file(model).predict(new), prediction)
