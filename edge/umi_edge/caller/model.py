"""The caller's model in llama.cpp. Synchronous: `Caller` runs all of it in one thread.

I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any, Self

from umi_edge.caller.config import CallerConfig
from umi_edge.caller.prompt_prefix import catalogue_prefix, certain_prefix
from umi_edge.caller.tool_selection import ToolSelection
from umi_edge.caller.warm_start import Keep, WarmStart
from umi_edge.caller.written_call import WrittenCall
from umi_shared.dialects import Dialect
from umi_shared.engine import Delta
from umi_shared.errors import MalformedError
from umi_shared.llama import Adapter, Cancelled, Sequence, Weights
from umi_shared.prefix import shared_prefix
from umi_shared.released import Released
from umi_shared.transcript import Instruction, Plan, ToolCard, Usage, View

__all__ = ["CallerModel"]

_AHEAD_TOKENS = 4
"""Fewer new tokens than these are not worth a decode of their own; the call reads them."""

_CONVERSATIONS = 16
"""Of how many it is known what was read for their last call: for counting alone."""

Asked = Callable[[], bool]
"""Says whether to stop."""


class CallerModel:
    """One sequence that keeps what it has read of each session."""

    def __init__(
        self, sequence: Sequence, dialect: Dialect, config: CallerConfig, warm_start: WarmStart | None
    ) -> None:
        self._sequence = sequence
        self._dialect = dialect
        self._config = config
        self._warm_start = warm_start
        self._narrowing: ToolSelection | None = None
        self._settled: deque[list[int]] = deque(maxlen=_CONVERSATIONS)
        """The tokens that nobody had to wait for or read ahead: held since the last calls, or from the disk."""

    @classmethod
    def load(cls, config: CallerConfig, dialect: Dialect) -> Self:
        """Load the model and its adapter; takes a second or more. Raises `ModelError`."""
        weights = Weights.load(config.model)
        try:
            adapter: Adapter | None = weights.adapter(config.adapter) if config.adapter else None
            sequence = Sequence(
                weights,
                context_tokens=config.context_tokens,
                threads=config.threads,
                polite=True,
                adapter=adapter,
                kept_tokens=config.kept_tokens or config.context_tokens,
            )
            _ = weights.guide_tokenizer  # up to a second: now, beside the first plan, not in the first call
            return cls(sequence, dialect, config, WarmStart.of(config))
        except BaseException:
            weights.close()
            raise

    def held(self) -> list[list[int]]:
        """The tokens that need not be read any more, by conversation; may be asked from another thread."""
        return self._sequence.held()

    def warm(self, catalogue: Released[View], cancelled: Asked) -> Keep | None:
        """Hold what every session with these tools begins with; returns what keeps it on the disk.

        A catalogue that is narrowed has no such beginning.
        """
        if self._warm_start is None or not self._narrowing_of(catalogue.payload.catalogue).whole:
            return None
        tokens = catalogue_prefix(self._tokens, catalogue.payload)
        if self._sequence.shared_prefix(tokens) == len(tokens):
            return None
        keep = self._warm_start.begin(self._sequence, tokens, cancelled)
        if keep is None:
            self._settled.append(tokens)
        return keep

    def prefill(self, view: View, cancelled: Asked) -> None:
        """Read what is certain of the coming call's prompt; all of it where the view's plan names its tool.

        What was not read when it is cancelled is read when it is needed.
        """
        with suppress(Cancelled):
            self._prefill(view, cancelled)

    def _prefill(self, view: View, cancelled: Asked) -> None:
        last = view.entries[-1] if view.entries else None
        if isinstance(last, Plan) and last.tool:
            self._sequence.read(self._tokens(self._narrowed(view)), cancelled)
            return
        # A plan that is going on does not choose tools yet: half of it would choose others than the whole.
        done = view.entries[:-1] if isinstance(last, Plan) else view.entries
        cards = self._narrowed(View(catalogue=view.catalogue, entries=done)).catalogue
        tokens = certain_prefix(self._tokens, View(catalogue=cards, entries=view.entries))
        if len(tokens) - self._sequence.shared_prefix(tokens) >= _AHEAD_TOKENS:
            self._sequence.read(tokens, cancelled)

    def call(
        self,
        view: View,
        schemas: Mapping[str, Mapping[str, Any]],
        held: list[list[int]],
        cancelled: Asked,
    ) -> WrittenCall:
        """Write one call; `held` is what had been read when it was asked for."""
        generation = self._dialect.call(self._narrowed(view)).generation(
            constraint=self._dialect.call_constraint(schemas), max_tokens=self._config.max_tokens
        )
        text, usage = "", Usage()
        for chunk in self._sequence.generate(generation, cancelled):
            if isinstance(chunk, Delta):
                text += chunk.text
            else:
                usage = chunk.usage
        ahead = self._ahead(held, usage)
        tool, arguments = self._dialect.read_call(text)
        if tool not in schemas:
            raise MalformedError("the caller names a tool that is not in the catalogue")
        return WrittenCall(tool=tool, arguments=arguments, usage=usage, ahead_tokens=ahead)

    def _ahead(self, held: list[list[int]], usage: Usage) -> int:
        """How many of the prompt's tokens had been read ahead; what is held now is settled for the next call."""
        prompt = self._sequence.tokens[: usage.prompt_tokens]
        settled = _longest(prompt, self._settled)
        self._settled.append(list(self._sequence.tokens))
        return max(0, min(_longest(prompt, held), usage.cached_tokens) - settled)

    def _tokens(self, view: View) -> list[int]:
        return self._sequence.weights.prompt_tokens(self._dialect.call(view).prompt)

    def _narrowed(self, view: View) -> View:
        return self._narrowing_of(view.catalogue).of_view(view)

    def _narrowing_of(self, catalogue: tuple[ToolCard, ...]) -> ToolSelection:
        if self._narrowing is None or self._narrowing.catalogue != catalogue:
            costs = self._costs(catalogue)
            self._narrowing = ToolSelection.of(catalogue, costs, self._config.catalogue_budget)
        return self._narrowing

    def _costs(self, catalogue: tuple[ToolCard, ...]) -> dict[str, int]:
        """Tokens of each card in a prompt."""

        def length(*cards: ToolCard) -> int:
            return len(self._tokens(View(catalogue=cards, entries=(Instruction(("a",)),))))

        without = length()
        return {card.name: length(card) - without for card in catalogue}

    def close(self) -> None:
        """Free the model."""
        self._sequence.close()
        self._sequence.weights.close()


def _longest(prompt: list[int], held: Iterable[list[int]]) -> int:
    """How much of a prompt the best of several lists begins with."""
    return max((shared_prefix(prompt, tokens) for tokens in held), default=0)
