"""What the views show are the numbers of the network, to the last digit."""

import json
import re

import numpy
from page_actions import show, train, value
from playwright.sync_api import Page, expect

from clearprop.ui.live import LiveSession


def test_live_shows_curve_weights_and_surface(page: Page, session: LiveSession) -> None:
    train(page, "epoch", 1)
    section = show(page, "live")
    assert value(page.locator("#figure-loss")) == session.current.history.curve["loss"][-1]
    section.get_by_role("button", name="Network: show as table").click()
    rows = section.locator("[aria-label='Network, as a table'] tbody tr")
    weights = session.current.network_at()[0].parameters["dense_1.W"]
    expect(rows.first).to_contain_text("input_1, unit 0")
    shown = [value(row.locator("td.number")) for row in rows.all()[: weights.size]]
    assert shown == weights.ravel().tolist()
    section.get_by_role("button", name="What the network says: show as table").click()
    surface = section.locator("[aria-label='What the network says, as a table']")
    expect(surface.locator("table").first.locator("tbody tr")).to_have_count(40)
    expect(surface.locator("caption").first).to_contain_text("Probability of 1 at x2 (down) and x1 (across)")
    section.get_by_role("button", name="What the network says: show as chart").click()
    expect(surface).to_be_hidden()
    expect(section.get_by_role("img", name="Probability of the classes by x1 and x2")).to_be_visible()


def test_live_takes_two_columns_of_many(page: Page, session: LiveSession) -> None:
    page.get_by_label("Problem").select_option("digits")
    section = show(page, "live")
    across, up = section.get_by_label("Across"), section.get_by_label("Up")
    expect(across.locator("option")).to_have_count(64)
    title = section.locator(".xtitle").first
    expect(title).to_have_text(re.compile("^pixel_"))
    first = str(title.text_content())
    assert across.input_value() == first
    up.select_option(first)
    expect(section.locator(".ytitle").first).to_have_text(first)
    assert across.input_value() != first
    expect(section.get_by_text("The other 62 columns are at their medians.")).to_be_visible()


def test_layers_shows_the_units_of_a_layer(page: Page, session: LiveSession) -> None:
    section = show(page, "layers")
    section.get_by_label("Layer", exact=True).select_option("tanh_1")
    expect(section.locator("caption", has_text="tanh_1: 0 dead, 0 saturated of 4")).to_be_visible()
    problem, net = session.current.problem, session.current.network_at()[0]
    trained = slice(0, problem.n_rows)
    outputs = net.trace(problem.inputs[0][trained], problem.y[trained])["tanh_1.h"]
    rows = section.get_by_role("region", name="Units", exact=True).locator("tbody tr")
    means = [value(row.locator("td").first) for row in rows.all()]
    numpy.testing.assert_allclose(means, outputs.mean(axis=0), rtol=1e-12)


def test_step_shows_every_quantity_of_the_trace(page: Page, session: LiveSession) -> None:
    train(page, "epoch", 1)
    section = show(page, "step")
    section.get_by_label("Row", exact=True).fill("7")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("row=7&"))
    problem, (net, state) = session.current.problem, session.current.network_at()
    trace = net.trace(problem.inputs[0][7:8], problem.y[7:8], optimizer=session.current.optimizer, state=state)
    expect(section.locator("#row-loss")).to_have_attribute("data-value", repr(trace.loss))
    steps = section.get_by_role("navigation", name="Steps").get_by_role("button")
    names = [step.name for step in trace.steps()]
    assert steps.all_inner_texts() == names
    for name, step in zip(names, steps.all(), strict=True):
        step.click()
        cells = section.locator(f'td[data-quantity="{name}"]')
        expect(cells).to_have_count(trace[name].size)
        shown = cells.evaluate_all("cells => cells.map(cell => [cell.dataset.cell, cell.dataset.value])")
        assert [(cell, float(number)) for cell, number in shown] == [
            (",".join(map(str, cell)), number) for cell, number in numpy.ndenumerate(trace[name])
        ]


def test_data_shows_the_worst_rows_and_opens_them_in_step(page: Page, session: LiveSession) -> None:
    section = show(page, "data")
    problem, net = session.current.problem, session.current.network_at()[0]
    rows = slice(0, problem.n_rows)
    losses = net.loss_function.values(numpy, net.scores(problem.inputs[0][rows]), problem.y[rows].reshape(-1, 1))
    worst = int(losses.argmax())
    link = section.locator("tbody a").first
    expect(link).to_have_text(str(worst))
    counts = section.locator(".confusion td[data-value]").evaluate_all(
        "cells => cells.map(cell => Number(cell.dataset.value))"
    )
    assert sum(counts) == problem.n_rows
    link.click()
    expect(page.locator("#step-row")).to_have_value(str(worst))
    shown = value(page.locator("#row-loss"))
    numpy.testing.assert_allclose(shown, losses[worst], rtol=1e-12)
    section = show(page, "data")
    section.get_by_label("Part").select_option("validation")
    section.get_by_label("Order").select_option("row")
    expect(section.locator("tbody a").first).to_have_text(str(problem.n_rows))


def test_runs_goes_back_to_an_epoch_that_all_views_show(page: Page, session: LiveSession) -> None:
    for epoch in (1, 2, 3):
        train(page, "epoch", epoch)
    section = show(page, "runs")
    slider = section.get_by_role("slider", name="Recorded epoch")
    slider.focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    expect(slider).to_have_attribute("aria-valuetext", "epoch 1")
    expect(page.locator("#control-present")).to_contain_text("Looking at epoch 1")
    section = show(page, "step")
    problem, then = session.current.problem, session.current.network_at(1)[0]
    cells = section.locator("td[data-quantity='dense_1.a']")
    section.get_by_role("button", name="dense_1.a").click()
    expect(cells).to_have_count(4)
    shown = [value(cell) for cell in cells.all()]
    assert shown == then.trace(problem.inputs[0][:1], problem.y[:1])["dense_1.a"].ravel().tolist()
    page.locator("#control-present").click()
    expect(cells.first).not_to_have_attribute("data-value", repr(shown[0]))


def test_runs_compares_runs_and_looks_at_another(page: Page, session: LiveSession) -> None:
    train(page, "epoch", 1)
    first = session.current.history.curve["loss"][-1]
    page.get_by_label("Weight seed").fill("3")
    page.keyboard.press("Enter")
    expect(page.locator("#figure-epoch")).to_have_attribute("data-value", "0")
    train(page, "epoch", 1)
    section = show(page, "runs")
    expect(section.get_by_role("img", name="Loss of 2 runs by epoch")).to_be_visible()
    row = section.locator("tbody tr", has=page.get_by_role("button", name="Look at run 1"))
    assert value(row.locator("td.number").nth(1)) == first
    row.get_by_role("button").click()
    expect(page.locator("#control-present")).to_contain_text("Looking at run 1")
    show(page, "live")
    page.locator("#control-present").click()
    expect(page.locator("#control-present")).to_be_hidden()


def test_export_gives_the_run_as_json(page: Page, session: LiveSession) -> None:
    train(page, "epoch", 1)
    show(page, "runs")
    with page.expect_download() as download:
        page.locator("#export-json").click()
    saved = json.loads(download.value.path().read_text())
    assert saved["run"]["curve"]["loss"] == session.current.history.curve["loss"]
    assert saved["settings"]["hidden"] == list(session.settings.hidden)
