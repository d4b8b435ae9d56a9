"""A synthetic home: drawn at random, then written in the formats that the built-in tools read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta, timezone
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

from umi_edge.tools.builtin import HomeConfig
from umi_edge.tools.builtin.calendar_folder import Calendar, CalendarConfig, NewEvent, NewTodo
from umi_edge.tools.builtin.contact import Contact
from umi_edge.tools.builtin.contacts import AddressBook, ContactsConfig
from umi_edge.tools.builtin.mail_folders import FLAGS
from umi_edge.tools.builtin.notes import Notebook, NotesConfig
from umi_edge.tools.builtin.words import folded
from umi_edge.values.time_words import TimePhrases
from umi_lab.synthesis.pools import Draw
from umi_lab.synthesis.switches import Switch
from umi_lab.synthesis.tokenizer_words import known_name, known_word
from umi_lab.synthesis.words import (
    BODIES,
    COMPANIES,
    FAMILY_NAMES,
    GIVEN_NAMES,
    PLACES,
    QUALIFIERS,
    ROLES,
    SOLO_TOPICS,
    SYLLABLES,
    THINGS,
)

__all__ = [
    "Event",
    "Home",
    "Mail",
    "Person",
    "capitalised",
    "clock_of",
    "draw_home",
    "topic_of",
    "write_home",
]

_MORNING = time(hour=9)


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Someone in the contacts."""

    given: str
    family: str
    email: str
    phone: str
    company: str

    @property
    def name(self) -> str:
        """The full name."""
        return f"{self.given} {self.family}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something in the calendar."""

    title: str
    day: date
    start: str
    place: str
    guests: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """An e-mail that was received."""

    sender: Person
    topic: str
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """All that one synthetic user has."""

    today: date
    people: tuple[Person, ...] = field(repr=False)
    events: tuple[Event, ...] = field(repr=False)
    mails: tuple[Mail, ...] = field(repr=False)
    notes: dict[str, str] = field(repr=False)
    """The text of each note, by its topic."""
    files: dict[str, str] = field(repr=False)
    """The text of each file, by its topic."""
    zone_hours: int = 0
    """How many hours the calendar's time zone is ahead of UTC."""
    roles: Mapping[str, str] = field(default_factory=dict, repr=False)
    """What some people are, by their names."""
    read_mails: frozenset[int] = frozenset()
    """Which of the mails are read, by their places."""
    todos: tuple[tuple[str, date | None], ...] = field(default=(), repr=False)
    """What is to be done, and by when."""
    series: tuple[Event, ...] = field(default=(), repr=False)
    """What is every week, from its first day on."""

    @property
    def zone(self) -> timezone:
        """The user's time zone."""
        return timezone(timedelta(hours=self.zone_hours))

    @property
    def now(self) -> datetime:
        """When the user asks: in the morning."""
        return datetime.combine(self.today, _MORNING, self.zone)

    @property
    def words(self) -> TimePhrases:
        """What words of time mean then."""
        return TimePhrases(self.now)


def topic_of(draw: Draw) -> str:
    """Something to write, meet or ask about: `kitchen review`, `boiler`."""
    if draw.has(Switch.MADE_UP_WORDS) and draw.chance(0.5):
        return made_up_topic(draw)
    if draw.chance(0.35):
        return draw.one(SOLO_TOPICS)
    return f"{draw.one(QUALIFIERS)} {draw.one(THINGS)}"


def made_up_word(draw: Draw) -> str:
    """A word that no model knows."""
    return "".join(draw.rng.choices(SYLLABLES, k=draw.rng.randint(2, 3)))


