"""Contacts: asked about, added."""

from umi_lab.synthesis.home import Home
from umi_lab.synthesis.pools import Draw
from umi_lab.synthesis.script import Done, Script, ScriptContext, Use
from umi_lab.synthesis.steps import failed, person_of, require
from umi_lab.synthesis.task import Task
from umi_lab.synthesis.wording import named, phrase
from umi_lab.synthesis.words import FAMILY_NAMES, GIVEN_NAMES

__all__ = ["contact_add", "contact_fact"]


_FACTS = {"email": "address", "phone": "phone number", "company": "company"}


def contact_fact(draw: Draw, home: Home) -> Task:
    """Ask for an address, a number or a company."""
    who, fact = named(draw, home), draw.rng.choice(list(_FACTS))
    text = phrase(draw, f"contact_{fact}", n=who)

    def script(context: ScriptContext) -> Script:
        require(context, "contacts.search")
        name = context.seen(who)
        found = yield from person_of(context, name, _FACTS[fact])
        return Done("The contact is found.", f"The {_FACTS[fact]} of {name} is {found[fact]}.")

    return Task(instruction=text, script=script)


def contact_add(draw: Draw, home: Home) -> Task:
    """Add someone to the contacts."""
    given, family = draw.one(GIVEN_NAMES), draw.one(FAMILY_NAMES)
    who = f"{given} {family}"
    mail = f"{given}.{draw.rng.randint(1, 99)}@example.org".lower()
    phone = f"+44 7700 900{draw.rng.randint(100, 999)}"
    kind = draw.rng.choice(("email", "phone", "both"))
    text = phrase(draw, f"contact_add_{kind}", n=who, e=mail, p=phone)

    def script(context: ScriptContext) -> Script:
        require(context, "contacts.add")
        name = context.seen(who)
        arguments = {"name": name}
        if kind != "phone":
            arguments["email"] = context.seen(mail)
        if kind != "email":
            arguments["phone"] = context.seen(phone)
        seen = yield Use("contacts.add", f"add {name} to the contacts", arguments)
        if seen.failure:
            return failed("contacts.add", seen)
        return Done("The contact is added.", f"{name} is in your contacts now.")

    return Task(instruction=text, script=script)
