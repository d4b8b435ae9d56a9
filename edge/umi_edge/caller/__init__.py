"""The caller: a small model on this device that turns a plan into a tool call."""

from umi_edge.caller.caller import Caller, NoCaller
from umi_edge.caller.config import CallerConfig
from umi_edge.caller.prompt_prefix import whole_words
from umi_edge.caller.schemas import HandleRule, call_schemas
from umi_edge.caller.written_call import WrittenCall

__all__ = [
    "Caller",
    "NoCaller",
    "CallerConfig",
    "HandleRule",
    "WrittenCall",
    "call_schemas",
    "whole_words",
]
