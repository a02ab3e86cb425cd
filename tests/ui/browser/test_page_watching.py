"""A training of the user's own program, looked at while it goes on."""

import itertools
import threading

import numpy
from page_actions import VIEWS, show
from playwright.sync_api import BrowserContext, expect

import clearprop as cp
from clearprop.ui.live import LiveSession
from clearprop.ui.server import PageServer


def test_a_training_is_watched_paused_and_ended_from_the_page(context: BrowserContext, watched) -> None:
    rng = numpy.random.default_rng(0)
    X = rng.normal(size=(64, 3))
    net = cp.Network([cp.Dense(5), cp.Tanh(), cp.Dense(1)], inputs=3, seed=0)
    with cp.LiveView(port=0, open=False) as view:
        training = threading.Thread(target=lambda: net.fit(X, X[:, :1], epochs=1_000_000, callbacks=[view]))
        training.start()
        page = context.new_page()
        watched.watch(page)
        page.goto(view.url)
        expect(page.locator("#figure-status")).to_have_text("Training")
        for name in ("batch", "epoch", "rewind"):
            expect(page.locator(f"#control-{name}")).to_be_hidden()
        expect(page.get_by_role("form", name="Settings")).to_be_hidden()
        expect(page.locator(".facts")).to_contain_text("Input 3, Dense 5, Tanh, Dense 1")
        page.get_by_role("button", name="Pause").click()
        expect(page.locator("#figure-status")).to_have_text("Paused")
        for name in VIEWS:
            show(page, name)
        page.get_by_role("button", name="Stop").click()
        expect(page.locator("#figure-status")).to_have_text("Finished")
        training.join()
        assert watched.complaints == []


def test_a_phone_shows_a_training_without_a_metric_in_one_column(context: BrowserContext) -> None:
    X = numpy.eye(3)
    net = cp.Network([cp.Dense(5), cp.Tanh(), cp.Dense(1)], inputs=3, loss=cp.BinaryCrossEntropy(), seed=0)
    with cp.LiveView(port=0, open=False) as view:
        net.fit(X, [0.0, 1.0, 1.0], epochs=3, callbacks=[view])
        page = context.new_page()
        page.set_viewport_size({"width": 400, "height": 800})
        page.goto(view.url)
        live = show(page, "live")
        figures = live.locator("figure:visible").all()
        boxes = [figure.bounding_box() for figure in figures]
        assert len(boxes) == 3
        for above, below in itertools.pairwise(boxes):
            assert above["y"] + above["height"] <= below["y"]
            assert above["width"] > 300


def test_another_address_in_the_same_tab_is_heeded(context: BrowserContext, session: LiveSession, server) -> None:
    page = context.new_page()
    page.goto(server.address)
    expect(page.locator("body")).to_contain_text("the token is missing or wrong")
    page.goto(server.url)
    expect(page.locator("#figure-epoch")).to_have_attribute("data-value", "0")
    with PageServer(session, port=0) as other:  # as if the program were begun anew on the same port
        page.goto(f"{server.address}#{other.url.partition('#')[2]}&view=data")
        expect(page.locator("body")).to_contain_text("the token is missing or wrong")
        page.goto(server.url)
        expect(page.locator("#figure-epoch")).to_have_attribute("data-value", "0")
        assert "token" not in page.url


def test_a_page_that_is_opened_early_waits_for_the_training(context: BrowserContext) -> None:
    net = cp.Network([cp.Dense(1)], inputs=2, seed=0)
    with cp.LiveView(port=0, open=False) as view:
        page, errors = context.new_page(), []
        page.on("pageerror", lambda error: errors.append(error))
        page.goto(view.url)
        expect(page.locator("#status")).to_have_text("Waiting for a training to begin.")
        net.fit(numpy.eye(2), [0.0, 1.0], epochs=3, callbacks=[view])
        expect(page.locator("#figure-status")).to_have_text("Finished")
        expect(page.locator("#status")).not_to_contain_text("Waiting")
        expect(page.locator("#message")).to_be_empty()
        assert errors == []
