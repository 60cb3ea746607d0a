"""The troubles: which faults strike when, chosen by a seed, and how each is done."""

import os
import random
import signal
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

from redis.exceptions import RedisError
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from app.engine import faults as points
from app.engine import reading
from app.engine.reactions import RUNNING
from app.engine.tables import reactions
from tests.faults.chaos.processes import Platform
from tests.faults.chaos.receiver import CALLER
from tests.faults.chaos.watching import Fault, Watch

#: How often each kill is chosen, besides one at every fault point.
KILLS = {
    "web main": 2, "web child": 2, "worker main": 4, "worker child": 6, "outer main": 4, "outer child": 6,
    "worker whole": 2, "outer whole": 2, "outer at work": 4, "beat main": 4, "redis main": 4,
}  # fmt: skip
OTHERS = (
    "flush redis", "cut redis", "refuse redis", "silence redis", "slow redis", "outside refuses",
    "pause past lease",
)  # fmt: skip
OF_POSTGRES = ("restart postgres", "cut postgres", "refuse postgres", "silence postgres", "slow postgres")
#: Points that only a deploy meets which is stuck in a state, or a replay: tests/faults/test_kills.py strikes.
UNREACHED = {"sweep.before_deadline", "replay.before_commit", "replay.after_commit"}
#: Reached only on PostgreSQL: on SQLite events are born sealed.
POSTGRES_ONLY = {"sweep.after_seal"}
#: How long an armed point waits for somebody to die, in leases.
STRIKES_WITHIN = 1.5
AT_MOST = 100  # looks for somebody who can be harmed
LASTS = (1.0, 4.0)  # seconds, of what lasts
LASTS_LONG = 0.25  # so often it lasts for longer than a lease


SURPLUS = 8  # one kill in so many more than wanted, and two: not every fault finds its victim


