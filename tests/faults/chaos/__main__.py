"""`python -m tests.faults.chaos` runs the harness and prints its report. Exit code 1: a target is missed."""

import argparse
import json
import secrets
import sys
import traceback
from pathlib import Path

import pytest

from tests.faults.chaos.report import Report
from tests.faults.chaos.run import Wanted, run

NOT_HERE = 77  # the exit code that means: skipped


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.chaos", description=__doc__)
    parser.add_argument("--flows", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--others", type=int, help="how many cuts, pauses, flushes and the like; else chosen")
    parser.add_argument("--at-once", type=int, default=0, help="how many flows may be open side by side")
    parser.add_argument("--database", choices=["sqlite", "postgresql", "both"], default="both")
    parser.add_argument("--seed", type=int, help="chooses what happens when; random when not given")
    parser.add_argument("--lease", type=float, default=10, help="LEASE_SECONDS of the platform")
    parser.add_argument("--sweep", type=float, default=1, help="SWEEP_SECONDS of the platform")
    parser.add_argument("--json", type=Path, help="write the reports here too")
    parser.add_argument("--folder", type=Path, help="keep logs and databases here")
    return parser.parse_args()


def main() -> int:
    asked = arguments()
    seed = secrets.randbelow(10**6) if asked.seed is None else asked.seed
    outcomes = [
        one_run(asked, database, seed)
        for database in (("sqlite", "postgresql") if asked.database == "both" else (asked.database,))
    ]
    reports = [each for each in outcomes if isinstance(each, Report)]
    if asked.json:
        asked.json.write_text(json.dumps([report.as_json() for report in reports], indent=2))
    if 1 in outcomes or any(report.missed() for report in reports):
        return 1
    return NOT_HERE if NOT_HERE in outcomes else 0


def one_run(asked: argparse.Namespace, database: str, seed: int) -> Report | int:
    """The report of the run on one database, or the exit code where there was none."""
    print(f"== {database}: {asked.flows} flows, {asked.kills} kills, seed {seed}", flush=True)
    folder = asked.folder and asked.folder / database
    size = {"of_others": asked.others, "together": asked.at_once, "lease": asked.lease, "sweep": asked.sweep}
    wanted = Wanted(database, seed, asked.flows, asked.kills, folder=folder, **size)
    try:
        report = run(wanted, lambda text: print(text, flush=True))
    except pytest.skip.Exception as reason:
        print(reason)
        return NOT_HERE
    except Exception:
        traceback.print_exc()
        return 1
    print(report, flush=True)
    return report


if __name__ == "__main__":
    sys.exit(main())
