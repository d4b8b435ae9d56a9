"""Views and requests that the cloud's tests share."""

import pytest

from umi_proto.v1 import agent_pb2 as pb
from umi_shared.handles import Handle
from umi_shared.transcript import Instruction, ToolCard, View


@pytest.fixture
def view() -> View:
    return View(
        catalogue=(
            ToolCard(
                name="contacts.search",
                description=("Find people.",),
                input_schema={"type": "object", "properties": {"query": {"type": "string"}}},
            ),
        ),
        entries=(Instruction(("Write to ", Handle("person", 1), ".")),),
    )


def _text(*parts: str | pb.Handle) -> pb.Text:
    return pb.Text(
        segments=[pb.Segment(clear=p) if isinstance(p, str) else pb.Segment(handle=p) for p in parts]
    )


@pytest.fixture
def plan_request() -> pb.PlanRequest:
    """What a laptop sends for `view`; made by hand, because encoding takes Released values only."""
    schema = '{"type":"object","properties":{"query":{"type":"string"}}}'
    card = pb.ToolCard(name="contacts.search", description=_text("Find people."), input_schema=schema)
    instruction = pb.Instruction(text=_text("Write to ", pb.Handle(type="person", number=1), "."))
    view = pb.View(catalogue=[card], entries=[pb.Entry(instruction=instruction)])
    return pb.PlanRequest(request_id="r1", view=view)


@pytest.fixture
def summarize_request(plan_request: pb.PlanRequest) -> pb.SummarizeRequest:
    return pb.SummarizeRequest(request_id="r2", view=plan_request.view)
