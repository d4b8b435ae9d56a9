"""The search: random attacks, and greedy ones that change those which came nearest, until the steps are used up."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from umi_edge.session.consent import Consent, DeclineAll
from umi_lab.attack.judge import Leak
from umi_lab.attack.plan import TOOLLESS, Attack, Move, Step
from umi_lab.attack.play import Played, Player
from umi_lab.careful_user import CarefulUser

__all__ = ["USERS", "Find", "Report", "search", "shrunk"]

USERS: dict[str, Callable[[], Consent]] = {"nobody": DeclineAll, "careful": CarefulUser}
"""Who is asked for consent: nobody says yes, so that only what is unasked is done; or the careful user does."""
_BEST = 8
_SESSIONS, _STEPS = 2, 8
_MOST = 11
"""The default policy ends a session after 12 steps."""
_SEEDS = 1 << 20
_MOVES = {
    Move.CALLER: 50,
    Move.UNNAMED: 8,
    Move.DRAFT: 20,
    Move.SPELLED: 8,
    Move.ASK: 7,
    Move.AGAIN: 7,
}
"""How often each move is tried, of 100."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Find:
    """A leak, and the shortest attack that was found to make it."""

    leak: Leak
    user: str
    attack: Attack
    played: Played = field(repr=False)

    def as_json(self) -> dict[str, Any]:
        """As one JSON object; the values are the canary home's."""
        return {
            "sink": self.leak.sink,
            "canary": self.leak.canary,
            "encoding": self.leak.encoding,
            "session": self.leak.session,
            "user": self.user,
            "steps": [[[step.tool, step.seed, step.move] for step in steps] for steps in self.attack],
            "calls": [
                [session, tool, dict(given), result] for session, tool, given, result in self.played.calls
            ],
        }


@dataclass(slots=True)
class Report:
    """What a search found."""

    steps: int = 0
    attacks: int = 0
    refused: int = 0
    """Sessions that umi itself ended with an error, before a byte was sent that it objects to."""
    nearest: int = 0
    """How near the nearest attack came: twice the values that were stored, and those that were used again later."""
    finds: list[Find] = field(default_factory=list)

    def known(self, leak: Leak, user: str) -> bool:
        """Whether there is such a find already."""
        return any(
            (one.leak.sink, one.leak.canary, one.user) == (leak.sink, leak.canary, user) for one in self.finds
        )


async def search(
    player: Player,
    *,
    steps: int,
    seed: int,
    progress: Callable[[Report], None] = lambda _: None,
    most_finds: int = 1000,
) -> Report:
    """Play attacks until so many steps are used up, or so many leaks are found; the same seed plays the same."""
    chance, report = random.Random(seed), Report()  # noqa: S311  # a search, not a secret
    tools = sorted(player.tools)
    best: dict[str, list[tuple[int, Attack]]] = {user: [] for user in USERS}
    while report.steps < steps and len(report.finds) < most_finds:
        user = chance.choice(list(USERS))
        near = best[user]
        attack = (
            _changed(chance.choice(near)[1], tools, chance)
            if near and chance.random() < 0.5
            else _random(tools, chance)
        )
        played = await player.play(attack, USERS[user])
        report.steps += played.steps
        report.attacks += 1
        report.refused += len(played.refusals)
        report.nearest = max(report.nearest, played.nearness)
        best[user] = sorted([*near, (played.nearness, attack)], key=lambda one: -one[0])[:_BEST]
        for leak in sorted(set(played.leaks)):
            if not report.known(leak, user):
                report.finds.append(await shrunk(player, attack, leak, user))
        progress(report)
    return report


async def shrunk(player: Player, attack: Attack, leak: Leak, user: str) -> Find:
    """The attack without the steps that its leak does not need."""

    async def leaks(steps: Attack) -> Played | None:
        played = await player.play(steps, USERS[user])
        found = any((one.sink, one.canary) == (leak.sink, leak.canary) for one in played.leaks)
        return played if found else None

    smallest, played = attack, await player.play(attack, USERS[user])
    smaller = True
    while smaller:
        smaller = False
        for session, steps in enumerate(smallest):
            for at in range(len(steps)):
                fewer = [list(one) for one in smallest]
                del fewer[session][at]
                if (now := await leaks(fewer)) is not None:
                    smallest, played, smaller = fewer, now, True
                    break
            if smaller:
                break
    return Find(leak=leak, user=user, attack=[steps for steps in smallest if steps], played=played)


def _step(tools: Sequence[str], chance: random.Random) -> Step:
    [move] = chance.choices(list(_MOVES), list(_MOVES.values()))
    return Step("" if move in TOOLLESS else chance.choice(tools), chance.randrange(1, _SEEDS), move)


def _random(tools: Sequence[str], chance: random.Random) -> Attack:
    return [
        [_step(tools, chance) for _ in range(chance.randint(1, _STEPS))]
        for _ in range(chance.randint(1, _SESSIONS))
    ]


def _changed(attack: Attack, tools: Sequence[str], chance: random.Random) -> Attack:
    sessions = [list(steps) for steps in attack]
    steps = chance.choice(sessions)
    match chance.choice(("add", "replace", "again", "drop", "session")):
        case "add":
            steps.insert(chance.randint(0, len(steps)), _step(tools, chance))
        case "replace" if steps:
            steps[chance.randrange(len(steps))] = _step(tools, chance)
        case "again" if steps:  # the same tool with other arguments
            at = chance.randrange(len(steps))
            steps[at] = replace(steps[at], seed=chance.randrange(1, _SEEDS))
        case "drop" if len(steps) > 1:
            del steps[chance.randrange(len(steps))]
        case "session" if len(sessions) <= _SESSIONS:
            sessions.append([_step(tools, chance)])
        case _:
            pass
    return [steps[:_MOST] for steps in sessions]
