"""The paper's four training sets, byte for byte as its preprocessing writes them (X-PLUG/Multi-LLM-Agent).

Its rules are kept even where they look like slips, because the checkpoints were trained on the result:

- A call of a tool that does not exist makes no row in the planner's and the caller's sets. The caller's histories
  leave it out as well; the other histories keep it, and the backbone learns it.
- A conclusion of `none` makes no row in the summarizer's set.
- A give-up's row in the backbone's set repeats the prompt of the row before it, if need be from another episode.
"""

from collections.abc import Iterable, Iterator

from umi_cloud.episodes.episode import Episode, Role
from umi_cloud.episodes.toolbench import SOURCE
from umi_cloud.episodes.training_row import TrainingRow
from umi_shared.dialects.alpha_umi import AlphaUmiDialect, Remark, Turn, as_trained, backbone_target, neutral
from umi_shared.handles import render
from umi_shared.transcript import Answer, Call, Next, Plan

__all__ = ["alpha_umi_rows", "decisions"]

_HALLUCINATED = "invalid_hallucination_function_name"
_DIALECT = AlphaUmiDialect()


def alpha_umi_rows(episodes: Iterable[Episode], role: Role) -> Iterator[TrainingRow]:
    """The training set of a role, in the episodes' order."""
    match role:
        case Role.PLANNER:
            return (row for episode in episodes for row in _planner(episode))
        case Role.CALLER:
            return (row for episode in episodes for row in _caller(episode))
        case Role.SUMMARIZER:
            return (row for episode in episodes for row in _summarizer(episode))
        case Role.BACKBONE:
            return _backbone(episodes)


def _planner(episode: Episode) -> Iterator[TrainingRow]:
    for i, plan, then in decisions(episode):
        if not (isinstance(then, Call) and _hallucinated(then)):
            prompt = _DIALECT.planner_input(episode.catalogue, _turns(episode)[:i])
            yield _row(prompt, _DIALECT.written(plan))


def _caller(episode: Episode) -> Iterator[TrainingRow]:
    history: list[Turn] = []
    for turn in _turns(episode):
        if isinstance(turn, Call):
            if _hallucinated(turn):
                continue
            yield _row(_DIALECT.caller_input(episode.catalogue, history), _DIALECT.written(turn))
        history.append(turn)


def _summarizer(episode: Episode) -> Iterator[TrainingRow]:
    history: list[Turn] = []
    for turn in _turns(episode):
        if isinstance(turn, Answer):
            if render(turn.text) == "none":
                continue
            yield _row(_DIALECT.summarizer_input(history), _DIALECT.written(turn))
        history.append(turn)


def _backbone(episodes: Iterable[Episode]) -> Iterator[TrainingRow]:
    previous = ""
    for episode in episodes:
        for i, plan, then in decisions(episode):
            prompt = previous
            if not previous or not _gives_up(plan):
                prompt = previous = _DIALECT.backbone_input(episode.catalogue, _turns(episode)[:i])
            yield _row(prompt, backbone_target(plan, then))


def decisions(episode: Episode) -> Iterator[tuple[int, Plan | Remark, Turn | None]]:
    """The assistant's turns that decide something, each with its place and the turn that carries it out."""
    turns = _turns(episode)
    for i, (turn, then) in enumerate(zip(turns, (*turns[1:], None), strict=True)):
        if isinstance(turn, Plan | Remark) and (_gives_up(turn) or isinstance(then, Call | Answer)):
            yield i, turn, then


def _turns(episode: Episode) -> tuple[Turn, ...]:
    """ToolBench's turns are the paper's own bytes; umi's are written as the checkpoints would."""
    return episode.turns if episode.source == SOURCE else tuple(map(as_trained, episode.turns))


def _gives_up(turn: Turn) -> bool:
    return isinstance(turn, Plan) and turn.next is Next.GIVE_UP


def _hallucinated(call: Call) -> bool:
    return _HALLUCINATED in _DIALECT.written(call)


def _row(prompt: str, target: str) -> TrainingRow:
    return TrainingRow(input=prompt, target=neutral(target))