def plan(rng: random.Random, kills: int, others: int, *, postgres: bool) -> list[str]:
    """What is to happen, in order: kills evenly among the rest, every fault point while there is room."""
    left_out = UNREACHED if postgres else UNREACHED | POSTGRES_ONLY
    armed = [f"at {point}" for point in points.POINTS if point not in left_out]
    rng.shuffle(armed)
    kills += kills // SURPLUS + 2
    chosen = [armed[n % len(armed)] for n in range(kills // 2)]
    chosen += rng.choices(list(KILLS), list(KILLS.values()), k=kills - len(chosen))
    kinds = [*OTHERS, *OF_POSTGRES] if postgres else list(OTHERS)
    rng.shuffle(kinds)
    chosen += [kinds[n % len(kinds)] for n in range(others)]
    rng.shuffle(chosen)
    return chosen


class Troubles:
    """Strikes one fault after another, each when the load has come far enough."""

    def __init__(self, platform: Platform, watch: Watch, planned: Sequence[str], rng: random.Random) -> None:
        self.platform, self.watch, self.planned, self.rng = platform, watch, planned, rng
        self.stopping = threading.Event()
        #: Faults that could not be done, in words.
        self.failed: list[str] = []
        self._killing: list[threading.Thread] = []
        self._lasting: list[threading.Thread] = []
        self._turns = defaultdict[str, threading.Lock](threading.Lock)

    def run(self, progress: Callable[[], float], patience: float) -> bool:
        """Strike everything that was planned, evenly over a `progress` that goes from 0 to 1. False: it stood
        still for `patience` seconds, and the rest was left.
        """
        furthest, since = 0.0, time.monotonic()
        for number, kind in enumerate(self.planned, start=1):
            while (reached := progress()) < number / (len(self.planned) + 1):
                if reached > furthest:
                    furthest, since = reached, time.monotonic()
                if time.monotonic() - since > patience:
                    return False
                self.stopping.wait(0.05)
            with self._noting(kind):
                self.strike(kind)
        return True

    def finish(self) -> None:
        """Let the kills that are under way strike, end what lasts, and leave everything whole."""
        for thread in self._killing:
            thread.join()
        self.stopping.set()
        for thread in self._lasting:
            thread.join()
        self.platform.heal()

    @contextmanager
    def _noting(self, kind: str) -> Iterator[None]:
        """A fault that cannot be done is a figure of the report, and the others go on."""
        try:
            yield
        except Exception as error:
            self.failed.append(f"{kind}: {error!r}")

    def strike(self, kind: str) -> None:
        what, _, target = kind.partition(" ")
        if what == "at":
            self._at_point(target)
        elif kind == "outer at work":
            self._in_background(kind, self._kill_at_work, kills=True)
        elif kind in KILLS:
            self._kill(what, target)
        elif kind == "flush redis":
            self._flush()
        elif kind == "restart postgres":
            self._restart_postgres()
        elif kind == "pause past lease":
            self._in_background(kind, self._pause)
        elif kind == "outside refuses":
            self._in_background(kind, self._outside_refuses)
        else:
            self._in_background(target, lambda: self._network(what, target))

    # kills

    def _kill(self, name: str, which: str) -> None:
        process = self.platform.processes[name]
        for _ in range(AT_MOST):
            children = process.children()
            victim = self.rng.choice(children) if which == "child" and children else process.pid
            if self.platform.kill(victim):
                break
            self.stopping.wait(0.05)  # it has just died by itself
        else:
            raise TimeoutError(f"{name} is never there to be killed")
        self._killed(f"{name} {'main' if which == 'child' and not children else which}", name)
        if which == "whole":  # as when a machine is lost: nobody is left to end in good order
            for child in children:
                self.platform.kill(child)

    def _killed(self, kind: str, target: str) -> None:
        self.watch.over(self.watch.note(kind, target, kill=True))

    def _at_point(self, point: str) -> None:
        """Kill whoever reaches a point next; in the background, because that may take its time."""
        self._in_background(f"at {point}", lambda: self._await_strike(point), kills=True)

    def _await_strike(self, point: str) -> None:
        self.platform.arm(point)
        until = time.monotonic() + STRIKES_WITHIN * self.platform.lease
        while self.platform.is_armed(point) and time.monotonic() < until:
            self.stopping.wait(0.02)
        try:
            (self.platform.faults / point).unlink()
        except FileNotFoundError:
            self._killed(f"at {point}", point)
            return
        self._kill(self.rng.choice(["worker", "outer"]), "child")  # nobody came by: another dies instead

    def _kill_at_work(self) -> None:
        with self._held_at_work() as victim:
            if victim is not None and self.platform.kill(victim):
                self._killed("outer at work", "outer")
            else:
                self._kill("outer", "child")

    @contextmanager
    def _held_at_work(self) -> Iterator[int | None]:
        """A process that waits for the world outside, which answers only when the block has ended."""
        with self._turns["the world outside"]:
            self.platform.receiver.answering.clear()
            try:
                yield self._at_work()
            finally:
                self.platform.receiver.answering.set()

    def _at_work(self) -> int | None:
        query = select(reactions.c.worker).where(reactions.c.action == CALLER, reactions.c.state == RUNNING)
        for _ in range(AT_MOST):
            with suppress(OperationalError), reading() as db:
                for worker in db.execute(query).scalars():
                    pid = int(worker.rpartition(":")[2])
                    if pid in self.platform.processes["outer"].children():
                        return pid
            self.stopping.wait(0.05)
        return None

    # what is no kill

    def _flush(self) -> None:
        fault = self.watch.note("flush redis", "redis", kill=False)
        with suppress(RedisError), self.platform.redis() as client:
            client.flushall()
        self.watch.over(fault)

    def _restart_postgres(self) -> None:
        fault = self.watch.note("restart postgres", "postgres", kill=False)
        self.platform.restart_postgres()
        self.watch.over(fault)

    def _network(self, what: str, target: str) -> None:
        """Harm a connection for a while: cut it, refuse new ones, be silent, be slow."""
        proxy = self.platform.redis_proxy if target == "redis" else self.platform.postgres_proxy
        assert proxy is not None
        fault = self.watch.note(f"{what} {target}", target, kill=False)
        if what == "slow":
            proxy.slow(self.rng.uniform(0.01, 0.08))
        else:
            {"cut": proxy.cut, "refuse": proxy.refuse, "silence": proxy.silence}[what]()
        self.stopping.wait(self._lasting_for())
        if what == "silence" and self.rng.random() < 0.5:
            proxy.cut()  # what was on its way is lost; else it arrives late
        proxy.forward()
        self.watch.over(fault)

    def _lasting_for(self) -> float:
        long = self.rng.random() < LASTS_LONG
        return self.rng.uniform(1.1, 1.5) * self.platform.lease if long else self.rng.uniform(*LASTS)

    def _outside_refuses(self) -> None:
        fault = self.watch.note("outside refuses", "outside", kill=False)
        self.platform.receiver.refusing = True
        self.stopping.wait(self.rng.uniform(*LASTS))
        self.platform.receiver.refusing = False
        self.watch.over(fault)

    def _pause(self) -> None:
        """Stop a process at work for longer than its lease; it wakes up when another has taken over."""
        with self._held_at_work() as pid:
            if pid is None:
                return
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
            fault = self.watch.note("pause past lease", "outer", kill=False)
            self.watch.over(fault)
        self.stopping.wait(1.5 * self.platform.lease + 1)
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)

    def _in_background(self, name: str, work: Callable[[], None], *, kills: bool = False) -> None:
        """Do what lasts beside the rest, one of a name after the other; what is no kill is left out when the
        run is over before its turn.
        """
        turn = self._turns[name]

        def do() -> None:
            with turn, self._noting(name):
                if kills or not self.stopping.is_set():
                    work()

        thread = threading.Thread(target=do, name=name, daemon=True)
        (self._killing if kills else self._lasting).append(thread)
        thread.start()


def by_kind(faults: Sequence[Fault], *, kill: bool) -> dict[str, int]:
    """How often each kind struck, by name."""
    kinds = [fault.kind for fault in faults if fault.kill == kill]
    return {kind: kinds.count(kind) for kind in sorted(set(kinds))}
