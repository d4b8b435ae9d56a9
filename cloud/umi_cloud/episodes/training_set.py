"""The rows that a role is trained on, in each dialect."""

from collections.abc import Iterable, Iterator

from umi_cloud.episodes.alpha_umi_rows import alpha_umi_rows
from umi_cloud.episodes.episode import Episode, Role
from umi_cloud.episodes.training_row import TrainingRow
from umi_shared.dialects import AlphaUmiDialect, Dialect, RolePrompt, UmiDialect
from umi_shared.dialects.alpha_umi import Remark, Turn
from umi_shared.dialects.dialect import neutral
from umi_shared.dialects.umi import END_OF_TURN, turn_of, turn_start
from umi_shared.engine import RawPrompt
from umi_shared.errors import ConfigError
from umi_shared.transcript import Answer, Call, Plan

__all__ = ["training_rows"]


def training_rows(episodes: Iterable[Episode], *, dialect: Dialect, role: Role) -> Iterator[TrainingRow]:
    """The training set of a role, in the episodes' order.

    Raises `ConfigError` for a dialect whose prompts only a model's own chat template can write.
    """
    match dialect:
        case AlphaUmiDialect():
            return alpha_umi_rows(episodes, role)
        case UmiDialect():
            return (row for episode in episodes for row in _umi_rows(episode, dialect, role))
        case _:
            raise ConfigError(
                f"the {dialect.name} dialect has no text of its own: each model's chat template writes it",
                fix="choose umi or alpha-umi",
            )


def _umi_rows(episode: Episode, dialect: UmiDialect, role: Role) -> Iterator[TrainingRow]:
    """Rows of the umi dialect; its backbone writes a whole step: the plan, then the turn that carries it out."""
    tools = {card.name for card in episode.catalogue}
    for i, (turn, then) in enumerate(zip(episode.turns, (*episode.turns[1:], None), strict=True)):
        call = then if isinstance(turn, Plan) else turn
        if isinstance(call, Call) and call.tool not in tools:
            continue  # nobody should learn to call a tool that is not there
        match turn, role:
            case Plan(), Role.PLANNER:
                yield _row(dialect.plan(episode.view(i)), turn)
            case Plan(), Role.BACKBONE:
                carried_out = (episode.target(i + 1),) if isinstance(then, Call | Answer) else ()
                yield _row(dialect.plan(episode.view(i)), turn, *carried_out)
            case Call(), Role.CALLER:
                yield _row(dialect.call(episode.view(i)), episode.target(i))
            case Answer(), Role.SUMMARIZER:
                yield _row(dialect.answer(episode.view(i)), turn)
            case _:
                pass


def _row(asked: RolePrompt, entry: Turn, then: Turn | None = None) -> TrainingRow:
    assert isinstance(asked.prompt, RawPrompt)  # noqa: S101  # the umi dialect writes no other
    target = _written(entry)
    if then is not None:
        assert not isinstance(then, Remark)  # noqa: S101  # the umi dialect has none
        target += f"{END_OF_TURN}\n{turn_start(turn_of(then)[0])}{_written(then)}"
    return TrainingRow(input=asked.prompt.text, target=target)


def _written(entry: Turn) -> str:
    assert not isinstance(entry, Remark)  # noqa: S101  # the umi dialect has none
    return neutral(turn_of(entry)[1])
