"""A request with days and times in it: how they are said there, and how a call names them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, time

from umi_edge.values.time_words.spoken import spoken_days, spoken_past, spoken_spans, spoken_times
from umi_lab.synthesis.day_words import clock_words, day_words, in_sentence
from umi_lab.synthesis.home import Home
from umi_lab.synthesis.pools import Draw
from umi_lab.synthesis.script import ScriptContext, UnseenError
from umi_lab.synthesis.switches import Switch
from umi_lab.synthesis.wording import phrase, spelt_day

__all__ = ["Asked", "asked", "asked_range", "asked_since", "asked_span", "asked_together"]

_TRIES = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request, and by its slots what it says of time."""

    text: str = field(repr=False)
    spelt: Mapping[str, str] = field(default_factory=dict, repr=False)
    """As it stands there."""
    given: Mapping[str, str] = field(default_factory=dict, repr=False)
    """As a call gives it: what the caller's grammar offers."""
    told: Mapping[str, str] = field(default_factory=dict, repr=False)
    """As rationales and answers tell it, a day with the preposition that it takes."""

    @property
    def when(self) -> str:
        """Its day and time, as a sentence tells them."""
        at = f"at {self.told['t']}" if "t" in self.told else ""
        return " ".join(filter(None, (self.told.get("d", ""), at)))

    @property
    def arguments(self) -> dict[str, str]:
        """Its day and time, as a call to the calendar gives them."""
        return {name: self.given[slot] for name, slot in (("date", "d"), ("time", "t")) if slot in self.given}

    def seen_by(self, context: ScriptContext) -> None:
        """Raises `UnseenError` where a policy hides a part of what is said of time."""
        for said in self.spelt.values():
            if context.seen(said) != said:
                raise UnseenError("the planner does not see what is said of time")


Slots = Mapping[str, str]
Given = Callable[[str, Slots], Mapping[str, str] | None]


def asked(
    draw: Draw,
    home: Home,
    family: str,
    days: Mapping[str, date],
    clock: str = "",
    *,
    template: str = "",
    **slots: str,
) -> Asked:
    """A request of a family with these days, and this time of day, in its slots; or of a template.

    Without `peoples_words` days are dates, and rationales name them in figures.
    """
    if template:
        given = _days_and_clock(home, days, clock)
        return _asked(draw, home, days, given, lambda said: template.format(**said), clock=clock)
    if not draw.has(Switch.PEOPLES_WORDS):
        said = {slot: spelt_day(draw, day) for slot, day in days.items()}
        clocks = {"t": clock} if clock else {}
        text = phrase(draw, family, **slots, **said, **clocks)
        told = {slot: f"on {day}" for slot, day in days.items()} | clocks
        return Asked(text=text, spelt=said | clocks, given=said | clocks, told=told)
    given = _days_and_clock(home, days, clock)
    return _asked(draw, home, days, given, lambda said: phrase(draw, family, **slots, **said), clock=clock)


def asked_together(draw: Draw, home: Home, family: str, day: date, clock: str, **slots: str) -> Asked:
    """A request of a family that says its day beside the time, in the slot of the time."""

    def text(said: Slots) -> str:
        return phrase(draw, family, t=f"{said['t']} {in_sentence(said['d'])}", **slots)

    return _asked(draw, home, {"d": day}, _days_and_clock(home, {"d": day}, clock), text, clock=clock)


def _days_and_clock(home: Home, days: Mapping[str, date], clock: str) -> Given:
    def given(text: str, said: Slots) -> Mapping[str, str] | None:
        meant = {slot: _key(spoken_days(text, home.words), said[slot], day) for slot, day in days.items()}
        if clock:
            meant["t"] = _key(spoken_times(text, home.words), said["t"], time.fromisoformat(clock))
        return meant if all(meant.values()) else None

    return given


def asked_range(draw: Draw, home: Home, family: str, first: date, last: date) -> Asked:
    """A request for what is from one day to another: `given` has the whole range as `when`."""

    def given(text: str, said: Slots) -> Mapping[str, str] | None:
        for key, readings in spoken_spans(text, home.words).items():
            if said["d"] in key and said["d2"] in key and readings == ((first, last),):
                return {"when": key}
        return None

    days = {"d": first, "d2": last}
    return _asked(draw, home, days, given, lambda said: phrase(draw, family, **said))


def asked_since(draw: Draw, home: Home, family: str, day: date, **slots: str) -> Asked:
    """A request for what has been on a day, or since it: `given` has `when`."""

    def given(text: str, said: Slots) -> Mapping[str, str] | None:
        for key, readings in spoken_past(text, home.words).items():
            if (said["d"] in key or key in said["d"]) and [first for first, _ in readings] == [day]:
                return {"when": key}
        return None

    return _asked(
        draw, home, {"d": day}, given, lambda said: phrase(draw, family, **slots, **said), past=True
    )


def asked_span(draw: Draw, home: Home, family: str, said: str) -> Asked:
    """A request of a family about days with a name of their own: `this weekend`."""
    for _ in range(_TRIES):
        text = phrase(draw, family, d=said)
        if key := next((key for key in spoken_spans(text, home.words) if key in said or said in key), ""):
            return Asked(text=text, spelt={"d": said}, given={"when": key}, told={"when": said})
    raise UnseenError("no request says these days")


def _asked(
    draw: Draw,
    home: Home,
    days: Mapping[str, date],
    given: Given,
    text_of: Callable[[Slots], str],
    *,
    clock: str = "",
    past: bool = False,
) -> Asked:
    for number in range(_TRIES + 1):
        plain = number > _TRIES // 2
        said = {
            slot: day.isoformat() if plain else day_words(draw, day, home.words, past=past)
            for slot, day in days.items()
        }
        if clock:
            said["t"] = clock if plain else clock_words(draw, clock, home.words)
        text = text_of(said)
        found = given(text, said)
        spelt = {slot: text[text.casefold().index(one.casefold()) :][: len(one)] for slot, one in said.items()
                 if one.casefold() in text.casefold()}  # fmt: skip
        if found is not None and spelt.keys() == said.keys():
            told = {slot: said[slot] if slot == "t" else in_sentence(said[slot]) for slot in said}
            return Asked(
                text=text,
                spelt=spelt,
                given=found,
                told=told | ({"when": found["when"]} if "when" in found else {}),
            )
    raise UnseenError("no request of the family says these days so that they are understood")


def _key(spoken: Mapping[str, tuple[object, ...]], said: str, meant: object) -> str:
    """The words that a call may give for what is said and meant; none where they are not read so."""
    plain = said.casefold()
    for key, readings in spoken.items():
        if (key.casefold() in plain or plain in key.casefold()) and readings == (meant,):
            return key
    return ""
