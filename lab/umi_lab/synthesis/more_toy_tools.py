"""More toy tools, for varied data sets: none is near one that `toy_tools` holds out."""

from collections.abc import Iterable, Mapping
from string import Formatter

from umi_lab.synthesis.toy_tools import ToyTool

__all__ = ["MORE_TOY_TOOLS", "ToyToolRow", "toy_tools_of"]

ToyToolRow = tuple[str, str, tuple[str, ...], str, str]
"""Name, description, ways to ask beside saying the purpose, purpose, and what cannot be done without it."""

_VALUES: Mapping[str, tuple[str, ...]] = {
    "room": ("kitchen", "bedroom", "hall", "cellar", "study", "attic", "garage", "nursery"),
    "city": ("Madrid", "Bern", "Dublin", "Boston", "Delhi", "Accra", "Malmö", "Graz"),
    "degrees": ("150", "180", "200", "220"),
    "number": ("2", "3", "5", "8", "12", "24"),
    "minutes": ("5", "10", "15", "30", "90"),
    "percent": ("10", "25", "40", "60", "85"),
    "language": ("Italian", "Dutch", "Turkish", "Welsh"),
    "word": ("perhaps", "gallant", "umbrella", "sincere", "brittle"),
    "team": ("the Falcons", "the Rovers", "the Wolves", "United"),
    "film": ("the pirate film", "the space film", "the new comedy", "the old western"),
    "item": ("batteries", "a lamp", "running shoes", "a kettle", "two pillows"),
    "amount": ("20 euros", "75 euros", "8 dollars", "300 crowns"),
    "device": ("printer", "router", "speaker", "tablet", "server"),
    "animal": ("dog", "cat", "rabbit", "hamster"),
    "course": ("pottery", "Spanish", "first aid", "swimming"),
    "sender": ("the bank", "the school", "the shop", "the tax office"),
    "street": ("Mill Lane", "High Street", "Station Road", "Elm Avenue"),
    "show": ("the evening news", "the quiz", "the cooking show", "the match"),
    "unit": ("miles", "pounds", "gallons", "feet"),
}
"""What a slot may be."""

