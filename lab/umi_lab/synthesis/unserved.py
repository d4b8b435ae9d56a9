"""Unserved requests: what no tool of any catalogue here is for, said in one honest sentence."""

from umi_lab.synthesis.pools import Draw
from umi_lab.synthesis.script import GiveUp, Script, ScriptContext, Use
from umi_lab.synthesis.task import Task

__all__ = ["unserved_task"]

_ASKS = (
    "what is 17 times 23?",
    "write a poem about the sea.",
    "who won the match yesterday?",
    "tell me a joke.",
    "what is the capital of Peru?",
    "take a screenshot.",
    "restart the computer.",
    "send 50 euros to my brother.",
    "buy a new phone case.",
    "what time is it in Tokyo?",
    "post a picture on my profile.",
    "call the fire brigade.",
    "how tall is the Eiffel Tower?",
    "turn up the volume.",
    "start the washing machine.",
    "vacuum the living room.",
    "record a voice memo.",
    "scan this letter.",
    "print two copies of the form.",
    "install the update.",
    "what is on television tonight?",
    "pay the electricity bill.",
    "is the bakery open on Sunday?",
    "connect to the printer.",
    "change my password.",
    "how many steps did I walk today?",
    "open the garage.",
    "block this caller.",
    "show me the way to the station.",
    "what does this word mean?",
    "delete all photos.",
    "charge the car.",
    "feed the cat.",
    "draw a cat with a hat.",
    "convert 30 miles to kilometres.",
    "check the traffic on the way home.",
    "order new ink.",
    "stream the news.",
    "what is my blood pressure?",
    "dim the screen.",
    "transfer the rent to the landlord.",
    "book a table for two.",
    "reserve a parking space.",
    "when does the next bus leave?",
    "find me a plumber nearby.",
    "text the neighbours that the party is off.",
    "leave a voice message for the office.",
    "measure the room.",
    "close the blinds.",
    "make me a coffee.",
)


def unserved_task(draw: Draw) -> Task:
    """A request that ends at once."""
    text = draw.one(_ASKS)

    def script(context: ScriptContext) -> Script:
        del context
        return GiveUp("No tool here can do this.")
        yield Use("")  # makes it a generator, as every script is

    return Task(instruction=text[:1].upper() + text[1:], script=script)
