"""A process that holds one contestant and does what `measure.Worker` asks for; not for use by hand.

Requests and answers are lines of JSON on standard input and output. What libraries print goes to standard error.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
import traceback
from pathlib import Path
from typing import Any


def memory() -> dict[str, float]:
    """Return the resident memory of this process and its peak, in MB (10^6 bytes)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    fields = dict(line.split(":", 1) for line in lines)
    return {key: int(fields[name].split()[0]) * 1024 / 1e6 for key, name in (("rss", "VmRSS"), ("peak", "VmHWM"))}


def prepare(contestant: Any, folder: str, threads: int) -> Any:
    """Return the contestant, made for the task in the folder: a network to train, or a task of the kind it names."""
    from nets import Task

    return contestant(getattr(contestant, "Task", Task).load(Path(folder)), threads)


def serve(contestant: Any, threads: int, channel: Any) -> None:
    """Answer requests until there are no more."""
    made = None
    for line in sys.stdin:
        method, arguments = json.loads(line)
        try:
            wall, cpu = time.perf_counter(), time.process_time()
            if method == "prepare":
                made = None  # frees the one before
                made = prepare(contestant, *arguments, threads)
                result = made.detail
            else:
                result = getattr(made, method)(*arguments)
            seconds, cpu_seconds = time.perf_counter() - wall, time.process_time() - cpu
            answer = {"result": result, "seconds": seconds, "cpu_seconds": cpu_seconds, **memory()}
        except Exception as error:
            traceback.print_exc()
            answer = {"error": f"{type(error).__name__}: {error}".splitlines()[0]}
        print(json.dumps(answer), file=channel, flush=True)


def main() -> None:
    """Import the contestant's library, say how long it took, and serve."""
    channel = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    module, name, threads, cpus = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
    os.sched_setaffinity(0, map(int, cpus.split(",")))  # before any library counts the CPUs
    began = time.perf_counter()
    try:
        contestant = getattr(importlib.import_module(f"contestants.{module}"), name)
    except ModuleNotFoundError as error:
        print(json.dumps({"missing": error.name}), file=channel, flush=True)
        return
    seconds = time.perf_counter() - began
    print(json.dumps({"seconds": seconds, **memory()}), file=channel, flush=True)
    serve(contestant, threads, channel)


if __name__ == "__main__":
    main()
