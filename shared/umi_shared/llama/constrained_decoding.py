"""The decoding loop: which tokens the model reads next, and what their logits add to the output.

The loop knows nothing of llama.cpp, and nothing of what the output means. A single sequence and a batch of many
drive it the same way:

    while decoding.finish is None:
        tokens = decoding.feed()          # decode these; logits are wanted after the last `decoding.rows` of them
        decoding.compute_masks()          # at the same time, in another thread or not
        yield from decoding.take(logits)
        …                                 # forget the last `decoding.rejected` of the tokens
"""

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from umi_shared.engine import Delta, Finish, Finished
from umi_shared.llama.guide import Guide, Mask, likeliest
from umi_shared.llama.output import OutputText
from umi_shared.llama.prompt_lookup import PromptLookup
from umi_shared.transcript import Usage

__all__ = ["MAX_DRAFT_TOKENS", "ConstrainedDecoding", "Effort", "Prior", "Vocabulary"]

MAX_DRAFT_TOKENS = 32
"""The longest draft in one pass. With longer ones, a wrong guess costs more than a right one saves."""


class Vocabulary(Protocol):
    """What the loop asks about the model's tokens."""

    @property
    def closing_tokens(self) -> NDArray[np.bool_]:
        """A mask of the tokens that can do nothing but bring the output closer to its end."""
        ...

    def piece(self, token: int) -> bytes:
        """The bytes of one token."""
        ...

    def ends(self, token: int) -> bool:
        """Whether a token ends the turn."""
        ...


class Prior(Protocol):
    """Knowledge about the output that the model does not have, as a change to its logits."""

    def applied(self, logits: NDArray[np.float32], written: str) -> NDArray[np.float32]:
        """The logits of the next token, changed where this prior has something to say about it.

        `written` is the output so far. The logits that were given stay as they are.
        """
        ...


@dataclass(slots=True)
class Effort:
    """What it took to write one output; benchmarks and tests read it."""

    passes: int = 0
    """How often the model was run, counted from the pass that reads the end of the prompt."""
    forced: int = 0
    """Output tokens taken from drafts that the grammar forced, or that the output was expected to begin with."""
    drafted: int = 0
    """Tokens that prompt lookup proposed."""
    accepted: int = 0
    """How many of the proposed tokens the model agreed with."""


