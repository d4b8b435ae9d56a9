"""Contacts: asked about, added."""

from umi_lab.synthesis.home import Home
from umi_lab.synthesis.pools import Draw
from umi_lab.synthesis.script import Done, GiveUp, Script, ScriptContext, Use
from umi_lab.synthesis.steps import carried_out, failed, person_of, require
from umi_lab.synthesis.task import Task
from umi_lab.synthesis.wording import named, phrase
from umi_lab.synthesis.words import FAMILY_NAMES, GIVEN_NAMES, ROLES

__all__ = ["contact_add", "contact_change", "contact_fact", "contact_fact_of", "contact_role"]


_FACTS = {"email": "address", "phone": "phone number", "company": "company"}


def contact_fact(draw: Draw, home: Home) -> Task:
    """Ask for an address, a number or a company."""
    who, fact = named(draw, home), draw.rng.choice(list(_FACTS))
    return contact_fact_of(draw, who, fact)


def contact_fact_of(draw: Draw, who: str, fact: str, *, said: str = "") -> Task:
    """Ask for a fact of somebody; `said` is how, where it follows another request."""
    text = said or phrase(draw, f"contact_{fact}", n=who)

    def script(context: ScriptContext) -> Script:
        require(context, "contacts.search")
        name = context.seen(who)
        question = "" if said else context.seen(text)
        found = yield from person_of(context, name, _FACTS[fact], question=question)
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


def contact_role(draw: Draw, home: Home) -> Task:
    """Ask who somebody is by what they are, or by where they work."""
    person = draw.rng.choice([one for one in home.people if one.name in home.roles])
    role = home.roles[person.name] if draw.chance(0.8) else draw.one(ROLES)
    if draw.chance(0.2):
        role = person.company
    text = phrase(draw, "contact_role", r=role)

    def script(context: ScriptContext) -> Script:
        require(context, "contacts.search")
        what = context.seen(role)
        seen = yield Use("contacts.search", f"find the {what} among the contacts", {"name": what})
        if seen.failure:
            return failed("contacts.search", seen)
        matches = seen.value["matches"]
        if not matches:
            return Done("No contact is one.", f"I found no {what} in your contacts.")
        if len(matches) > 1:
            names = " and ".join(match["name"] for match in matches)
            return Done("Several contacts are.", f"{what} fits {names}.")
        found = matches[0]
        phone = f", and the number is {found['phone']}" if found["phone"] else ""
        return Done("The contact is found.", f"That is {found['name']}{phone}.")

    return Task(instruction=text, script=script)


def contact_change(draw: Draw, home: Home) -> Task:
    """Change somebody's phone number."""
    who, phone = named(draw, home), f"+44 7700 900{draw.rng.randint(100, 999)}"
    text = phrase(draw, "contact_change", n=who, p=phone)

    def script(context: ScriptContext) -> Script:
        require(context, "contacts.search", "contacts.change")
        name, number = context.seen(who), context.seen(phone)
        found = yield from person_of(context, name, "contact")
        if "id" not in found:
            return GiveUp("The contacts could not be searched, and only a search tells which one to change.")
        yield from carried_out(
            "contacts.change",
            f"change the number of {name}, {found['id']}, to {number}",
            {"id": found["id"], "phone": number},
            f"change the number of {name}",
        )
        return Done("The contact is changed.", f"The number of {name} is {number} now.")

    return Task(instruction=text, script=script)