def made_up_topic(draw: Draw) -> str:
    """A topic with a word that can only be copied, such as `melin workshop`, or with a rare one."""
    known = draw.has(Switch.COMPOSED_NAMES) and not draw.held_out and draw.chance(0.7)
    word = known_word(draw) if known else made_up_word(draw)
    if draw.has(Switch.NEED_PHRASED) and not draw.held_out and draw.chance(0.3):
        return f"{word} {known_word(draw)}"
    kind = draw.rng.random()
    if kind < 0.4:
        return word
    return f"{word} {draw.one(THINGS)}" if kind < 0.7 else f"{draw.one(QUALIFIERS)} {word}"


def capitalised(text: str) -> str:
    """The text with a capital first letter; a handle at its start stays as it is."""
    return text if text.startswith("<") else text[:1].upper() + text[1:]


def clock_of(draw: Draw) -> str:
    """A time of day."""
    return f"{draw.rng.randint(7, 20):02}:{draw.rng.choice(('00', '15', '30', '45'))}"


def text_about(draw: Draw, topic: str) -> str:
    """A sentence or two on a topic."""
    pick = draw.rng.sample(BODIES, draw.rng.randint(1, 2))
    return " ".join(p.format(x=topic, k=draw.rng.randint(11, 990), t=clock_of(draw)) for p in pick)


def draw_home(draw: Draw) -> Home:
    """A small home: few people, notes and letters, so that prompts stay short."""
    rng = draw.rng
    today = date(2025, 1, 1) + timedelta(days=rng.randrange(1300))
    people = _people(draw)
    topics = list(dict.fromkeys(topic_of(draw) for _ in range(14)))
    home = Home(
        zone_hours=rng.choice((-5, 0, 0, 1, 1, 2, 9)),
        today=today,
        people=people,
        events=tuple(_events(draw, today, people, topics)),
        mails=tuple(
            Mail(sender=rng.choice(people), topic=topic, body=text_about(draw, topic))
            for topic in rng.sample(topics, min(4, len(topics)))
        ),
        notes={topic: text_about(draw, topic) for topic in rng.sample(topics, min(4, len(topics)))},
        files={topic: text_about(draw, topic) for topic in rng.sample(topics, min(3, len(topics)))},
    )
    return _with_more(draw, home) if draw.has(Switch.PEOPLES_WORDS) else home


def _with_more(draw: Draw, home: Home) -> Home:
    """The home with what the further tools are about: roles, read mails, to-dos, what is every week."""
    rng = draw.rng
    some = rng.sample(home.people, rng.randint(1, len(home.people)))
    roles = dict(zip((one.name for one in some), rng.sample(ROLES, len(some)), strict=True))
    taken = {event.title.lower() for event in home.events}
    wanted = [topic for topic in (topic_of(draw) for _ in range(6)) if topic.lower() not in taken]
    days = (None, *(home.today + timedelta(rng.randint(0, 20)) for _ in range(2)))
    weekly = wanted[:1] if draw.chance(0.5) else []
    return replace(
        home,
        roles=roles,
        read_mails=frozenset(place for place in range(len(home.mails)) if draw.chance(0.5)),
        todos=tuple((capitalised(topic), rng.choice(days)) for topic in wanted[1 : rng.randint(1, 5)]),
        series=tuple(
            Event(
                title=capitalised(topic),
                day=home.today - timedelta(rng.randint(1, 20)),
                start=clock_of(draw),
                place="",
                guests=(),
            )
            for topic in weekly
        ),
    )


def _people(draw: Draw) -> tuple[Person, ...]:
    rng = draw.rng
    names = list(
        dict.fromkeys((_name(draw, GIVEN_NAMES), _name(draw, FAMILY_NAMES)) for _ in range(rng.randint(3, 5)))
    )
    if draw.chance(0.3):  # a second bearer of a name, so that it is ambiguous
        given, family = rng.choice(names)
        second = (draw.one(GIVEN_NAMES), family) if draw.chance(0.6) else (given, draw.one(FAMILY_NAMES))
        names = list(dict.fromkeys((*names, second)))
    return tuple(
        Person(
            given=given,
            family=family,
            email=f"{_ascii(given)}.{_ascii(family)}@example.{rng.choice(('org', 'com', 'net'))}",
            phone=f"+44 7700 900{rng.randint(100, 999)}",
            company=f"{draw.one(COMPANIES)} {rng.choice(('Ltd', 'AG', 'SARL', 'Group'))}",
        )
        for given, family in names
    )


