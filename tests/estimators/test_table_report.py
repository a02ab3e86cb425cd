"""The report: what it says is what scikit-learn measures, and the page is safe, self-contained and readable."""

from __future__ import annotations

import html
import sys
from html.parser import HTMLParser

import numpy
import pandas
import polars
import pytest
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    log_loss,
    mean_absolute_error,
    r2_score,
    roc_auc_score,
    root_mean_squared_error,
)
from test_table_estimators import FEW, QUICK, amounts, labels, mixed

import clearprop as cp
from clearprop.estimators.tables import Recipe
from clearprop.estimators.tables.report.markup import number
from clearprop.estimators.tables.report.quality import calibration_error
from clearprop.files import write_atomically

ONE = Recipe(hidden=(4,), periodic=False, epochs=2, batch_size=32)
VOID = {"meta", "br", "img", "input", "link", "hr"}


class Page(HTMLParser):
    """What stands on a page: its tags, cards, tables and texts."""

    def __init__(self, report):
        super().__init__()
        self.tags, self.facts, self.tables, self.texts, self.open = [], {}, {}, [], []
        self._term, self._caption = "", ""
        self.feed(report.html)
        self.close()
        assert not self.open, "every element is closed"

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr" and self._caption:
            self.tables[self._caption].append([])
        if tag in ("td", "th"):
            self.tables[self._caption][-1].append("")

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)
        tag = self.open[-1] if self.open else ""
        if tag == "dt":
            self._term = data
        elif tag == "dd":
            self.facts[self._term] = data
        elif tag == "caption":
            self._caption = data
            self.tables[data] = []
        elif tag in ("td", "th"):
            self.tables[self._caption][-1][-1] += data

    def named(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


def small(n_columns=3, n_rows=60):
    return numpy.random.default_rng(0).normal(size=(n_rows, n_columns))


@pytest.fixture(scope="module")
def classes():
    table, new = mixed(300), mixed(200, seed=1)
    model = cp.Classifier(QUICK, random_state=0).fit(table, labels(table))
    y = labels(new)
    y[:20] = numpy.where(y[:20] == "yes", "no", "yes")  # some that no model gets right
    return model, new, y, model.report(new, y)


@pytest.fixture(scope="module")
def numbers():
    table, new = mixed(300), mixed(1200, seed=1)
    model = cp.Regressor(FEW, random_state=0).fit(table, amounts(table))
    return model, new, amounts(new), model.report(new, amounts(new))


def test_the_metrics_of_classes_are_scikit_learns(classes):
    model, new, y, report = classes
    p, predicted = model.predict_proba(new), model.predict(new)
    shown = Page(report).facts
    assert shown["accuracy"] == number(accuracy_score(y, predicted))
    assert shown["balanced accuracy"] == number(balanced_accuracy_score(y, predicted))
    assert shown["log loss"] == number(log_loss(y, p))
    assert shown["ROC AUC"] == number(roc_auc_score(y, p[:, 1]))
    assert shown["expected calibration error"] == number(calibration_error(p.max(axis=1), y == predicted))
    assert shown["rows in this report"] == "200"
    mistakes = Page(report).tables["The most frequent mistakes"][1:]
    assert {(true, taken): int(rows) for true, taken, rows in mistakes} == {
        (true, taken): int(((y == true) & (predicted == taken)).sum()) for true, taken in (("no", "yes"), ("yes", "no"))
    }


def test_the_metrics_of_numbers_are_scikit_learns(numbers):
    model, new, y, report = numbers
    predicted, shown = model.predict(new), Page(report).facts
    assert shown["RMSE"] == number(root_mean_squared_error(y, predicted))
    assert shown["MAE"] == number(mean_absolute_error(y, predicted))
    assert shown["R²"] == number(r2_score(y, predicted))


def test_what_matters_comes_first(classes):
    _, new, _, report = classes
    rows = Page(report).tables["Columns, by what they matter"][1:]
    assert {row[0] for row in rows} == set(new.columns)
    assert {row[0] for row in rows[:2]} == {"colour", "when"}


def test_each_network_has_its_row(numbers):
    model, *_, report = numbers
    rows = Page(report).tables["The networks"][1:]
    expected = [
        [len(member.held_out), len(member.history["validation_rmse"]), member.best_epoch] for member in model.members_
    ]
    assert [[int(cell) for cell in row[1:4]] for row in rows] == expected
    assert [row[4] for row in rows] == [number(min(member.history["validation_rmse"])) for member in model.members_]


def test_the_preprocessing_is_told(classes):
    model, *_, report = classes
    rows = Page(report).tables["What becomes of each column"][1:]
    assert [tuple(row) for row in rows] == [tuple(map(str, row)) for row in model.preprocessing_.summary().rows]


@pytest.mark.parametrize("kind", ["classes", "numbers"])
def test_the_page_needs_nothing_and_runs_nothing(kind, request):
    page = Page(request.getfixturevalue(kind)[-1])
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    assert {"http-equiv": "Content-Security-Policy", "content": policy} in page.named("meta")
    assert not {"script", "link", "img", "iframe", "object", "embed", "base", "form"} & {tag for tag, _ in page.tags}
    for _, attrs in page.tags:
        assert not any(name.startswith("on") for name in attrs)
        for name in ("href", "src", "xlink:href"):
            assert attrs.get(name, "#").startswith(("#", "data:image/png;base64,"))


@pytest.mark.parametrize("kind", ["classes", "numbers"])
def test_the_page_can_be_read_by_everyone(kind, request):
    page = Page(request.getfixturevalue(kind)[-1])
    headings = [tag for tag, _ in page.tags if tag in ("h1", "h2", "h3")]
    assert headings == ["h1"] + ["h2"] * (len(headings) - 1)
    assert all(attrs["scope"] in ("col", "row") for attrs in page.named("th"))
    assert len(page.named("caption")) == len(page.named("table"))
    pictures = page.named("svg")
    assert len(pictures) == len(page.named("figcaption")) == 4
    assert all(attrs["role"] == "img" and len(attrs["aria-label"]) > 20 for attrs in pictures)
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(set(ids)) == len(ids)
    assert "prefers-color-scheme: dark" in request.getfixturevalue(kind)[-1].html
    assert "#000000" not in request.getfixturevalue(kind)[-1].html  # what is black is in the colour of the text


def test_names_from_the_data_are_texts():
    evil, formula, tongue = "<img src=x onerror=alert(1)>", "$\\frac{$ &amp; \x00\x1b", "大きさ"
    table = pandas.DataFrame(small(), columns=[evil, formula, tongue]).assign(word=["<script>", "$", tongue] * 20)
    y = numpy.array([f"</svg><script>{evil}", f"{formula}\ud800", tongue] * 20)
    report = cp.Classifier(ONE, random_state=0).fit(table, y).report(table, y)
    page = Page(report)
    assert not {"img", "script"} & {tag for tag, _ in page.tags}
    told = {row[0] for row in page.tables["Columns, by what they matter"][1:]}
    replaced = "\N{REPLACEMENT CHARACTER}" * 2
    assert told == {evil, f"$\\frac{{$ &amp; {replaced}", tongue, "word"}
    assert sum(tongue in text for text in page.texts) > 2


def test_a_report_is_written_at_once_and_shown_in_a_frame(classes, tmp_path, monkeypatch):
    model, new, y, report = classes
    written = []
    monkeypatch.setattr(
        "clearprop.estimators.tables.report.page.write_atomically",
        lambda path, data: (written.append(path), write_atomically(path, data)),
    )
    again = model.report(new, y, tmp_path / "first.html")
    report.save(tmp_path / "second.html")
    assert written == [tmp_path / "first.html", tmp_path / "second.html"]
    assert again.html == report.html  # the same bits
    for path in written:
        assert path.read_text(encoding="utf-8") == report.html
    frame = report._repr_html_()
    assert html.unescape(frame.split('srcdoc="')[1].split('"')[0]) == report.html
    assert repr(report) == f"<Report, {len(report.html):,} characters of HTML; save(path) writes it>"


def test_drawing_leaves_matplotlib_as_it_was(classes):
    import matplotlib
    import matplotlib.pyplot

    model, new, y, report = classes
    with matplotlib.rc_context({"font.size": 40.0, "text.color": "red"}):
        assert model.report(new, y).html == report.html
        assert matplotlib.rcParams["font.size"] == 40.0
    assert matplotlib.pyplot.get_fignums() == []


def test_without_matplotlib_the_remedy_is_told(classes, monkeypatch):
    model, new, y, _ = classes
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(cp.MissingExtraError, match=r"pip install 'clearprop\[plot\]'"):
        model.report(new, y)


def test_a_large_table_is_looked_at_in_part(numbers):
    told = " ".join(Page(numbers[-1]).texts)
    assert "1,000 of the 1,200 rows" in told
    assert "1,000 of 1,200 rows, drawn at random" in told
    assert len(numbers[-1].html) < 400_000


@pytest.mark.parametrize("kind", ["polars", "pyarrow"])
def test_frames_of_other_libraries(numbers, kind):
    model, new, y, report = numbers
    frame = polars.from_pandas(new)
    assert model.report(frame if kind == "polars" else frame.to_arrow(), y).html == report.html


def test_several_labels():
    X = small()
    y = (X > 0.5).astype(int)
    y[:, 2] = 0  # ROC AUC has no meaning
    model = cp.Classifier(ONE, random_state=0).fit(X, y)
    page, predicted = Page(model.report(X, y)), model.predict(X)
    assert page.facts["rows with all labels right"] == number(accuracy_score(y, predicted))
    rows = page.tables["Each label on its own"][1:]
    assert [row[1] for row in rows] == [number(accuracy_score(y[:, k], predicted[:, k])) for k in range(3)]
    assert [row[4] == "not defined" for row in rows] == [False, False, True]
    assert [sum(map(int, row[6:])) for row in rows] == [60, 60, 60]


def test_several_outputs():
    X = small(6)
    page = Page(cp.Regressor(ONE, random_state=0).fit(X, X).report(X, X))
    assert [row[0] for row in page.tables["Each output on its own"][1:]] == [f"output {k}" for k in range(6)]
    assert any("first 4 of 6 outputs" in text for text in page.texts)
    assert len(page.named("svg")) == 2 * 4 + 2


def test_many_classes():
    X, y = small(n_rows=500), numpy.arange(500) % 50
    page = Page(cp.Classifier(ONE, random_state=0).fit(X, y).report(X[:70], y[:70]))
    assert len(page.tables["The most frequent mistakes"]) == 11
    assert "ROC AUC" not in page.facts


def test_no_mistake_at_all():
    X = numpy.repeat([-1.0, 1.0], 30)[:, None]
    page = Page(cp.Classifier(QUICK, random_state=0).fit(X, X[:, 0] > 0).report(X, X[:, 0] > 0))
    assert page.facts["accuracy"] == "1"
    assert any("No row was predicted wrong" in text for text in page.texts)


def test_many_columns():
    X = small(1000, n_rows=120)
    page = Page(cp.Regressor(ONE, random_state=0).fit(X, X[:, 0]).report(X, X[:, 0]))
    assert len(page.tables["Columns, by what they matter"]) == 21
    assert any("20 of 1,000 columns" in text and "100 of the 120 rows" in text for text in page.texts)


def test_columns_with_numbers_for_names_are_named_alike():
    X = pandas.DataFrame(small())
    page = Page(cp.Regressor(ONE, random_state=0).fit(X, X[0]).report(X, X[0]))
    titles = ("Columns, by what they matter", "What becomes of each column")
    assert [sorted(row[0] for row in page.tables[title][1:]) for title in titles] == [["0", "1", "2"]] * 2


@pytest.mark.parametrize("kind", [cp.Classifier, cp.Regressor])
def test_one_row(kind):
    X = small()
    y = numpy.arange(60) % 2
    page = Page(kind(ONE, random_state=0).fit(X, y).report(X[:1], y[:1]))
    assert "Columns, by what they matter" in page.tables
    assert not any("shuffled" in text for text in page.texts)
    assert page.facts["ROC AUC" if kind is cp.Classifier else "R²"] == "not defined"


def test_what_does_not_fit_is_told():
    X, y = small(), numpy.array(["a", "b"] * 30)
    model = cp.Classifier(ONE, random_state=0).fit(X, y)
    with pytest.raises(cp.DataError, match=r"y holds 'c', which is none of the 2 classes of training"):
        model.report(X, numpy.array(["a", "c"] * 30))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        model.report(X, y[:-1])
    both = cp.Regressor(ONE, random_state=0).fit(X, X[:, :2])
    with pytest.raises(cp.DataError, match=r"y must have shape \(60, 2\), as in training, got \(60, 3\)"):
        both.report(X, X)
    quantiles = cp.Regressor(ONE, objective="quantile", quantile=[0.1, 0.9], random_state=0).fit(X, X[:, 0])
    assert quantiles.attributions(X).shape == (60, X.shape[1], 2)
    with pytest.raises(cp.DataError, match=r"report: the model predicts 2 quantiles; fit one with a single one"):
        quantiles.report(X, X[:, 0])
    with pytest.raises(ValueError, match="not fitted"):
        cp.Regressor().report(X, y)


def test_the_calibration_error():
    confidence = numpy.array([0.9, 0.91, 0.6, 1.0])
    correct = numpy.array([True, False, True, True])
    expected = (abs(1.0 - 0.9 - 0.91) + 0.4 + 0.0) / 4  # 0.9 and 0.91 are in one of the 15 bins
    assert calibration_error(confidence, correct) == pytest.approx(expected, rel=1e-14)
