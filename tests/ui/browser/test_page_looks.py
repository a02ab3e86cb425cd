"""Light and dark, names that look like markup, and what the page costs until it is painted."""

import pytest
from page_actions import VIEWS, choose_dark_and_reload, show, train
from playwright.sync_api import Page, expect


def background(page: Page) -> str:
    return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))


def test_light_and_dark_follow_the_system_until_one_is_chosen(page: Page) -> None:
    page.emulate_media(color_scheme="light")
    show(page, "live")
    light, picture = background(page), page.screenshot()
    page.emulate_media(color_scheme="dark")
    expect(page.locator("body")).not_to_have_css("background-color", light)
    assert page.screenshot() != picture
    button = page.get_by_role("button", name="Theme")
    button.click()
    expect(button).to_have_text("Theme: light")
    assert background(page) == light
    page.reload()
    expect(button).to_have_text("Theme: light")
    assert background(page) == light
    button.click()
    expect(button).to_have_text("Theme: dark")
    assert background(page) != light


def test_a_theme_that_was_chosen_is_there_before_the_modules_run(page: Page) -> None:
    choose_dark_and_reload(page)
    assert page.evaluate("themeAtFirst") == "dark"


def test_nothing_moves_while_the_network_learns(page: Page) -> None:
    show(page, "live")
    places = """[...document.querySelectorAll("#view-live figure, #view-live form, .training")].map(
        part => JSON.stringify(part.getBoundingClientRect())
    )"""
    before = page.evaluate(places)
    train(page, "epoch", 1)
    show(page, "live")
    assert page.evaluate(places) == before


def test_the_first_paint_comes_before_the_charts_script(page: Page, capsys: pytest.CaptureFixture[str]) -> None:
    show(page, "live")
    painted, asked = page.evaluate("""[
        performance.getEntriesByName('first-contentful-paint')[0].startTime,
        performance.getEntriesByType('resource').find(entry => entry.name.endsWith('plotly.min.js')).startTime,
    ]""")
    with capsys.disabled():
        print(f"\nfirst paint after {painted:.0f} ms, charts' script asked for after {asked:.0f} ms")
    assert painted < asked


def test_of_drawings_that_overtake_one_another_the_last_stays(page: Page) -> None:
    show(page, "live")
    drawn = page.evaluate("""async () => {
        const { Chart } = await import("clearprop/chart.js");
        const chart = new Chart("Points over a ground", 200);
        document.querySelector("#view-live").append(chart.figure);
        const draw = (value) => chart.draw(() => ({
            traces: [{ x: [0, 1], y: [value, 1] }], ground: [{ type: "heatmap", z: [[value, 1]] }],
            layout: {}, label: "", tables: () => [],
        }));
        await draw(3);
        await Promise.all([draw(5), draw(3)]);
        return [chart.plot.data[0].y[0], chart.ground.data[0].z[0][0]];
    }""")
    assert drawn == [3, 3]


def test_the_axes_of_a_chart_stay_where_they_are(page: Page) -> None:
    chart = show(page, "live").get_by_role("img", name="Probability of the classes")
    expect(chart.locator(".xtick text").first).to_be_visible()
    expect(chart.locator(".ewdrag, .nsdrag, .edrag")).to_have_count(0)


def test_curves_without_a_point_say_and_show_nothing_strange(page: Page) -> None:
    section = show(page, "live")
    for name in ("Loss by epoch", "Accuracy by epoch"):
        curve = section.get_by_role("img", name=name, exact=True)
        expect(curve).to_contain_text("no epochs yet")
        expect(curve.locator(".ytick, .xtick")).to_have_count(0)


def test_every_chart_has_a_name_and_a_table(page: Page) -> None:
    train(page, "epoch", 1)
    for view in VIEWS:
        section = show(page, view)
        for figure in section.locator("figure:visible").all():
            button = figure.locator(".head button")
            button.click()
            expect(button).to_contain_text("Show as chart")
            expect(figure.locator("table caption").first).not_to_be_empty()
            assert figure.locator("tbody tr").count() > 0
            button.click()
            for picture in figure.locator("[role=img]").all():
                assert picture.get_attribute("aria-label")


def test_numbers_are_written_for_reading(page: Page) -> None:
    write = """async (numbers) => {
        const { format } = await import("clearprop/dom.js");
        return numbers.map((number) => format(number));
    }"""
    texts = {
        0.0012345: "0.001234", 0.98765: "0.9877", -12.3456: "\N{MINUS SIGN}12.35", 1234.567: "1235", 54321.6: "54322",
        701123.45: "701123", 123456: "123456", 7011234.5: "7.01e+6", 0.00012345: "1.23e\N{MINUS SIGN}4",
    }  # fmt: skip
    assert page.evaluate(write, list(texts)) == list(texts.values())
