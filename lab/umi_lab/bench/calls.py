"""One call inside a session of eight: umi's caller beside llama-cpp-python, guidance, and the limit."""

import json
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import asdict, replace
from pathlib import Path
from statistics import median
from typing import Any

from umi_edge.caller import Caller
from umi_lab.bench import peers
from umi_lab.bench.figure import Figure, Goal
from umi_lab.bench.free_tokens import free_tokens
from umi_lab.bench.native_time import native_time
from umi_lab.bench.rounds import Round, interleaved_rounds, ratios
from umi_lab.bench.setting import CONTEXT_TOKENS, Outcome, Setting
from umi_lab.bench.spread import Spread
from umi_lab.bench.worker import Worker, worker
from umi_lab.bench.workload import RecordedSession, call_schema, peer_call, record_session
from umi_shared.engine import Delta
from umi_shared.llama import Sequence, Weights
from umi_shared.llama.threads import default_threads
from umi_shared.transcript import Next, Plan

__all__ = ["measure"]

UMI, AHEAD, READY, RATES = "umi", "umi, plan read ahead", "umi, prompt read", "rates"
GBNF, GBNF_EXACT, GUIDANCE = (
    "llama-cpp-python, the tools' schemas", "llama-cpp-python, umi's schemas", "guidance",
)  # fmt: skip
_PEERS = Path(peers.__file__).parent
_RATE_TOKENS = 24
_OTHERS = 100
"""Sessions from this number on are read ahead, so that no two of umi's own contenders share a session in a run."""
_POLITE = {"OMP_WAIT_POLICY": "passive"}
"""umi sets this for itself. Without it the peers' threads would spin, which costs most on a busy machine."""

Written = list[dict[str, Any]]
"""The calls of one session, each with its `seconds`, its `text`, and what else a contender reports."""


async def measure(setting: Setting) -> Outcome:
    """Sessions take turns; each figure is the whole session's time over umi's in the same round."""
    rounds_wanted, steps = setting.times(7), 3 if setting.quick else 8
    sessions = await _sessions(range(rounds_wanted + 1), steps)
    others = await _sessions(range(_OTHERS, _OTHERS + rounds_wanted + 1), steps)
    async with AsyncExitStack() as stack:
        umi = _Umi(setting, await Caller.open(setting.caller_config, setting.dialect), sessions, others)
        stack.push_async_callback(umi.close)
        contenders: dict[str, Callable[[int], Awaitable[Written]]] = {
            UMI: umi.write,
            AHEAD: umi.write_ahead,
            READY: umi.write_ready,
            RATES: umi.rates,
        }
        for name, python, script in _peers(setting):
            command: list[str | Path] = [python, _PEERS / script, *_load_arguments(setting)]
            asked = await stack.enter_async_context(worker(command, name, _POLITE))
            contenders[name] = _peer(asked, setting, sessions, plain=name == GBNF)
        rounds = await interleaved_rounds(
            contenders, rounds=rounds_wanted, seconds=setting.seconds, tell=setting.progress("calls")
        )
    outcome = _outcome(rounds)
    if setting.peers is None:
        outcome.notes.append("guidance was not measured: no Python that has it was named (`--peers`)")
    return outcome


async def _sessions(numbers: range, steps: int) -> list[RecordedSession]:
    return [RecordedSession((await record_session(number)).steps[:steps]) for number in numbers]


def _peers(setting: Setting) -> list[tuple[str, Path, str]]:
    own = [(GBNF, Path(sys.executable), "llama_cpp_worker.py")]
    if not setting.quick:
        own.append((GBNF_EXACT, Path(sys.executable), "llama_cpp_worker.py"))
    return own + ([(GUIDANCE, setting.peers, "guidance_worker.py")] if setting.peers else [])


def _load_arguments(setting: Setting) -> list[str]:
    adapter = [str(setting.caller_adapter)] if setting.caller_adapter else []
    return [str(setting.model_file), str(CONTEXT_TOKENS), str(default_threads()), *adapter]


