"""The gateway's self-test finds a probe that gets out, wherever it does."""

import dataclasses
from typing import Any

import pytest

from umi_edge.doors.gateway import gateway
from umi_edge.doors.gateway.self_test import self_test
from umi_edge.labelling import tool_cards
from umi_edge.labelling.labeller import Labeller
from umi_edge.labelling.text import constant
from umi_shared.errors import PrivacyError


async def test_umi_as_it_is_serves():
    await self_test()


def _results(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Labeller, "result", lambda self, tool, value, **_: (constant(f'"{value}"'),))


def _failures(monkeypatch: pytest.MonkeyPatch) -> None:
    def told(_: Labeller, __: str, kind: str, detail: str | None = None, **___: Any) -> Any:
        return kind, (constant(str(detail)),)

    monkeypatch.setattr(Labeller, "failure", told)


def _schemas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tool_cards.SchemaSearch, "schema", lambda self, schema: dict(schema))


def _descriptions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Labeller, "card", lambda self, tool, text: (constant(text),))


def _names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tool_cards, "why_withheld", lambda *_: "")


def _result_schemas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway.Gateway, "_result_schema", lambda self, tool: tool.output_schema or {})


def _records(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the device's own record were told."""
    call = gateway.Gateway.call

    async def told(self: gateway.Gateway, *given: Any, **more: Any) -> Any:
        answer = await call(self, *given, **more)
        done = [dataclasses.asdict(one) for one in self.sessions.recent()[0][1].record]
        answer["content"].append({"type": "text", "text": str(done)})
        return answer

    monkeypatch.setattr(gateway.Gateway, "call", told)


@pytest.mark.parametrize(
    "leak",
    [_results, _failures, _schemas, _descriptions, _names, _result_schemas, _records],
    ids=lambda leak: leak.__name__,
)
async def test_a_probe_that_gets_out_is_found_and_nobody_is_served(monkeypatch, leak):
    leak(monkeypatch)
    with pytest.raises(PrivacyError, match="found its probe") as caught:
        await self_test()
    assert "Qz" not in str(caught.value)


async def test_what_cannot_be_tried_serves_nobody(monkeypatch):
    async def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr(gateway.Gateway, "call", broken)
    with pytest.raises(PrivacyError, match="could not try every path"):
        await self_test()
