"""The rows that a role is trained on, in each dialect."""

from collections.abc import Iterable, Iterator

from umi_cloud.episodes.alpha_umi_rows import alpha_umi_rows
from umi_cloud.episodes.episode import Episode, Role
from umi_cloud.episodes.training_row import TrainingRow
from umi_shared.dialects import AlphaUmiDialect, Dialect, RolePrompt, UmiDialect
from umi_shared.dialects.alpha_umi import Remark, Turn
from umi_shared.dialects.dialect import neutral
from umi_shared.dialects.umi import turn_of
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
    """Rows of the umi dialect; its backbone learns all three roles, turn by turn."""
    tools = {card.name for card in episode.catalogue}
    for i, (turn, then) in enumerate(zip(episode.turns, (*episode.turns[1:], None), strict=True)):
        call = then if isinstance(turn, Plan) else turn
        if isinstance(call, Call) and call.tool not in tools:
            continue  # nobody should learn to call a tool that is not there
        match turn:
            case Plan() if role in (Role.PLANNER, Role.BACKBONE):
                yield _row(dialect.plan(episode.view(i)), turn)
            case Call() if role in (Role.CALLER, Role.BACKBONE):
                yield _row(dialect.call(episode.view(i)), episode.target(i))
            case Answer() if role in (Role.SUMMARIZER, Role.BACKBONE):
                yield _row(dialect.answer(episode.view(i)), turn)
            case _:
                pass


def _row(asked: RolePrompt, entry: Turn) -> TrainingRow:
    assert isinstance(asked.prompt, RawPrompt)  # noqa: S101  # the umi dialect writes no other
    assert not isinstance(entry, Remark)  # noqa: S101  # nor has it remarks
    return TrainingRow(input=asked.prompt.text, target=neutral(turn_of(entry)[1]))
