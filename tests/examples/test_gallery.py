"""Every experiment of the gallery runs at its small size and states the figures that the lectures promise."""

import math
import subprocess
import sys
from collections.abc import Callable, Iterable
from importlib import import_module
from itertools import pairwise

import matplotlib
import matplotlib.pyplot as plt
import numpy
import pytest
from matplotlib.text import Text

import gallery
import run_all

matplotlib.use("Agg")  # needs no display

EPS, EPS32 = numpy.finfo(numpy.float64).eps, numpy.finfo(numpy.float32).eps
SCRIPTS = {path.stem: path for path in gallery.scripts()}


def is_falling(values: Iterable[float]) -> bool:
    return all(after < before for before, after in pairwise(values))


# What the figures of each script must satisfy; a script without a row fails. Figures that depend on training get the
# room that its random start needs; what mathematics fixes gets rounding only.
EXPECTED: dict[str, Callable[[dict], bool]] = {
    "neuron": lambda f: list(f.values()) == [4, 1, 4, 1],  # all corners right, all decisions alike
    "xor": lambda f: (
        abs(f["mean squared error of the best line"] - 1 / 4) <= 8 * EPS  # 8: a 3 x 3 system is solved
        and abs(f["bias of the best line"] - 1 / 2) <= 8 * EPS
        and f["largest weight of the best line"] <= 8 * EPS
        and f["largest gradient there"] <= 8 * EPS
        and f["mean squared error by hand"] == 0
        and f["hidden row of (1, 0) by hand"] == "(1, 0)"
        and f["mean squared error learned, 2 hidden units"] < 1e-6
        and f["share of random starts that learn it, 8 hidden units"] >= 0.7
    ),
    "linear_models": lambda f: len(f) == 4 and max(f.values()) <= 1e-6,  # six digits
    "parameter_count": lambda f: list(f.values()) == [110, 55, 6, 171],
    "universal_approximation": lambda f: is_falling(f.values()) and f["largest error, 64 units"] < 0.01,
    "polar": lambda f: (
        f["error of the radius (root mean square)"] < 0.05
        and f["error of the angle (degrees, root mean square)"] < 6
        and f["accuracy of a line, Cartesian"] < 0.6
        and f["accuracy of a line, learned"] == 1
    ),
    "two_or_not": lambda f: (
        f["accuracy of never saying 2"] < 0.92
        and f["held-out accuracy of 2 or not"] >= 0.98
        and f["held-out accuracy of 4 or not"] >= 0.98
    ),
    "ten_digits": lambda f: (
        f["held-out accuracy, ten classes"] >= 0.98
        and f["held-out accuracy on digits, eleven classes"] >= 0.98
        and f["shuffled images known as none"] >= 0.98
        and f["largest difference of the gradient at the scores from o - t"] <= 16 * EPS32  # 16: two engines' softmax
    ),
    "digits_32": lambda f: f["held-out accuracy"] >= 0.96 and f["weights of the first layer"] == 32 * 32 * 40,
    "bias_variance": lambda f: (
        f["largest difference of the two, in standard errors"] <= 1
        and f["squared bias, rigid"] > f["squared bias, in between"] > f["squared bias, flexible"]
        and f["variance, rigid"] < f["variance, in between"] < f["variance, flexible"]
        and f["measured error, in between"] < min(f["measured error, rigid"], f["measured error, flexible"])
    ),
    "capacity": lambda f: (
        all(f[name] == 0 for name in f if name.startswith("points drawn wrong"))
        and f["pieces of 2 units in 1 layer"] == 2
        and f["pieces of 6 units in 3 layers"] == 2**3
        and f["pieces of 10 units in 5 layers"] == 2**5
    ),
    "cross_entropy": lambda f: (
        f["largest difference of their quotient to y (1 - y)"] <= 4 * EPS  # three roundings a loss
        and f["updates to 0.1 from 0.98, squared error"] > 5 * f["updates to 0.1 from 0.98, cross-entropy"]
        and f["updates to 0.1 from 0.98, squared error"] > 1.5 * f["updates to 0.1 from 0.50, squared error"]
    ),
    "dropout": lambda f: (
        f["training error in %, without dropout"] < 1 < f["training error in %, with dropout"]
        and f["test error in %, with dropout"] + 4 < f["test error in %, without dropout"]
    ),
    "gradient_descent": lambda f: (
        f["loss above the least after one pass, full batch"]
        > 2 * f["loss above the least after one pass, mini-batch of 20"]
        > 4 * f["loss above the least after one pass, online"]
        and f["loss above the least, full batch"]
        > 2 * f["loss above the least, online"]  # which does not come to rest
        > 4 * f["loss above the least, mini-batch of 20"]
        > 8 * f["loss above the least, online, falling rate"]
        and [f[f"updates, {name}"] for name in ("full batch", "mini-batch of 20", "online")] == [30, 300, 6000]
    ),
    "initialization": lambda f: (  # one network of 100 units a layer: the factors vary by a few percent
        abs(f["factor a layer, ReLU, He"] - 1) < 0.05
        and abs(f["factor a layer, ReLU, Glorot"] - math.sqrt(1 / 2)) < 0.05
        and abs(f["factor a layer, Sigmoid, Glorot"] - 1 / 4) < 0.03
        and abs(f["factor a layer, Tanh, small, 0.05"] - 0.05 * math.sqrt(100)) < 0.03
        and f["factor a layer, ReLU, large, 0.2"] > 1.3
    ),
    "l1_l2": lambda f: (
        f["L1, zero in scikit-learn"] > 10 > 0 == f["L2, zero in scikit-learn"] == f["L1, exactly zero"]
        and f["L1, zero here and there alike"] >= 49  # of 50
        and f["L1, largest difference to the optimum"] < 5e-3
        and f["L2, largest difference to the optimum"] < 1e-4
    ),
    "momentum": lambda f: all(
        abs(f[f"factor {name}"] - f[f"factor {name} in theory"]) < tolerance  # the distance swings with momentum
        for name, tolerance in (("without momentum", 1e-9), ("with momentum", 2e-3))
    ),
    "normalization": lambda f: (
        f["accuracy, neither, rate 1"] < 0.2 < 0.6 < f["accuracy, batch norm, rate 1"]
        and all(
            f[f"accuracy, {name} norm, rate {rate}"] > f[f"accuracy, neither, rate {rate}"] + 0.05
            for name in ("batch", "layer")
            for rate in (0.001, 0.01)
        )
    ),
    "residual": lambda f: (
        f["accuracy, plain, depth 32"] < 0.2
        and min(f["accuracy, residual, depth 2"], f["accuracy, residual, depth 32"]) > 0.93
        and f["gradient norm, plain, depth 32"] < f["gradient norm, plain, depth 2"]
        and f["gradient norm, residual, depth 32"] > f["gradient norm, residual, depth 2"]
    ),
    "saturation": lambda f: (
        f["saturated, Sigmoid, smallest weights"] == f["saturated, Tanh, smallest weights"] == 0
        and f["saturated, Tanh, largest weights"] > f["saturated, Sigmoid, largest weights"] > 0.2
        and f["on at the start, biases 0"] < 0.6 < 0.95 < f["on at the start, biases 0.1"]
        and f["dead after training, biases 0, rate 0.1"] > 0.2
        and f["dead after training, biases 0.1, rate 0.1"] < 0.02
    ),
    "maxout_rbf": lambda f: (
        # the error of least squares on a grid of 401 points; one ReLU bends once
        abs(f["largest error of maxout"] / f["error of four lines in theory"] - 1) < 0.02
        and f["largest error of one ReLU"] > 5 * f["largest error of maxout"]
        and min(f["accuracy of RBF"], f["accuracy of ReLU"]) >= 0.97
        and f["largest RBF response far away"] == 0
        and f["certainty of ReLU far away"] > 0.99
    ),
    "vector_activations": lambda f: (
        f["largest entry of sigmoid off the diagonal"] == 0
        and f["largest column sum of softmax"] <= 8 * EPS  # 8: sums of six entries below 1
        and f["entries of softmax that are not 0"] == 36
        and f["subgradient at the tie"] == "[0.0, 1.0, 0.0]"
        and f["numeric slopes at the tie"] == "[0.0, 0.5, 0.5]"
        and f["error of the products' Jacobian"] == 0
        and f["largest difference from finite differences"] <= 16 * EPS ** (2 / 3)  # 16: central differences of O(1)
    ),
    "optimality": lambda f: (
        f["slope"] == "not stationary"
        and f["saddle"] == "saddle point"
        and f["curvatures at the saddle"] == "[-1.0, 1.0]"
        and f["valley"] == "flat: second order does not decide"
        and f["curvatures in the valley"] == "[0.0, 4.25]"
        and f["valley, with a penalty"] == f["tanh network, trained"] == "minimum"
        and f["loss where gradient descent ends"] < 1e-9
    ),
    "pretraining": lambda f: (
        f["accuracy pretrained"] >= 0.75
        and f["accuracy from scratch"] <= 0.4
        and f["variation in the last layer, pretrained"] > 5 * f["variation in the last layer, from scratch"]
    ),
    "autoencoder": lambda f: (
        f["error of the auto-encoder"] < 0.8 * f["error of principal components"] < 0.8 * f["error of the noisy images"]
    ),
    "lenet": lambda f: (
        f["held-out accuracy"] >= 0.93
        and f["parameters of LeNet-5"] == 156 + 2416 + 48_120 + 10_164 + 850
        and f["parameters of the first layer"] == 6 * (5 * 5 + 1)
        and f["parameters of a dense first layer"] == 6 * 28 * 28 * (28 * 28 + 1)
    ),
    "recurrent": lambda f: (
        f["error of rnn at 20 steps"] > 0.5
        and f["error of lstm at 20 steps"] < 0.25
        and f["error of gru at 20 steps"] < 0.1
        and f["error of rnn at 5 steps"] < 0.3
    ),
    "attention": lambda f: (
        f["error of attention"] < 0.01
        and f["error of sums and ReLUs"] > 0.5
        and f["largest weight at the right place"] >= 0.99
        and f["parameters of attention"] < f["parameters of sums and ReLUs"]
    ),
    "five_notations": lambda f: (
        f["largest difference"] <= 8 * EPS  # 8: sums of a few numbers below 2
        and f["largest error of o - t"] <= 16 * EPS ** (2 / 3)  # 16: central differences of O(1)
        and f["largest error of the misprint"] > 0.1
    ),
}  # fmt: skip


