"""One seed of the deploy flow in a process of its own, to compare with others: `python -m
tests.faults.replayed SEED` prints what happened, then every row, on the empty database of `DATABASE_URL`.
"""

import sys

import pytest
import time_machine

from app.engine import metadata
from app.engine.database import get_engine
from app.services.spool import folder
from tests.faults.test_deploy_seeds import one_run
from tests.fixtures.looking_ahead import everything
from tests.fixtures.simulation import START, Simulation, simulate


def replay(simulation: Simulation, patch: pytest.MonkeyPatch, seed: int) -> list[str]:
    """The whole of a run: its trace, and the rows that it left."""
    patch.setattr(folder, "uuid4", lambda: simulation.ids.draw())
    one_run(simulation, seed)
    return simulation.trace + everything()


if __name__ == "__main__":
    with time_machine.travel(START, tick=False) as clock, pytest.MonkeyPatch.context() as patch:
        metadata.create_all(get_engine())
        print("\n".join(replay(simulate(clock, patch), patch, int(sys.argv[1]))))
