"""The scheduler of one adapter's generations: one context, whose sequences are decoded together in batches."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from umi_cloud.engines.errors import EngineDeadError
from umi_cloud.engines.job import Job
from umi_cloud.engines.sequence_pool import MIN_COPY, Reader, SequencePool, Slot
from umi_shared.cancellation import Cancellation
from umi_shared.errors import ModelError
from umi_shared.llama import Adapter, Cancelled, Weights
from umi_shared.llama.constrained_decoding import MAX_DRAFT_TOKENS, ConstrainedDecoding
from umi_shared.llama.context import Context, Part
from umi_shared.llama.requested_decoding import requested_decoding

__all__ = ["AdapterScheduler"]

_BATCH_TOKENS = 512
"""The most tokens of prompts in one batch while nobody else waits."""
_SLICE_TOKENS = 128
"""The most tokens of prompts in one batch while other generations wait for their next token."""


@dataclass(slots=True, eq=False)
class _Run:
    """A job with a sequence. It first reads its prompt and then writes its output."""

    job: Job
    slot: Slot
    since: int
    """How many tokens of prompts the scheduler had decoded when this job came."""
    read: int = 0
    """How many tokens of its prompt were decoded for it; the others were in the cache already."""
    writing: ConstrainedDecoding | None = None

    @property
    def left(self) -> int:
        """How many tokens of the prompt are still to be decoded."""
        return len(self.job.tokens) - len(self.slot.tokens)


class AdapterScheduler:
    """Continuous batching, in one thread.

    A batch holds the next token (and its draft) of every generation that writes, and slices of the prompts of those
    that still read. What a prompt has in common with another sequence, above all the catalogue, is copied within the
    cache instead of decoded again; but only from a sequence of the same namespace, or what both call common.
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
        """Stops a batch of several jobs; a job alone in its batch is stopped by its own cancellation."""
        self.batches = 0

    @property
    def jobs(self) -> list[Job]:
        """The jobs that have a sequence now."""
        return [run.job for run in self._runs]

    def begin(self, job: Job) -> bool:
        """Give a job a sequence; False while none is idle, or the cache has no room for the job."""
        needs = min(self._context_tokens, len(job.tokens) + job.generation.max_tokens)
        taken = self._pool.take(_reader(job), job.generation.session, needs)
        if taken is None:
            return False
        slot, kept = taken
        for other in self._pool.surplus():
            self._trim(other, 0)
        self._trim(slot, kept)
        self._runs.append(_Run(job, slot, self._prompt_tokens))
        return True

    def step(self, *, alone: bool) -> bool:
        """Decode one batch; `alone` says that no other scheduler has work for the model.

        False when there was nothing to decode, because all jobs wait for their grammars.
        """
        for run in [run for run in self._runs if run.job.cancelled()]:
            run.job.send(
                EngineDeadError("the generation was stopped")
            )  # heard only when the engine itself stopped it
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
        """The runs of the next batch, each with its tokens: first all that write, then prompts as far as there is room.

        A batch takes about as long as its tokens are many, and everyone who writes waits for it. So prompts get a small
        slice while anyone writes or waits elsewhere, and a large one otherwise. A prompt that another run of this
        batch is reading, too, waits for that run: one batch later it can copy what they share.
        """
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
                continue  # until that run has read them
            reading.append(run)
            last = (
                0 if run.job.may_write else 1
            )  # decoding the last token begins the writing, which needs the grammar
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
        """Short prompts go first, but a prompt of n tokens waits for at most n tokens of prompts that came later."""
        return run.left - (self._prompt_tokens - run.since)

    def _written(self, run: _Run, writing: ConstrainedDecoding) -> Part:
        """The next tokens of a run that writes; the more runs there are, the shorter are their drafts."""
        writing.draft_limit = 0 if self._weights.recurrent else MAX_DRAFT_TOKENS // len(self._runs)
        tokens = writing.feed()
        return Part(run.slot.number, len(run.slot.tokens), tokens, writing.rows)

    def _copy_prefix(self, run: _Run) -> None:
        """Copy the beginning of this prompt from a sequence that holds more of it than this one."""
        found = None if self._weights.recurrent else self._pool.donor(run.slot, _reader(run.job))
        if found is not None:
            donor, count = found
            self._context.copy(donor.number, run.slot.number, 0, count)
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
        except Exception as error:  # its grammar failed, which concerns this request alone
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
        """Forget what was half decoded. The jobs of a failed batch end; those of a stopped one may go on."""
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
        """End all runs with an error, and forget all sequences, whose state is unknown after a failure."""
        for run in tuple(self._runs):
            run.job.send(error)
            self._end(run)
        for slot in self._pool.slots:
            self._trim(slot, 0)

    def close(self) -> None:
        """Free the context."""
        self._context.close()


def _could_copy(run: _Run, other: _Run) -> bool:
    """Whether another run's prompt has at least `MIN_COPY` more tokens for this prompt than this run holds."""
    count = _reader(run.job).reusable(other.job.tokens, other.slot.namespace, other.slot.common)
    return count - len(run.slot.tokens) >= MIN_COPY


def _reader(job: Job) -> Reader:
    return Reader(job.tokens, job.generation.namespace, job.common)