def test_every_script_has_a_row_and_every_row_a_script():
    assert set(SCRIPTS) == set(EXPECTED)


@pytest.mark.parametrize("name", SCRIPTS)
def test_figures_are_those_of_the_lectures(name):
    with plt.rc_context(gallery.STYLE):
        figure, figures = import_module(name).experiment(small=True)
        try:
            assert all(isinstance(value, str) or math.isfinite(value) for value in figures.values()), figures
            assert EXPECTED[name](figures), figures
            assert all(axes.has_data() for axes in figure.axes if axes.axison), "a panel is empty"
            figure.draw_without_rendering()  # makes the labels of the axes
            sizes = {text.get_text(): text.get_fontsize() for text in figure.findobj(Text) if text.get_text()}
            assert min(sizes.values()) >= 12, f"too small to read when projected: {sizes}"
        finally:
            plt.close(figure)


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_are_short_and_listed(name):
    assert len(SCRIPTS[name].read_text(encoding="utf-8").splitlines()) < 120
    table = (gallery.FOLDER / "README.md").read_text(encoding="utf-8")
    assert f"`python examples/{name}.py`" in table, "examples/README.md needs a row with this command"


def test_command_line_prints_figures_and_saves_the_picture(tmp_path):
    picture = tmp_path / "picture.png"
    command = [sys.executable, SCRIPTS["xor"], "--small", "--picture", picture]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "mean squared error of the best line: 0.25\n" in done.stdout
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_run_all_prints_a_table_and_fails_where_a_script_does(tmp_path, monkeypatch, capsys):
    good, bad = tmp_path / "good.py", tmp_path / "bad.py"
    good.write_text("import sys; print('loss: 0.25'); open(sys.argv[2], 'w')")
    bad.write_text("raise SystemExit('no data')")
    monkeypatch.setattr(run_all, "scripts", lambda: [good, bad])
    monkeypatch.setattr(sys, "argv", ["run_all.py", str(tmp_path / "pictures")])
    assert run_all.main() == 1
    head, first, second, reason = capsys.readouterr().out.splitlines()
    assert head.split() == ["script", "seconds", "figures"]
    assert (first.split()[0], first.split("  ")[-1]) == ("good", "loss: 0.25")
    assert (second.split()[0], second.split()[-1], reason.strip()) == ("bad", "FAILED", "no data")
    assert (tmp_path / "pictures" / "good.png").exists()
