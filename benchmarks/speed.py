"""How fast training is, beside scikit-learn, PyTorch and JAX: prints the figures that the README quotes.

    python benchmarks/speed.py                             # the training table, all networks (several minutes)
    python benchmarks/speed.py --nets tiny,small --repeats 3
    python benchmarks/speed.py --json speed.json --picture speed.svg
    python benchmarks/speed.py --float64                   # MLPClassifier beside scikit-learn's
    python benchmarks/speed.py --sweep                     # 45 shapes: where is somebody faster?
    python benchmarks/speed.py --memory                    # growth of memory in training, against a bound

What is measured, and how, is told in benchmarks/README.md. Linux; progress goes to standard error.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import estimator_speed
import memory
import sweep
from contest import print_net, print_summary, train_net
from contestants import TRAINERS
from measure import machine
from nets import NETS
from options import add_common, check_common, names
from report import draw, write_json


def arguments() -> argparse.Namespace:
    """Return the arguments of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, usage="%(prog)s [options]"
    )
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--float64", action="store_true", help="MLPClassifier.fit beside scikit-learn's, in float64")
    kind.add_argument("--sweep", action="store_true", help="many shapes of networks, with the losing ones marked")
    kind.add_argument("--memory", action="store_true", help="growth of memory in training")
    parser.add_argument("--nets", type=names(NETS), default=list(NETS), help=f"of {','.join(NETS)}; default all")
    parser.add_argument(
        "--peers", type=names(TRAINERS), help=f"of {','.join(TRAINERS)}; default all (--sweep: all but compile)"
    )
    add_common(parser)
    parser.add_argument("--picture", type=Path, metavar="FILE", help="draw the training table (.svg, .png)")
    given = parser.parse_args()
    check_common(parser, given)
    if given.picture and (given.float64 or given.sweep or given.memory):
        parser.error("--picture draws the training table; leave out --float64, --sweep and --memory")
    return given


def main() -> None:
    """Measure what the command line asks for."""
    given = arguments()
    about = {**machine(), "threads": given.threads, "repeats": given.repeats}
    print(f"{about['cpu']}, {about['cpus']} CPUs, Python {about['python']}, {about['date']}")
    peers = given.peers or [key for key in TRAINERS if not (given.sweep and key == "compile")]
    contestants = {key: TRAINERS[key] for key in TRAINERS if key in peers or key == "clearprop"}
    nets = [NETS[name] for name in given.nets]
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        if given.float64:
            rows = estimator_speed.run(nets, given.threads, given.repeats, scratch)
        elif given.sweep:
            rows = sweep.run(contestants, given.threads, given.repeats, scratch)
        elif given.memory:
            rows = memory.run(nets, contestants, given.threads, scratch)
        else:
            rows = []
            for net in nets:
                found, yardsticks = train_net(net, contestants, given.threads, given.repeats, scratch)
                print_net(net, found, yardsticks)
                rows += found
                about[net.name] = yardsticks
            print_summary(rows)
    if given.json:
        write_json(given.json, {"machine": about, "rows": rows})
    if given.picture:
        draw(given.picture, rows)


if __name__ == "__main__":
    main()
