"""F5: the client cuts the line, anywhere: in the body, before the commit, after it. What is sent again is known."""

from __future__ import annotations

import json
import random
import socket
import struct
import time

from tests.chaos.load import Line, request_head
from tests.chaos.scene import Dose, Outcome, Scene, usage_of
from tests.chaos.sent import Sent
from tests.chaos.stage import Stage, until

_THERE = "SELECT 1 FROM usage_event WHERE event_key = encode(%s, 'hex')::uuid"
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close with RST, as a client that dies


def line_is_cut(stage: Stage, dose: Dose) -> Outcome:
    """In the middle of other clients' work: lines cut after the commit, and lines cut at any moment."""
    fault = "line cut after the commit"
    others = usage_of(f"{fault} (others)", dose.seed)
    chance = random.Random(dose.seed)
    cuts, number = 0, 0
    with Scene(stage, dose, fault) as scene:
        again = Line(stage.port, stage.key)
        end = time.monotonic() + dose.seconds
        while cuts < 4 or time.monotonic() < end:
            first, number = number, number + chance.choice((1, 30, 120))
            batch = [others[n] for n in range(first, number)]
            scene.ledger.note_sent(batch)
            if cuts % 2:
                _send_and_cut(stage, batch, chance.random(), chance.random() * 0.03)
            else:
                _send_and_cut(stage, batch, 1.0, until_stored=True)
            _check_again(scene, again, batch, stored=not cuts % 2)
            cuts += 1
        again.close()
    return scene.reckoned(f"{cuts} lines cut")


def _send_and_cut(
    stage: Stage, batch: list[Sent], part: float, pause_s: float = 0.0, *, until_stored: bool = False
) -> None:
    """Sends so much of a request, and closes without reading an answer: after the commit, or after a moment."""
    body = json.dumps([event.fields for event in batch]).encode()
    request = request_head(stage.key, len(body)) + body
    with socket.create_connection(("127.0.0.1", stage.port)) as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        line.sendall(request[: int(len(request) * part)])
        if until_stored:
            until(lambda: stage.query(_THERE, batch[0].key), "the batch is committed", 20)
        time.sleep(pause_s)


def _check_again(scene: Scene, line: Line, batch: list[Sent], *, stored: bool) -> None:
    """The retry is answered: by *duplicate* throughout where the first attempt was committed."""
    body = json.dumps([event.fields for event in batch]).encode()
    while (answer := line.post(body)).status == 503:
        time.sleep(0.1)
    scene.ledger.note(batch, answer)
    said = {result["status"] for result in answer.results}
    assert len(said) == 1, said  # a batch is stored whole or not at all
    assert not stored or said == {"duplicate"}, said
