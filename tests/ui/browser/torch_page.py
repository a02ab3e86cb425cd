"""What each view of the page must show of a problem and a network, computed from PyTorch's numbers, to 1e-10."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy
from page_actions import Cell, as_tables, cells, numbers_in, show, values
from playwright.sync_api import Locator, Page, expect
from test_torch_networks import random_graph
from torch_trace import BOUND, assert_histogram, flat_shares, penalty_of, quantities

import clearprop as cp
from clearprop.ui.problems import Problem
from clearprop.ui.sources import SavedModel

__all__ = ["assert_data", "assert_facts", "assert_layers", "assert_live", "near", "of_rows", "random_model"]

N_INPUTS = 3
SYMBOLS = ("x", "a", "h")  # of what a node puts out
GRADIENTS = ("dx", "delta", "dh")  # of the gradient there
GRID = 40  # points along an axis of the surface
MARGIN = 0.05  # of the range of a column, on each side of it

TASKS = (  # loss, outputs, classes; and of numbers, scale and center
    (cp.CrossEntropy(), 3, ["a", "b", "c"], {}),
    (cp.BinaryCrossEntropy(), 1, ["a", "b"], {}),
    (cp.SquaredError(), 1, None, {"scale": 2.5, "center": -4.0}),
)


def random_model(seed: int, n_rows: int, build: Any = random_graph) -> SavedModel:
    """Return a random graph in float64 with rows: of three classes, of two, and of numbers, in turn."""
    rng = numpy.random.default_rng([seed, 29])
    loss, n_outputs, classes, units = TASKS[seed % len(TASKS)]
    output, inputs = build(rng, N_INPUTS, n_outputs)
    net = cp.Network(output, inputs, loss=loss, penalty=cp.L2(0.1), seed=seed, dtype="float64")
    net.buffer_vector[...] = rng.uniform(0.5, 1.5, size=net.buffer_vector.shape)
    xs = [rng.normal(size=(n_rows, N_INPUTS)) for _ in net.graph.inputs]
    columns = [f"x{place}" for place in range(N_INPUTS * len(xs))]
    y = rng.normal(size=n_rows) if classes is None else numpy.arange(n_rows) % len(classes)
    y = y.astype(float) if isinstance(loss, cp.BinaryCrossEntropy) else y
    return SavedModel(net, xs, y, columns, "class", classes, "a graph", **units)


def near(got: Any, expected: Any) -> bool:
    """Return whether numbers are PyTorch's, relative to the largest or to 1."""
    got, expected = numpy.asarray(got, dtype=float), numpy.asarray(expected, dtype=float)
    assert got.shape == expected.shape
    return bool(numpy.abs(got - expected).max(initial=0.0) <= BOUND * max(1.0, numpy.abs(expected).max(initial=0.0)))


def of_rows(problem: Problem, net: cp.Network, rows: slice, optimizer: Any, trained: Any = None) -> dict[str, Any]:
    """Return every quantity of some rows of a problem."""
    xs = [x[rows] for x in problem.inputs]
    return quantities(net, xs[0] if len(xs) == 1 else xs, problem.y[rows], optimizer, trained)


def output(found: dict[str, Any], node: str, symbols: tuple[str, ...] = SYMBOLS) -> Any:
    """Return what a node puts out, or the gradient there, which need not be."""
    return next((found[f"{node}.{symbol}"] for symbol in symbols if f"{node}.{symbol}" in found), None)


def norm(arrays: Any) -> float:
    """Return the Euclidean norm over arrays."""
    return float(numpy.sqrt(sum((array**2).sum() for array in arrays)))


def decided(problem: Problem, prediction: Any) -> Any:
    """Return probabilities of the classes, or numbers in the units of the table."""
    if problem.task == "regression":
        return problem.scale * prediction[:, 0] + problem.center
    return prediction if prediction.shape[1] > 1 else numpy.concatenate([1.0 - prediction, prediction], axis=1)


