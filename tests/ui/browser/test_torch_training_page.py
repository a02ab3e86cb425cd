"""What the page shows of random graphs that it trained, against PyTorch's own training of them, to 1e-10.

It is collected with ``--oracles``, as the tests in tests/oracles are.
"""

from __future__ import annotations

import json

import numpy
import pytest
from page_actions import as_tables, cells, numbers_in, numbers_of, show, value
from playwright.sync_api import Page, expect
from torch_page import assert_data, assert_layers, assert_live, near, of_rows, random_model
from torch_trace import assert_quantities
from torch_training import random_plain_graph, train_by_torch

import clearprop as cp
from clearprop.streams import Purpose, Stream
from clearprop.ui.live import LiveSession

N_ROWS = 24
N_EPOCHS = 4
ORDER_SEED = 7
OPTIMIZERS = {"adam": cp.Adam, "sgd": cp.SGD}


@pytest.fixture(params=range(10))
def session(request):
    """A session whose run of a random graph has an end; full batches and smaller ones in turn."""
    optimizer, batch_size = list(OPTIMIZERS)[request.param % 2], (N_ROWS, 8)[request.param // 2 % 2]
    made = LiveSession(
        [random_model(request.param, N_ROWS, random_plain_graph)], optimizer=optimizer, learning_rate=0.01,
        batch_size=batch_size, order_seed=ORDER_SEED, max_epochs=N_EPOCHS,
    )  # fmt: skip
    yield made
    made.close()


def test_the_page_shows_what_pytorch_trains(page: Page, session: LiveSession) -> None:
    problem, settings = session.current.problem, session.settings
    net, optimizer = session.current.network.copy(), OPTIMIZERS[settings.optimizer](settings.learning_rate)
    rows, held_out = problem.batches(net)
    streams = (Stream(ORDER_SEED, Purpose.SHUFFLE, epoch=epoch) for epoch in range(N_EPOCHS))
    orders = (stream.permutation(problem.n_rows) for stream in streams)
    epochs, trained = train_by_torch(net, rows, held_out, optimizer, orders, settings.batch_size)

    page.locator("#control-play").click()
    expect(page.locator("#figure-status")).to_have_text("Finished")
    figures = ("loss", "validation_loss", "metric")
    assert near([value(page.locator(f"#figure-{name}")) for name in figures], [epochs[-1][name] for name in figures])

    # the curves, as they were streamed
    section = show(page, "live")
    losses = [[number, epoch["loss"], epoch["validation_loss"]] for number, epoch in enumerate(epochs, start=1)]
    metrics = [[number, epoch["metric"]] for number, epoch in enumerate(epochs, start=1)]
    for title, expected in (("Loss", losses), ("Metric", metrics)):
        (table,) = as_tables(section, title)
        expect(table.locator("tbody tr")).to_have_count(N_EPOCHS)
        assert near(numbers_in(table), expected)

    # the runs, and what is exported
    page.reload()
    section = show(page, "runs")
    (table,) = as_tables(section, "Loss of the runs")
    assert near(numbers_in(table), losses)
    ((_, _, _, *numbers, _, _),) = cells(section.locator("[aria-label='All runs'] table"))
    assert near([cell.numbers[0] for cell in numbers], losses[-1])
    with page.expect_download() as download:
        page.locator("#export-json").click()
    curve = json.loads(download.value.path().read_text())["run"]["curve"]
    for name in epochs[0]:
        assert near(curve["metrics" if name == "metric" else name], [epoch[name] for epoch in epochs])

    # the next update, of a row and of all, with what the optimizer remembers
    expected = of_rows(problem, net, slice(1), optimizer, trained)
    steps = [name for name in expected if name.startswith(("dense_1.W.", "dense_1.b."))]
    show(page, "step")
    shown = {}
    for name in steps:
        page.get_by_role("button", name=name, exact=True).click()
        found = numbers_of(page, name)
        shown[name] = numpy.array(list(found.values())).reshape(expected[name].shape)
    assert_quantities(shown, {name: expected[name] for name in steps})
    assert_layers(page, problem, net, optimizer, trained)

    # what the trained network says
    assert_data(page, problem, net)
    assert_live(page, problem, net)
