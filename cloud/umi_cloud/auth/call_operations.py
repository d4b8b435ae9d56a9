"""What the registry does with calls, many of them in one transaction. Times are seconds since 1970.

A call costs a front and the database what its transaction costs; those of one moment share it. The rows of the devices
come first, in the order of their names: they are locked, so two fronts cannot both give a device's last place away, nor
wait for each other.
"""

# ruff: noqa: S608  # statements are made of constants; values are bound

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from umi_cloud.auth.allowance import Quota, Use, day_of, drawn
from umi_cloud.auth.bucket import TokenBucket
from umi_cloud.auth.identity import Device
from umi_cloud.auth.standing import Standing, check_standing, standing_of
from umi_cloud.auth.store import Operation, Read, Rows, Write, given
from umi_shared.errors import RefusedError

__all__ = ["BegunCall", "EndedCall", "LetIn", "account", "touch"]

FRONT_SILENT_SECONDS = 10.0
"""After this long without a sign of life, a process is taken to be dead: its calls hold no places any more."""
FRONT_KEPT_SECONDS = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BegunCall:
    """A call that wants to be let in; `call` is a new random word, `version` what the device says of itself."""

    call: str
    device: Device
    quota: Quota
    teams: Mapping[str, Quota] = field(default_factory=dict)
    """What devices of a team have in place of the quota."""
    version: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedCall:
    """A call that is over, and what it used."""

    call: str
    name: str
    tokens: int
    """Model tokens, read and written."""


@dataclass(frozen=True, slots=True)
class LetIn:
    """A call that was let in: when its certificate ends (seconds since 1970), and what its device may use."""

    expires_at: float
    quota: Quota


Verdict = LetIn | RefusedError
"""Or why it was not let in."""


def account(
    begun: Sequence[BegunCall], ended: Sequence[EndedCall], front: str, now: float, *, touches: bool
) -> Operation[list[Verdict]]:
    """Give the places of ended calls back and count their tokens; check those that begin, and give them places.

    `touches`: and say that this process lives. Returns a verdict for each call that begins.
    """
    names = sorted({one.device.name for one in begun} | {one.name for one in ended})
    locked = Read(
        "SELECT name, bucket_level, bucket_at, team FROM devices"
        f" WHERE name IN (SELECT name FROM {given('name TEXT')}) ORDER BY name",
        {"given": [{"name": name} for name in names]},
        True,
    )
    if not begun:
        yield (locked, *_ended(ended, now))
        return []
    verdicts = _Verdicts(*(yield (locked, *_ended(ended, now), _certificates(begun, front, now))), now=now)
    found = [verdicts.of(one) for one in begun]
    let_in = [one for one, verdict in zip(begun, found, strict=True) if isinstance(verdict, LetIn)]
    yield [
        *(_signs_of_life(front, now) if touches else ()),
        *_first_uses(verdicts.new, now),
        *_places(let_in, verdicts.buckets, front, now),
    ]
    return found


def touch(front: str, now: float) -> Operation[None]:
    """A sign of life of a process; those that are long dead are forgotten, with the calls that they had."""
    yield _signs_of_life(front, now)


class _Verdicts:
    """Decides call by call; what one takes, the next of the same device has not."""

    def __init__(self, devices: Rows, certificates: Rows, *, now: float) -> None:
        self._levels = {name: (level, at) for name, level, at, _ in devices}
        self._teams = {name: team or "" for name, _, _, team in devices}
        self._certificates: dict[tuple[str, str], Sequence[Any]] = {
            (name, serial): times for name, serial, _, _, *times in certificates
        }
        self._open: Counter[str] = Counter({name: count for name, _, count, *_ in certificates})
        self._spent: dict[str, int] = {name: tokens for name, _, _, tokens, *_ in certificates}
        self._now = now
        self.buckets: dict[str, TokenBucket] = {}
        self.new: set[str] = set()
        """Serial numbers of certificates that are used for the first time."""

    def of(self, begun: BegunCall) -> Verdict:
        """Until when and with what it is let in, or why it is refused."""
        device, name = begun.device, begun.device.name
        quota = begun.teams.get(self._teams.get(name, ""), begun.quota)
        certificate = self._certificates.get((name, device.serial), ())
        try:
            check_standing(device, _standing(certificate, self._now))
            use = Use(
                open_calls=self._open[name],
                tokens_today=self._spent[name],
                bucket=self.buckets.get(name) or self._bucket(name, quota),
            )
            self.buckets[name] = drawn(name, use, quota, self._now)
        except RefusedError as refused:
            return refused
        self._open[name] += 1
        if certificate[3] is None:
            self.new.add(device.serial)
        return LetIn(float(certificate[1]), quota)

    def _bucket(self, name: str, quota: Quota) -> TokenBucket | None:
        level, filled_at = self._levels[name]
        if level is None:
            return None
        return TokenBucket(per_minute=quota.requests_per_minute, now=filled_at, level=level)


