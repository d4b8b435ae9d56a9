"""What is wrong with a policy: every problem of a file is collected, then raised as one error."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

from umi_shared.errors import PolicyError

__all__ = ["InvalidPolicyError", "Problem", "Problems", "near"]

_MAX_SHOWN = 50


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, at a line (1-based; 0 for the file as a whole), and how to mend it."""

    line: int
    message: str
    fix: str


class InvalidPolicyError(PolicyError):
    """A policy that does not load; `problems` has all that is wrong with it, in the order of the file.

    Keeps I8: a problem never quotes a value of a detector's list, and quotes other values only where
    they are words.
    """

    def __init__(self, problems: Iterable[Problem], *, file: str) -> None:
        self.problems = tuple(sorted(set(problems), key=lambda problem: (problem.line, problem.message)))
        first = self.problems[0]
        super().__init__(first.message, file=file, line=first.line, fix=first.fix)
        if len(self.problems) > 1:
            shown = "\n".join(self._lines(problem, file) for problem in self.problems[:_MAX_SHOWN])
            left = len(self.problems) - _MAX_SHOWN
            self.message = shown + (f"\n... and {left} more" if left > 0 else "")
            self.fix = "mend these lines, then try again"
            self.args = (self.message,)

    @staticmethod
    def _lines(problem: Problem, file: str) -> str:
        where = f"{file}:{problem.line}" if problem.line else file
        return f"{where}: {problem.message}\n  Fix: {problem.fix}"


class Problems:
    """Collects problems while a policy is read, so that one run reports them all."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.found: list[Problem] = []

    def add(self, line: int, message: str, fix: str) -> None:
        """Note one problem and go on."""
        self.found.append(Problem(line, message, fix))

    def fail(self, line: int, message: str, fix: str) -> InvalidPolicyError:
        """The error for a problem after which there is nothing to go on with."""
        self.add(line, message, fix)
        return InvalidPolicyError(self.found, file=self.file)

    def raise_if_any(self) -> None:
        """Raise `InvalidPolicyError` with all that was found, if anything was."""
        if self.found:
            raise InvalidPolicyError(self.found, file=self.file)


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
        return f"did you mean {' or '.join(f'`{w}`' for w in close)}?"
    return f"use one of: {', '.join(words)}"
