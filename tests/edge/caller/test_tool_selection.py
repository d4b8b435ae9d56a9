"""Large catalogues: what the caller reads of them is little, is what the view asks for, and shuts no tool out."""

from hypothesis import given, settings
from hypothesis import strategies as st

from umi_edge.caller.ranking import Ranking
from umi_edge.caller.tool_selection import ToolSelection
from umi_shared.transcript import Call, Entry, Instruction, Next, Observation, Plan, ToolCard, View

THINGS = ("mail", "note", "contact", "event", "invoice", "ticket", "branch", "deploy")
THINGS += ("photo", "song", "door", "lamp", "parcel", "recipe", "flight", "hotel")
DOINGS = {"find": "Find a {}.", "send": "Send a {} to somebody.", "delete": "Remove a {} for good."}
CARDS = tuple(
    ToolCard(
        name=f"{thing}.{doing}",
        description=(text.format(thing),),
        input_schema={"type": "object", "properties": {"id": {"type": "string"}}},
    )
    for thing in THINGS
    for doing, text in DOINGS.items()
)
COST = 10


def narrowing(budget: int) -> ToolSelection:
    return ToolSelection.of(CARDS, {card.name: COST for card in CARDS}, budget)


def names(budget: int, *entries: Entry) -> list[str]:
    view = View(catalogue=CARDS, entries=entries)
    narrowed = narrowing(budget).of_view(view)
    assert narrowed.entries == view.entries
    return [card.name for card in narrowed.catalogue]


def to(tool: str) -> Plan:
    return Plan((f"To go on, use {tool}.",), Next.CALLER, tool)


ASKED = Instruction(("Find the invoices of last May and mail them to my accountant",))


def test_a_catalogue_within_its_budget_stays_whole_and_in_order():
    assert names(COST * len(CARDS), ASKED) == [card.name for card in CARDS]


def test_the_instructions_words_choose_the_first_tools():
    chosen = names(COST * 20, ASKED)
    assert set(chosen[:2]) == {"invoice.find", "mail.find"}
    assert "lamp.delete" not in chosen
    assert len(chosen) <= 12


def test_the_tool_that_a_plan_names_is_always_read():
    for card in CARDS:
        for budget in (COST * 20, COST, 1):
            assert card.name in names(budget, ASKED, to(card.name))


def test_a_plan_without_a_tool_is_read_for_its_words():
    assert "parcel.send" in names(COST * 20, ASKED, Plan(("Send the parcel now.",), Next.CALLER))


def test_a_later_step_keeps_the_earlier_ones_tools_in_their_places():
    steps = [ASKED, to("invoice.find"), Call("invoice.find", ("{}",)), Observation("invoice.find", ("[]",))]
    before = names(COST * 20, *steps)
    assert names(COST * 20, *steps, to("mail.find")) == before
    assert names(COST * 20, *steps, to("door.delete")) == [*before, "door.delete"]


def test_where_room_is_short_the_oldest_that_nobody_wants_go():
    chosen = names(
        COST * 3, Instruction(("nothing of the kind",)), *map(to, ("door.find", "lamp.find", "song.find"))
    )
    assert chosen == ["door.find", "lamp.find", "song.find"]
    chosen = names(COST * 3, *map(to, ("door.find", "lamp.find", "song.find", "door.find", "mail.send")))
    assert chosen == ["lamp.find", "song.find", "mail.send"]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([card.name for card in CARDS]), max_size=12), st.integers(1, 45))
def test_the_budget_holds_but_for_a_single_tool_and_no_tool_comes_twice(tools, count):
    chosen = names(COST * count, ASKED, *map(to, tools))
    assert len(chosen) == len(set(chosen)) <= count
    assert not tools or tools[-1] in chosen


def test_a_ranking_knows_plurals_names_in_camel_case_and_has_no_favourites():
    cards = [
        ToolCard(name=name, description=("Look.",), input_schema={})
        for name in ("getUserMails", "list_doors")
    ]
    ranking = Ranking.of(cards)
    assert ranking.best("every mail", 5) == ["getUserMails"]
    assert ranking.best("a door", 5) == ["list_doors"]
    assert ranking.best("xyzzy", 5) == []
    assert Ranking.of([]).best("a door", 5) == []