def _standing(times: Sequence[Any], now: float) -> Standing:
    if not times:
        return Standing.UNKNOWN
    revoked_at, expires_at, held_at, _ = times
    return standing_of(revoked_at, expires_at, now, held_at)


def _certificates(begun: Sequence[BegunCall], front: str, now: float) -> Read:
    """The certificates that are shown, and what their devices have open and spent: one statement, for each costs."""
    open_calls = (
        "SELECT count(*) FROM calls JOIN fronts ON fronts.id = calls.front"
        " WHERE calls.name = c.name AND (calls.front = :front OR fronts.seen_at > :silent)"
    )
    spent = "SELECT tokens FROM spending WHERE spending.name = c.name AND spending.day = :day"
    return Read(
        f"SELECT c.name, c.serial, ({open_calls}), coalesce(({spent}), 0),"
        " coalesce(c.revoked_at, d.revoked_at), c.expires_at, d.held_at, c.used_at"
        f" FROM {given('name TEXT', 'serial TEXT')}"
        " JOIN certificates c ON c.serial = given.serial AND c.name = given.name JOIN devices d ON d.name = c.name",
        {
            "given": [{"name": one.device.name, "serial": one.device.serial} for one in begun],
            "front": front,
            "silent": now - FRONT_SILENT_SECONDS,
            "day": day_of(now),
        },
    )


def _ended(ended: Sequence[EndedCall], now: float) -> list[Write]:
    if not ended:
        return []
    calls = Write(
        f"DELETE FROM calls WHERE id IN (SELECT call FROM {given('call TEXT')})",
        {"given": [{"call": one.call} for one in ended]},
    )
    tokens: Counter[str] = Counter()
    for one in ended:
        tokens[one.name] += max(one.tokens, 0)
    rows = [{"name": name, "tokens": count} for name, count in sorted(tokens.items()) if count]
    if not rows:
        return [calls]
    counts = given("name TEXT", "tokens BIGINT")
    return [
        calls,
        Write(
            f"UPDATE devices SET tokens = devices.tokens + given.tokens FROM {counts} WHERE devices.name = given.name",
            {"given": rows},
        ),
        Write(
            f"INSERT INTO spending (name, day, tokens) SELECT name, :day, tokens FROM {counts} WHERE true"
            " ON CONFLICT (name, day) DO UPDATE SET tokens = spending.tokens + excluded.tokens",
            {"given": rows, "day": day_of(now)},
        ),
    ]


def _first_uses(serials: Collection[str], now: float) -> list[Write]:
    if not serials:
        return []
    return [
        Write(
            "UPDATE certificates SET used_at = :now WHERE used_at IS NULL"
            f" AND serial IN (SELECT serial FROM {given('serial TEXT')})",
            {"given": [{"serial": one} for one in sorted(serials)], "now": now},
        )
    ]


def _places(
    let_in: Sequence[BegunCall], buckets: dict[str, TokenBucket], front: str, now: float
) -> list[Write]:
    if not let_in:
        return []
    requests = Counter(one.device.name for one in let_in)
    versions = {one.device.name: one.version for one in let_in}
    rows = [
        {
            "name": name,
            "requests": count,
            "level": buckets[name].level,
            "filled_at": buckets[name].filled_at,
            "version": versions[name],
        }
        for name, count in requests.items()
    ]
    columns = ("requests BIGINT", "level DOUBLE PRECISION", "filled_at DOUBLE PRECISION", "version TEXT")
    return [
        Write(
            # Last seen costs no write of its own: it rides along with the count.
            "UPDATE devices SET requests = devices.requests + given.requests, bucket_level = given.level,"
            " bucket_at = given.filled_at, last_seen_at = :now, version = given.version"
            f" FROM {given('name TEXT', *columns)} WHERE devices.name = given.name",
            {"given": rows, "now": now},
        ),
        Write(
            "INSERT INTO calls (id, name, front)"
            f" SELECT call, name, :front FROM {given('call TEXT', 'name TEXT')} WHERE true ON CONFLICT (id) DO NOTHING",
            {"given": [{"call": one.call, "name": one.device.name} for one in let_in], "front": front},
        ),
    ]


def _signs_of_life(front: str, now: float) -> tuple[Write, Write]:
    return (
        Write(
            "INSERT INTO fronts (id, seen_at) VALUES (:front, :now)"
            " ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at",
            {"front": front, "now": now},
        ),
        Write("DELETE FROM fronts WHERE seen_at < :long_ago", {"long_ago": now - FRONT_KEPT_SECONDS}),
    )
