"""The cloud: planner, summarizer, engines, authority, training and evaluation.

What a program may rely on is in `__all__`; each name is imported when it is first used. An engine of one's own behind
the planner and the summarizer, served to enrolled laptops:

    deployment = await umi_cloud.Deployment.start(umi_cloud.CloudConfig.read(Path("cloud.yaml")))
    await deployment.open(umi_cloud.Loaded.of(MyEngine(), "chat"))

The same in a program that needs no network: `umi_cloud.Planner(engine, umi_cloud.dialect_named("chat")).plan(view)`.
"""

from typing import TYPE_CHECKING

from umi_shared.lazy_names import lazy_names

if TYPE_CHECKING:
    from umi_cloud.config import CloudConfig
    from umi_cloud.deployment import Deployment
    from umi_cloud.engines.errors import EngineDeadError, PromptTooLongError, UnknownAdapterError
    from umi_cloud.engines.loading import Loaded, load
    from umi_cloud.model_role import RoleLimits
    from umi_cloud.planner import Planner
    from umi_cloud.summarizer import Summarizer
    from umi_shared.dialects import Dialect, dialect_named
    from umi_shared.engine import (
        ChatPrompt,
        Chunk,
        Constraint,
        Delta,
        Engine,
        Finish,
        Finished,
        Generation,
        JsonSchema,
        Lark,
        Message,
        Prompt,
        RawPrompt,
        Regex,
    )
    from umi_shared.errors import (
        ConfigError,
        LimitError,
        MalformedError,
        ModelError,
        RefusedError,
        TransportError,
        UmiError,
    )
    from umi_shared.transcript import (
        Answer,
        AnswerDelta,
        Call,
        Decision,
        Instruction,
        Next,
        Observation,
        Plan,
        PlanEvent,
        RationaleDelta,
        SummarizeEvent,
        ToolCard,
        Usage,
        View,
    )

    __version__: str

__all__ = [
    "Answer",
    "AnswerDelta",
    "Call",
    "ChatPrompt",
    "Chunk",
    "CloudConfig",
    "ConfigError",
    "Constraint",
    "Decision",
    "Delta",
    "Deployment",
    "Dialect",
    "Engine",
    "EngineDeadError",
    "Finish",
    "Finished",
    "Generation",
    "Instruction",
    "JsonSchema",
    "Lark",
    "LimitError",
    "Loaded",
    "MalformedError",
    "Message",
    "ModelError",
    "Next",
    "Observation",
    "Plan",
    "PlanEvent",
    "Planner",
    "Prompt",
    "PromptTooLongError",
    "RationaleDelta",
    "RawPrompt",
    "RefusedError",
    "Regex",
    "RoleLimits",
    "SummarizeEvent",
    "Summarizer",
    "ToolCard",
    "TransportError",
    "UmiError",
    "UnknownAdapterError",
    "Usage",
    "View",
    "__version__",
    "dialect_named",
    "load",
]

_MODULES = (
    "umi_shared.errors",
    "umi_shared.engine",
    "umi_shared.transcript",
    "umi_shared.dialects",
    "umi_cloud.engines.errors",
    "umi_cloud.model_role",
    "umi_cloud.planner",
    "umi_cloud.summarizer",
    "umi_cloud.config",
    "umi_cloud.engines.loading",
    "umi_cloud.deployment",
)
"""Where the names are, the quickest to import first."""


if not TYPE_CHECKING:  # for type checkers a name that is not listed is an error
    __getattr__ = lazy_names(__name__, __all__, _MODULES)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
