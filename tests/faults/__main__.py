"""``python -m tests.faults``: the campaigns, for as long as one likes."""

from __future__ import annotations

import argparse
import itertools
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from store.gc.settings import parse_duration
from tests.faults import cuts, kills, places, refusals
from tests.faults.running import Clock, have_strace, warm
from tests.faults.subjects import SUBJECTS, Workshop, workshop
from tests.faults.tally import Tally
from tests.faults.together import TOGETHER, together

Campaign = Callable[[Workshop, Tally, Clock, int], None]

CAMPAIGNS: Mapping[str, Campaign] = {
    "steps": kills.at_every_step,
    "instants": kills.at_random,
    "cuts": cuts.cut,
    "refusals": refusals.refuse,
    "places": places.suffer,
}

CREW = {"adder": 3, "builder": 2, "collector": 1, "verifier": 1}


def main() -> int:
    """Run what the command line asks for; the exit status is 1 when anything was lost."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("campaigns", nargs="*", choices=[*CAMPAIGNS, "together", []], default=[])
    parser.add_argument("--subject", action="append", choices=list(SUBJECTS), help="all by default")
    parser.add_argument("--for", dest="total", type=_seconds, help="10m, 2h: for all together")
    parser.add_argument("--seconds", type=float, default=60, help="for each campaign and subject")
    parser.add_argument("--rounds", type=int, default=1, help="each with the next seed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", help="where the stores are made (a disk, rather than tmpfs)")
    given = parser.parse_args()
    chosen = given.campaigns or [*CAMPAIGNS, "together"]
    if not have_strace() and chosen != ["together"]:
        print("the harness needs strace", file=sys.stderr)
        return 2
    warm()
    subjects = given.subject or list(SUBJECTS)
    if given.total:
        parts = sum(1 if name == "together" else len(subjects) for name in chosen)
        given.seconds = given.total / (parts * given.rounds)
    tallies = []
    for seed, name in itertools.product(range(given.seed, given.seed + given.rounds), chosen):
        with tempfile.TemporaryDirectory(prefix="faults-", dir=given.folder) as folder:
            if name == "together":
                shop = workshop(Path(folder) / name, TOGETHER)
                tallies.append(_tell(together(shop, CREW, given.seconds, seed)))
                continue
            for subject in subjects:
                tally = Tally(f"{name} of {subject} (seed {seed})")
                shop = workshop(Path(folder) / subject, SUBJECTS[subject])
                CAMPAIGNS[name](shop, tally, Clock(given.seconds), seed)
                tallies.append(_tell(tally))
    print(sum(tallies, Tally("in all")), flush=True)
    return 1 if any(tally.lost for tally in tallies) else 0


def _seconds(text: str) -> float:
    seconds = parse_duration(text)
    if not seconds:
        raise argparse.ArgumentTypeError(f"{text!r} is no duration such as 90s, 10m or 2h")
    return seconds


def _tell(tally: Tally) -> Tally:
    print(tally, flush=True)
    for finding in tally.lost:
        print(f"  {finding}", flush=True)
    return tally


if __name__ == "__main__":
    sys.exit(main())
