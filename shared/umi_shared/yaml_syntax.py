"""What is wrong with the syntax of a YAML file, in words that quote nothing of it.

I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

import re

from ruamel.yaml.error import MarkedYAMLError

from umi_shared.problems import Problem

__all__ = ["syntax_problem"]

_QUOTED = re.compile(r"""'[^']*'|"[^"]*\"""")
_HARMLESS = re.compile(r"'(<[^']*>|\W*)'")
"""What may be quoted: the names of YAML's tokens, such as '<block end>', and signs."""


def syntax_problem(error: MarkedYAMLError) -> Problem:
    """What a YAML library found, without the pieces of the file that its own message quotes (I8)."""
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark is not None else 0
    found = str(error.problem or error.context or "it does not parse")
    if "\\t" in found or "tab" in found.lower():
        return Problem(line, "a tab where YAML wants spaces", "indent with spaces")
    fix = "check the indentation, the quotes and the brackets of this line and of the one above"
    if "mapping values" in found:
        fix = "put text that contains ': ' in quotes, and check the indentation"
    elif "cannot start any token" in found or "undefined alias" in found:
        fix = "put text that starts with a sign in quotes"
    return Problem(line, f"not valid YAML: {_QUOTED.sub(_redacted, found)}", fix)


def _redacted(quoted: re.Match[str]) -> str:
    return quoted[0] if _HARMLESS.fullmatch(quoted[0]) else "(...)"
