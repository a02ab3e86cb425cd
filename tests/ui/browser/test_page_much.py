"""Much of everything: long texts, many classes and deep networks leave the page readable."""

import itertools
from collections.abc import Iterator

import numpy
import pytest
from page_actions import show, train
from playwright.sync_api import Page, expect

from clearprop.estimators.tables.table import Table
from clearprop.ui.live import LiveSession
from clearprop.ui.sources import UserTable

LONG = "a long text " * 200
N_CLASSES = 30


@pytest.fixture
def session() -> Iterator[LiveSession]:
    numbers = numpy.random.default_rng(0).normal(size=240)
    texts = [f"{LONG}{row % 3}" for row in range(len(numbers))]
    features = Table("long.csv", {"number": numbers, "text": texts}, {"number": "number", "text": "category"})
    labels = numpy.array([f"class {row % N_CLASSES}" for row in range(len(numbers))], dtype=object)
    made = LiveSession([UserTable(features, labels, "kind", "classification")], hidden=(4,) * 8)
    yield made
    made.close()


def test_layers_are_named_where_there_is_room(page: Page) -> None:
    section = show(page, "live")
    boxes = section.locator(".diagram text").evaluate_all("texts => texts.map(text => text.getBoundingClientRect())")
    for line in {box["top"] for box in boxes}:
        ends = sorted((box["left"], box["right"]) for box in boxes if box["top"] == line)
        assert len(ends) > 2
        assert all(right < left for (_, right), (left, _) in itertools.pairwise(ends))
    expect(section.locator(".diagram text", has_text="dense_9")).to_be_visible()


def test_many_classes_are_read_at_the_rows(page: Page) -> None:
    section = show(page, "live")
    expect(section).to_contain_text(f"{N_CLASSES} classes: point at a row to read its own.")
    expect(section.locator(".legendtext")).to_have_count(0)


def test_epochs_have_one_tick_each(page: Page) -> None:
    train(page, "epoch", 1)
    train(page, "epoch", 2)
    ticks = show(page, "live").get_by_role("img", name="Loss by epoch").locator(".xtick text")
    expect(ticks).to_have_text(["0", "1", "2"])


def test_long_texts_are_cut(page: Page) -> None:
    facts = show(page, "step").locator(".row-facts")
    expect(facts).to_contain_text("a long text a long text")
    assert len(facts.inner_text()) < 200
    assert facts.bounding_box()["height"] < 100
    cell = show(page, "data").locator("td", has_text="a long text").first
    expect(cell).to_have_attribute("title", cell.text_content() or "")
    assert cell.bounding_box()["width"] < 400
