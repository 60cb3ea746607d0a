"""The sweep: finds what a crash, a lost message or the passing of time left behind, from the database alone.

It is never a message, may run in any number of places at once, and needs no broker.
"""

from dataclasses import dataclass

from app.engine import cancelling, clock, coverage, log, pausing, recovery, replaying, sending, timeouts
from app.engine.ahead import AHEAD
from app.engine.jumps import WATCH
from app.engine.recovery import apart


@dataclass
class Swept:
    """What one pass did."""

    sealed: int = 0
    sent: int = 0
    pulled_in: int = 0
    expired: int = 0
    buried: int = 0
    overdue: int = 0
    settled: int = 0
    timed_out: int = 0
    stalled: int = 0
    cancelled: int = 0
    replayed: int = 0
    resumed: int = 0
    uncovered: int = 0

    def __bool__(self) -> bool:
        return any(vars(self).values())


def sweep() -> Swept:
    """One pass over everything that is open and due."""
    swept = Swept()
    with apart("sealing"):
        swept.sealed = log.catch_up()
    now = WATCH.look(recovery.last_pass)
    with apart("clocks"):
        swept.pulled_in = recovery.pull_in(now) + AHEAD.look(now)
    leases = recovery.expire_leases(now)
    swept.expired, swept.buried = leases.expired, leases.buried
    swept.settled = recovery.settle_late_scopes(now)
    swept.overdue = recovery.pass_deadlines(now)
    swept.timed_out = timeouts.end_waits(now)
    swept.stalled = timeouts.tell_stalled_flows(now)
    swept.cancelled = cancelling.end_cancelled(now)
    swept.replayed = replaying.advance(now)
    with apart("resumed listeners"):
        swept.resumed = pausing.resume(now)
    with apart("coverage"):
        swept.uncovered = coverage.check(now)
    with apart("broker"):
        sending.notice_lost_broker()
    swept.sent = sending.send_due(clock.now())
    recovery.note_pass(now)
    return swept
