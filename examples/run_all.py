"""Run all experiments of the gallery: print their seconds and figures, and save their pictures in a folder."""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

from gallery import FOLDER, scripts


def main() -> int:
    """Run each script in a process of its own and return 1 if one fails, else 0."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER / "pictures", help="of the pictures")
    parser.add_argument("--small", action="store_true", help="a few seconds each instead of up to a minute")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    width = max(len(script.stem) for script in scripts())
    print(f"{'script':{width}}  seconds  figures")
    failed = False
    for script in scripts():
        command = [sys.executable, script, "--picture", arguments.folder / f"{script.stem}.png"]
        began = time.perf_counter()
        done = subprocess.run(
            command + ["--small"] * arguments.small,
            env=os.environ | {"MPLBACKEND": "Agg"},
            capture_output=True,
            text=True,
        )
        seconds = time.perf_counter() - began
        lines = done.stdout.splitlines() if done.returncode == 0 else ["FAILED", *done.stderr.splitlines()]
        failed |= done.returncode != 0
        print(f"{script.stem:{width}}  {seconds:7.1f}  " + f"\n{'':{width}}           ".join(lines), flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