def _name(draw: Draw, pool: Sequence[str]) -> str:
    varied = draw.has(Switch.COMPOSED_NAMES) and not draw.held_out
    return known_name(draw) if varied and draw.chance(0.35) else draw.one(pool)


def _ascii(text: str) -> str:
    return folded(text).replace("ø", "o").replace("ß", "ss")


def _events(draw: Draw, today: date, people: tuple[Person, ...], topics: list[str]) -> list[Event]:
    rng = draw.rng
    return [
        Event(
            title=capitalised(topic) + (f" with {rng.choice(people).given}" if draw.chance(0.15) else ""),
            day=today + timedelta(days=day),
            start=clock_of(draw),
            place=rng.choice(PLACES) if draw.chance(0.3) else "",
            guests=(rng.choice(people).email,) if draw.chance(0.3) else (),
        )
        for day in rng.sample(range(1, 20), 3)
        for topic in rng.sample(topics, rng.choices((1, 2, 3), (5, 4, 2))[0])
    ]


def write_home(home: Home, root: Path) -> HomeConfig:
    """Write the home below a folder, through the built-in tools' own stores where they have one. Raises `OSError`."""
    config = HomeConfig.under(root)
    book = AddressBook(ContactsConfig(folder=config.contacts))
    zone = home.zone
    config = HomeConfig(
        contacts=config.contacts,
        calendar=config.calendar,
        mail=config.mail,
        outbox=config.outbox,
        notes=config.notes,
        files=config.files,
        zone=zone,
        now=lambda: home.now,
    )
    for folder in (
        config.contacts,
        config.calendar,
        config.notes,
        config.files[0],
        config.mail / "new",
        config.mail / "cur",
    ):
        folder.mkdir(parents=True, exist_ok=True)
    for person in home.people:
        known = Contact.plain(person.name, person.email, person.phone, person.company)
        book.add(replace(known, role=home.roles.get(person.name, "")))
    calendar = Calendar(CalendarConfig(folder=config.calendar, zone=zone))
    for event in (*home.events, *home.series):
        start = datetime.combine(event.day, time.fromisoformat(event.start), zone)
        calendar.create(
            NewEvent(
                title=event.title,
                start=start,
                length=timedelta(hours=1),
                guests=tuple(event.guests),
                location=event.place or "",
                rule="FREQ=WEEKLY" if event in home.series else "",
            )
        )
    for title, due in home.todos:
        calendar.add_todo(NewTodo(title, due))
    notebook = Notebook(NotesConfig(folder=config.notes))
    for topic, text in home.notes.items():
        notebook.create(capitalised(topic), text)
    for topic, text in home.files.items():
        (config.files[0] / f"{topic.replace(' ', '-')}.txt").write_text(f"{capitalised(topic)}\n\n{text}\n")
    for number, mail in enumerate(home.mails):
        _write_mail(config.mail, number, home.today, mail, is_read=number in home.read_mails)
    return config


def _write_mail(folder: Path, number: int, today: date, mail: Mail, *, is_read: bool) -> None:
    day = today - timedelta(days=number)
    message = EmailMessage(policy=SMTP)
    message["From"] = f"{mail.sender.name} <{mail.sender.email}>"
    message["To"] = "me@example.org"
    message["Subject"] = capitalised(mail.topic)
    message["Date"] = f"{day:%a, %d %b %Y} 09:15:00 +0000"
    message.set_content(mail.body)
    name = f"{day.toordinal() * 86_400}.m{number:02}.umi"
    path = folder / "cur" / f"{name}{FLAGS}2,S" if is_read else folder / "new" / name
    path.write_bytes(message.as_bytes())
