"""One generation as a state machine: which tokens to decode next, and what their logits make of the output.

It knows nothing of llama.cpp, so that one sequence and a batch of many are driven alike:

    while writing.finish is None:
        tokens = writing.feed()          # decode these; logits are wanted after the last `writing.rows` of them
        writing.look_ahead()             # meanwhile, in another thread or not
        yield from writing.take(logits)
        …                                # forget the last `writing.refused` of the tokens
"""

from dataclasses import dataclass, field
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from umi_shared.engine import Delta, Finish, Finished, Generation, JsonSchema
from umi_shared.llama.drafts import Drafts
from umi_shared.llama.guide import Guide, Mask, likeliest
from umi_shared.llama.output import OutputText
from umi_shared.llama.spelling import Spelling
from umi_shared.llama.weights import Weights
from umi_shared.transcript import Usage

__all__ = ["MOST_AHEAD", "PRIOR", "Effort", "Vocabulary", "Writing"]

MOST_AHEAD = 32
"""Tokens of a draft in one pass: more, and a wrong guess costs more than a right one saves."""
PRIOR = 3.0
"""How much likelier, in logits, a token is that goes on towards a word of the request which has been begun."""


class Vocabulary(Protocol):
    """What is asked of the model's tokens."""

    @property
    def closing_tokens(self) -> NDArray[np.bool_]:
        """A mask of the tokens that do nothing but close JSON."""
        ...

    def piece(self, token: int) -> bytes:
        """The bytes of one token."""
        ...

    def ends(self, token: int) -> bool:
        """Whether a token ends the turn."""
        ...


@dataclass(slots=True)
class Effort:
    """What writing one output took, for benchmarks."""

    passes: int = 0
    """Of the model, from the one on that reads the prompt's end."""
    forced: int = 0
    """Tokens of the output that were fed because the grammar leaves nothing else, or the output was to begin so."""
    drafted: int = 0
    """Tokens guessed from the prompt …"""
    accepted: int = 0
    """… and found right."""


