"""A sample home: invented private data for the demo and the tests.

Nobody in it exists. Phone numbers come from the ranges kept free for fiction, addresses from the
domains kept free for examples (RFC 2606).
"""

from datetime import date, datetime, time, timedelta
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

from umi_edge.tools.builtin.home import HomeConfig

__all__ = ["make_sample_home"]

_CONTACTS = (
    # name, e-mail, phone, company; two people are named Martin, so that the name alone is ambiguous
    ("Alice Moreau", "alice.moreau@example.org", "+33 6 39 98 41 07", "Atelier Moreau"),
    ("Paul Martin", "paul.martin@example.com", "+33 6 39 98 12 55", "Nordlys Énergie"),
    ("Sophie Martin", "sophie.martin@example.net", "+33 6 39 98 73 20", ""),
    ("Élodie Nguyễn", "elodie@example.org", "+33 6 39 98 30 18", "Clinique des Tilleuls"),
    ("Tom Becker", "tom.becker@example.com", "+44 7700 900142", "Becker & Sons"),
    ("Ingrid Sørensen", "ingrid@example.net", "+44 7700 900377", "Fjord Logistics"),
    ("Karim Haddad", "karim.haddad@example.org", "+33 6 39 98 55 61", "Nordlys Énergie"),
    ("Mum", "jeanne.lefevre@example.net", "+33 1 99 00 24 68", ""),
    ("Dr Anna Weiss", "praxis.weiss@example.com", "+44 1632 960983", "Weiss Dental"),
    ("Lucas Petit", "lucas.petit@example.org", "+33 6 39 98 08 44", "Petit Plomberie"),
    ("Grace Okafor", "grace@example.com", "+44 7700 900518", "Harbour School"),
    ("Yuki Tanaka", "yuki.tanaka@example.net", "+44 7700 900663", "Tanaka Design"),
)

_EVENTS = (
    # days from today, start, minutes, title, place, guests, rule
    (0, "09:30", 15, "Stand-up", "", (), "FREQ=DAILY;COUNT=60"),
    (0, "12:30", 60, "Lunch with Alice", "Chez Panisse Bis", ("alice.moreau@example.org",), ""),
    (0, "18:00", 45, "Physio", "12 rue des Tilleuls", (), ""),
    (
        1,
        "10:00",
        60,
        "Contract review",
        "Room 4",
        ("paul.martin@example.com", "karim.haddad@example.org"),
        "",
    ),
    (1, "16:30", 30, "Parents' evening", "Harbour School", ("grace@example.com",), ""),
    (2, "08:00", 120, "Boiler service", "At home", ("lucas.petit@example.org",), ""),
    (3, "14:00", 30, "Dentist", "Weiss Dental", (), ""),
    (5, "", 0, "Sophie's birthday", "", (), "FREQ=YEARLY"),
    (7, "19:00", 120, "Choir", "St Mark's hall", (), "FREQ=WEEKLY"),
    (-1, "11:00", 60, "Project Neptune planning", "Room 2", ("ingrid@example.net",), ""),
)

_MAILS = (
    # days ago, from, subject, body
    (
        0,
        "Alice Moreau <alice.moreau@example.org>",
        "Sketches for the kitchen",
        "Hello,\n\nthe sketches are ready. Shall we meet this week?\n\nAlice\n",
    ),
    (
        0,
        "Nordlys Énergie <billing@example.com>",
        "Invoice 2041-883",
        "Your invoice of 148.20 euros is due in 14 days.\nCustomer number: 55-20931.\n",
    ),
    (
        1,
        "Paul Martin <paul.martin@example.com>",
        "Contract, second draft",
        "The second draft is attached to the usual folder. Clause 7 changed.\n\nPaul\n",
    ),
    (
        2,
        "Sophie Martin <sophie.martin@example.net>",
        "Birthday",
        "You are coming, aren't you? The code of the gate is 4471.\n\nSophie\n",
    ),
    (
        3,
        "Dr Anna Weiss <praxis.weiss@example.com>",
        "Your appointment",
        "Please remember your appointment. Results of the x-ray: all is well.\n",
    ),
    (
        4,
        "Harbour School <office@example.com>",
        "Parents' evening",
        "Dear parents,\n\nplease bring the signed form.\n",
    ),
    (
        6,
        "Mum <jeanne.lefevre@example.net>",
        "Sunday",
        "Will you bring the cake? Your father asks about the boiler, too.\n",
    ),
    (
        9,
        "Ingrid Sørensen <ingrid@example.net>",
        "Project Neptune: budget",
        "The budget is 310,000. Keep it to yourself until Friday, please.\n\nIngrid\n",
    ),
)