@dataclass(slots=True, kw_only=True)
class ConstrainedDecoding:
    """Greedy decoding of one output under a constraint, with drafts that save passes of the model.

    The text is the one that decoding token by token would give. A draft is a guess at the tokens that come next:
    what the grammar forces, what the output is expected to begin with, or what the prompt suggests. It is read in
    one batch with the token before it, which gives the model's own choice at every place of the draft. A draft token
    stands only if it is that choice (speculative decoding, arXiv 2211.17192, with greedy acceptance).
    """

    vocabulary: Vocabulary = field(repr=False)
    prompt: list[int] = field(repr=False)
    held: int
    """How many tokens of the prompt are in the KV cache. The last token of the prompt never is."""
    max_tokens: int
    """How many tokens may be written."""
    guide: Guide | None = field(default=None, repr=False)
    stop: tuple[str, ...] = field(default=(), repr=False)
    closes: bool = False
    """The output is worth nothing when it is cut off.

    Once half of `max_tokens` is used, a closing token is chosen wherever the constraint allows one.
    """
    likely: list[int] = field(default_factory=list, repr=False)
    """The tokens that the output is expected to begin with. Emptied by the first one that does not come true."""
    prior: Prior | None = field(default=None, repr=False)
    draft_limit: int = MAX_DRAFT_TOKENS
    """How many tokens a draft may have; 0 decodes token by token."""
    finish: Finish | None = None
    written: int = 0
    rejected: int = 0
    """How many of the tokens fed last, counted from their end, the output does not have."""
    effort: Effort = field(default_factory=Effort)
    _pending: list[int] = field(init=False, repr=False)
    _draft: list[int] = field(default_factory=list, repr=False)
    _draft_is_known: bool = False  # forced or expected, in contrast to looked up in the prompt
    _masks: list[Mask] = field(default_factory=list, repr=False)
    _output: OutputText = field(init=False, repr=False)
    _text: str = field(default="", repr=False)
    _lookup: PromptLookup = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._pending = self.prompt[self.held :]
        self._output = OutputText(self.stop)
        self._lookup = PromptLookup(self.prompt, self.max_tokens)
        if self.max_tokens <= 0:
            self.finish = Finish.LENGTH

    @property
    def rows(self) -> int:
        """How many rows of logits are wanted: after the last token that is certain, and after each of the draft."""
        return len(self._draft) + 1

    def feed(self) -> list[int]:
        """The tokens to decode next: those that are certain and not decoded yet, then a draft."""
        # One place is left for the token that the model chooses after the draft.
        self._draft = self._next_draft(min(self.draft_limit, self.max_tokens - self.written - 1))
        self._masks = []
        return self._pending + self._draft

    def _next_draft(self, limit: int) -> list[int]:
        self._draft_is_known = False
        if limit <= 0:
            return []
        known = self._known(limit)
        self._draft_is_known = bool(known)
        return known or self._valid(self._lookup.propose(limit))

    def _known(self, limit: int) -> list[int]:
        """What the output is expected to begin with, then what the grammar forces after that.

        Even forced text is only a draft. The tokenizer cuts it into tokens as if nothing came after it, while the
        model may want a token that reaches into the free text: ` there`, where the grammar forces ` the`. Forced
        tokens that are written unasked put the model where it never is by itself, and its next choice suffers.
        Verified as a draft, they leave the boundary to the model ("token healing").
        """
        likely = self._valid(self.likely[:limit])
        if self.guide is None:
            return likely
        return self._valid([*likely, *self.guide.forced(likely)][:limit])

    def _valid(self, tokens: list[int]) -> list[int]:
        """As many of the tokens as the constraint allows, so that no pass is spent on what cannot stand."""
        return tokens if self.guide is None else self.guide.valid(tokens)

    def compute_masks(self) -> None:
        """Find what the constraint allows at each place of the draft; needs no logits."""
        if self.guide is not None:
            self._masks = self.guide.masks(self._draft)

    def take(self, logits: NDArray[np.float32]) -> list[Delta]:
        """Choose tokens by the logits `(rows, vocabulary size)`; gives the text that is now certain."""
        if self.guide is not None and not self._masks:
            self.compute_masks()
        text, accepted = "", 0
        # Row i holds the model's logits after i tokens of the draft. It means something only while all of those were
        # accepted; so the loop ends at the first row whose choice is not the draft's next token. That choice itself
        # is right (it was made after accepted tokens) and costs nothing: even a draft that fails at once yields one
        # token, as a pass without a draft would. The last row has no draft token to compare with.
        for row, expected in zip(logits, [*self._draft, None], strict=True):
            token = self._choose(row, accepted)
            text += self._append(token)
            if self.finish is not None or token != expected:
                break
            accepted += 1
        self.rejected = len(self._draft) - accepted
        self._pending = [token]
        self._count_pass(accepted)
        if self.finish is not None:
            text += self._output.finish()
        return [Delta(text)] if text else []

    def _choose(self, logits: NDArray[np.float32], place: int) -> int:
        if self.prior is not None:
            logits = self.prior.applied(logits, self._text)
        if self.guide is None:
            return int(np.argmax(logits))
        closing = self.closes and self.written >= self.max_tokens // 2
        return likeliest(logits, self._masks[place], self.vocabulary.closing_tokens if closing else None)

    def _append(self, token: int) -> str:
        """Add a token to the output, or end at it; gives the text that is now certain."""
        if self.vocabulary.ends(token):
            self.finish = Finish.STOP
            return ""
        self.written += 1
        self._lookup.add(token)
        self.likely = self.likely[1:] if self.likely[:1] == [token] else []
        text = self._output.feed(self.vocabulary.piece(token))
        self._text += text
        if self.guide is not None:
            self.guide.take(token)
        if self._output.stopped or (self.guide is not None and self.guide.done):
            self.finish = Finish.STOP
        elif self.written >= self.max_tokens:
            self.finish = Finish.LENGTH
        return text

    def _count_pass(self, accepted: int) -> None:
        self.effort.passes += 1
        if self._draft_is_known:
            self.effort.forced += accepted
        elif self._draft:
            self.effort.drafted += len(self._draft)
            self.effort.accepted += accepted
            self._lookup.learn(len(self._draft), accepted)

    def finished(self, cached: int) -> Finished:
        """The last chunk; `cached` tokens of the prompt did not have to be read again."""
        usage = Usage(prompt_tokens=len(self.prompt), cached_tokens=cached, completion_tokens=self.written)
        return Finished(self.finish or Finish.LENGTH, usage)
