"""Narrowed events: of those that a list of several days has, the ones that the user's words name.

`calendar.list` takes days and no words: "rowing this week?" would be answered with all of the week. Here the device
leaves what the words name, before the result is labelled.

Covered: words of titles, places and guests, also bent. Not covered: a request that changes something, for which the
user must be asked among all that may be meant; one that asks what there is at all.

I3: docs/design.md#i3-noninterference
I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from umi_edge.session.item_evidence import Said, has_term
from umi_edge.tools import Outcome, Succeeded

__all__ = ["EVENTS", "LIST", "asks_for_some", "events_of", "named_of", "telling"]

LIST = "calendar.list"
"""The tool whose results are narrowed; umi's own."""
EVENTS = "events"
_MOST = 64
_CHANGES = re.compile(
    r"\b(?:cancel|cancle|delete|remove|drop|clear|move|shift|push|postpone|reschedul\w*|delay|bring|change|rename|add|"
    r"put|book|create|enter|make|set|schedule|invite|tell|mail|e-?mail|write|text|send|message|remind|ask|reply|take|"
    r"absag\w*|lösch\w*|streich\w*|verschieb\w*|verleg\w*|änder\w*|trag\w*|setz\w*|leg\w*|schreib\w*|sag\w*|schick\w*|"
    r"lad\w*|erinner\w*|annul\w*|supprim\w*|déplac\w*|repouss\w*|reporte\w*|chang\w*|ajout\w*|met[st]?|mettez|écri\w*|"
    r"envo\w+|invit\w*|cancel\w*|borr\w*|elimin\w*|mueve|mover|aplaz\w*|cambi\w*|añad\w*|pon|poner|escrib\w*|envía\w*)\b",
    re.IGNORECASE,
)
_BEYOND = re.compile(
    r"\b(?:else|other|besides|except|apart|without|but|free|busy|(?:have|got|find) (?:any |some )?time|squeeze|fit|"
    r"clash\w*|conflict\w*|between|before|after|around|sonst|andere\w*|außer|ohne|frei|zeit|vor|nach|zwischen|autres?|sauf|sans|libre|"
    r"temps|avant|après|entre|otr[oa]s?|excepto|sin|además|tiempo|antes|después)\b",
    re.IGNORECASE,
)
"""What asks for more than it names: the events beside one, or the time that they leave."""
_KIND = re.compile(
    r"events?|appointments?|meetings?|dates?|things?|days?|weeks?|months?|termine?|treffen|tage?|wochen?|monate?|rendez|vous|"
    r"evenements?|reunion(?:e?s)?|jours?|semaines?|mois|citas?|eventos?|dias?|semanas?|mes(?:es)?"
)
"""What any event is."""


def _each(words: str) -> frozenset[str]:
    return frozenset(words.split())


_GENERAL = (
    _each(
        "calendar diary agenda schedule plan plans planned planning programme program overview list show read give "
        "look like anything something everything important happening going doing day hi hello hey umi please next last "
        "first latest upcoming coming free busy time start starts begin begins end ends take takes place see again "
        "still go goes"
    )
    | _each(
        "kalender geplant programm habe hab hast steht liegt los an im in was wann wo wer ist bitte etwas alles"
    )
    | _each(
        "calendrier prevu que qu'est quand quoi qui ou ce c'est j'ai ai est sont dans de du des la le les l un une mon "
        "ma mes avec au aux"
    )
    | _each(
        "calendario planes previsto hay tengo tenemos cuando donde quien en el los las mi mis con del al es son "
        "algo todo"
    )
)
"""Words with which it is asked what there is; an event that has them by chance is not named by them."""


def asks_for_some(seen: str) -> bool:
    """Whether a request, as the planner sees it, may name some events of several, and changes nothing.

    >>> asks_for_some("rowing this week?"), asks_for_some("what else is on this week?"), asks_for_some("cancel rowing")
    (True, False, False)
    """
    return _CHANGES.search(seen) is None and _BEYOND.search(seen) is None


def events_of(outcome: Outcome) -> list[Any]:
    """The events that a list has, where they are several and not too many to tell apart."""
    value = outcome.value if isinstance(outcome, Succeeded) else None
    found = value.get(EVENTS) if isinstance(value, Mapping) else None
    return found if isinstance(found, list) and 1 < len(found) <= _MOST else []


def named_of(events: Sequence[Any], said: Said) -> tuple[int, ...]:
    """Those that the words name, by number; all of them where they name none, or are of one day.

    All of them, too, where a word is no event's: it may ask for what there is in words that are not known here.
    """
    everything = tuple(range(len(events)))
    if len({str(one.get("start"))[:10] for one in events if isinstance(one, Mapping)}) < 2:
        return everything
    by_term = [{number for number in everything if has_term(term, events[number])} for term in telling(said)]
    return tuple(sorted(set().union(*by_term))) if by_term and all(by_term) else everything


def telling(said: Said) -> list[str]:
    """The words of a request that may name an event: neither days and times nor what is said of all."""
    return [
        term
        for term in said.terms
        if not _KIND.fullmatch(term) and term not in _GENERAL and not said.phrases.part(term)
    ]
