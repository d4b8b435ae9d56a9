"""Narrowed searches: of several people that a search finds, those whom the user's words leave.

A planner sees handles: it takes the first Martin, and told "no, the other Martin", takes him again. Here decides what
the words of a plain look-up say of one of them ("martin's phone, the plumber"), and what a correction says. Nothing is
left out for a request that writes to somebody: what it says of a plumber may be its message.

Covered: corrections in English, German, French and Spanish; whoever was told or used last is left out by "the other
one", "not her" and "no, the …". Not covered: a planner that does not search again.

I3: docs/design.md#i3-noninterference
I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from umi_edge.labelling.text import LabelledEntry, handles_in
from umi_edge.policy import Location
from umi_edge.reading.question import words_of
from umi_edge.session.item_evidence import Said, short_words, told
from umi_edge.session.listed_items import Listing, given_to, listings, marks, taken_by
from umi_edge.session.several_meant import before_message
from umi_edge.tools import Outcome, Succeeded
from umi_shared.labels import PLANNER
from umi_shared.transcript import Answer, Call, Instruction

__all__ = ["SEARCH", "Request", "latest_request", "left_of", "matches_of", "told_last", "with_matches"]

SEARCH = "contacts.search"
"""The tool whose results are narrowed; umi's own."""
_MATCHES = "matches"
_MOST = 16
_AT_ONCE = 8
"""Letters before what turns somebody down, where the rest asks for something to be done: `no, not her`."""
_DETAIL = re.compile(
    r"\b(?:numbers?|phones?|mobile|cell|landline|tel|fax|e-?mails?|mails?|address|birthday|"
    r"\w*nummer|telefon\w*|handy\w*|\w*adresse|anschrift|geburtstag|"
    r"num[eé]ro|t[eé]l[eé]phone|portable|courriel|anniversaire|tel[eé]fono|m[oó]vil|correo|direcci[oó]n|cumplea[nñ]os)\b",
    re.IGNORECASE,
)
"""What somebody is looked up for."""
_NO_CONTACT = re.compile(r"addr|adress|anschrift|direcci|birth|geburt|anniv|cumple", re.IGNORECASE)
"""Of that, what nobody is reached by."""
_DOES = re.compile(
    r"^\W*(?:please |bitte )?(?:e?-?mail|phone|call|fax)\b|\b(?:and|then|to) (?:e?mail|call)\b|"
    r"\b(?:by|per|via|par|por|an?|eine?n?|une?|una) (?:\w+ )?(?:e-?mails?|mails?|call|phone|fax|courriel|correo)\b|"
    r"\b(?:give|gib) (?!me\b|mir\b)|\b(?:notify|inform|contact(?! details)|pay|transfer|share|set|schedule|arrange|"
    r"plan|drop|shoot|ping|thank|delete|remove|rename|save|informier\w*|ruf\w*|plane|verschieb\w*|l[oö]sch\w*|"
    r"appelle|pr[eé]viens|annule|llama|avisa|cancela)\b|"
    r"\b(?:tell|write|text|send|message|invite|forward|remind|let|ask|say|add|put|book|create|move|cancel|change|reply|"
    r"answer|schreib\w*|sag\w*|schick\w*|send\w*|lad\w*|frag\w*|erinner\w*|trag\w*|antworte\w*|"
    r"[eé]cri\w*|dis|demand\w*|envo\w+|invit\w*|ajout\w*|r[eé]pond\w*|escrib\w*|di|dile|env[ií]a\w*|manda\w*|"
    r"pregunt\w*|a[nñ]ad\w*|respond\w*)\b",
    re.IGNORECASE,
)
"""What does more than look somebody up."""
_SEVERAL = re.compile(
    r"\b(?:numbers|phones|emails|e-mails|mails|addresses|all|both|everyone|everybody|people|contacts|each|how many|"
    r"list|nummern|adressen|alle|beide|leute|kontakte|num[eé]ros|adresses|tous|toutes|gens|n[uú]meros|tel[eé]fonos|"
    r"direcciones|todos|todas|gente|contactos)\b",
    re.IGNORECASE,
)
_NOBODYS = (
    r"(?:day|night|week|weekend|month|time|morning|evening|side|hand|way|thing|things|number|phone|mail|e-?mail|address|note|"
    r"file|event|meeting|appointment|tage?|woche|zeit|seite|sache|nummer|adresse|termin|jour|semaine|fois|c[oô]t[eé]|chose|"
    r"num[eé]ro|adresse|d[ií]a|semana|vez|lado|cosa|direcci[oó]n|cita)\b"
)
"""What another one may be of, and nobody is."""
_OTHER = re.compile(
    r"\b(?:(?:the|my) other|(?:der|die|den) andere[nrm]?|l['’]autre|(?:el|la) otr[oa])\b"
    rf"(?! {_NOBODYS})(?:['’]s)?(?: +(?P<of>[\w'’-]+))?",
    re.IGNORECASE,
)
_NOT_THIS = re.compile(
    r"\b(?:not (?:that|this) (?:one|guy|man|woman|person)|not (?:him|her)|wrong (?:one|guy|man|woman|person)|"
    r"nicht (?:der|die|den)|falsche person|pas (?:lui|elle|celui|celle)|no (?:ese|esa|[eé]l|ella))(?= *(?:$|[,.:!?;]))",
    re.IGNORECASE,
)
_ONE = frozenset(
    ("one", "ones", "guy", "man", "woman", "person", "contact", "mann", "frau", "homme", "femme")
)
"""Whoever was found, without a name."""
_NO = re.compile(
    r"\W*(?:no|nah|nope|not|nein|nee|non|wrong|falsch|i mean|ich meine?|je (?:veux|voulais) dire|quiero decir)\b",
    re.IGNORECASE,
)
_DESCRIBED = re.compile(
    r"\W*(?:no|nah|nope|nein|nee|non)\W+(?:sorry\W+|pardon\W+)?(?:i mean[t]? |ich mein(?:t)?e? |"
    r"je (?:veux|voulais) dire |quer[ií]a decir |quiero decir )?"
    r"(?:the|my|our|der|die|den|mein\w*|unser\w*|le|la|mon|ma|"
    r"notre|el|mi|nuestr[oa]) "
    r"(?P<whom>\w[\w'-]*(?: \w[\w'-]*){0,2})\W*",
    re.IGNORECASE,
)
"""A correction that says of whom it is, and nothing else."""
_ASKS = re.compile(
    r"^\W*(?:(?:hi|hey|hello|hallo|salut|hola|ok|okay|and|so|please|pls|no|nah|nein|non|et|und|y|bitte|umi)\W+)*"
    r"(?:what|which|how|who|where|do (?:i|we|you)|have (?:i|we|you)|find|show|look|search|get me|give me|i need|need|"
    r"i want|can (?:you|i)|could (?:you|i)|was|wie|welche|such|finde|zeig|gib mir|hast du|habe? ich|ich brauch|brauch|"
    r"quel|c['’]est quoi|trouve|donnez?-moi|cherche|montre|j['’]ai besoin|il me faut|as-tu|tu as|cu[aá]l|qu[eé]|busca|"
    rf"dame|mu[eé]stra|necesito|tienes|tengo|(?:the |die |das |l[ea] |el )?(?:\w+ )?{_DETAIL.pattern})|"
    rf"(?:s|['’]s?|\b(?:his|her|their|sein\w*|ihre?|son|sa|su))\W+(?:\w+\W+)?{_DETAIL.pattern}(?! bill)|"
    rf"^(?:\S+\s+){{0,6}}{_DETAIL.pattern}(?: please| pls| thanks| thx| bitte| svp| por favor)?\W*$",
    re.IGNORECASE,
)
"""A question, or the detail of somebody and nothing else: any other words may be what somebody is to be told."""
_NOBODY = re.compile(
    rf"{_DETAIL.pattern}|\b(?:work|home|private|office|business|other|first|second|last|next|same|privat\w*|gesch[aä]ft\w*|"
    r"b[uü]ro|bureau|travail|priv[eé]\w*|trabajo|privad[oa]|casa|week|day|time|month|morning|evening|woche|tag|zeit)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Request:
    """The last thing that the user said, and what they had said before."""

    text: str = field(repr=False)
    seen: str = field(repr=False)
    """The same as the planner sees it: whether there is anything to decide depends on no value that stays."""
    earlier: tuple[str, ...] = field(default=(), repr=False)

    @property
    def excludes(self) -> bool:
        """Whether it leaves out whom they were told of last."""
        if _OTHER.search(self._whom(self.seen)) or self._turns_down:
            return True
        described = _DESCRIBED.fullmatch(self.seen)
        return described is not None and _NOBODY.search(described["whom"]) is None

    @property
    def looks_up(self) -> bool:
        """Whether it asks for a detail of one person, and for nothing to be done."""
        return (
            self.only_reads and _DETAIL.search(self.seen) is not None and _ASKS.search(self.seen) is not None
        )

    @property
    def corrects(self) -> bool:
        """Whether it says what was meant in place of what was told, and nothing to be done."""
        return self.only_reads and _NO.match(self.seen) is not None

    @property
    def says_who(self) -> bool:
        """Whether it speaks of a person, and not of their birthday or their street."""
        return _NO_CONTACT.search(self.seen) is None

    @property
    def decides(self) -> bool:
        """Whether it may leave anybody out."""
        return self.excludes or self.looks_up or self.corrects

    def speaks_of(self, found: Sequence[Any]) -> bool:
        """Whether the other one is one of these people: the other contract is none."""
        named = [one["of"] for one in _OTHER.finditer(self._whom(self.text))]
        if self.corrects or self._turns_down or not all(named):
            return True
        known = _ONE.union(*map(short_words, found))
        words = [word for one in named for word in words_of(one)[:1]]
        return not named or any(word in known or word.removesuffix("s") in known for word in words)

    @property
    def _turns_down(self) -> bool:
        found = _NOT_THIS.search(self.seen)
        return found is not None and (self.only_reads or found.start() <= _AT_ONCE)

    def _whom(self, text: str) -> str:
        return text if self.only_reads else before_message(text)

    @property
    def only_reads(self) -> bool:
        """Whether it asks for nothing to be done, and of no more than one person."""
        return _DOES.search(self.seen) is None and _SEVERAL.search(self.seen) is None


def latest_request(entries: Sequence[LabelledEntry], typed: Sequence[str]) -> Request | None:
    """What the user said last; `typed` are their words, instruction by instruction."""
    said = [one for one in entries if isinstance(one.template, Instruction)]
    if not said or len(said) != len(typed):
        return None
    seen = "".join(str(part) for span in said[-1].text for part in span.seen_by(PLANNER))
    return Request(typed[-1], seen, tuple(typed[:-1]))


def left_of(
    found: Sequence[Any], request: Request, said: Callable[[str], Said], last: int | None
) -> tuple[int, ...]:
    """Those that the words leave, by number: all of them where they tell nothing.

    `last` is whom the user was told of last, or for whom something was done.
    """
    everybody = tuple(range(len(found)))
    if request.excludes and last is not None and request.speaks_of(found):
        rest = [number for number in everybody if number != last]
        for text in (request.text, *request.earlier[-1:]) if request.only_reads else ():
            if (one := told(said(text), [found[number] for number in rest])) is not None:
                return (rest[one],)
        return tuple(rest)
    if request.looks_up or (request.corrects and last is not None):
        meant = told(said(request.text), found)
        return everybody if meant is None else (meant,)
    return everybody


def told_last(entries: Sequence[LabelledEntry], found: Sequence[Any]) -> int | None:
    """Which of these the last answer, or the last call, was about alone; None where it was about none, or several."""
    results = listings(entries)
    for at in range(len(entries) - 1, -1, -1):
        tokens = _tokens_of(entries[at])
        about = _most_marked(results, at, tokens) if tokens else []
        numbers = {number for number, one in enumerate(found) if one in about}
        if numbers:
            return numbers.pop() if len(numbers) == 1 else None
    return None


def _tokens_of(entry: LabelledEntry) -> set[str]:
    match entry.template:
        case Answer():
            return {str(handle) for handle in handles_in(entry.text)}
        case Call(tool) if tool != SEARCH:
            return set(taken_by(given_to(entry)))
    return set()


def _most_marked(results: Sequence[Listing], before: int, tokens: set[str]) -> list[Any]:
    """The things of the newest result that were spoken of, by most of what they have."""
    for result in reversed([one for one in results if one.at < before]):
        counts = [(len(marks(item) & tokens), item.known) for items in result.lists for item in items]
        most = max((count for count, _ in counts), default=0)
        if most:
            return [known for count, known in counts if count == most]
    return []


def matches_of(outcome: Outcome) -> list[Any]:
    """The people that a search found, where they are several and not too many to tell apart."""
    value = outcome.value if isinstance(outcome, Succeeded) else None
    found = value.get(_MATCHES) if isinstance(value, Mapping) else None
    return found if isinstance(found, list) and 1 < len(found) <= _MOST else []


def with_matches(outcome: Outcome, kept: Sequence[int], member: str = _MATCHES) -> Outcome:
    """What a search found, of its matches these only; `member` is where they are."""
    if not isinstance(outcome, Succeeded):
        return outcome
    found: Any = outcome.value
    value = {**found, member: [found[member][number] for number in kept]}
    places: dict[Location, Location] = {(member, number): (member, new) for new, number in enumerate(kept)}
    records = outcome.records and tuple(
        replace(one, at=places.get(one.at, one.at))
        for one in outcome.records
        if one.at in places or one.at[:1] != (member,)
    )
    return replace(outcome, value=value, records=records)