_ROWS: tuple[ToyToolRow, ...] = (
    ("vacuum.start", "Vacuum a room.", ("the {room} is dusty, vacuum it.",), "vacuum the {room}", "vacuum"),
    ("oven.preheat", "Heat the oven up.", ("oven to {degrees} degrees.",), "preheat the oven to {degrees} degrees",
     "use the oven"),
    ("alarm.set", "Set the alarm of a room.", ("arm the alarm in the {room}.",), "arm the {room} alarm",
     "set alarms"),
    ("camera.record", "Record with a camera.", ("film the {room} for {minutes} minutes.",),
     "record the {room} for {minutes} minutes", "record video"),
    ("fan.speed", "Set how fast the fan turns.", ("fan at {percent} percent.",), "set the fan to {percent} percent",
     "control the fan"),
    ("volume.set", "Set the volume of the speaker.", ("make it {percent} percent loud.",),
     "set the volume to {percent} percent", "change the volume"),
    ("cinema.tickets", "Buy tickets for a film.", ("we want to see {film}, {number} seats.",),
     "buy {number} tickets for {film}", "buy tickets"),
    ("train.book", "Book a train seat.", ("I have to go to {city} by rail.", "a train ticket to {city}, please."),
     "book a train to {city}", "book trains"),
    ("ferry.book", "Book a ferry.", ("get us on a ferry to {city}.",), "book a ferry to {city}", "book ferries"),
    ("shop.order", "Order something in the shop.", ("we are out of {item}, order some.", "get me {item}."),
     "order {item}", "order things"),
    ("shop.return", "Send an order back.", ("I do not want {item} any more, return them.",), "return {item}",
     "return orders"),
    ("price.compare", "Compare prices of a thing.", ("where is {item} cheapest?", "who sells {item} for less?"),
     "compare prices of {item}", "compare prices"),
    ("parcel.track", "Tell where a parcel is.", ("where is the parcel from {sender}?",),
     "track the parcel from {sender}", "track parcels"),
    ("bank.balance", "Tell what is in the account.", ("how much money do I have at {sender}?",),
     "check the balance at {sender}", "look into accounts"),
    ("bill.split", "Split a bill.", ("we are {number} and owe {amount}, who pays what?",),
     "split {amount} among {number}", "split bills"),
    ("tip.compute", "Compute a tip.", ("what is a {percent} percent tip on {amount}?",),
     "compute {percent} percent of {amount}", "compute tips"),
    ("currency.convert", "Convert money.", ("how much is {amount} in pesos?", "{amount} in yen?"),
     "convert {amount} into other money", "convert money"),
    ("unit.convert", "Convert units.", ("what are {number} {unit} in metric?", "{number} {unit} in metres or kilos?"),
     "convert {number} {unit}", "convert units"),
    ("dictionary.define", "Define a word.", ("what is the meaning of {word}?", "define {word}."),
     "define {word}", "define words"),
    ("spelling.check", "Check how a word is spelt.", ("is {word} spelt right?",), "check the spelling of {word}",
     "check spelling"),
    ("rhyme.find", "Find rhymes.", ("what rhymes with {word}?",), "find rhymes for {word}", "find rhymes"),
    ("lesson.start", "Start a language lesson.", ("teach me some {language}.", "I want to practise {language}."),
     "start a {language} lesson", "teach languages"),
    ("sport.score", "Tell the score of a team.", ("how did {team} play?", "did {team} win?"),
     "get the score of {team}", "tell scores"),
    ("sport.tickets", "Buy seats for a match.", ("I want to see {team} in the stadium.",),
     "buy seats for {team}", "buy seats"),
    ("tv.record", "Record a show.", ("do not let me miss {show}.",), "record {show}", "record shows"),
    ("tv.play", "Play a show on the television.", ("put {show} on the television.",), "play {show} on the television",
     "use the television"),
    ("podcast.play", "Play a podcast.", ("podcast about {course}, please.",), "play a podcast about {course}",
     "play podcasts"),
    ("course.enrol", "Enrol in a course.", ("sign me up for {course}.",), "enrol you in {course}", "enrol anyone"),
    ("pet.feed", "Feed an animal.", ("the {animal} is hungry.",), "feed the {animal}", "feed animals"),
    ("vet.book", "Book a visit to the vet.", ("the {animal} is ill, I need a vet.",), "book a vet for the {animal}",
     "book a vet"),
    ("traffic.check", "Tell how the traffic is.", ("is {street} jammed?", "any traffic jams on {street}?"),
     "check the traffic on {street}", "know the traffic"),
    ("route.plan", "Plan a route.", ("how do I get to {street}?", "the way to {street}, please."),
     "plan a route to {street}", "plan routes"),
    ("map.distance", "Measure a distance.", ("how far is it to {city}?",), "measure the distance to {city}",
     "measure distances"),
    ("time.zone", "Tell the time elsewhere.", ("how late is it in {city}?", "what is the clock in {city}?"),
     "tell the time in {city}", "know the time elsewhere"),
    ("device.restart", "Restart a device.", ("the {device} hangs, reboot it.",), "restart the {device}",
     "restart devices"),
    ("device.battery", "Tell how full a battery is.", ("how much battery has the {device} left?",),
     "check the battery of the {device}", "check batteries"),
    ("device.locate", "Find a lost device.", ("I cannot find the {device}, make it ring.",), "ring the {device}",
     "ring devices"),
    ("update.install", "Install an update.", ("bring the {device} up to date.",), "update the {device}",
     "install updates"),
    ("print.copies", "Print copies.", ("{number} printed copies, please.",), "print {number} copies", "print"),
    ("dice.roll", "Roll dice.", ("throw {number} dice.",), "roll {number} dice", "roll dice"),
    ("poem.write", "Write a poem.", ("a poem about {course}, please.",), "write a poem about {course}", "write poems"),
    ("joke.tell", "Tell a joke.", ("make me laugh with a {animal} joke.",), "tell a joke about a {animal}",
     "tell jokes"),
    ("walk.track", "Track a walk.", ("I go for a walk of {minutes} minutes, track it.",),
     "track a walk of {minutes} minutes", "track walks"),
    ("water.log", "Log what you drink.", ("I had {number} glasses of water.",), "log {number} glasses of water",
     "log drinks"),
    ("sleep.sounds", "Play sounds to sleep by.", ("rain sounds for {minutes} minutes.",),
     "play sleep sounds for {minutes} minutes", "play sounds"),
    ("news.read", "Read the news of a place.", ("what is new in {city}?", "news from {city}?"),
     "read the news of {city}", "read the news"),
    ("event.tickets", "Find concerts in a city.", ("any concerts in {city}?",), "find concerts in {city}",
     "find concerts"),
    ("charger.find", "Find a charger for cars.", ("where can I charge the car near {street}?",),
     "find a charger near {street}", "find chargers"),
)  # fmt: skip
_RESULTS = ("done", "ready", "3 of them", "12", "at 9 o'clock", "yes", "41", "not before Monday")


def toy_tools_of(rows: Iterable[ToyToolRow], values: Mapping[str, tuple[str, ...]]) -> tuple[ToyTool, ...]:
    """The toy tools of a table; `values` are what its slots may be."""
    return tuple(_toy_tool(*row, values) for row in rows)


def _toy_tool(
    name: str,
    description: str,
    asks: tuple[str, ...],
    purpose: str,
    lacking: str,
    values: Mapping[str, tuple[str, ...]],
) -> ToyTool:
    slots = [slot for text in (purpose, *asks) for _, slot, _, _ in Formatter().parse(text) if slot]
    arguments = tuple(dict.fromkeys(slots))
    return ToyTool(
        name=name,
        description=description,
        arguments=arguments,
        asks=(*asks, *asks, f"{purpose}.", f"I need you to {purpose}.", f"{purpose}."),
        values={slot: values[slot] for slot in arguments},
        purpose=purpose,
        answer=f"I did {purpose}: {{result}}.",
        results=_RESULTS,
        lacking=f"No tool here can {lacking}.",
    )


MORE_TOY_TOOLS = toy_tools_of(_ROWS, _VALUES)
"""Every one of them is used in training; held-out episodes never draw from here."""