def assert_class(problem: Problem, name: str, probability: Any) -> None:
    """Assert that a class is the most probable one, or one of several that are."""
    chosen = [str(known) for known in problem.classes or ()].index(name)
    assert probability[chosen] >= probability.max() - BOUND


def assert_bins(lines: list[list[Cell]], numbers: Any) -> None:
    """Assert that rows of a table, whose last cells are a bin and a count, are a histogram of numbers."""
    lows, highs = zip(*(row[-2].numbers for row in lines), strict=True)
    assert lows[1:] == highs[:-1]
    assert_histogram([*lows, highs[-1]], [row[-1].numbers[0] for row in lines], numbers)


def assert_facts(page: Page, problem: Problem, net: cp.Network, found: dict[str, Any]) -> None:
    """Assert what Step says of the first row above the walk."""
    xs = [x[:1] for x in problem.inputs]
    penalty = penalty_of(net, xs[0] if len(xs) == 1 else xs, problem.y[:1])
    said = decided(problem, found["loss.prediction"])
    target = [] if problem.classes else [problem.scale * problem.y[0] + problem.center]
    facts = [*(x[0] for x in xs), target, [said.max()], found["loss.values"], [penalty]]
    if (problem.center, problem.scale) != (0.0, 1.0):
        facts.append([problem.center, problem.scale])
    assert near(values(page.locator("#row-facts [data-value]")), numpy.concatenate(facts))


def assert_live(page: Page, problem: Problem, net: cp.Network) -> None:
    """Assert what Live shows of the rows, all of which are drawn."""
    section = show(page, "live")
    found = of_rows(problem, net, slice(None), cp.SGD())
    weights, means = map(cells, as_tables(section, "Network"))
    owners = {node.name: node.owner for node in net.graph.nodes}
    assert weights
    assert means
    for source, unit, weight in weights:
        (_, row), (node, column) = (cell.text.split(", unit ") for cell in (source, unit))
        assert near(weight.numbers, [net.parameters[f"{owners[node]}.W"][int(row), int(column)]])
    for unit, mean in means:
        node, number = unit.text.split(", unit ")
        shown = output(found, passed_on(net, node))
        assert near(mean.numbers, [shown[:, int(number)].mean()])

    columns = list(problem.columns)
    axes = [columns.index(page.locator(f"#surface-{name}").input_value()) for name in ("x", "y")]
    matrix = numpy.concatenate(problem.inputs, axis=1)
    margins = MARGIN * numpy.ptp(matrix, axis=0)
    ranges = numpy.linspace(matrix.min(axis=0) - margins, matrix.max(axis=0) + margins, GRID).T
    surface, points = as_tables(section, "What the network says")
    assert near(values(surface.locator("thead [data-value]")), ranges[axes[0]])
    grid = numpy.tile(numpy.median(matrix, axis=0), (GRID**2, 1))
    grid[:, axes[0]], grid[:, axes[1]] = numpy.tile(ranges[axes[0]], GRID), numpy.repeat(ranges[axes[1]], GRID)
    xs = numpy.split(grid, len(problem.inputs), axis=1)
    y = numpy.repeat(problem.y[:1], GRID**2, axis=0)
    said = decided(problem, quantities(net, xs[0] if len(xs) == 1 else xs, y, cp.SGD())["loss.prediction"])
    lines = cells(surface)
    assert near([row[0].numbers[0] for row in lines], ranges[axes[1]])
    shown = [cell for row in lines for cell in row[1:]]
    drawn = said
    if problem.classes is not None:  # the probability of the second of two classes, or of the most probable one
        drawn = said[:, 1] if len(problem.classes) == 2 else said.max(axis=1)
    assert near([cell.numbers[0] for cell in shown], drawn)
    if len(problem.classes or ()) > 2:
        for cell, probability in zip(shown, said, strict=True):
            assert_class(problem, cell.text.partition(",")[0], probability)
    others = [place for place in range(len(columns)) if place not in axes]
    if len(others) == 1:
        assert near(values(section.locator(".note [data-value]")), numpy.median(matrix[:, others], axis=0))

    lines = cells(points)
    assert near([[cell.numbers[0] for cell in row[:2]] for row in lines], matrix[:, axes])
    said = decided(problem, found["loss.prediction"])
    assert_targets(problem, [(row[2], row[3]) for row in lines], problem.y, said)
    parts = ["training"] * problem.n_rows + ["validation"] * problem.n_validation
    assert [row[4].text for row in lines] == parts


