"""A small table for the tests of the command line."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy


def flower_rows(n: int = 90, seed: int = 0) -> list[dict[str, str]]:
    """Three species that two lengths tell apart, with a colour that says nothing."""
    random = numpy.random.default_rng(seed)
    rows = []
    for number in range(n):
        kind = number % 3
        rows.append(
            {
                "id": f"f{number}",
                "sepal_length": f"{5 + kind + random.normal(0, 0.3):.2f}",
                "petal_length": f"{1.5 + 2 * kind + random.normal(0, 0.3):.2f}",
                "colour": ["red", "blue"][int(random.integers(2))],
                "species": ["setosa", "versicolor", "virginica"][kind],
            }
        )
    return rows


def write_csv(path: Path, rows: list[dict[str, str]], delimiter: str = ",") -> str:
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=delimiter, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return str(path)
