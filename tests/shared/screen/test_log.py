"""The log on standard error: a line a record, as text and as JSON."""

import io
import json
import logging

import pytest

from umi_shared.screen import log as screen_log
from umi_shared.screen.log import log_as_json


@pytest.fixture
def written(monkeypatch):
    """What is written from now on; the root's own handlers are put away meanwhile."""
    root, stream = logging.getLogger(), io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(screen_log._OneLine("%(levelname)s %(name)s %(message)s"))
    monkeypatch.setattr(root, "handlers", [handler])
    return stream


def test_json_has_an_object_a_line_and_the_fields_of_a_request(written):
    logger = logging.getLogger("umi_test")
    logger.warning("plain")
    log_as_json()
    logger.warning("a\nb\x1b[2J %s", "\u202e")
    logger.warning("told", extra={"fields": {"rpc": "plan", "device": "a"}})
    text, *lines = written.getvalue().splitlines()
    assert text == "WARNING umi_test plain"
    first, second = map(json.loads, lines)
    assert (first["level"], first["logger"], first["message"]) == (
        "WARNING",
        "umi_test",
        "a\nb\x1b[2J \u202e",
    )
    assert first["time"].endswith("+00:00")
    assert (second["rpc"], second["device"]) == ("plan", "a")
    assert "message" not in second
    assert all(line.isascii() and line.isprintable() for line in lines)


def test_json_names_the_type_of_an_exception_and_nothing_else_of_it(written):
    log_as_json()
    try:
        raise ValueError("a private value")
    except ValueError:
        logging.getLogger("umi_test").exception("failed")
    assert json.loads(written.getvalue())["exception"] == "ValueError"
    assert "private" not in written.getvalue()