_NOTES = {
    "boiler": "# Boiler\n\nModel Thermonova 24. Service hotline: +33 1 99 00 61 72 (contract 8820-B).\n"
    "The door code of the boiler room is 7395. Pressure should stay near 1.5 bar.\n",
    "wifi": "# Wi-Fi\n\nGuest network: tilleuls-guest, password: marmalade-otter-19.\n",
    "project-neptune": "# Project Neptune\n\nSupplier shortlist: Fjord Logistics, Becker & Sons.\n"
    "Ingrid wants the decision before Friday.\n",
    "gifts": "# Gifts\n\n- Sophie: a book about lighthouses\n- Mum: the green scarf\n",
    "car": "# Car\n\nInsurance policy 77-104-552. The garage is open until 18:00.\n",
    "recipes/lemon-cake": "# Lemon cake\n\n3 lemons, 250 g flour, 4 eggs, 180 g sugar. 40 minutes at 170 degrees.\n",
    "health": "# Health\n\nPenicillin allergy. Next check-up in spring with Dr Weiss.\n",
    "bank": "# Bank\n\nIBAN FR76 3000 6000 0112 3456 7890 189. The adviser is Mr Roux.\n",
}

_FILES = {
    "letters/landlord.txt": "Dear Mr Aubert,\n\nthe boiler has been making noises since Monday.\n"
    "Please send someone.\n",
    "taxes/2025.csv": "month,income\n2025-01,3120\n2025-02,3120\n2025-03,3345\n",
    "travel/lisbon.md": "# Lisbon\n\nHotel Aurora, booking 6XK2QP, two nights.\n",
    "emergency.txt": "If the boiler leaks, close the blue valve under the stairs.\n",
}


def make_sample_home(root: Path, today: date) -> HomeConfig:
    """Write the sample home below `root`; the same `today` gives the same files."""
    home = HomeConfig.under(root)
    for number, contact in enumerate(_CONTACTS):
        _write(home.contacts / f"{number:02}.vcf", _vcard(*contact))
    for number, (days, start, minutes, title, place, guests, rule) in enumerate(_EVENTS):
        event = _event(number, today + timedelta(days), start, minutes, title, place, guests, rule)
        _write(home.calendar / f"{number:02}.ics", event)
    for number, mail in enumerate(_MAILS):
        _write_mail(home.mail, number, today, *mail)
    for name, text in _NOTES.items():
        _write(home.notes / f"{name}.md", text)
    for name, text in _FILES.items():
        _write(home.files[0] / name, text)
    return home


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())


def _vcard(name: str, email: str, phone: str, company: str) -> str:
    given, _, family = name.rpartition(" ")
    lines = [
        "BEGIN:VCARD",
        "VERSION:3.0",
        f"FN:{name}",
        f"N:{family};{given};;;",
        f"EMAIL:{email}",
        f"TEL:{phone}",
    ]
    lines += [f"ORG:{company}"] if company else []
    return "\r\n".join((*lines, "END:VCARD", ""))


def _event(
    number: int,
    day: date,
    start: str,
    minutes: int,
    title: str,
    place: str,
    guests: tuple[str, ...],
    rule: str,
) -> str:
    """One event in floating time: it is at that hour wherever the demo runs."""
    if start:
        begin = datetime.combine(day, time.fromisoformat(start))
        end = begin + timedelta(minutes=minutes)
        when = [f"DTSTART:{begin:%Y%m%dT%H%M%S}", f"DTEND:{end:%Y%m%dT%H%M%S}"]
    else:
        when = [f"DTSTART;VALUE=DATE:{day:%Y%m%d}"]
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//umi//sample//EN", "BEGIN:VEVENT"]
    lines += [
        f"UID:sample-{number:02}@umi.invalid",
        f"DTSTAMP:{day:%Y%m%d}T000000Z",
        *when,
        f"SUMMARY:{title}",
    ]
    lines += [f"LOCATION:{place}"] if place else []
    lines += [f"RRULE:{rule}"] if rule else []
    lines += [f"ATTENDEE:mailto:{guest}" for guest in guests]
    return "\r\n".join((*lines, "END:VEVENT", "END:VCALENDAR", ""))


def _write_mail(
    folder: Path, number: int, today: date, days_ago: int, sender: str, subject: str, body: str
) -> None:
    for part in ("cur", "new", "tmp"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    day = today - timedelta(days_ago)
    message = EmailMessage(policy=SMTP)
    message["From"] = sender
    message["To"] = "me@example.org"
    message["Subject"] = subject
    message["Date"] = f"{day:%a, %d %b %Y} {9 - number % 3:02}:15:00 +0000"
    message.set_content(body)
    # A Maildir name begins with the time of arrival: here the day, then the number within the sample.
    name = f"{day.toordinal() * 86_400 - number}.sample{number:02}.umi"
    (folder / "new" / name).write_bytes(message.as_bytes())
