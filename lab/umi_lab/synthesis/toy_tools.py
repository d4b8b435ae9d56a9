"""Toy tools: small tools of other kinds. Where the catalogue lacks one, what it is for cannot be done."""

from collections.abc import Mapping
from dataclasses import dataclass
from string import Formatter
from typing import Any

from umi_edge.tools import Tool
from umi_lab.synthesis.pools import Draw
from umi_lab.synthesis.script import Done, GiveUp, Script, ScriptContext, Use
from umi_lab.synthesis.task import Task

__all__ = ["TOY_TOOLS", "ToyTool", "as_tool", "toy_tool_task"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToyTool:
    """One small tool and the requests that it serves."""

    name: str
    description: str
    arguments: tuple[str, ...]
    asks: tuple[str, ...]
    """Ways to ask; slots are arguments."""
    values: Mapping[str, tuple[str, ...]]
    """What each argument may be."""
    purpose: str
    answer: str
    """May name `{result}`."""
    results: tuple[str, ...] = ("done",)
    lacking: str


_ROOMS = ("kitchen", "bedroom", "hall", "cellar", "study", "bathroom", "garage")
_CITIES = ("Paris", "Oslo", "Lima", "Kyoto", "Cairo", "Porto", "Riga", "Quito", "Bergen", "Turin")
_SONGS = ("jazz", "some Bach", "the Beatles", "rock music", "samba", "piano music", "reggae")

TOY_TOOLS = (
    ToyTool(
        name="lights.set",
        description="Switch the lights of a room on or off.",
        arguments=("room", "state"),
        asks=(
            "turn {state} the lights in the {room}.",
            "switch the {room} lights {state}.",
            "lights {state} in the {room}, please.",
        ),
        values={"room": _ROOMS, "state": ("on", "off")},
        purpose="switch the {room} lights {state}",
        answer="The {room} lights are {state}.",
        lacking="No tool here can switch lights.",
    ),
    ToyTool(
        name="timer.start",
        description="Start a kitchen timer.",
        arguments=("minutes",),
        asks=(
            "set a timer for {minutes} minutes.",
            "start a {minutes} minute timer.",
            "wake me in {minutes} minutes.",
        ),
        values={"minutes": ("3", "5", "8", "12", "20", "45")},
        purpose="start a timer of {minutes} minutes",
        answer="The timer runs for {minutes} minutes.",
        lacking="No tool here can set timers.",
    ),
    ToyTool(
        name="music.play",
        description="Play music on the speaker.",
        arguments=("what",),
        asks=("play {what}.", "put on {what}.", "I want to hear {what}."),
        values={"what": _SONGS},
        purpose="play {what}",
        answer="Playing {what}.",
        lacking="No tool here can play music.",
    ),
    ToyTool(
        name="weather.today",
        description="Give today's weather in a city.",
        arguments=("city",),
        asks=(
            "what is the weather in {city}?",
            "show the weather for {city}.",
            "will it rain in {city} today?",
        ),
        values={"city": _CITIES},
        purpose="get the weather in {city}",
        answer="The weather in {city}: {result}.",
        results=("sunny", "rain", "cloudy, 12 degrees", "snow", "windy"),
        lacking="No tool here knows the weather.",
    ),
    ToyTool(
        name="taxi.order",
        description="Order a taxi to a place.",
        arguments=("place",),
        asks=("call a taxi to the {place}.", "order me a cab to the {place}.", "get a taxi to the {place}."),
        values={"place": ("airport", "station", "hotel", "museum", "theatre", "stadium")},
        purpose="order a taxi to the {place}",
        answer="A taxi to the {place} is ordered.",
        lacking="No tool here can order taxis.",
    ),
    ToyTool(
        name="flights.book",
        description="Book a flight to a city.",
        arguments=("city",),
        asks=("book a flight to {city}.", "I need a flight to {city}.", "get me a plane ticket to {city}."),
        values={"city": _CITIES},
        purpose="book a flight to {city}",
        answer="The flight to {city} is booked.",
        lacking="No tool here can book flights.",
    ),
    ToyTool(
        name="food.order",
        description="Order a meal for delivery.",
        arguments=("dish",),
        asks=("order a {dish}.", "get me a {dish} delivered.", "I am hungry, order a {dish}."),
        values={"dish": ("pizza", "curry", "salad", "burger", "ramen", "lasagne")},
        purpose="order a {dish}",
        answer="A {dish} is on its way.",
        lacking="No tool here can order food.",
    ),
    ToyTool(
        name="door.lock",
        description="Lock or unlock a door of the house.",
        arguments=("door", "state"),
        asks=(
            "{state} the {door} door.",
            "please {state} the {door} door.",
            "can you {state} the {door} door?",
        ),
        values={"door": ("front", "back", "garage", "cellar"), "state": ("lock", "unlock")},
        purpose="{state} the {door} door",
        answer="I did {state} the {door} door.",
        lacking="No tool here can lock doors.",
    ),
    ToyTool(
        name="heating.set",
        description="Set the temperature of a room.",
        arguments=("room", "degrees"),
        asks=(
            "heat the {room} to {degrees} degrees.",
            "set the {room} to {degrees} degrees.",
            "make it {degrees} degrees in the {room}.",
        ),
        values={"room": _ROOMS, "degrees": ("17", "19", "21", "23")},
        purpose="set the {room} to {degrees} degrees",
        answer="The {room} is set to {degrees} degrees.",
        lacking="No tool here can control the heating.",
    ),
    ToyTool(
        name="todo.add",
        description="Put a task on the to-do list.",
        arguments=("task",),
        asks=("add a task: {task}.", "put {task} on my to-do list.", "remember as a todo: {task}."),
        values={
            "task": (
                "buy milk",
                "pay the rent",
                "clean the oven",
                "water the plants",
                "renew the passport",
                "print the form",
            )
        },
        purpose="add the task {task}",
        answer="The task {task} is on the list.",
        lacking="No tool here keeps a to-do list.",
    ),
    ToyTool(
        name="photos.search",
        description="Find photos by what is in them.",
        arguments=("subject",),
        asks=(
            "show my photos of the {subject}.",
            "find pictures of the {subject}.",
            "look for photos with the {subject}.",
        ),
        values={"subject": ("beach", "dog", "mountains", "wedding", "car", "snow")},
        purpose="find photos of the {subject}",
        answer="I found {result} photos of the {subject}.",
        results=("3", "12", "40", "7"),
        lacking="No tool here can search photos.",
    ),
    ToyTool(
        name="stocks.price",
        description="Give the price of a share.",
        arguments=("company",),
        asks=(
            "what does a share of {company} cost?",
            "give me the stock price of {company}.",
            "how is {company} doing on the stock market?",
        ),
        values={"company": ("Bluefield", "Oakline", "Kestrel", "Marigold", "Redwood")},
        purpose="get the share price of {company}",
        answer="A share of {company} costs {result}.",
        results=("41 euros", "7 euros", "120 euros"),
        lacking="No tool here knows share prices.",
    ),
    ToyTool(
        name="text.translate",
        description="Translate a text into another language.",
        arguments=("text", "language"),
        asks=(
            "translate {text} into {language}.",
            "what is {text} in {language}?",
            "how do you say {text} in {language}?",
        ),
        values={
            "text": ("good morning", "thank you", "see you soon", "the bill, please"),
            "language": ("French", "Polish", "Danish", "Greek"),
        },
        purpose="translate {text} into {language}",
        answer="In {language}: {result}.",
        results=("aabo", "lirum", "teka vi", "soma re"),
        lacking="No tool here can translate.",
    ),
    ToyTool(
        name="car.rent",
        description="Rent a car in a city.",
        arguments=("city",),
        asks=("rent a car in {city}.", "I need a rental car in {city}.", "get me a hire car in {city}."),
        values={"city": _CITIES},
        purpose="rent a car in {city}",
        answer="A car in {city} is rented.",
        lacking="No tool here can rent cars.",
    ),
    ToyTool(
        name="radio.tune",
        description="Tune the radio to a station.",
        arguments=("station",),
        asks=("tune the radio to {station}.", "radio on, {station}.", "let me hear radio {station}."),
        values={"station": ("Nova", "Classic", "One", "Harbour")},
        purpose="tune the radio to {station}",
        answer="The radio plays {station}.",
        lacking="No tool here can tune a radio.",
    ),
    ToyTool(
        name="hotel.reserve",
        description="Reserve a hotel room in a city.",
        arguments=("city",),
        asks=(
            "reserve a hotel room in {city}.",
            "book me a hotel in {city}.",
            "I need a bed for the night in {city}.",
        ),
        values={"city": _CITIES},
        purpose="reserve a hotel room in {city}",
        answer="The hotel room in {city} is reserved.",
        lacking="No tool here can reserve hotels.",
    ),
    ToyTool(
        name="plants.water",
        description="Water the plants of a room.",
        arguments=("room",),
        asks=(
            "water the plants in the {room}.",
            "give the {room} plants some water.",
            "the {room} plants are dry, water them.",
        ),
        values={"room": _ROOMS},
        purpose="water the plants in the {room}",
        answer="The plants in the {room} are watered.",
        lacking="No tool here can water plants.",
    ),
    ToyTool(
        name="recipe.find",
        description="Find a recipe for a dish.",
        arguments=("dish",),
        asks=("find a recipe for {dish}.", "how do I cook {dish}?", "I want to make {dish}, which recipe?"),
        values={"dish": ("dumplings", "paella", "pancakes", "goulash", "risotto")},
        purpose="find a recipe for {dish}",
        answer="For {dish}: {result}.",
        results=("boil and stir", "bake for 30 minutes", "fry gently"),
        lacking="No tool here can find recipes.",
    ),
)
"""The last fifth is held out."""


_NO_VERBS = frozenset(
    """
    what will how I the can where please a am any are at could did do does everybody everyone everything has have in
    is it may my no nobody one our she should somebody someone something sparks there they we when which who winter
    """.split()  # noqa: SIM905  # a list of words reads better as text
)
"""With which a request begins that nobody puts a please before."""


def as_tool(toy_tool: ToyTool, result: str) -> Tool:
    """The tool; it gives the result that was drawn."""

    async def run(_: Mapping[str, Any]) -> Any:
        return {"result": result}

    properties = {name: {"type": "string"} for name in toy_tool.arguments}
    schema = {
        "type": "object",
        "properties": properties,
        "required": list(toy_tool.arguments),
        "additionalProperties": False,
    }
    return Tool(
        name=toy_tool.name, description=toy_tool.description, input_schema=schema, run=run, source="builtin"
    )


def toy_tool_task(draw: Draw, toy_tool: ToyTool) -> Task:
    """A request for a toy tool, whether the catalogue has it or not."""
    values = {name: draw.rng.choice(choices) for name, choices in toy_tool.values.items()}
    text = draw.one(toy_tool.asks).format(**values)
    lead = draw.rng.choice(("", "", "", "please ", "can you please "))
    if text.split()[0] not in _NO_VERBS:
        text = lead + text

    def script(context: ScriptContext) -> Script:
        if toy_tool.name not in context.tools:
            return GiveUp(toy_tool.lacking)
        shown = {name: context.seen(value) for name, value in values.items()}
        seen = yield Use(toy_tool.name, toy_tool.purpose.format(**shown), shown)
        if seen.failure:
            return GiveUp(f"The tool failed: {seen.failure}.")
        answer = toy_tool.answer.format(**shown, result=seen.value["result"])
        return Done("That is done.", answer)

    slots = {slot for _, slot, _, _ in Formatter().parse(toy_tool.answer)}
    facts = tuple(value for name, value in values.items() if name in slots)
    return Task(instruction=text[:1].upper() + text[1:], script=script, facts=facts)
