"""The generations of one adapter: one context, whose sequences are decoded together, a batch at a time."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from umi_cloud.engines.errors import EngineDeadError
from umi_cloud.engines.job import Job
from umi_cloud.engines.sequence_pool import MIN_COPY, SequencePool, Slot
from umi_shared.cancellation import Cancellation
from umi_shared.errors import ModelError
from umi_shared.llama import Adapter, Cancelled, Weights
from umi_shared.llama.constrained_decoding import MAX_DRAFT_TOKENS, ConstrainedDecoding
from umi_shared.llama.context import Context, Part
from umi_shared.llama.requested_decoding import requested_decoding
from umi_shared.prefix import shared_prefix

__all__ = ["AdapterScheduler"]

_BATCH_TOKENS = 512
_SLICE_TOKENS = 128
"""Of prompts in one batch while others wait for their next token."""


@dataclass(slots=True, eq=False)
class _Run:
    """A job that has a sequence: it reads its prompt, then it writes."""

    job: Job
    slot: Slot
    since: int
    """What the scheduler had read of prompts when this came."""
    read: int = 0
    """Tokens of its prompt that were decoded for it; the others were there."""
    writing: ConstrainedDecoding | None = None

    @property
    def left(self) -> int:
        """Tokens of the prompt that are not decoded."""
        return len(self.job.tokens) - len(self.slot.tokens)


class AdapterScheduler:
    """Continuous batching. All of it happens in one thread.

    Each batch has a token (and its draft) of everyone who writes, and a slice of the prompts of those who read. What a
    prompt has in common with another sequence, above all the catalogue, is copied within the cache and held once.
    """

    def __init__(
        self,
        weights: Weights,
        adapter: Adapter | None,
        *,
        context_tokens: int,
        cache_tokens: int,
        sequences: int,
        threads: int,
    ) -> None:
        """Raises `ModelError` when there is no memory for a cache of `cache_tokens`."""
        self._weights = weights
        self._context_tokens = context_tokens
        self._context = Context(
            weights,
            cache_tokens=cache_tokens,
            sequences=sequences,
            batch_tokens=_BATCH_TOKENS + MAX_DRAFT_TOKENS + sequences,
            batch_rows=MAX_DRAFT_TOKENS + sequences,
            threads=threads,
            adapter=adapter,
        )
        self._pool = SequencePool(sequences, cache_tokens)
        self._runs: list[_Run] = []
        self._prompt_tokens = 0
        self.halt = Cancellation()
        """Ends a batch of several; one that is alone in its batch ends by its own cancellation."""
        self.batches = 0

    @property
    def jobs(self) -> list[Job]:
        """Those that are being worked on."""
        return [run.job for run in self._runs]

    def begin(self, job: Job) -> bool:
        """Give a job a sequence; False while there is none, or no room for it in the cache."""
        needs = min(self._context_tokens, len(job.tokens) + job.generation.max_tokens)
        slot = self._pool.take(job.generation.session, needs)
        if slot is None:
            return False
        for other in self._pool.surplus():
            self._trim(other, 0)
        self._trim(slot, min(shared_prefix(slot.tokens, job.tokens), len(job.tokens) - 1))
        self._runs.append(_Run(job, slot, self._prompt_tokens))
        return True

    def step(self, *, alone: bool) -> bool:
        """Decode one batch; `alone` says that nobody outside of this scheduler waits for the model.

        False where there is nothing to decode: those that are here wait for their grammars.
        """
        for run in [run for run in self._runs if run.job.cancelled()]:
            run.job.send(
                EngineDeadError("the generation was stopped")
            )  # heard only where the engine stopped it
            self._end(run)
        batch = list(self._batch(alone))
        if not batch:
            return False
        cancelled = batch[0][0].job.cancelled if len(batch) == 1 else self.halt
        try:
            logits = self._context.decode([part for _, part in batch], cancelled, self._compute_masks(batch))
        except (Cancelled, ModelError) as error:
            self._undo(batch, error)
            return True
        self.batches += 1
        for (run, part), rows in zip(batch, logits, strict=True):
            run.slot.tokens += part.tokens
            if run.writing is not None:
                for delta in run.writing.take(rows):
                    run.job.send(delta)
                self._trim(run.slot, len(run.slot.tokens) - run.writing.rejected)
                if run.writing.finish is not None:
                    run.job.send(run.writing.finished(len(run.job.tokens) - run.read))
                    self._end(run)
        return True

    def _batch(self, alone: bool) -> Iterator[tuple[_Run, Part]]:
        """Who takes part, with what: first all that write, then prompts as far as there is room."""
        writers = [(run, run.writing) for run in self._runs if run.writing is not None]
        readers = [run for run in self._runs if run.writing is None]
        reading: list[_Run] = []
        room = _BATCH_TOKENS if alone and not writers else _SLICE_TOKENS
        for run, writing in writers:
            yield run, self._written(run, writing)
        for run in sorted(readers, key=self._priority):
            if room <= 0:
                return
            self._copy_prefix(run)
            if any(_could_copy(run, other) for other in reading):
                continue  # when that one has read it
            reading.append(run)
            last = 0 if run.job.may_write else 1  # goes with the first token that is written
            count = min(run.left - last, room)
            if count == 0:
                continue
            room -= count
            run.read += count
            self._prompt_tokens += count
            if count < run.left:
                start = len(run.slot.tokens)
                yield run, Part(run.slot.number, start, run.job.tokens[start : start + count])
            elif (begun := self._begin_writing(run)) is not None:
                yield run, self._written(run, begun)

    def _priority(self, run: _Run) -> int:
        """Short prompts go first; a long one waits no longer than it would take to read itself."""
        return run.left - (self._prompt_tokens - run.since)

    def _written(self, run: _Run, writing: ConstrainedDecoding) -> Part:
        """The next tokens of one that writes; drafts are shorter the more there are, for they compete."""
        writing.draft_limit = 0 if self._weights.recurrent else MAX_DRAFT_TOKENS // len(self._runs)
        tokens = writing.feed()
        return Part(run.slot.number, len(run.slot.tokens), tokens, writing.rows)

    def _copy_prefix(self, run: _Run) -> None:
        """Copy what another sequence holds of this prompt, by now."""
        found = None if self._weights.recurrent else self._pool.donor(run.slot, run.job.tokens)
        if found is not None:
            donor, count = found
            self._context.copy(donor.number, run.slot.number, count)
            run.slot.tokens = run.job.tokens[:count]

    def _begin_writing(self, run: _Run) -> ConstrainedDecoding | None:
        try:
            run.writing = requested_decoding(
                run.job.generation,
                self._weights,
                run.job.tokens,
                len(run.slot.tokens),
                self._context_tokens,
                run.job.guide.result() if run.job.guide else None,
            )
        except Exception as error:  # of its grammar, and so of this request alone
            run.job.send(error)
            self._end(run)
        return run.writing

    @staticmethod
    def _compute_masks(batch: list[tuple[_Run, Part]]) -> Callable[[], None]:
        writings = [run.writing for run, _ in batch if run.writing is not None]

        def compute_masks() -> None:
            for writing in writings:
                writing.compute_masks()

        return compute_masks

    def _undo(self, batch: list[tuple[_Run, Part]], error: Exception) -> None:
        """Forget what was half read. A batch that failed ends; who was cancelled goes before the next one."""
        for run, _ in batch:
            self._trim(run.slot, len(run.slot.tokens))
            if isinstance(error, ModelError):
                run.job.send(error)
                self._end(run)

    def _trim(self, slot: Slot, count: int) -> None:
        del slot.tokens[self._context.forget(slot.number, count) :]

    def _end(self, run: _Run) -> None:
        self._runs.remove(run)
        self._pool.give(run.slot)

    def fail(self, error: Exception) -> None:
        """End all that runs, and forget all that is held: nobody knows what state it is in."""
        for run in tuple(self._runs):
            run.job.send(error)
            self._end(run)
        for slot in self._pool.slots:
            self._trim(slot, 0)

    def close(self) -> None:
        """Free the context."""
        self._context.close()


def _could_copy(run: _Run, other: _Run) -> bool:
    """Whether another that is being read has notably more of the prompt than this one holds."""
    return shared_prefix(run.job.tokens, other.job.tokens) - len(run.slot.tokens) >= MIN_COPY
