"""Which release is for this box, and when: the rules alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from provisioning.updates import trust
from provisioning.updates.refusals import SENTENCES
from provisioning.updates.release import Release, Rollout
from provisioning.updates.trust import Box, Moment, Present
from tests.updates.test_release import a_release

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
HERE = Moment(now=NOW, known=True)
BOX = Box(id="a box", memory=4000, agent="0.5.0")
DAY = timedelta(days=1)


def _reason(release: Release, present: Present | None = None, when: Moment = HERE, **more: Any) -> str:
    verdict = trust.judge(release, BOX, present or Present(), when, **more)
    assert verdict.sentence == (SENTENCES[verdict.reason] if verdict.reason else "")
    return verdict.reason


@pytest.mark.parametrize(
    ("release", "reason"),
    [
        (a_release(), ""),
        (a_release(yanked="It forgets names."), "yanked"),
        (a_release(min_ram_mb=4001), "too_little_memory"),
        (a_release(min_ram_mb=4000), ""),
        (a_release(max_ram_mb=3999), "too_much_memory"),
        (a_release(min_agent="0.5.1"), "old_agent"),
        (a_release(min_agent="0.5"), ""),
        (a_release(min_agent="0.10"), "old_agent"),
        (a_release(rollout=Rollout(not_before=NOW + DAY)), "not_yet"),
        (a_release(rollout=Rollout(not_after=NOW)), "no_longer"),
        (a_release(rollout=Rollout(percent=0)), "other_boxes_first"),
        (a_release(published=NOW - timedelta(hours=23)), "one_day"),
        (a_release(published=NOW - DAY), ""),
        (a_release(published=NOW, rollout=Rollout(critical=True)), ""),
        (a_release(published=NOW - 9 * DAY, rollout=Rollout(not_before=NOW)), "one_day"),
    ],
)
def test_a_release_is_judged_by_what_it_says(release: Release, reason: str) -> None:
    assert _reason(release) == reason


def test_what_serves_is_not_offered_again() -> None:
    assert _reason(a_release(seq=3), Present(serving={"chat": 3})) == "not_newer"
    assert _reason(a_release(seq=4), Present(serving={"chat": 3})) == ""
    assert _reason(a_release(seq=3), Present(serving={"embed": 9})) == ""


def test_a_release_below_the_floor_is_refused() -> None:
    assert _reason(a_release(seq=3), Present(floors={"chat": 4})) == "security_floor"
    assert _reason(a_release(seq=3), Present(floors={"embed": 4})) == ""


def test_what_did_not_do_well_here_is_not_tried_again() -> None:
    release = a_release()
    assert _reason(release, Present(bad={release.files[0].sha256})) == "known_bad"


def test_asking_for_it_skips_the_waiting_for_others_and_nothing_else() -> None:
    assert _reason(a_release(rollout=Rollout(percent=0), published=NOW), asked=True) == ""
    assert _reason(a_release(rollout=Rollout(not_before=NOW + DAY)), asked=True) == "not_yet"
    assert _reason(a_release(yanked="Bad."), asked=True) == "yanked"


def test_nothing_is_taken_while_the_time_is_not_known() -> None:
    assert _reason(a_release(), when=Moment(now=NOW, known=False)) == "clock"
    assert _reason(a_release(), when=Moment(now=NOW, known=False), asked=True) == "clock"


def test_nothing_is_taken_by_a_list_that_has_ended() -> None:
    assert _reason(a_release(), when=trust.moment(NOW, None, NOW)) == "stale"
    assert _reason(a_release(), when=trust.moment(NOW, None, NOW + DAY)) == ""


def test_critical_never_overrules_the_owner() -> None:
    assert not trust.permitted(trust.NEVER, asked=False)
    assert not trust.permitted(trust.ASK, asked=False)
    assert trust.permitted(trust.AUTOMATIC, asked=False)
    assert trust.permitted(trust.NEVER, asked=True)


def test_the_time_is_never_before_what_was_signed() -> None:
    long_ago = datetime(1970, 1, 1, tzinfo=UTC)
    assert trust.moment(long_ago, NOW) == Moment(now=NOW, known=False)
    assert trust.moment(NOW, NOW - DAY) == Moment(now=NOW, known=True)
    assert trust.moment(NOW, None).known
    assert trust.moment(NOW - timedelta(minutes=1), NOW).known  # clocks differ


def test_boxes_come_to_a_release_in_the_share_that_it_names() -> None:
    takes = [trust.bucket("salt", f"box {number}") < 30 for number in range(2000)]
    assert 500 < sum(takes) < 700


def test_a_box_that_may_take_a_release_still_may_when_more_do() -> None:
    for number in range(200):
        at = trust.bucket("salt", str(number))
        assert all((at < percent) <= (at < percent + 10) for percent in range(0, 91, 10))


def test_not_always_the_same_boxes_are_first() -> None:
    first = {number for number in range(500) if trust.bucket("one", str(number)) < 20}
    other = {number for number in range(500) if trust.bucket("two", str(number)) < 20}
    assert len(first & other) < len(first) / 2


def test_the_newest_good_one_is_chosen() -> None:
    releases = [a_release(seq=1), a_release(seq=3, yanked="Bad."), a_release(seq=2)]
    choice = trust.choose(releases, "chat", BOX, Present(), HERE)
    assert choice
    assert (choice.release.seq, choice.verdict.good) == (2, True)
    assert trust.choose(releases, "embed", BOX, Present(), HERE) is None


def test_an_older_good_one_goes_before_a_newer_that_waits() -> None:
    releases = [a_release(seq=1), a_release(seq=2, rollout=Rollout(percent=0))]
    choice = trust.choose(releases, "chat", BOX, Present(), HERE)
    assert choice
    assert choice.release.seq == 1
    waiting = trust.choose(releases, "chat", BOX, Present(serving={"chat": 1}), HERE)
    assert waiting
    assert (waiting.release.seq, waiting.verdict.reason) == (2, "other_boxes_first")


def test_what_serves_may_have_been_withdrawn() -> None:
    taken_back = [a_release(seq=3, yanked="It forgets names.")]
    assert trust.withdrawn(taken_back, "chat", Present(serving={"chat": 3})) == "yanked"
    assert trust.withdrawn([], "chat", Present(serving={"chat": 3}, floors={"chat": 4})) == "security_floor"
    assert trust.withdrawn(taken_back, "chat", Present(serving={"chat": 4}, floors={"chat": 4})) == ""
    assert trust.withdrawn(taken_back, "chat", Present(floors={"chat": 4})) == ""  # the house's own choice


def test_a_floor_never_falls() -> None:
    assert trust.floors([a_release(seq=5, security_floor=4)], {"chat": 2}) == {"chat": 4}
    assert trust.floors([a_release(seq=5, security_floor=1)], {"chat": 4}) == {"chat": 4}


def test_owners_hear_of_two_weeks_without_news() -> None:
    assert trust.no_news(NOW, NOW - 13 * DAY) == ""
    assert "15 days" in trust.no_news(NOW, NOW - 15 * DAY)
    assert trust.no_news(NOW, None) == ""
