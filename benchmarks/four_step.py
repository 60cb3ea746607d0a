"""A flow of four trivial actions through the whole engine, against a plain Celery chain of four trivial
tasks that stores nothing: the same broker, the same two worker processes, in turn. Prints medians and
ratios.

`python -m benchmarks.four_step [--flows 300] [--rounds 5] [--database-url URL]`
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

BIN = Path(sys.executable).parent


class Result(NamedTuple):
    """Of one round: flows per second, and milliseconds of processor time per flow."""

    rate: float
    cpu: float


def main() -> None:
    """Measure, and say what was measured."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--flows", type=int, default=300, help="flows (and chains) per round")
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--database-url", default="", help="default: an SQLite file in a temporary folder")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="antiphon-bench-") as folder, redis(Path(folder)) as broker:
        url = chosen.database_url or f"sqlite:///{folder}/bench.db"
        os.environ |= {
            "ANTIPHON_HOME": folder,
            "DATABASE_URL": url,
            "REDIS_URL": broker,
            "LOG_LEVEL": "WARNING",
        }
        measured = measure(Path(folder), chosen.flows, chosen.rounds)
        report(measured, chosen.flows, url.partition(":")[0])


def measure(folder: Path, flows: int, rounds: int) -> dict[str, list[Result]]:
    """One result of each kind per round; the kinds take turns."""
    from benchmarks import contest

    contest.prepare()
    kinds: dict[str, Callable[[int], None]] = {
        "chain": contest.chains,
        "inner": contest.inner_flows,
        "outer": contest.outer_flows,
    }
    results: dict[str, list[Result]] = {kind: [] for kind in kinds}
    with workers(folder, lambda: bool(contest.celery.control.ping(timeout=0.5))) as pid:
        for kind in kinds.values():
            kind(20)  # warm: connections, caches, compiled statements
        for _ in range(rounds):
            for name, kind in kinds.items():
                began, spent = time.perf_counter(), cpu_seconds(pid)
                kind(flows)
                took, spent = time.perf_counter() - began, cpu_seconds(pid) - spent
                results[name].append(Result(flows / took, 1000 * spent / flows))
    return results


def cpu_seconds(workers: int) -> float:
    """Processor time that this process and the workers have used; steadier than the clock on a busy
    machine.
    """
    processes = [os.getpid(), workers]
    for listing in Path(f"/proc/{workers}/task").glob("*/children"):
        processes += [int(child) for child in listing.read_text().split()]
    fields = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in processes]
    return sum(int(each[11]) + int(each[12]) for each in fields) / os.sysconf("SC_CLK_TCK")


def report(measured: dict[str, list[Result]], flows: int, database: str) -> None:
    """One line per kind: medians, the range, and the ratios to the plain chain."""
    plain = median(measured["chain"])
    print(
        f"{flows} four-step flows a round, {len(measured['chain'])} rounds, {database}, two worker processes"
    )
    for kind, results in measured.items():
        rate, cpu = median(results)
        rates = [result.rate for result in results]
        shown = f"{rate:6.1f} flows/s ({min(rates):.1f} to {max(rates):.1f}), {cpu:5.1f} ms CPU per flow"
        print(f"  {kind:6}{shown}: {rate / plain.rate:.2f}x by the clock, {plain.cpu / cpu:.2f}x by CPU")


def median(results: list[Result]) -> Result:
    """The medians of some results."""
    return Result(*(statistics.median(figures) for figures in zip(*results, strict=True)))


@contextmanager
def redis(folder: Path) -> Iterator[str]:
    """A Redis of our own on a socket while the block runs; its URL."""
    server = shutil.which("redis-server") or str(BIN / "redis-server")
    socket = folder / "redis.sock"
    with running([server, "--port", "0", "--unixsocket", str(socket), "--save", "", "--dir", str(folder)]):
        while not socket.exists():
            time.sleep(0.01)
        yield f"redis+socket://{socket}"


@contextmanager
def workers(folder: Path, answers: Callable[[], bool]) -> Iterator[int]:
    """Two worker processes for all queues while the block runs; the id of their main process."""
    log = folder / "workers.log"
    command = [str(BIN / "celery"), "-A", "benchmarks.flows", "worker", "-Q", "inner,outer", "-c", "2"]
    with running([*command, "--without-gossip", "--without-mingle", "-l", "WARNING"], log) as process:
        while not answers():
            if process.poll() is not None:
                raise SystemExit(f"the workers did not start:\n{log.read_text()}")
        yield process.pid


@contextmanager
def running(command: list[str], log: Path | None = None) -> Iterator[subprocess.Popen[Any]]:
    """A process that ends with the block."""
    output: Any = log.open("w") if log else subprocess.DEVNULL
    process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(20)


if __name__ == "__main__":
    main()
