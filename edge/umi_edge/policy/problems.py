"""What is wrong with a policy: every problem of a file is collected, then raised as one error.

I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

from collections.abc import Iterable

from umi_shared.errors import PolicyError
from umi_shared.problems import Problem, ordered, shown

__all__ = ["InvalidPolicyError", "Problems"]


class InvalidPolicyError(PolicyError):
    """A policy that does not load; `problems` has all that is wrong with it, in the order of the file.

    Keeps I8: a problem never quotes a value of a detector's list, and quotes other values only where
    they are words.
    """

    def __init__(self, problems: Iterable[Problem], *, file: str) -> None:
        self.problems = ordered(problems)
        first = self.problems[0]
        super().__init__(first.message, file=file, line=first.line, fix=first.fix)
        self.is_list = len(self.problems) > 1
        if self.is_list:
            self.message, self.fix = shown(self.problems, file)
            self.args = (self.message,)


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
