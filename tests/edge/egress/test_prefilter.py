"""The sieve catches every word that a closer look finds, however it is written; and little else."""

import base64
import json
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from umi_edge.egress.guard import EgressGuard
from umi_edge.egress.prefilter import Sieve
from umi_edge.egress.readings import Readings
from umi_edge.labelling.vault import Origin, Source, Vault
from umi_proto.v1 import agent_pb2 as pb
from umi_shared.labels import Label

WORDS = st.text(
    st.sampled_from('ab01 -.–_@%\\"<æßðÉİ«µ²ﬁΩж名前\u0301\u200b\u00a0\n'), min_size=4, max_size=14
) | st.from_regex(r"\+?[0-9]{2}[ -][0-9]{3,4}[ -][0-9]{4}", fullmatch=True)
SPELLINGS = {
    "as it is": str,
    "upper": str.upper,
    "reversed": lambda text: text[::-1],
    "percent": quote,
    "JSON": lambda text: json.dumps(text)[1:-1],
    "base64": lambda text: base64.b64encode(b"x" + text.encode(errors="replace")).decode(),
    "base64 of Latin-1": lambda text: base64.b64encode(text.encode("latin-1", "ignore")).decode(),
    "hex": lambda text: text.encode(errors="replace").hex(),
    "letters and digits": lambda text: "".join(filter(str.isalnum, text)),
    "digits": lambda text: "".join(filter(str.isdigit, text)),
    "spaced": lambda text: text.replace(" ", "  "),
}


def message(*texts: str, padding: bytes = b"") -> bytes:
    text = pb.Text(segments=[pb.Segment(clear=text) for text in texts])
    view = pb.View(entries=[pb.Entry(instruction=pb.Instruction(text=text))])
    return pb.PlanRequest(request_id="r1", view=view, padding=padding).SerializeToString()


@pytest.mark.parametrize("spelling", SPELLINGS)
@given(
    st.lists(WORDS, min_size=1, max_size=4), st.text("ab01 æ", max_size=3), st.integers(0, 14), st.booleans()
)
@example(["æ«bcdefgh"], "", 14, True)
@example(["ab01 4930 123456"], " ", 14, False)
@example(["+49 30 1234567", "aaa-aaa-aaa"], "", 14, False)
@example(["ab-49301234567"], "", 14, False)
@example(["a1b4930c1234567"], "", 15, False)
def test_what_a_closer_look_finds_is_caught(spelling, values, around, cut, as_bytes):
    vault = Vault()
    for value in values:
        vault.keep(value, type="text", label=Label(), origin=Origin(Source.RESULT, "t"))
    guard = EgressGuard(vault)
    guard._refresh()
    for value in values:
        text = SPELLINGS[spelling](value).encode(errors="replace").decode()
        raw = text.encode("latin-1", "ignore")
        sent = message("see", padding=raw) if as_bytes else message(around + text[:cut], text[cut:] + around)
        readings = Readings.of(sent)
        found = {word for word, _ in guard._found(readings, list(guard._kept))} if guard._kept else set()
        assert found <= set(guard._sieve.caught(readings.bare()))


def test_most_words_that_are_not_there_are_not_caught():
    sieve = Sieve()
    sieve.add([f"{name}.{number}@example.org" for name in ("anna", "bernd") for number in range(1000, 1100)])
    readings = Readings.of(message("write to carla.1003@example.org"))
    assert sieve.caught(readings.bare()) == []
    readings = Readings.of(message("write to ANNA.1003@example.org"))
    assert sieve.caught(readings.bare()) == ["anna.1003@example.org"]


@pytest.mark.parametrize("word", ["----", "名前名前", "a-b-"])
def test_a_word_of_few_letters_is_caught_where_it_stands(word):
    sieve = Sieve()
    sieve.add([word])
    assert sieve.caught(Readings.of(message(f"see {word}.")).bare()) == [word]
