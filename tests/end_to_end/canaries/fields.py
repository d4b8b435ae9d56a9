"""Every field of the messages that leave that can carry a value, found in the protobuf descriptors."""

from collections.abc import Iterator
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from umi_proto.v1 import agent_pb2 as pb

__all__ = ["CLASSIFIED", "LEAVES", "REQUESTS", "fields_of", "leaf_fields", "request_with", "values_in"]

REQUESTS: tuple[type[Message], ...] = (pb.PlanRequest, pb.SummarizeRequest)
LEAVES = (FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES)

CLASSIFIED = {
    "PlanRequest.request_id": "random, made by the session",
    "PlanRequest.padding": "zero bytes",
    "PlanRequest.reads_several": "always the same word of a version of the program",
    "SummarizeRequest.request_id": "random, made by the session",
    "SummarizeRequest.padding": "zero bytes",
    "SummarizeRequest.reads_several": "the same",
    "ToolCard.name": "the tool's name; a tool whose name a detector objects to is withheld",
    "ToolCard.input_schema": "the tool's schema; texts that a detector objects to are withheld",
    "Segment.clear": "released text",
    "Handle.type": "a word of the policy",
    "Handle.number": "the order of first sight",
    "View.may_ask": "whether the session has questions left, counted by what the planner has asked",
    "Plan.next": "one of four words",
    "Plan.tool": "a name of the catalogue",
    "Call.tool": "a name of the catalogue, or the planner's word for one",
    "Call.draft": "one of three words, by what the planner wrote and what the cloud was shown",
    "Observation.tool": "the same",
    "Observation.failure": "a word of the program",
}
"""Every field that can carry a value, and what it carries. A new field belongs here, and then into the tests."""


def fields_of(descriptor: Descriptor) -> Iterator[tuple[FieldDescriptor, ...]]:
    """The paths from a message down to each of its fields that is no message: text, numbers, choices, maps."""
    for field in descriptor.fields:
        if field.message_type is None or field.message_type.GetOptions().map_entry:
            yield (field,)
        else:
            for path in fields_of(field.message_type):
                yield (field, *path)


def leaf_fields(descriptor: Descriptor) -> Iterator[tuple[FieldDescriptor, ...]]:
    """Those of them that hold text."""
    return (path for path in fields_of(descriptor) if path[-1].type in LEAVES)


def request_with(request: type[Message], path: tuple[FieldDescriptor, ...], *texts: str) -> Message:
    """A request in which one field holds a text; with several texts, in neighbouring elements."""
    message = request()
    for text in texts:
        node: Any = message
        for field in path[:-1]:
            held = getattr(node, field.name)
            if hasattr(held, "add"):
                # Neighbours in the innermost repeated message, all else shared.
                last = not any(hasattr(_of(step), "add") for step in path[path.index(field) + 1 : -1])
                node = held.add() if last or not held else held[-1]
            else:
                held.SetInParent()
                node = held
        value = text.encode() if path[-1].type == FieldDescriptor.TYPE_BYTES else text
        setattr(node, path[-1].name, value)
    return message


def _of(field: FieldDescriptor) -> Any:
    assert field.containing_type is not None
    return getattr(field.containing_type._concrete_class(), field.name)


def values_in(message: Message) -> Iterator[tuple[str, bytes]]:
    """Every string, bytes and map field that is set, by its name, as bytes."""
    for field, value in message.ListFields():
        name = f"{field.containing_type.name}.{field.name}"
        many = value if isinstance(value, (list, tuple)) or hasattr(value, "add") else None
        if field.message_type is not None:
            for child in value if many is not None else (value,):
                yield from values_in(child)
        elif field.type in LEAVES:
            yield name, value if isinstance(value, bytes) else value.encode()
