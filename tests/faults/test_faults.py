"""Short runs of the harness: whatever happens, the index names only whole objects, and all that
was reported done is there. ``python -m tests.faults`` runs longer."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults import cuts, kills, places, refusals
from tests.faults.conftest import SECONDS, SEED
from tests.faults.running import Clock
from tests.faults.subjects import COLLECT, REALISE, Subject, Workshop, workshop
from tests.faults.tally import Tally
from tests.faults.together import TOGETHER, together

CREW = {"adder": 2, "builder": 2, "collector": 1, "verifier": 1}


@pytest.mark.usefixtures("strace")
def test_nothing_is_lost_when_killed_before_a_durable_step(shop: Workshop, tally: Tally) -> None:
    kills.at_every_step(shop, tally, Clock(SECONDS), SEED)
    assert tally.counts["kills at a step"] > 0
    assert tally.lost == []


def test_nothing_is_lost_when_killed_at_any_instant(shop: Workshop, tally: Tally) -> None:
    kills.at_random(shop, tally, Clock(SECONDS), SEED)
    assert tally.counts["kills at an instant"] > 0
    assert tally.lost == []


@pytest.mark.usefixtures("strace")
def test_nothing_is_lost_in_a_power_cut(shop: Workshop, tally: Tally) -> None:
    cuts.cut(shop, tally, Clock(SECONDS), SEED)
    assert tally.counts["different states"] > 0
    assert tally.lost == []


@pytest.mark.usefixtures("strace")
def test_a_call_that_fails_is_a_clear_error_and_loses_nothing(shop: Workshop, tally: Tally) -> None:
    refusals.refuse(shop, tally, Clock(SECONDS), SEED)
    assert sum(tally.counts[error] for error in refusals.FAULTS) > 0
    assert tally.lost == []


@pytest.mark.parametrize("subject", [COLLECT, REALISE], ids=lambda subject: subject.name)
def test_a_disk_that_refuses_loses_nothing(
    warmed: None, tmp_path: Path, tally: Tally, subject: Subject
) -> None:
    shop = workshop(tmp_path / "shop", subject)
    try:
        places.suffer(shop, tally, Clock(SECONDS), SEED)
    finally:
        Workshop.clear(shop.place)
    if not tally.counts:
        pytest.skip("no such disk can be made here, or by this user")
    assert tally.lost == []


def test_many_at_once_lose_nothing(warmed: None, tmp_path: Path, tally: Tally) -> None:
    shop = workshop(tmp_path / "shop", TOGETHER)
    done = together(shop, CREW, SECONDS * 5, SEED)
    tally.counts, tally.lost = done.counts, done.lost
    Workshop.clear(shop.place)
    for role in CREW:
        assert done.counts[f"{role} runs"] > 0
    assert done.counts["results kept"] > 0
    assert done.lost == []
