"""The schemas that other people's tools have: repaired, made plain for a grammar, and checked in full afterwards."""

from umi_edge.tools.schemas.argument_check import ArgumentCheck, Problem
from umi_edge.tools.schemas.grammar import grammar_refusal
from umi_edge.tools.schemas.plain_schema import plain_schema
from umi_edge.tools.schemas.sound_schema import SoundSchema

__all__ = ["ArgumentCheck", "Problem", "SoundSchema", "grammar_refusal", "plain_schema"]
