"""A job of natural requests: a sample of them, drawn by a seed, each played on a fresh copy of its home."""

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from umi_lab.closed_loop.harness import Harness, HarnessConfig, LaptopAgent
from umi_lab.closed_loop.worker_pool import Row
from umi_lab.natural.home import homes
from umi_lab.natural.request import Request, Split
from umi_lab.natural.request_file import read_requests
from umi_lab.natural.trial import play

__all__ = ["RequestJob"]

_TOGETHER = 5
"""Requests that one process takes at a time: a conversation is short."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestJob:
    """Implements `worker_pool.Job`; a request's number is its place among all of the set."""

    harness: HarnessConfig
    split: Split = "development"
    home: str = ""
    """The one home whose requests are played; all homes where it is empty."""
    kind: str = ""
    ids: frozenset[str] = frozenset()
    """The only ones that are played; all where it is empty."""
    seed: int = 1
    limit: int | None = None
    more_tools: bool = True
    """Whether all tools are offered (`home: {more_tools: true}`)."""

    def chosen(self) -> dict[int, Request]:
        """The requests by number, in the order that the seed gives; a larger limit keeps those of a smaller one."""
        asked = [
            (number, request)
            for number, request in enumerate(read_requests())
            if request.split == self.split
            and self.home in ("", request.home)
            and self.kind in ("", request.kind)
            and (not self.ids or request.id in self.ids)
        ]
        random.Random(self.seed).shuffle(asked)  # noqa: S311  # a sample, no secret
        return dict(asked[: self.limit])

    def groups(self) -> list[list[int]]:
        """The requests as they are drawn."""
        numbers = list(self.chosen())
        return [numbers[at : at + _TOGETHER] for at in range(0, len(numbers), _TOGETHER)]

    def player(self, harness: Harness) -> Callable[[int], Awaitable[list[Row]]]:
        """What plays the request of a number."""
        requests, of = read_requests(), {home.name: home for home in homes()}

        async def played(number: int) -> list[Row]:
            request = requests[number]
            trial = await play(request, of[request.home], LaptopAgent(harness), more_tools=self.more_tools)
            return [trial.as_json()]

        return played
