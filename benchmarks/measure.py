"""Workers in processes of their own, repeats in turn, medians and quartiles."""

from __future__ import annotations

import datetime
import json
import math
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy
import psutil
from contestants import Contestant

SETTLE = 0.05  # seconds without work after which a worker's threads are taken to be asleep
PATIENCE = 2.0  # seconds that they may take to fall asleep


class WorkerError(Exception):
    """What went wrong in a worker, or that its library is not installed."""


def say(*words: object) -> None:
    """Report progress on standard error."""
    print(*words, file=sys.stderr, flush=True)


def machine() -> dict[str, Any]:
    """Return what the figures depend on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())
    return {
        "cpu": model,
        "cpus": len(os.sched_getaffinity(0)),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "python": platform.python_version(),
        "system": platform.platform(),
        "load_before": os.getloadavg()[0],
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }


def environment(threads: int, cache: Path) -> dict[str, str]:
    """Return the environment that holds every library to a number of threads."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
    own = {name: str(threads) for name in names}
    own |= {"JAX_PLATFORMS": "cpu", "CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "3"}
    # an empty cache, so that PyTorch's compilation is measured and not its memory of another run
    own |= {"TORCHINDUCTOR_CACHE_DIR": str(cache), "TORCHINDUCTOR_COMPILE_THREADS": "1"}
    if threads == 1:
        own["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
    return {**os.environ, **own}


class Worker:
    """A fresh process that holds one contestant, on as many CPUs as it has threads.

    Parameters
    ----------
    contestant : Contestant
        Who.
    threads : int
        How many threads; all workers of a number of threads share the same CPUs.
    cache : Path
        A folder for compiled code.

    Attributes
    ----------
    import_seconds : float
        Time to import its library, NumPy included.
    rss : float
        Resident memory after the import, in MB.

    Raises
    ------
    WorkerError
        If its library is not installed.
    """

    def __init__(self, contestant: Contestant, threads: int, cache: Path) -> None:
        self.threads, self.label = threads, contestant.label
        cpus = ",".join(map(str, sorted(os.sched_getaffinity(0))[-threads:]))
        script = str(Path(__file__).with_name("worker.py"))
        self.process = subprocess.Popen(
            [sys.executable, "-W", "ignore", script, contestant.module, contestant.name, str(threads), cpus],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment(threads, cache),
        )
        try:
            hello = self._answer()
            if "missing" in hello:
                raise WorkerError(f"not installed: {hello['missing']}")
        except BaseException:
            self.close()
            raise
        self.import_seconds, self.rss = hello["seconds"], hello["rss"]

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise WorkerError(f"the process ended with code {self.process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def call(self, method: str, *arguments: Any) -> dict[str, Any]:
        """Call a method of the contestant; return its result, wall and CPU seconds, memory and peak memory in MB."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps([method, arguments]) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise WorkerError(f"the process ended with code {self.process.wait()}") from None
        answer = self._answer()
        if "error" in answer:
            raise WorkerError(answer["error"])
        return answer

    def fall_asleep(self) -> None:
        """Wait until all threads sleep: OpenBLAS's go on looking for work, on a CPU that the next worker needs."""
        process = psutil.Process(self.process.pid)
        end, before = time.perf_counter() + PATIENCE, None
        while time.perf_counter() < end and (used := sum(process.cpu_times()[:2])) != before:
            before = used
            time.sleep(SETTLE)

    def close(self) -> None:
        """End the process."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


@dataclass(frozen=True)
class Spread:
    """Median and quartiles of some repeats."""

    low: float
    median: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Return the quartiles of the values."""
        return cls(*(float(value) for value in numpy.percentile(values, [25, 50, 75])))

    def __str__(self) -> str:
        return f"{number(self.median)} [{number(self.low)}, {number(self.high)}]"


class Disturbance:
    """How many CPUs everybody else on the machine kept busy: `cpus`, between ``with`` and its end.

    Parameters
    ----------
    workers : iterable of Worker
        Whose CPU time is our own.
    """

    def __init__(self, workers: Iterable[Worker]) -> None:
        self.processes = [psutil.Process(worker.process.pid) for worker in workers]

    def _read(self) -> tuple[float, float]:
        busy = psutil.cpu_times()
        own = sum(sum(process.cpu_times()[:2]) for process in self.processes)
        return time.perf_counter(), busy.user + busy.nice + busy.system + busy.steal - own

    def __enter__(self) -> Self:
        self._began = self._read()
        return self

    def __exit__(self, *error: object) -> None:
        seconds, busy = (after - before for after, before in zip(self._read(), self._began, strict=True))
        self.cpus = max(0.0, busy / seconds)


def number(value: float | None) -> str:
    """Return a number with three digits that count, or a dash for None."""
    if value is None:
        return "-"
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{digits}f}"


@dataclass(frozen=True)
class Job:
    """What a worker does in every repeat: `method(*arguments)`, which counts as `units` of work."""

    worker: Worker
    method: str
    arguments: tuple[Any, ...]
    units: float
    resets: bool = False


def calibrated(worker: Worker, method: str, before: tuple[Any, ...], seconds: float) -> int:
    """Return how often to do a thing, the last argument, so that a repeat takes at least `seconds`."""
    count = 1
    while True:
        took = worker.call(method, *before, count)["seconds"]
        if took >= 0.5 * seconds:
            return math.ceil(count * max(1.0, seconds / took))
        count = max(2 * count, math.ceil(count * 0.6 * seconds / max(took, 1e-9)))


def interleave(jobs: Mapping[Any, Job], repeats: int) -> dict[Any, tuple[Spread, Spread]]:
    """Return wall and CPU seconds a unit of each job, whose repeats take turns so that noise hits all alike."""
    wall: dict[Any, list[float]] = {key: [] for key in jobs}
    cpu: dict[Any, list[float]] = {key: [] for key in jobs}
    keys = list(jobs)
    for repeat in range(repeats if jobs else 0):
        first = repeat % len(keys)  # nobody is always the first
        for key in keys[first:] + keys[:first]:
            job = jobs[key]
            if job.resets:
                job.worker.call("reset")
            job.worker.fall_asleep()
            answer = job.worker.call(job.method, *job.arguments)
            wall[key].append(answer["seconds"] / job.units)
            cpu[key].append(answer["cpu_seconds"] / job.units)
            job.worker.fall_asleep()
    return {key: (Spread.of(wall[key]), Spread.of(cpu[key])) for key in jobs}
