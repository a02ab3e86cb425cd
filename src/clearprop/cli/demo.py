"""``clearprop demo``: small examples on bundled data, with the commands to go on with."""

from __future__ import annotations

import csv
import io
import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clearprop.cli.options import Parser, note, note_engine, program, write_text
from clearprop.cli.reporting import tell_of_training
from clearprop.errors import ArgumentError, ClearpropError

if TYPE_CHECKING:
    from clearprop.estimators.tables.table import Table

__all__ = ["run"]

DEMOS = {
    "digits": "which digit is it? ten classes of hand-written digits, 8 x 8 pixels",
    "two": "is it a 2 or not? the same images, two classes",
    "xor": "the smallest problem that a network without a hidden layer cannot solve",
}

RECIPES: dict[str, dict[str, Any]] = {  # what they change of the preset "fast"; a few seconds each
    "digits": {"members": 4},
    "two": {"hidden": (32,)},
}
N_STARTS = 50


def run(arguments: Sequence[str]) -> int:
    """Run the verb and return its exit code."""
    listed = "\n".join(f"  {name:<8}{text}" for name, text in DEMOS.items())
    parser = Parser("demo", f"Train a named example on bundled data.\n\n{listed}")
    parser.add_argument("name", metavar="NAME", nargs="?", default="digits", choices=DEMOS, help="default: digits")
    parser.add_argument(
        "--out", metavar="FOLDER", default="clearprop-demo", help="where files go; default: %(default)s"
    )
    parser.add_argument("--force", action="store_true", help="replace files of the same names")
    options = parser.read(arguments)
    note_engine()
    if options.name == "xor":
        return xor()
    return images(options.name, Path(options.out), options.force)


def images(name: str, folder: Path, force: bool) -> int:
    """Train on four fifths of the digits, measure on the rest, and leave a model and the test rows in `folder`."""
    from clearprop.cli.fitting import Fit
    from clearprop.cli.problem import Problem, class_codes
    from clearprop.estimators import Classifier
    from clearprop.estimators.demo_data import held_out_digits
    from clearprop.estimators.tables.measures import measure_classes
    from clearprop.estimators.tables.recipe import PRESETS
    from clearprop.estimators.tables.target import ClassTarget

    model_file, test_file = folder / f"{name}.clearprop", folder / f"{name}-test.csv"
    if folder.exists() and not folder.is_dir():
        raise ArgumentError(f"--out '{folder}' is not a folder; give another name.")
    rows, test, target = held_out_digits(name)
    test_text = _csv(test)
    for path, mine in ((model_file, _is_demo(model_file, name)), (test_file, _is_text(test_file, test_text))):
        if path.exists() and not (mine or force):
            raise ArgumentError(
                f"'{path}' exists and is not from this demo; pass --force to replace it, or --out with another folder."
            )
    print(f"demo {name}: {DEMOS[name]}", flush=True)
    problem = Problem.of(rows, target, task="classification")
    recipe = replace(PRESETS["fast"], **RECIPES[name])
    n_parameters = (
        recipe.members * recipe.network(problem.preprocessing, ClassTarget(tuple(problem.labels)), 0).n_parameters
    )
    print(f"{rows.n_rows} rows to learn from, {test.n_rows} to test on; {n_parameters:,} parameters", flush=True)
    model = Classifier(recipe, random_state=0, verbose=True)
    fit = Fit.of(problem, model)
    tell_of_training(model, fit.run())
    if fit.interrupted:
        note("interrupted; nothing saved")
        return 130
    stored = fit.stored(rows.missing)
    stored.record["demo"] = name
    accuracy = measure_classes(model.predict_proba(test), class_codes(test, target, model.classes_.tolist()))[
        "accuracy"
    ]
    print(f"test accuracy {accuracy:.4f} ({round(accuracy * test.n_rows)} of {test.n_rows} right)")
    folder.mkdir(parents=True, exist_ok=True)
    write_text(test_file, test_text)
    stored.save(model_file)
    made, data = shlex.quote(str(model_file)), shlex.quote(str(test_file))
    print(f"saved {model_file} and {test_file}; try next:")
    for verb in (
        f"evaluate {made} {data}",
        f"predict {made} {data} --proba --keep {target}",
        f"inspect {made}",
        f"explain {made} {data} --row 0",
    ):
        print(f"  {program()} {verb}")
    return 0


def _csv(table: Table) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(table.columns)
    writer.writerows(zip(*(table.text(name) for name in table.columns), strict=True))
    return buffer.getvalue()


def _is_demo(path: Path, name: str) -> bool:
    """Return whether an earlier run of the demo wrote this model file."""
    from clearprop.cli.model_file import load_model

    try:
        return load_model(str(path)).record.get("demo") == name
    except ClearpropError:
        return False


def _is_text(path: Path, text: str) -> bool:
    """Return whether a file holds just this text."""
    try:
        return path.read_bytes() == text.encode()
    except OSError:
        return False


def xor() -> int:
    """Show that a linear model cannot compute exclusive or, that a hidden layer can, and from how many starts."""
    import numpy

    import clearprop as cp

    X, y = [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]

    def fit(hidden: list[Any], seed: int) -> Any:
        net = cp.Network([*hidden, cp.Dense(1)], inputs=2, loss=cp.BinaryCrossEntropy(), seed=seed, dtype=numpy.float64)
        for _ in cp.train(net, X, y, optimizer=cp.LBFGS(), epochs=200):
            pass
        return net.predict(X)[:, 0]

    linear = fit([], 0)
    runs = [fit([cp.Dense(2), cp.Tanh()], seed) for seed in range(N_STARTS)]
    solved = [p for p in runs if ((p > 0.5) == y).all()]
    print(f"demo xor: {DEMOS['xor']}")
    print("x1 x2  target  linear (2-1)  hidden layer (2-2-1, tanh)")
    for row, target, flat, bent in zip(X, y, linear, solved[0], strict=True):
        print(f"{row[0]:>2} {row[1]:>2}  {target:>6}  {flat:>12.3f}  {bent:>26.3f}")
    print("no straight line parts the two classes: the best that a linear model can say is 0.5 everywhere")
    print(f"2-2-1: {len(solved)} of {N_STARTS} random starts solve it, the others get stuck")
    print(f"try next: {program()} demo two")
    return 0
