"""Everyday contacts: people by what they are, by a company, by a short name; and mail to them."""

from dataclasses import replace

from umi_lab.synthesis.families.contacts import contact_fact_of
from umi_lab.synthesis.families.conversations import mail_to
from umi_lab.synthesis.families.everyday_mail import question_to
from umi_lab.synthesis.families.everyday_words import filled, question, said, short_name, told_now
from umi_lab.synthesis.families.questions import answered, company_as
from umi_lab.synthesis.home import Home
from umi_lab.synthesis.pools import Draw
from umi_lab.synthesis.task import Task
from umi_lab.synthesis.words import COMPANIES, ROLES

__all__ = ["asks_role", "company_people", "role_fact", "short_fact", "tells_role"]


def _role(draw: Draw, home: Home) -> tuple[str, str]:
    """What somebody is, mostly one of the contacts, and where they work."""
    person = draw.rng.choice([one for one in home.people if one.name in home.roles])
    return home.roles[person.name] if draw.chance(0.88) else draw.one(ROLES), person.company


def role_fact(draw: Draw, home: Home) -> Task:
    """Ask for somebody by what they are: the device answers it."""
    role, company = _role(draw, home)
    return answered(filled(said(draw, "role_ask"), r=role, c=company), home)


def company_people(draw: Draw, home: Home) -> Task:
    """Ask whom one knows at a company."""
    company = draw.rng.choice(home.people).company if draw.chance(0.85) else draw.one(COMPANIES)
    some = draw.rng.sample(range(len(home.people)), 2) if draw.chance(0.5) else []
    people = tuple(
        replace(one, company=company) if place in some else one for place, one in enumerate(home.people)
    )
    return company_as(company, filled(said(draw, "company_ask"), c=company), replace(home, people=people))


def tells_role(draw: Draw, home: Home) -> Task:
    """Tell somebody something who is called by what they are."""
    (role, _), message = _role(draw, home), told_now(draw)
    return mail_to(role, message, filled(said(draw, "role_tell"), r=role, m=message.clause))


def asks_role(draw: Draw, home: Home) -> Task:
    """Ask somebody something who is called by what they are."""
    (role, _), asked = _role(draw, home), question(draw)
    return question_to(role, asked, filled(said(draw, "role_asked"), r=role, q=asked.said))


def short_fact(draw: Draw, home: Home) -> Task:
    """Ask for the number or the address of somebody by the first letters of a name."""
    who, fact = short_name(draw, home), draw.rng.choice(("phone", "email"))
    return contact_fact_of(draw, who, fact, said=filled(said(draw, f"short_name_{fact}"), n=who))
