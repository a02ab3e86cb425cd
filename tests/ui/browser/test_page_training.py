"""Training from the page: by batches and epochs, back to the start, into the ground, and across a reload."""

import re

from page_actions import quantity, show, train, value
from playwright.sync_api import Page, Route, expect

from clearprop.ui.live import LiveSession

COUNT = re.compile(r"^[1-9]\d*$")


def test_batches_make_an_epoch_and_rewinding_makes_the_same_bits_again(page: Page, session: LiveSession) -> None:
    start = quantity(page, "dense_1.a")
    n_batches = session.current.n_batches
    for batch in range(1, n_batches):
        train(page, "batch", 0, batch)
    train(page, "batch", 1)
    by_batches = quantity(page, "dense_1.a")
    assert by_batches != start
    train(page, "rewind", 0)
    expect(page.locator("#figure-loss")).to_have_text("\u2013")
    assert quantity(page, "dense_1.a") == start
    train(page, "epoch", 1)
    assert quantity(page, "dense_1.a") == by_batches


def test_a_number_that_is_opened_in_a_training_is_the_one_that_was_shown(page: Page) -> None:
    quantity(page, "dense_1.W.gradient")
    page.locator("#control-play").click()
    expect(page.locator("#figure-epoch")).to_have_attribute("data-value", COUNT)
    for place in range(3):
        cell = page.locator("#view-step td[data-quantity='dense_1.W.gradient']").nth(place)
        cell.click()
        expect(page.locator(f"#cell-panel h3 [data-cell='{cell.get_attribute('data-cell')}']")).to_be_visible()
        seen = page.evaluate("""() => {
            const { cell, value } = document.querySelector("#cell-panel h3 [data-value]").dataset;
            return [value, document.querySelector(`#view-step td[data-cell="${cell}"]`).dataset.value];
        }""")
        assert seen[0] == seen[1]


def test_training_runs_until_it_is_paused(page: Page) -> None:
    play, epoch = page.locator("#control-play"), page.locator("#figure-epoch")
    expect(play).to_have_text("Play")
    play.click()
    expect(play).to_have_text("Pause")
    expect(epoch).to_have_attribute("data-value", COUNT)
    play.click()
    expect(page.locator("#figure-status")).to_have_text("Paused")
    expect(page.locator("#status")).to_have_text(re.compile(r"^Paused at epoch \d+\.$"))
    paused = value(epoch)
    train(page, "epoch", int(paused) + 1)


def test_points_stay_while_the_surface_under_them_changes(page: Page) -> None:
    section = show(page, "live")
    chart = section.get_by_role("img", name="Probability of the classes")
    points, surface = chart.locator(".scatterlayer"), chart.locator(".heatmaplayer image")
    expect(surface).to_have_count(1)
    points.evaluate("""layer => new MutationObserver(() => { layer.dataset.drawn = "again" })
        .observe(layer, { subtree: true, childList: true, attributes: true, attributeFilter: ["d", "transform"] })""")
    before = surface.get_attribute("href")
    page.locator("#control-play").click()
    expect(surface).not_to_have_attribute("href", before or "")
    page.locator("#control-play").click()
    expect(page.locator("#figure-status")).to_have_text("Paused")
    expect(points).not_to_have_attribute("data-drawn", "again")
    page.get_by_label("Data seed").fill("1")
    page.keyboard.press("Enter")
    expect(points).to_have_attribute("data-drawn", "again")


def test_what_is_asked_during_a_look_is_not_put_off_by_the_rest_after_it(page: Page, session: LiveSession) -> None:
    session.change({"pace": 1.0})
    page.add_init_script("""const later = window.setTimeout;
        window.setTimeout = (action, time, ...rest) => (time >= 200 ? 0 : later(action, time, ...rest));""")
    page.reload()  # now a rest ends only where somebody asks for something
    show(page, "live")
    held: list[Route] = []
    page.route("**/api/live*", lambda route: held.append(route), times=1)
    with page.expect_request("**/api/live*"):
        page.locator("#control-play").click()
    page.get_by_role("tab", name="Data").click()
    held[0].continue_()
    expect(page.locator("#view-data .rows tbody tr").first).to_be_visible()