def passed_on(net: cp.Network, layer: str) -> str:
    """Return the last activation that alone, or behind others that do, reads what a layer puts out; else the layer."""
    nodes = net.graph.nodes
    readers = Counter(source for node in nodes for source in node.inputs)
    place = last = [node.name for node in nodes].index(layer)
    if nodes[place].layer is None:
        return layer
    while readers[place] == 1:
        (reader,) = (number for number, node in enumerate(nodes) if place in node.inputs)
        node = nodes[reader]
        if len(node.inputs) > 1 or node.shape != nodes[place].shape or f"{node.owner}.W" in net.parameters:
            break
        place = reader
        last = place if node.layer.is_activation else last
    return nodes[last].name


def assert_targets(problem: Problem, shown: list[tuple[Cell, Cell]], y: Any, said: Any) -> None:
    """Assert target and prediction of rows: names of classes, or numbers in the units of the table."""
    for (target, prediction), own, answer in zip(shown, y, said, strict=True):
        if problem.classes is None:
            assert near(target.numbers, [problem.scale * own + problem.center])
            assert near(prediction.numbers, [answer])
        else:
            assert target.text == str(problem.classes[int(own)])
            assert_class(problem, prediction.text.removesuffix(" \u2717"), answer)


def assert_layers(page: Page, problem: Problem, net: cp.Network, optimizer: Any, trained: Any = None) -> None:
    """Assert what Layers shows of the rows to train on."""
    section = show(page, "layers")
    found = of_rows(problem, net, slice(problem.n_rows), optimizer, trained)
    nodes = [node for node in net.graph.nodes if node.layer is not None]

    (table,) = as_tables(section, "Outputs (blue) and gradients at them (violet)")
    bins: dict[str, list[list[Cell]]] = {}
    for row in cells(table):
        bins.setdefault(row[0].text, []).append(row)
    drawn = [f"{node.name}.{symbol}" for node in nodes for symbol in ("a", "h", "delta", "dh")]
    assert set(bins) == {name for name in drawn if name in found}
    for name, rows in bins.items():
        assert_bins(rows, found[name])
    ends = section.locator(".multiple .ends").all()
    for line, rows in zip(ends, bins.values(), strict=True):
        low, *fullest, high = values(line.locator("[data-value]"))
        assert [low, high] == [rows[0][1].numbers[0], rows[-1][1].numbers[1]]
        assert fullest == max(rows, key=lambda row: row[2].numbers[0])[1].numbers

    (table,) = as_tables(section, "Size of gradient and update, relative to the weights")
    lines = cells(table)
    assert [row[0].text for row in lines] == [node.name for node in nodes]
    for node, row in zip(nodes, lines, strict=True):
        own = [name for name in net.parameters if name.rpartition(".")[0] == node.name]
        heavy = [name for name in own if net.layout[name].parameter.decays]
        whole = [found.get(f"{name}.total", found[f"{name}.gradient"]) for name in own]
        updates = {name: found[f"{name}.update"] for name in own}
        expected = [
            [norm(found[name] for name in own)] if own else [],
            [norm(whole)] if own else [],
            [norm(updates.values())] if own else [],
            [norm(map(updates.get, heavy)) / norm(map(found.get, heavy))] if heavy else [],
            [norm([delta])] if (delta := output(found, node.name, GRADIENTS)) is not None else [],
        ]
        for cell, numbers in zip(row[1:], expected, strict=True):
            assert near(cell.numbers, numbers)

    flat = flat_shares(net, found)
    for node in nodes:
        section.get_by_label("Layer", exact=True).select_option(node.name)
        assert_units(section, node.name, found, flat.get(node.name))


