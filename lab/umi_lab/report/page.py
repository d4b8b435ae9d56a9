"""docs/evaluation.md, written from figures only: what was not measured is not in it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from umi_lab.report.figures import Figures, of_kind
from umi_lab.report.learning import learning_points, learning_table
from umi_lab.report.tables import bold, percent, share, table

__all__ = ["page"]

_HEAD = """# Evaluation

Written by `python -m umi_lab report` from the figures in `docs/evaluation/`; do not edit. Shares are given with
Wilson's 95 % interval. Everything is greedily decoded, so a run is made again by its command.
"""

_GOALS = (
    ("success, built-in names", "at least 90 %", 0.90, True),
    ("success, other names", "at least 65 %", 0.65, True),
    ("answered as if done", "at most 2 %", 0.02, False),
    ("gave up where it should", "at least 85 %", 0.85, True),
    ("wrongly gave up", "at most 3 %", 0.03, False),
    ("no decision, or a tool that is not there", "0", 0.0, False),
    ("invalid calls", "0", 0.0, False),
)
_STEP_GOALS = (("caller: exact", "at least 98 %", 0.98, True), ("caller: tool", "–", 0.0, True))

_PAPER = (
    ("α-UMi 7B, as published", (89.72, 60.47, 0.45, 53.60, 46.26)),
    ("GPT-4, zero-shot, as published", (77.80, 55.26, 5.12, 47.45, 30.61)),
)
_METRICS = ("plan_em", "action_em", "hallu_rate", "f1", "rouge")


def page(figures: Mapping[str, Figures], pictures: Mapping[str, str]) -> str:
    """The page; `pictures` has the path of each curve, relative to the page, by the name of its figures."""
    parts = [
        _HEAD,
        *_goals(figures),
        *_sessions(figures),
        *_natural(figures),
        *_steps(figures),
        *_static(figures),
        *_tax(figures),
        *_cost(figures),
        *_ablation(figures),
        *_learning(figures, pictures),
        *_training(figures, pictures),
    ]
    return "\n".join(parts)


def _goals(figures: Mapping[str, Figures]) -> Iterator[str]:
    runs = [(name, one) for name, one in of_kind(figures, "closed-loop") if not _in_clear(one)]
    steps = of_kind(figures, "steps")
    if not runs and not steps:
        return
    yield "## Goals\n"
    yield "On homes, people, phrases and tool names that training never saw; ✓ where a figure reaches its goal.\n"
    for name, one in runs:
        rows = [_goal(one["shares"], *goal) for goal in _GOALS]
        yield f"{table([name, 'goal', 'measured'], rows)}\n"
        yield _made_by(one)
    for name, one in steps:
        yield f"{table([name, 'goal', 'measured'], [_goal(one['shares'], *goal) for goal in _STEP_GOALS])}\n"
        yield _made_by(one)


def _goal(shares: Mapping[str, Any], name: str, goal: str, bound: float, at_least: bool) -> list[str]:
    found = shares.get(name)
    if found is None or not found["whole"]:
        return [name, goal, "–"]
    value = found["part"] / found["whole"]
    reached = goal != "–" and (value >= bound if at_least else value <= bound)
    return [name, goal, share(found) + (" ✓" if reached else "")]


def _sessions(figures: Mapping[str, Figures]) -> Iterator[str]:
    runs = of_kind(figures, "closed-loop")
    if not runs:
        return
    yield "## Whole sessions\n"
    yield (
        "The real server and the real laptop with mTLS between them, the caller on its GGUF, the tools on a home made "
        "up for\nthe session. A session succeeds when the home ends as it should and the user is told so.\n"
    )
    yield _beside(runs, "shares", share)
    yield "On average, a session:\n"
    yield _beside(runs, "means", _amount)
    yield from (f"`{name}`: {_made_by(one)}" for name, one in runs)


def _natural(figures: Mapping[str, Figures]) -> Iterator[str]:
    runs = of_kind(figures, "natural")
    if not runs:
        return
    yield "## Natural requests\n"
    yield (
        "Requests as people write them, on invented homes in the formats that people have (`lab/umi_lab/natural`). A\n"
        "request succeeds when it ends as it should, the answer states the facts and nothing wrong, what was asked\n"
        "for is changed, and nothing else is. Nothing is trained or tuned on the held-out half, and nobody reads it.\n"
    )
    yield _beside(runs, "shares", share)
    yield from (f"`{name}`, {one['requests']} requests: {_made_by(one)}" for name, one in runs)


def _beside(runs: Sequence[tuple[str, Figures]], part: str, written: Callable[[Any], str]) -> str:
    """A table with a row for each name of a part of the figures, and a column for each run."""
    names = dict.fromkeys(name for _, one in runs for name in one[part])
    rows = [[name, *(written(one[part].get(name)) for _, one in runs)] for name in names]
    return f"{table(['', *(name for name, _ in runs)], rows)}\n"


def _steps(figures: Mapping[str, Figures]) -> Iterator[str]:
    runs = of_kind(figures, "steps")
    if not runs:
        return
    yield "## Step by step\n"
    yield (
        "Each role is asked at every step of the oracle's session, so that what came before is right. A caller's\n"
        "arguments are grouped by where their values are to be read; a long text has 400 characters or more, and what\n"
        "no text holds as it is, such as a date, is worked out.\n"
    )
    yield _beside(runs, "shares", share)
    yield from (f"`{name}`: {_made_by(one)}" for name, one in runs)


def _static(figures: Mapping[str, Figures]) -> Iterator[str]:
    yield "## Step metrics of the paper\n"
    yield (
        "In percent, by its own scorer's rules. The published rows are ToolBench's, out of domain. ToolAlpaca has\n"
        "golden calls and nothing else, so each request is asked for its first call, and R-L means nothing there.\n"
    )
    rows = [[name, *(f"{value:.2f}" for value in values), "ToolBench", "", ""] for name, values in _PAPER]
    runs = of_kind(figures, "static")
    for name, one in runs:
        values = [percent(one["metrics"][metric]) for metric in _METRICS]
        counted = f"{one['steps']} of {one['conversations']}"
        data = str(one["run"]["options"].get("data", ""))
        rows.append(
            [bold(name), *values, data.partition(" ")[0], counted, f"{one['cut']} / {one['unanswered']}"]
        )
    head = [
        "",
        "Plan ACC",
        "Act EM",
        "Hallu",
        "Arg F1",
        "R-L",
        "data",
        "steps of conversations",
        "cut / did not fit",
    ]
    yield f"{table(head, rows)}\n"
    yield from (f"`{name}`: {_made_by(one)}" for name, one in runs)


def _tax(figures: Mapping[str, Figures]) -> Iterator[str]:
    runs = of_kind(figures, "privacy-tax")
    if not runs:
        return
    yield "## The privacy tax\n"
    yield "The same models on the same sessions, with handles and in clear (policy `cloud` everywhere).\n"
    for name, one in runs:
        rows = [
            [what, share(kept), share(clear), _difference(kept, clear)]
            for what, (kept, clear) in one["shares"].items()
        ]
        kept, clear = one["means"]
        rows += [
            [what, _amount(kept[what]), _amount(clear[what]), f"{kept[what] - clear[what]:+.1f}"]
            for what in kept
        ]
        yield f"{table([name, 'with handles', 'in clear', 'difference'], rows)}\n"
        yield (
            f"Of {one['sessions']} sessions {one['right with handles only']} succeeded with handles only, "
            f"{one['right in clear only']} in clear only.\n"
        )
        yield _made_by(one)


def _difference(kept: Mapping[str, Any], clear: Mapping[str, Any]) -> str:
    if not kept["whole"] or not clear["whole"]:
        return "–"
    return f"{100 * (kept['part'] / kept['whole'] - clear['part'] / clear['whole']):+.1f}"


def _cost(figures: Mapping[str, Figures]) -> Iterator[str]:
    runs = of_kind(figures, "cost")
    if not runs:
        return
    yield "## Cost\n"
    yield (
        "The split agent over its wire, beside one model that does it all in one context, on the same sessions by\n"
        "turns.\n"
    )
    for name, one in runs:
        found = one["inference"]
        rows = [
            [what, _amount(found["single"][what]), _amount(found["split"][what])] for what in found["single"]
        ]
        sizes = one["run"]["options"]["storage"]
        rows += [
            ["storage, MB", _megabytes(sizes["one full model"]), _megabytes(sizes["base and adapters"])],
            ["storage as three full models, MB", "", _megabytes(sizes["three full models"])],
        ]
        yield f"{table([f'{name}, a session', 'single', 'split'], rows)}\n"
        yield (
            f"Wall time, split over single: {found['ratio']:.2f} (goal: at most 1.0); "
            f"median {found['median ratio']:.2f}; "
            f"over the {found['sessions of equal ways']} of {found['sessions']} sessions of equally many steps "
            f"{found['ratio of equal ways']:.2f}.\n"
        )
        yield _made_by(one)


def _ablation(figures: Mapping[str, Figures]) -> Iterator[str]:
    """What `python -m umi_lab ablation --out docs/evaluation/NAME.json` wrote."""
    for name, one in sorted(figures.items()):
        if "arms" not in one:
            continue
        yield f"## The paper's ways of training ({name})\n"
        yield (
            f"Right steps on {one['scenarios']} held-out scenarios (seed {one['scenario seed']}), with bootstrap "
            "intervals over\nscenarios and seeds; below each share its paired difference to another arm, bold where "
            "that interval excludes 0.\nThe seconds were measured on a machine that was busy with other training.\n"
        )
        arms = one["arms"]
        measures = dict.fromkeys(measure for arm in arms.values() for measure in arm["right"])
        rows = [[what, *(_arm(arm["right"].get(what)) for arm in arms.values())] for what in measures]
        rows += [
            [what, *(_seeds(arm[what]) for arm in arms.values())] for what in ("seeds", "tokens", "seconds")
        ]
        yield f"{table(['', *arms], rows)}\n"


def _arm(figure: Mapping[str, Any] | None) -> str:
    if figure is None:
        return "–"
    low, high = figure["interval"]
    text = f"{100 * figure['share']:.1f} % [{100 * low:.1f}–{100 * high:.1f}]"
    differences = [(name, one) for name, one in figure.items() if name.startswith("minus ")]
    return "<br>".join([text, *(_less(name, one) for name, one in differences)])


def _less(name: str, one: Mapping[str, Any]) -> str:
    low, high = one["interval"]
    text = (
        f"{100 * one['difference']:+.1f} [{100 * low:+.1f}, {100 * high:+.1f}] {name.replace('minus', 'to')}"
    )
    return bold(text) if low > 0 or high < 0 else text


def _seeds(values: Sequence[float]) -> str:
    return ", ".join(f"{value:,}" for value in values)


def _learning(figures: Mapping[str, Figures], pictures: Mapping[str, str]) -> Iterator[str]:
    points = learning_points(figures)
    if not points:
        return
    yield "## Learning curve\n"
    yield "Whole sessions, as above, against the tokens that the adapters were trained on, all stages together.\n"
    yield f"{learning_table(points)}\n"
    if "learning" in pictures:
        yield f"![Shares of sessions against tokens, a line a figure.]({pictures['learning']})\n"
    yield from (_made_by(one) for _, one in points)


def _training(figures: Mapping[str, Figures], pictures: Mapping[str, str]) -> Iterator[str]:
    runs = of_kind(figures, "training")
    if not runs:
        return
    yield "## Training\n"
    for name, one in runs:
        rows = [_stage(stage) for stage in one["stages"]]
        yield f"{table([name, 'minutes', 'tokens', 'targets', 'tokens/s', 'peak memory, MB', 'last losses'], rows)}\n"
        if name in pictures:
            yield f"![Loss per target token against tokens, a line a role.]({pictures[name]})\n"


def _stage(stage: Mapping[str, Any]) -> list[str]:
    losses = ", ".join(f"{role} {loss:.3f}" for role, loss in sorted(stage["curve"][-1][1].items()))
    memory = _megabytes(stage["peak_memory_bytes"]) if "peak_memory_bytes" in stage else "–"
    counts = [f"{stage['tokens']:,}", f"{stage['targets']:,}", _amount(stage["tokens per second"])]
    return [stage["stage"], _amount(stage["minutes"]), *counts, memory, losses]


def _in_clear(one: Figures) -> bool:
    return bool(one["run"]["options"].get("in_clear"))


def _amount(value: float | None) -> str:
    return "–" if value is None else f"{value:,.1f}" if abs(value) >= 10 else f"{value:.2f}"


def _megabytes(size: float) -> str:
    return f"{size / 1e6:.1f}"


def _made_by(one: Figures) -> str:
    run = one["run"]
    adapters = ", ".join(f"{role} {mark}" for role, mark in run["adapters"].items()) or "none"
    recipe = f"; recipe {run['recipe']}" if run["recipe"] else ""
    return (
        f"seed {run['seed']}{recipe}; {run['model']}; adapters: {adapters}; dialect {run['dialect']}.\n\n"
        f"    {run['command']}\n"
    )