@dataclass(slots=True, kw_only=True)
class Writing:
    """Greedy decoding under a constraint. The same text as token by token, in fewer passes.

    What the grammar forces, and what the prompt suggests, is decoded in one batch with the token before it; a
    token of it stands if the model, asked at that place, would have chosen it. So the model has its own way with the
    bounds between forced text and free text, which a draft of forced tokens alone would take from it.
    """

    vocabulary: Vocabulary = field(repr=False)
    prompt: list[int] = field(repr=False)
    held: int
    """How many of its tokens are decoded already: not the last one."""
    room: int
    """Tokens that may be written."""
    guide: Guide | None = field(default=None, repr=False)
    stop: tuple[str, ...] = field(default=(), repr=False)
    closes: bool = False
    """The output is JSON that is brought to its end: cut off it would be none."""
    likely: list[int] = field(default_factory=list, repr=False)
    """The first tokens of the output, at a guess; what is left of them while they come true."""
    spelling: Spelling | None = field(default=None, repr=False)
    """The words that the output repeats."""
    ahead: int = MOST_AHEAD
    """Tokens of a draft in one pass; 0 writes token by token."""
    finish: Finish | None = None
    written: int = 0
    refused: int = 0
    """Of the tokens that were last fed: how many, at the end, are not part of the output."""
    effort: Effort = field(default_factory=Effort)
    _pending: list[int] = field(init=False, repr=False)
    _draft: list[int] = field(default_factory=list, repr=False)
    _forced: int = 0  # of the draft, with what is likely; the others are guesses
    _masks: list[Mask] = field(default_factory=list, repr=False)
    _output: OutputText = field(init=False, repr=False)
    _text: str = field(default="", repr=False)
    _drafts: Drafts = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._pending = self.prompt[self.held :]
        self._output = OutputText(self.stop)
        self._drafts = Drafts(self.prompt, self.room)
        if self.room <= 0:
            self.finish = Finish.LENGTH

    @classmethod
    def of(
        cls,
        generation: Generation,
        weights: Weights,
        prompt: list[int],
        held: int,
        context_tokens: int,
        guide: Guide | None,
    ) -> Self:
        """A generation's writing, once `held` tokens of its prompt are decoded; `guide` is of its constraint."""
        return cls(
            vocabulary=weights,
            prompt=prompt,
            held=held,
            room=min(generation.max_tokens, context_tokens - len(prompt)),
            guide=guide,
            stop=generation.stop,
            closes=isinstance(generation.constraint, JsonSchema),
            likely=weights.tokenize(generation.likely_start, special=False),
            spelling=Spelling(generation.repeats, weights.pieces) if generation.repeats else None,
            ahead=0 if weights.recurrent else MOST_AHEAD,
        )

    @property
    def rows(self) -> int:
        """After how many of the tokens to feed, the last ones, logits are wanted."""
        return len(self._draft) + 1

    def feed(self) -> list[int]:
        """The tokens to decode next: what stands and was not decoded yet, then a draft."""
        self._draft = self._next_draft(min(self.ahead, self.room - self.written - 1))
        self._masks = []
        return self._pending + self._draft

    def _next_draft(self, limit: int) -> list[int]:
        self._forced = 0
        if limit <= 0:
            return []
        if self.guide is None:
            self._forced = len(likely := self.likely[:limit])
            return likely or self._drafts.propose(limit)
        likely = self.guide.valid(self.likely[:limit])
        known = self.guide.valid([*likely, *self.guide.forced(likely)][:limit])
        self._forced = len(known)
        return known or self.guide.valid(self._drafts.propose(limit))

    def look_ahead(self) -> None:
        """Find what the constraint allows after each token; needs no logits."""
        if self.guide is not None:
            self._masks = self.guide.masks(self._draft)

    def take(self, logits: NDArray[np.float32]) -> list[Delta]:
        """Choose tokens by the logits `(rows, vocabulary size)`; gives the text that is now certain."""
        if self.guide is not None and not self._masks:
            self.look_ahead()
        text, right = "", 0
        for row, expected in zip(logits, [*self._draft, None], strict=True):
            token = self._choose(row, right)
            text += self._accept(token)
            if self.finish is not None or token != expected:
                break
            right += 1
        self.refused = len(self._draft) - right
        self._pending = [token]
        self._learn(right)
        if self.finish is not None:
            text += self._output.finish()
        return [Delta(text)] if text else []

    def _choose(self, logits: NDArray[np.float32], place: int) -> int:
        if self.spelling is not None and (likelier := self.spelling.likelier(self._text)):
            logits = self._with_prior(logits, likelier)
        if self.guide is None:
            return int(np.argmax(logits))
        closing = self.closes and self.written >= self.room // 2
        return likeliest(logits, self._masks[place], self.vocabulary.closing_tokens if closing else None)

    def _with_prior(self, logits: NDArray[np.float32], likelier: list[int]) -> NDArray[np.float32]:
        """Where the model is about to write letters at all: a day or a number is no misspelt word."""
        if not self.vocabulary.piece(int(np.argmax(logits))).strip()[:1].isalpha():
            return logits
        logits = logits.copy()
        logits[likelier] += PRIOR
        return logits

    def _accept(self, token: int) -> str:
        """Write a token, or end at it."""
        if self.vocabulary.ends(token):
            self.finish = Finish.STOP
            return ""
        self.written += 1
        self._drafts.add(token)
        self.likely = self.likely[1:] if self.likely[:1] == [token] else []
        text = self._output.feed(self.vocabulary.piece(token))
        self._text += text
        if self.guide is not None:
            self.guide.take(token)
        if self._output.stopped or (self.guide is not None and self.guide.done):
            self.finish = Finish.STOP
        elif self.written >= self.room:
            self.finish = Finish.LENGTH
        return text

    def _learn(self, right: int) -> None:
        self.effort.passes += 1
        if self._forced:
            self.effort.forced += right
        elif self._draft:
            self.effort.drafted += len(self._draft)
            self.effort.accepted += right
            self._drafts.learn(len(self._draft), right)

    def finished(self, cached: int) -> Finished:
        """The last chunk; `cached` tokens of the prompt were not read again."""
        usage = Usage(prompt_tokens=len(self.prompt), cached_tokens=cached, completion_tokens=self.written)
        return Finished(self.finish or Finish.LENGTH, usage)
