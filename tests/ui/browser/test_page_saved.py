"""A saved model on the page: what it is, and what cannot be changed of it."""

from collections.abc import Iterator

import numpy
import pytest
from page_actions import show, train
from playwright.sync_api import Page, expect

import clearprop as cp
from clearprop.ui.live import LiveSession
from clearprop.ui.sources import SavedModel


@pytest.fixture
def session() -> Iterator[LiveSession]:
    rows = numpy.random.default_rng(0).normal(size=(40, 2))
    net = cp.Network([cp.Dense(3), cp.Tanh(), cp.Dense(1)], inputs=2, seed=0)
    made = LiveSession([SavedModel(net, [rows], rows.sum(axis=1), ["a", "b"], "c", None, "net on rows.csv")])
    yield made
    made.close()


def test_a_saved_model_keeps_its_network_and_goes_on(page: Page) -> None:
    section, status = show(page, "live"), page.locator("#figure-status")
    expect(status).to_have_text("As saved")
    expect(section.get_by_label("Learning rate")).to_be_visible()
    expect(section.get_by_label("Hidden layers")).to_be_hidden()
    expect(section.get_by_role("img", name="Loss by epoch")).to_contain_text("no epochs yet")
    train(page, "epoch", 1)
    expect(status).to_have_text("Paused")
    expect(section.get_by_role("img", name="Loss by epoch, now")).not_to_contain_text("no epochs yet")
