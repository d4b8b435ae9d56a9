"""What is wrong with a file that a person wrote: each mistake with line and fix, and all of them as one text."""

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from umi_shared.screen.text import one_line

__all__ = ["Problem", "ordered", "shown", "near"]

_MAX_SHOWN = 50


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake at a line (1-based; 0 for the file as a whole), and how to correct it."""

    line: int
    message: str
    fix: str = ""


def ordered(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """The problems in the order of the file, each once."""
    return tuple(sorted(set(problems), key=lambda problem: (problem.line, problem.message)))


def shown(problems: Sequence[Problem], file: str) -> tuple[str, str]:
    r"""The message and the fix of an error about these problems; one problem reads as an error of its own.

    >>> shown([Problem(2, "`x` is text", "use quotes")], "a.yaml")
    ('a.yaml:2: `x` is text', 'use quotes')
    >>> shown([Problem(2, "`x` is text", "use quotes"), Problem(0, "no end")], "a.yaml")
    ('a.yaml:2: `x` is text\n  Fix: use quotes\na.yaml: no end', 'correct these lines, then try again')
    """
    if len(problems) == 1:
        return _located(problems[0], file), problems[0].fix
    lines = [
        _located(problem, file) + (f"\n  Fix: {one_line(problem.fix)}" if problem.fix else "")
        for problem in problems[:_MAX_SHOWN]
    ]
    if len(problems) > _MAX_SHOWN:
        lines.append(f"... and {len(problems) - _MAX_SHOWN} more")
    return "\n".join(lines), "correct these lines, then try again"


def _located(problem: Problem, file: str) -> str:
    place = f"{file}:{problem.line}" if problem.line else file
    return one_line(f"{place}: {problem.message}")


def near(word: str, known: Iterable[str]) -> str:
    """The fix for a word that is not known: the closest ones, or all of them.

    >>> near("localty", ["locality", "type"])
    'did you mean `locality`?'
    >>> near("zzz", ["a", "b"])
    'use one of: a, b'
    """
    words = list(known)
    close = difflib.get_close_matches(word[:64], words, n=2, cutoff=0.6)
    if close:
        return f"did you mean {' or '.join(f'`{one}`' for one in close)}?"
    return f"use one of: {', '.join(words)}"
