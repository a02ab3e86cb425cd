"""How often training from random starts solves XOR: prints the figures that the README quotes.

    python benchmarks/xor_starts.py [STARTS]

A start counts as solved when each of the four predictions is within 0.05 of its target.
"""

import sys

import numpy

import clearprop as cp

X, Y = numpy.array([[0, 0], [0, 1], [1, 0], [1, 1]]), numpy.array([0, 1, 1, 0])
OPTIMIZERS = {"Adam, 500 epochs": (cp.Adam(0.05), 500), "L-BFGS, up to 500 iterations": (cp.LBFGS(), 500)}


def solved(units: int, optimizer: cp.Adam | cp.LBFGS, epochs: int, seed: int) -> bool:
    """Return whether a 2-units-1 ReLU network that starts from `seed` ends at XOR."""
    net = cp.Network([cp.Dense(units), cp.ReLU(), cp.Dense(1)], inputs=2, seed=seed, dtype=numpy.float64)
    net.fit(X, Y, optimizer=optimizer, epochs=epochs, batch_size=4)
    return bool(numpy.abs(net.predict(X)[:, 0] - Y).max() < 0.05)


def main() -> None:
    """Print a line a network and optimizer."""
    starts = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    for units in (2, 8):
        for name, (optimizer, epochs) in OPTIMIZERS.items():
            count = sum(solved(units, optimizer, epochs, seed) for seed in range(starts))
            print(f"2-{units}-1 ReLU, squared error, {name}: {count} of {starts} random starts solve XOR", flush=True)


if __name__ == "__main__":
    main()
