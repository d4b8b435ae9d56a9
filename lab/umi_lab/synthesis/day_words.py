"""Days, spans of days and times of day as people say them: always so that the device makes of them what is meant."""

from collections.abc import Iterator
from datetime import date, time

from umi_edge.values.time_words import TimePhrases
from umi_lab.synthesis.pools import Draw

__all__ = ["clock_words", "day_words", "in_sentence", "span_words"]

_COUNTS = (
    "no",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
)
_SPANS = (
    "this weekend", "the weekend", "next weekend", "this week", "next week", "this month", "next month",
    "the next three days", "the next two weeks",
)  # fmt: skip
_FIGURES = 0.1
_WHOLE_DATE = 0.12
_SMALL_LETTERS = 0.25
_WITHOUT_ON = ("in ", "today", "tomorrow", "tmrw", "the day after", "yesterday", "the day before", "next ", "last ",
               "this ", "coming ", "a week")  # fmt: skip


def day_words(draw: Draw, day: date, words: TimePhrases, *, past: bool = False) -> str:
    """A day, mostly relative to now; `past`: as one says it of what has been."""
    if draw.chance(_FIGURES):
        return day.isoformat()
    if draw.chance(_WHOLE_DATE):
        return draw.rng.choice((f"{day.day} {day:%B} {day.year}", f"{day:%b} {day.day}, {day.year}"))
    meant = [
        one
        for one in dict.fromkeys(_ways(day, words.today))
        if (words.past_span(one) == ((day, day),) if past else words.days(one) == (day,))
    ]
    said = draw.rng.choice(meant) if meant else day.isoformat()
    return said.lower() if draw.chance(_SMALL_LETTERS) else said


def _ways(day: date, today: date) -> Iterator[str]:
    """What a day may be called, whether the device understands it so or not."""
    ahead = (day - today).days
    named = {
        -2: ("the day before yesterday",),
        -1: ("yesterday",),
        0: ("today",),
        1: ("tomorrow", "tomorrow", "tmrw"),
        2: ("the day after tomorrow",),
        7: ("in a week", "a week from today"),
        14: ("in two weeks", "in 2 weeks", "in a fortnight"),
        21: ("in three weeks",),
        28: ("in four weeks",),
    }
    yield from named.get(ahead, ())
    weekday, ordinal = f"{day:%A}", _ordinal(day.day)
    yield from (
        weekday,
        f"{day:%a}",
        f"this {weekday}",
        f"coming {weekday}",
        f"next {weekday}",
        f"last {weekday}",
    )
    yield from (f"{weekday} next week", f"{weekday} week", f"a week on {weekday}")
    yield from (f"the {ordinal}", ordinal, f"{weekday} the {ordinal}", f"{day:%a} {ordinal}")
    yield from (
        f"{day.day} {day:%B}",
        f"{day:%B} {ordinal}",
        f"{day:%b} {day.day}",
        f"the {ordinal} of {day:%B}",
    )
    yield f"{weekday}, {day.day} {day:%B}"
    if 1 < abs(ahead) < len(_COUNTS):
        for count in (str(abs(ahead)), _COUNTS[abs(ahead)]):
            yield f"in {count} days" if ahead > 0 else f"{count} days ago"


def _ordinal(number: int) -> str:
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th") if not 10 < number < 20 else "th"
    return f"{number}{ending}"


def span_words(draw: Draw, words: TimePhrases) -> tuple[str, tuple[date, date]]:
    """A span of days with a name, and its first and last day."""
    named = [(one, found[0]) for one in _SPANS if len(found := words.span(one)) == 1]
    return draw.rng.choice(named)


def clock_words(draw: Draw, clock: str, words: TimePhrases) -> str:
    """A time of day."""
    meant = time.fromisoformat(clock)
    ways = [one for one in dict.fromkeys(_clock_ways(meant)) if words.times(one) == (meant,)]
    if not ways or draw.chance(0.25):
        return clock
    return draw.rng.choice(ways)


def _clock_ways(clock: time) -> Iterator[str]:
    hour, minute = clock.hour % 12 or 12, clock.minute
    half = "am" if clock.hour < 12 else "pm"
    part = "in the morning" if half == "am" else "in the evening" if clock.hour > 17 else "in the afternoon"
    spoken, following = _COUNTS[hour], _COUNTS[hour % 12 + 1]
    if minute == 0:
        yield from (
            f"{hour}{half}",
            f"{hour} {half}",
            f"{hour} o'clock",
            f"{spoken} o'clock",
            f"{spoken} {part}",
        )
        yield from (f"{hour} {part}", f"{hour}.00", f"{hour}:00{half}")
        if clock.hour == 12:
            yield from ("noon", "midday")
    else:
        yield from (
            f"{hour}:{minute:02}{half}",
            f"{hour}.{minute:02}{half}",
            f"{hour}:{minute:02}",
            f"{hour}.{minute:02}",
        )
    if minute == 30:
        yield from (
            f"half past {spoken}",
            f"half past {hour}",
            f"half {spoken}",
            f"half past {spoken} {part}",
        )
    if minute == 15:
        yield from (f"quarter past {spoken}", f"a quarter past {hour}", f"quarter past {spoken} {part}")
    if minute == 45:
        yield from (
            f"quarter to {following}",
            f"a quarter to {hour % 12 + 1}",
            f"quarter to {following} {part}",
        )


def in_sentence(said: str) -> str:
    """A day as it stands in a sentence.

    >>> in_sentence("tomorrow"), in_sentence("the 12th"), in_sentence("two days ago")
    ('tomorrow', 'on the 12th', 'two days ago')
    """
    plain = said.lower()
    return said if plain.startswith(_WITHOUT_ON) or plain.endswith(" ago") else f"on {said}"