def test_nothing_happens_between_the_tabs(page: Page) -> None:
    show(page, "layers")
    tabs = [page.get_by_role("tab", name=name).bounding_box() for name in ("Live", "Layers")]
    page.mouse.click((tabs[0]["x"] + tabs[0]["width"] + tabs[1]["x"]) / 2, tabs[0]["y"] + 9)
    expect(page.locator("#view-layers")).to_be_visible()


def test_the_rule_that_ends_a_run_is_kept(page: Page, session: LiveSession) -> None:
    page.get_by_label("Epochs at most").fill("12")
    page.keyboard.press("Enter")
    expect(page.locator("#setting-max_epochs")).to_have_value("12")
    page.locator("#control-play").click()
    expect(page.locator("#figure-status")).to_have_text("Finished")
    expect(page.locator("#figure-epoch")).to_have_attribute("data-value", "12")
    assert len(session.runs) == 1


def test_a_run_that_diverges_says_so_and_the_page_goes_on(page: Page, session: LiveSession) -> None:
    page.get_by_label("Optimizer").select_option("sgd")
    page.get_by_label("Activation").select_option("identity")
    page.get_by_label("Learning rate").fill("1e5")
    page.keyboard.press("Enter")
    page.locator("#control-play").click()
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("Training diverged.")
    expect(alert).to_contain_text(str(session.current.message))
    expect(alert).to_contain_text("smaller learning rate")
    expect(page.locator("#control-play")).to_be_disabled()
    page.get_by_label("Learning rate").fill("0.01")
    page.keyboard.press("Enter")
    expect(alert).to_be_empty()
    train(page, "epoch", 1)


def test_an_answer_leaves_what_is_being_typed(page: Page, session: LiveSession) -> None:
    rate = page.get_by_label("Learning rate")
    rate.press("ControlOrMeta+A")
    rate.press_sequentially("0.2")
    session.change({"weight_seed": 7})
    expect(page.get_by_label("Weight seed")).to_have_value("7")
    expect(rate).to_have_value("0.2")
    rate.press("Enter")
    expect(page).to_have_url(re.compile("learning_rate=0.2"))
    assert (session.settings.learning_rate, session.settings.weight_seed) == (0.2, 7)


def test_a_setting_out_of_bounds_is_refused_by_name(page: Page, watched, session: LiveSession) -> None:
    page.locator("#setting-batch_size").evaluate("input => input.removeAttribute('max')")
    page.get_by_label("Batch size").fill("100000")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("batch_size must be at most 65536, got 100000")
    assert session.settings.batch_size < 100000
    assert len(watched.complaints) == 1  # Chromium's note of the status
    watched.complaints.clear()


def test_a_reload_in_the_middle_keeps_view_and_run(page: Page) -> None:
    page.locator("#control-play").click()
    expect(page.locator("#figure-epoch")).to_have_attribute("data-value", COUNT)
    show(page, "data")
    before = value(page.locator("#figure-epoch"))
    page.reload()
    expect(page.locator("#view-data .rows tbody tr").first).to_be_visible()
    expect(page.locator("#figure-status")).to_have_text("Training")
    expect(page.locator("#view-live")).to_be_hidden()
    assert value(page.locator("#figure-epoch")) >= before
    page.locator("#control-play").click()
    expect(page.locator("#figure-status")).to_have_text("Paused")


def test_the_address_opens_the_same_network_elsewhere(page: Page, session: LiveSession) -> None:
    page.get_by_label("Hidden layers").fill("3")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("hidden=3&"))
    shown = quantity(page, "dense_1.a")
    address = page.url
    assert "token" not in address
    page.goto("about:blank")
    session.change({"hidden": [5, 5]})
    page.goto(address)
    expect(page.locator("#view-step td[data-quantity='dense_1.a']")).to_have_count(3)
    assert session.settings.hidden == (3,)
    assert quantity(page, "dense_1.a") == shown
