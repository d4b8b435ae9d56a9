"""A result on the wire."""

import json
import time

from umi_edge.doors.gateway.wire import called
from umi_edge.labelling.release import release
from umi_edge.labelling.text import LabelledEntry, constant
from umi_shared.transcript import Observation


def sent(text: str) -> dict[str, object]:
    """The result that a client is sent, of a text without values."""
    entry = LabelledEntry(Observation("a", (), ""), (constant(text, "test"),))
    return called(release((), [entry], "planner"))["structuredContent"]["result"]


def test_members_that_are_hidden_alike_are_told_apart():
    text = '{"[hidden]":1,"[hidden] 2":2,"[hidden]":3,"a":4,"[hidden]":5}'
    assert sent(text) == {"[hidden]": 1, "[hidden] 2": 2, "[hidden] 3": 3, "a": 4, "[hidden] 4": 5}


def test_very_many_of_them_take_no_time():
    """Seconds would hold up every other client: it took 24 for these."""
    text = "{" + ",".join(f'"[hidden]":{number}' for number in range(16_000)) + "}"
    since = time.process_time()
    assert len(json.dumps(sent(text))) > len(text)
    assert time.process_time() - since < 3
