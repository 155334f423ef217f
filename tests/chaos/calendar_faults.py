"""F6: events weeks late and in any order, from the future, and on both days on which the clocks change."""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from typing import Any

from tests.chaos.load import Line
from tests.chaos.scene import Dose, Outcome, Scene
from tests.chaos.sent import Sent
from tests.chaos.stage import Stage

# By hand, for Berlin: 29 March 2015 has 23 hours and begins at 23:00 UTC; 25 October 2015 has 25 and begins at 22:00.
DAYS = {
    "2015-03-28T22:59:59.999999+00:00": "2015-03-28",
    "2015-03-28T23:00:00+00:00": "2015-03-29",
    "2015-03-29T01:00:00+00:00": "2015-03-29",
    "2015-03-29T21:59:59.999999+00:00": "2015-03-29",
    "2015-03-29T22:00:00+00:00": "2015-03-30",
    "2015-10-24T21:59:59.999999+00:00": "2015-10-24",
    "2015-10-24T22:00:00+00:00": "2015-10-25",
    "2015-10-25T02:30:00+02:00": "2015-10-25",
    "2015-10-25T02:30:00+01:00": "2015-10-25",
    "2015-10-25T22:59:59.999999+00:00": "2015-10-25",
    "2015-10-25T23:00:00+00:00": "2015-10-26",
}
_REQUESTS = "SELECT day::text, requests FROM daily_total WHERE day BETWEEN '2015-03-27' AND '2015-10-27'"


def odd_times(stage: Stage, dose: Dose) -> Outcome:
    with Scene(stage, dose, "late, future and on days of 23 and 25 hours") as scene:
        line = Line(stage.port, stage.key)
        _deliver_all(scene, line, [_event(f"at {instant}", dt.datetime.fromisoformat(instant)) for instant in DAYS])
        _check_future(scene, line)
        scene.wait()
        line.close()
    outcome = scene.reckoned()
    assert dict(stage.query(_REQUESTS)) == Counter(DAYS.values())
    return outcome


def _event(event_id: str, occurred_at: dt.datetime) -> Sent:
    return Sent({"event_id": event_id, "occurred_at": occurred_at.isoformat()}, occurred_at.astimezone(dt.UTC))


def _deliver_all(scene: Scene, line: Line, batch: list[Sent]) -> None:
    scene.ledger.note_sent(batch)
    scene.ledger.note(batch, _posted(line, batch))
    assert {event.id for event in batch} <= scene.ledger.acknowledged


def _check_future(scene: Scene, line: Line) -> None:
    """A clock that is nine minutes fast is forgiven; what is further off is rejected alone, with the reason."""
    now = dt.datetime.now(dt.UTC)
    good = _event("nine minutes ahead", now + dt.timedelta(minutes=9))
    ahead = [dt.timedelta(minutes=11), dt.timedelta(days=1), dt.timedelta(days=400)]
    bad = [_event(f"{delta} ahead", now + delta) for delta in ahead]
    results = _posted(line, [bad[0], good, *bad[1:]]).results
    assert [result["status"] for result in results] == ["rejected", "accepted", "rejected", "rejected"]
    assert all("ten minutes from now" in result["reason"] for result in results if result["status"] == "rejected")
    scene.ledger.note_sent([good])  # the others must never be found
    scene.ledger.accepted[good.id] += 1


def _posted(line: Line, batch: list[Sent]) -> Any:
    """The answer, once there is a place for it."""
    body = json.dumps([event.fields for event in batch]).encode()
    while (answer := line.post(body)).status == 503:
        pass
    assert answer.status == 200, answer
    return answer
