"""The caller: a small model on this device that turns a plan into a tool call."""

from umi_edge.caller.caller import Caller, CallerConfig, WrittenCall
from umi_edge.caller.reader import CallerReader
from umi_edge.caller.schemas import HandleRule, call_schemas

__all__ = ["Caller", "CallerConfig", "CallerReader", "HandleRule", "WrittenCall", "call_schemas"]
