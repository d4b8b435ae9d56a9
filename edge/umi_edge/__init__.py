"""The laptop: session, caller, policy, vault, tools.

What a program may rely on is in `__all__`; each name is imported when it is first used. One instruction, its events as
they come, and the report at the end:

    async with umi_edge.open_laptop(umi_edge.EdgeConfig(tools=("my_tools:find_invoice",))) as laptop:
        async with laptop.session(consent=MyConsent()) as session:
            async for event in laptop.events(session, "Which invoices of Alice are unpaid?"):
                print(event)

`examples/` has whole programs. `umi_edge.EdgeConfig.read(path)` reads the configuration file that the commands use.
"""

from typing import TYPE_CHECKING

from umi_shared.lazy_names import lazy_names

if TYPE_CHECKING:
    from umi_edge.connection.connection import Connection
    from umi_edge.connection.local_cloud import LocalCloud, local_cloud
    from umi_edge.egress.cloud_client import Approver, CloudConfig, Outbound
    from umi_edge.ledger import (
        BrokenLedgerError,
        Ledger,
        LedgerError,
        LedgerReport,
        read_ledger,
        verify_ledger,
    )
    from umi_edge.ledger.capture import Frame, read_capture
    from umi_edge.ledger.outbound import entry_title, outbound_view
    from umi_edge.ledger.reconciliation import Reconciliation, reconcile
    from umi_edge.policy import (
        PLUGINS,
        Detector,
        Plugin,
        Policy,
        SpanFinder,
        default_policy,
        load_policy,
        read_policy,
    )
    from umi_edge.runtime.config import CallerSettings, EdgeConfig, HomeSettings, SmtpSettings
    from umi_edge.runtime.laptop import Laptop, open_laptop
    from umi_edge.session.consent import (
        AnswersQuestions,
        Consent,
        ConsentRequest,
        DecidedBy,
        DeclineAll,
        Provenance,
        UnsafeApproveAll,
    )
    from umi_edge.session.events import (
        Action,
        Answered,
        AnswerStarted,
        AnswerStreamed,
        Asked,
        AskedUser,
        CallWritten,
        ClockTold,
        Ended,
        Ending,
        Event,
        GaveUp,
        Instructed,
        Observed,
        Planned,
        PlanStarted,
        Progressed,
        Questioned,
        QuestionStreamed,
        RationaleStreamed,
        Refused,
        Replied,
        Retrying,
        Sent,
        Stopped,
    )
    from umi_edge.session.replies import NoReplies, Replies
    from umi_edge.session.report import Report
    from umi_edge.session.saved import SavedChat
    from umi_edge.session.sealed_store import KeyringKey, Passphrase, SealedStore
    from umi_edge.session.session import Session
    from umi_edge.session.snapshot import Snapshot
    from umi_edge.session.totals import Totals
    from umi_edge.tools import JSON, Failed, FailureKind, Hints, Outcome, Succeeded, Tool, ToolFailure, tool
    from umi_edge.tools.running_call import QuestionField, ServerQuestion
    from umi_shared.errors import (
        ConfigError,
        LimitError,
        MalformedError,
        ModelError,
        PeerError,
        PolicyError,
        PrivacyError,
        RefusedError,
        ToolError,
        TransportError,
        UmiError,
    )
    from umi_shared.transcript import Next, Usage, View, text_of

    __version__: str

__all__ = [
    "Action",
    "AnswerStarted",
    "AnswerStreamed",
    "Answered",
    "AnswersQuestions",
    "Approver",
    "Asked",
    "AskedUser",
    "BrokenLedgerError",
    "CallWritten",
    "CallerSettings",
    "ClockTold",
    "CloudConfig",
    "ConfigError",
    "Connection",
    "Consent",
    "ConsentRequest",
    "DecidedBy",
    "DeclineAll",
    "Detector",
    "EdgeConfig",
    "Ended",
    "Ending",
    "Event",
    "Failed",
    "FailureKind",
    "Frame",
    "GaveUp",
    "Hints",
    "HomeSettings",
    "Instructed",
    "JSON",
    "KeyringKey",
    "Laptop",
    "Ledger",
    "LedgerError",
    "LedgerReport",
    "LimitError",
    "LocalCloud",
    "MalformedError",
    "ModelError",
    "Next",
    "NoReplies",
    "Observed",
    "Outbound",
    "Outcome",
    "PLUGINS",
    "Passphrase",
    "PeerError",
    "PlanStarted",
    "Planned",
    "Plugin",
    "Policy",
    "PolicyError",
    "PrivacyError",
    "Progressed",
    "Provenance",
    "QuestionField",
    "QuestionStreamed",
    "Questioned",
    "RationaleStreamed",
    "Reconciliation",
    "Refused",
    "RefusedError",
    "Replied",
    "Replies",
    "Report",
    "Retrying",
    "SavedChat",
    "SealedStore",
    "Sent",
    "ServerQuestion",
    "Session",
    "SmtpSettings",
    "Snapshot",
    "SpanFinder",
    "Stopped",
    "Succeeded",
    "Tool",
    "ToolError",
    "ToolFailure",
    "Totals",
    "TransportError",
    "UmiError",
    "UnsafeApproveAll",
    "Usage",
    "View",
    "__version__",
    "default_policy",
    "entry_title",
    "load_policy",
    "local_cloud",
    "open_laptop",
    "outbound_view",
    "read_capture",
    "read_ledger",
    "read_policy",
    "reconcile",
    "text_of",
    "tool",
    "verify_ledger",
]

_MODULES = (
    "umi_shared.errors",
    "umi_shared.transcript",
    "umi_edge.session.consent",
    "umi_edge.tools",
    "umi_edge.tools.running_call",
    "umi_edge.policy",
    "umi_edge.ledger",
    "umi_edge.ledger.capture",
    "umi_edge.ledger.outbound",
    "umi_edge.ledger.reconciliation",
    "umi_edge.session.sealed_store",
    "umi_edge.runtime.config",
    "umi_edge.connection.connection",
    "umi_edge.connection.local_cloud",
    "umi_edge.egress.cloud_client",
    "umi_edge.session.events",
    "umi_edge.session.replies",
    "umi_edge.session.snapshot",
    "umi_edge.session.totals",
    "umi_edge.session.session",
    "umi_edge.session.saved",
    "umi_edge.session.report",
    "umi_edge.runtime.laptop",
)
"""Where the names are, the quickest to import first."""

if not TYPE_CHECKING:  # for type checkers a name that is not listed is an error
    __getattr__ = lazy_names(__name__, __all__, _MODULES)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