def _peer(
    asked: Worker, setting: Setting, sessions: list[RecordedSession], *, plain: bool
) -> Callable[[int], Awaitable[Written]]:
    async def write(turn: int) -> Written:
        most = setting.caller_config.max_tokens
        calls = [peer_call(step, setting.dialect, most, plain=plain) for step in sessions[turn].steps]
        answer: Written = (await asked.ask({"calls": calls}))["calls"]
        return answer

    return write


class _Umi:
    """umi's caller as a session uses it; and beside it a sequence of its own, for what the caller does not tell."""

    def __init__(
        self,
        setting: Setting,
        caller: Caller,
        sessions: list[RecordedSession],
        others: list[RecordedSession],
    ) -> None:
        config = setting.caller_config
        self._setting, self._caller = setting, caller
        self._sessions, self._others = sessions, others
        self.weights = Weights.load(config.model)
        adapter = self.weights.adapter(config.adapter) if config.adapter else None
        self._sequence = Sequence(self.weights, context_tokens=CONTEXT_TOKENS, adapter=adapter)

    async def write(self, turn: int) -> Written:
        """The session's calls, nothing read ahead."""
        written = []
        for step in self._sessions[turn].steps:
            began = time.perf_counter()
            call = await self._caller.call(step.view, step.schemas)
            seconds = time.perf_counter() - began
            text = f'{{"tool":{json.dumps(call.tool)},"arguments":{call.arguments}}}'
            free, tokens = free_tokens(self.weights, call_schema(self._setting.dialect, step.schemas), text)
            new = call.usage.prompt_tokens - call.usage.cached_tokens
            written.append({"seconds": seconds, "text": text, "new": new, "free": free, "tokens": tokens})
        return written

    async def write_ahead(self, turn: int) -> Written:
        """Calls of another session, whose plan was read while it streamed, as the planner's turn has it read.

        A rationale that ends with a tool's name is taken for the whole plan, while the planner says who is next;
        `overlap` measures what is left to read when it has said so.
        """
        written = []
        for step in self._others[turn].steps:
            plan = Plan((step.rationale.rpartition(" ")[0],), Next.CALLER)
            await self._caller.prefill(replace(step.view, entries=(*step.view.entries[:-1], plan)))
            await self._caller.prefill(step.view)
            began = time.perf_counter()
            await self._caller.call(step.view, step.schemas)
            written.append({"seconds": time.perf_counter() - began})
        return written

    async def write_ready(self, turn: int) -> Written:
        """The same calls once their prompts are read: the decoding loop alone, and llama.cpp's part of it."""
        written = []
        for step in self._sessions[turn].steps:
            asked = self._setting.dialect.call(step.view)
            self._sequence.read(self.weights.prompt_tokens(asked.prompt))
            generation = asked.generation(
                constraint=self._setting.dialect.call_constraint(step.schemas),
                max_tokens=self._setting.caller_config.max_tokens,
            )
            with native_time() as native:
                began = time.perf_counter()
                chunks = list(self._sequence.generate(generation))
                seconds = time.perf_counter() - began
            text = "".join(chunk.text for chunk in chunks if isinstance(chunk, Delta))
            written.append(
                {"seconds": seconds, "text": text, "native": native.seconds, "passes": native.passes}
            )
        return written

    async def rates(self, turn: int) -> Written:
        """Tokens a second, reading the session's last prompt from nothing, and decoding one by one in its middle."""
        steps = self._sessions[turn].steps
        tokens = [self.weights.prompt_tokens(self._setting.dialect.call(step.view).prompt) for step in steps]
        self._sequence.read(tokens[-1][:1])
        began = time.perf_counter()
        self._sequence.read(tokens[-1])
        prefill = (len(tokens[-1]) - 1) / (time.perf_counter() - began)
        middle = tokens[len(tokens) // 2]
        self._sequence.read(middle)
        began = time.perf_counter()
        for count in range(1, _RATE_TOKENS + 1):
            self._sequence.read(middle + tokens[-1][:count])
        return [{"prefill": prefill, "decode": _RATE_TOKENS / (time.perf_counter() - began)}]

    async def close(self) -> None:
        """Free the models."""
        await self._caller.close()
        self._sequence.close()
        self.weights.close()


def _outcome(rounds: list[Round[Written]]) -> Outcome:
    sums = [{**_seconds(one), "limit": _limit(one)} for one in rounds]
    against = [
        Figure(
            title=f"{what}, against {name}",
            goal=Goal(bound, "x", least=True),
            value=Spread.of(ratios(sums, name, ours)),
            repeats=len(rounds),
            profile=_profile(rounds, sums),
        )
        for ours, what in (
            (AHEAD, "a call in a session, from the planner's decision on"),
            (UMI, "a call in a session, nothing read while the planner streams"),
        )
        for name, bound in ((GBNF, 5.0), (GBNF_EXACT, 5.0), (GUIDANCE, 1.5))
        if name in rounds[0]
    ]
    limit = Figure(
        title="a call in a session, nothing read ahead, against the limit",
        goal=Goal(1.15, "x"),
        value=Spread.of(ratios(sums, UMI, "limit")),
        repeats=len(rounds),
        profile=_profile(rounds, sums),
    )
    outside = Figure(
        title="masking and sampling, share of decode time",
        goal=Goal(3.0, "%"),
        value=Spread.of(
            100 * (1 - _sum(one, READY, "native") / _sum(one, READY, "seconds")) for one in rounds
        ),
        repeats=len(rounds),
        profile="Grammars were met before. All of the loop outside of llama.cpp's forward pass counts: tokenizing the "
        "prompt anew, a mask that is not ready when the pass is, choosing, detokenizing. Masks are made in another "
        "thread; where the model's threads take every core, it competes with them.",
    )
    return Outcome(figures=[*against, limit, outside], details=_details(rounds, sums))


def _sum(one: Round[Written], name: str, part: str) -> float:
    return float(sum(call[part] for call in one[name]))


def _seconds(one: Round[Written]) -> dict[str, float]:
    return {name: _sum(one, name, "seconds") for name in one if name != RATES}


def _limit(one: Round[Written]) -> float:
    """New tokens at the measured prefill rate and free tokens at the measured decode rate, in seconds."""
    (rates,) = one[RATES]
    return _sum(one, UMI, "new") / float(rates["prefill"]) + _sum(one, UMI, "free") / float(rates["decode"])


def _profile(rounds: list[Round[Written]], sums: list[dict[str, float]]) -> str:
    calls = [call for one in rounds for call in one[UMI]]
    new, tokens, free = (median(call[part] for call in calls) for part in ("new", "tokens", "free"))
    decode = 100 * median(total[READY] / total[UMI] for total in sums)
    return (
        f"Of umi's time {decode:.0f} % is left once the prompt is read. A call reads {new:.0f} new tokens and "
        f"writes {tokens:.0f}, of which {free:.0f} are free (medians); the grammar forces the others, which still "
        "have to be read, and the limit does not count them. llama-cpp-python keeps prefixes too: both read the same "
        "new tokens, and that no decoding loop makes faster. A model half as large, or a machine with more cores, "
        "moves both; more words that the plan already says would move umi alone."
    )


def _details(rounds: list[Round[Written]], sums: list[dict[str, float]]) -> dict[str, object]:
    count = len(rounds[0][UMI])
    return {
        "milliseconds a call": {
            name: asdict(Spread.of(1e3 * total[name] / count for total in sums)) for name in sums[0]
        },
        "tokens a second": {
            rate: asdict(Spread.of(one[RATES][0][rate] for one in rounds)) for rate in ("prefill", "decode")
        },
        "last round": {name: calls for name, calls in rounds[-1].items() if name != RATES},
    }
