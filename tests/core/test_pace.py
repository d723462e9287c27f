"""When indexing works, rests and waits. The rule is pure; the clock and the computer are the test's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.cancel import CancelToken
from core.config import Settings, folders_under
from core.errors import Cancelled
from core.pace import LOOK_S, Governor, Load, LoadMeter, Pace, rest_s
from core.types import CpuShare, PauseReason

SETTINGS = Settings(folders_under(Path("/nowhere")))
MAINS, BATTERY = Load(on_battery=False, others=0.0), Load(on_battery=True, others=0.0)
BUSY, IDLE = Load(on_battery=False, others=1.0), Load(on_battery=False, others=0.05)


class Day:
    """A governor and a clock that goes on by one look at a time."""

    def __init__(self, settings: Settings = SETTINGS) -> None:
        self.governor = Governor()
        self.settings = settings
        self.now_s = 1000.0

    def look(self, load: Load, seconds: float = LOOK_S) -> PauseReason | None:
        """The decision after ``seconds`` of ``load``."""
        reason = None
        for _ in range(max(1, round(seconds / LOOK_S))):
            self.now_s += LOOK_S
            reason = self.governor.decide(load, self.settings, self.now_s)
        return reason


def test_work_waits_on_battery_and_goes_on_with_the_cable():
    day = Day()
    assert day.look(MAINS) is None
    assert day.look(BATTERY) is PauseReason.BATTERY
    assert day.look(MAINS) is None


def test_a_moment_of_other_work_pauses_nothing_and_a_while_of_it_does():
    day = Day()
    assert day.look(IDLE, 60) is None
    assert day.look(BUSY, 4) is None, "a page that loads"
    assert day.look(IDLE, 10) is None
    assert day.look(BUSY, 30) is PauseReason.BUSY
    assert day.look(IDLE, 30) is None


def test_one_program_of_one_thread_on_two_cores_is_not_a_busy_computer():
    day = Day()
    assert day.look(Load(on_battery=False, others=0.5), 600) is None


def test_each_reason_can_be_switched_off():
    assert Day(replace(SETTINGS, pause_on_battery=False)).look(BATTERY, 60) is None
    assert Day(replace(SETTINGS, pause_when_busy=False)).look(BUSY, 60) is None


def test_a_person_who_insists_is_not_asked_again_for_the_same_reason():
    day = Day()
    day.look(BATTERY)
    day.governor.insist(day.now_s)
    assert day.look(BATTERY, 4 * 3600) is None
    assert day.look(BUSY, 60) is PauseReason.BUSY, "the other reason was not there"


def test_insisting_ends_once_its_reason_was_gone_half_an_hour_later():
    day = Day()
    day.look(BATTERY)
    day.governor.insist(day.now_s)
    day.look(MAINS, 60)
    assert day.look(BATTERY) is None, "a cable that was in for a minute"
    day.look(BATTERY, 1800)
    day.look(MAINS)
    assert day.look(BATTERY) is PauseReason.BATTERY


@given(st.lists(st.sampled_from([0.0, 0.35, 0.5, 0.59, 0.7, 1.0]), min_size=2, max_size=200))
def test_it_never_flaps(others):
    """Between two changes lie at least ten seconds, unless work had only just gone on, and mild use changes nothing."""
    day = Day()
    decisions = []
    for share in others:
        reason = day.look(Load(on_battery=False, others=share))
        decisions.append((day.now_s, reason))
    pauses = [at for (_, before), (at, after) in pairwise(decisions) if before is None and after is not None]
    ends = [at for (_, before), (at, after) in pairwise(decisions) if before is not None and after is None]
    for begun in pauses:
        assert not [end for end in ends if begun < end < begun + 10]
    if max(others) < 0.6:
        assert not pauses


def test_quiet_rests_as_long_as_it_worked_and_others_do_not():
    assert rest_s(CpuShare.QUIET, 0.5) == 0.5
    assert rest_s(CpuShare.QUIET, 60) == 2.0, "one long recording is not paid back whole"
    assert rest_s(CpuShare.BALANCED, 10) == rest_s(CpuShare.FULL, 10) == 0.0


class Computer:
    """What a pace sees: loads that a test sets, and a clock that each look moves on."""

    def __init__(self) -> None:
        self.load = MAINS
        self.now_s = 0.0
        self.looks = 0

    def look(self) -> Load:
        self.looks += 1
        return self.load

    def clock(self) -> float:
        self.now_s += LOOK_S / 2
        return self.now_s


@pytest.fixture
def computer(monkeypatch: pytest.MonkeyPatch) -> Iterator[Computer]:
    monkeypatch.setattr("core.pace._SLICE_S", 0.001)
    yield Computer()


def paced(computer: Computer, **settings: object) -> Pace:
    return Pace(replace(SETTINGS, **settings), computer.look, computer.clock)


def test_a_turn_waits_until_its_reason_has_gone(computer):
    pace = paced(computer)
    computer.load = BATTERY
    told: list[PauseReason] = []

    def tell(reason: PauseReason) -> None:
        told.append(reason)
        if len(told) == 3:
            computer.load = MAINS

    pace.wait_turn(CancelToken(), tell)
    assert told[:3] == [PauseReason.BATTERY] * 3
    assert pace.reason is None


def test_a_cancel_ends_the_wait(computer):
    pace = paced(computer)
    computer.load = BATTERY
    cancel = CancelToken()
    with pytest.raises(Cancelled):
        pace.wait_turn(cancel, lambda reason: cancel.cancel())


def test_a_turn_that_nobody_wants_any_more_does_not_wait(computer):
    pace = paced(computer)
    computer.load = BATTERY
    told: list[PauseReason] = []
    pace.wait_turn(CancelToken(), told.append, lambda: len(told) < 2)
    assert len(told) == 2


def test_insisting_and_other_settings_end_the_wait(computer):
    pace = paced(computer)
    computer.load = BATTERY
    pace.wait_turn(CancelToken(), lambda reason: pace.insist())
    other = paced(computer)
    other.wait_turn(CancelToken(), lambda reason: other.configure(replace(SETTINGS, pause_on_battery=False)))
    assert pace.reason is other.reason is None


def test_who_waits_for_the_work_is_not_held(computer):
    pace = paced(computer, cpu_share=CpuShare.QUIET)
    pace.eager = True
    computer.load = BATTERY
    pace.wait_turn(CancelToken(), lambda reason: pytest.fail("held"))
    assert computer.looks == 0


def test_the_computer_is_looked_at_now_and_then_not_at_every_turn(computer):
    pace = paced(computer)
    for _ in range(100):
        pace.wait_turn(CancelToken())
    assert 1 < computer.looks <= 100 * 3 / 2  # the clock moves on by half a look each time it is read


def test_the_real_computer_can_be_looked_at():
    meter = LoadMeter()
    first, second = meter.look(), meter.look()
    assert first.others == 0.0, "nothing to compare with yet"
    assert second.others >= 0.0
    assert isinstance(first.on_battery, bool)