def assert_units(section: Locator, node: str, found: dict[str, Any], flat: Any) -> None:
    """Assert the table of the units of a node; `flat` says on which share of the rows each of them is flat."""
    units = section.locator("[aria-label='Units'] table")
    expect(units.locator("caption")).to_contain_text(f"{node}:")
    shown = output(found, node)
    shown = shown.reshape(len(shown), -1)
    zero = shown == 0.0
    dead = numpy.zeros(shown.shape[1], dtype=bool)
    if flat is not None:
        dead = (zero & (found[f"{node}.f'"].reshape(shown.shape) == 0.0)).all(axis=0)
    flat = numpy.zeros(shown.shape[1]) if flat is None else flat
    saturated = (flat >= 0.95) & ~dead
    lines = cells(units)
    expected = numpy.stack([shown.mean(axis=0), shown.std(axis=0), zero.mean(axis=0), flat], axis=1)
    assert near([[cell.numbers[0] for cell in row[1:5]] for row in lines], expected)
    states = numpy.where(dead, "dead", numpy.where(saturated, "saturated", "works"))
    assert [row[5].text for row in lines] == states.tolist()
    counts = f"{dead.sum()} dead, {saturated.sum()} saturated of {shown.shape[1]} on {len(shown)} rows"
    assert units.locator("caption").text_content() == f"{node}: {counts}"


def assert_data(page: Page, problem: Problem, net: cp.Network) -> None:
    """Assert what Data shows of the rows to train on, and of those to validate on."""
    section = show(page, "data")
    parts = {"train": slice(0, problem.n_rows), "validation": slice(problem.n_rows, problem.n_all)}
    for part, rows in parts.items():
        section.get_by_label("Part").select_option(part)
        expect(section.locator(".rows tbody tr")).to_have_count(rows.stop - rows.start)
        found = of_rows(problem, net, rows, cp.SGD())
        assert_rows(section, problem, found, rows)
        said = decided(problem, found["loss.prediction"])
        measures = {"loss": found["loss.values"].mean()}
        if problem.classes is None:
            target = problem.scale * problem.y[rows].reshape(-1) + problem.center
            residual = target - said
            spread = ((target - target.mean()) ** 2).mean()
            measures["r2"] = 1.0 - (residual**2).mean() / spread
            measures |= {"mae": numpy.abs(residual).mean(), "rmse": numpy.sqrt((residual**2).mean())}
            if part == "train":
                (table,) = as_tables(section, "Residuals by prediction")
                assert near(numbers_in(table), numpy.stack([said, residual], axis=1))
                (table,) = as_tables(section, "How residuals are spread")
                assert_bins(cells(table), residual)
        else:
            labels, classes = problem.y[rows].astype(int), range(len(problem.classes))
            taken = said.argmax(axis=1)
            measures["accuracy"] = (taken == labels).mean()
            counts = [((labels == one) & (taken == other)).sum() for one in classes for other in classes]
            assert values(section.locator(".confusion td[data-value]")) == counts
        names = section.locator("[data-metric]").evaluate_all("nodes => nodes.map(node => node.dataset.metric)")
        assert names == list(measures)
        assert near(values(section.locator("[data-metric]")), list(measures.values()))


def assert_rows(section: Locator, problem: Problem, found: dict[str, Any], rows: slice) -> None:
    """Assert the table of rows, the worst first."""
    said, losses = decided(problem, found["loss.prediction"]), found["loss.values"]
    lines = cells(section.locator(".rows table"))
    places = [int(row[0].text) - rows.start for row in lines]
    assert sorted(places) == list(range(len(losses)))
    assert numpy.diff(losses[places]).max() <= BOUND * max(1.0, losses.max())
    assert_targets(problem, [(row[1], row[2]) for row in lines], problem.y[rows][places], said[places])
    numbers = [losses, *numpy.concatenate([x[rows] for x in problem.inputs], axis=1).T]
    if problem.classes is not None:
        numbers.insert(0, said.max(axis=1))
    shown = [[cell.numbers[0] for cell in row[3:]] for row in lines]
    assert near(shown, numpy.stack(numbers, axis=1)[places])
