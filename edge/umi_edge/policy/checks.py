"""The checks of one call, which make its verdict.

Keeps I5: a private value reaches a third party only where a rule accepts it, or by the user's consent. Keeps
I8: what is judged here are labels, types and places; values are not even passed in.
I5: docs/design.md#i5-third-party-tools-are-sinks
I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace

from umi_edge.policy.document import Confirm, Policy, Runs, ToolPolicy
from umi_edge.policy.families import BUILT_IN, PYTHON
from umi_edge.policy.hints import Hints
from umi_edge.policy.paths import Location, path_of
from umi_edge.policy.rules import ANY_TYPE, TYPED_OR_APPROVED, OnViolation, Resolution
from umi_edge.policy.stored_as import StoredAs, read_back_at
from umi_edge.policy.stores import Laxer, laxer_places
from umi_edge.policy.told_to_others import why_confirmed
from umi_edge.policy.verdict import Allowed, Ask, Denied, LabelledLeaf, Reason, ReasonCode, Verdict
from umi_shared.labels import Label, Locality, tool_sink

__all__ = [
    "LOOSE_TYPES",
    "check_call",
    "is_accepted",
    "may_write",
    "reads_its_own",
]

LOOSE_TYPES = frozenset({ANY_TYPE, "text"})
"""Types of free text, into which handles of any type may be composed."""


Unfound = Callable[[Location], Label]
"""The label of what the detectors leave of an argument: of all of it that they do not find."""

Owned = Callable[[Location], bool]
"""Whether the user typed the value of an argument, or approved it there before."""

HoldsNever = Callable[[Location], bool]
"""Whether an argument, as it is sent, holds what the policy says never leaves."""


def check_call(
    policy: Policy,
    tool: str,
    labelled_arguments: Mapping[Location, LabelledLeaf],
    hints: Hints | None = None,
    *,
    source: str = "",
    argument_names: Collection[str] | None = None,
    planned: bool = True,
    stored_as: StoredAs = (),
    unfound: Unfound | None = None,
    holds_never: HoldsNever | None = None,
    owned: Owned | None = None,
) -> Verdict:
    """Judge a call by its arguments' labels.

    `source` and `hints` are the catalogue's; a hint makes the verdict stricter, never laxer. `argument_names` are
    the names that the tool's schema declares: with them, a reason shows no name that only the data know. `planned`
    is whether the planner named this very tool: where the caller chose it, what may change something is asked about.

    `stored_as` is where the tool itself says that its arguments are read back, and `unfound` is asked where a text
    that comes back there is scanned; without it, the detectors find nothing. `holds_never` is asked of each argument of
    a tool that sends it off the device; without it, the types of handles tell. `owned` is asked of what is not trusted
    where the user must have typed or approved it; without it, they have not.
    """
    case = _Case(
        tool=tool,
        rules=_stricter(policy.tool(tool, source=source), hints or Hints()),
        known_names=policy.table(tool, "arguments").names | frozenset(argument_names or ()),
        hide_unknown=argument_names is not None,
    )
    # (1) the tool's own confirmation; (2) per argument: type, integrity, readers, confirmation; where it is read back.
    writes = not _only_reads(hints or Hints(), source)
    _check_tool(case, hints or Hints())
    _check_told(case, labelled_arguments, source)
    if not planned and writes:
        _check_unplanned(case)
    assignment = policy.arguments(tool)
    sends = bool(policy.never) and (case.rules.runs is Runs.THIRD_PARTY or bool(hints and hints.open_world))
    stored_as = (*stored_as, *policy.tool(tool).stored_as)
    for location in sorted(labelled_arguments, key=path_of):
        leaf = labelled_arguments[location]
        _check_argument(case, location, leaf, assignment.at(location))
        _check_owned(case, location, leaf, assignment.at(location), owned)
        if not (hints and hints.derived) and not case.redacted(location):
            _check_bars(case, location, leaf, assignment.at(location))
        if sends and not case.redacted(location):
            _check_never(case, location, leaf, policy, holds_never)
        if writes and (not leaf.label.public or leaf.label.bars) and not case.redacted(location):
            _check_stored(case, location, leaf, _laxer(policy, stored_as, location, leaf, unfound))
    if case.denials:
        return Denied(tuple(case.denials))
    if case.questions:
        return Ask(tuple(case.questions), frozenset(case.redact))
    return Allowed(frozenset(case.redact))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    tool: str
    rules: ToolPolicy
    known_names: frozenset[str]
    hide_unknown: bool
    denials: list[Reason] = field(default_factory=list)
    questions: list[Reason] = field(default_factory=list)
    redact: set[Location] = field(default_factory=set)

    def path(self, location: Location) -> str:
        """The place as it may be shown: a key that neither policy nor schema names is data."""
        shown = [
            key
            if isinstance(key, int) or key in self.known_names or (depth == 0 and not self.hide_unknown)
            else "*"
            for depth, key in enumerate(location)
        ]
        return path_of(tuple(shown)).replace("['*']", "[*]")

    def redacted(self, location: Location) -> bool:
        """Whether the place is left out of the call, or what it is in."""
        return any(location[:depth] in self.redact for depth in range(1, len(location) + 1))

    def declared(self, location: Location) -> Location:
        """The place, or what it stands in above the first name that is no word of the policy or the schema."""
        names = range(len(location))
        first = (at for at in names if isinstance(location[at], str) and location[at] not in self.known_names)
        return location[: next(first, len(location))]


def leaves_device(rules: ToolPolicy, hints: Hints) -> bool:
    """Whether a tool sends its arguments off the device: by the policy, else by what it says of itself."""
    return rules.runs is Runs.THIRD_PARTY or (hints.open_world and "runs" not in rules.stated)


def _stricter(rules: ToolPolicy, hints: Hints) -> ToolPolicy:
    """The tool's rules with what it says of itself, where the policy says nothing."""
    return replace(rules, runs=Runs.THIRD_PARTY) if leaves_device(rules, hints) else rules


def _only_reads(hints: Hints, source: str) -> bool:
    """Whether a tool changes nothing, by the word of umi or of the user's own code; a server's word is not enough."""
    return hints.read_only and source in (BUILT_IN, PYTHON)


def reads_its_own(hints: Hints, source: str) -> bool:
    """Whether a tool is umi's own and gives what a store of the user's has, and nothing that it was given."""
    return hints.read_only and not hints.derived and source == BUILT_IN


def may_write(hints: Hints, source: str) -> bool:
    """Whether a tool may change something; that it does not is for umi to say, and for the user's own code."""
    return not _only_reads(hints, source)


def _check_unplanned(case: _Case) -> None:
    case.questions.append(
        Reason(
            code=ReasonCode.UNPLANNED,
            rule_id="built in",
            message=f"the planner named no tool, and the caller chose {case.tool}, which may change something",
            counterfactual="a planner that names the tool of each step is not asked about it",
        )
    )


def _check_tool(case: _Case, hints: Hints) -> None:
    rules = case.rules
    if rules.confirm is Confirm.ALWAYS:
        why = f"{case.tool} is confirmed at every call"
    elif rules.confirm is Confirm.DESTRUCTIVE and hints.destructive:
        why = f"what {case.tool} does cannot be undone"
    else:
        return
    case.questions.append(
        Reason(
            code=ReasonCode.CONFIRM,
            rule_id=rules.rule_id if "confirm" in rules.stated else "built-in default for `confirm`",
            message=why,
            counterfactual="it would run at once if the policy said `confirm: never`",
        )
    )


def _check_told(case: _Case, arguments: Collection[Location], source: str) -> None:
    """What others will read, or the user rely on, is asked about unless the policy says that the tool is not."""
    if case.rules.confirm is not Confirm.DESTRUCTIVE:  # never, or asked about already
        return
    for name in sorted({str(location[0]) for location in arguments if location}):
        why = why_confirmed(case.tool, name, source)
        if why:
            case.questions.append(
                Reason(
                    code=ReasonCode.CONFIRM,
                    path=case.path((name,)),
                    rule_id="built-in default for `confirm`",
                    message=f"{case.path((name,))} of {case.tool} is confirmed: {why}",
                    counterfactual="it would run at once if the policy said `confirm: never`",
                )
            )


def _check_argument(case: _Case, location: Location, leaf: LabelledLeaf, rule: Resolution) -> None:
    path = case.path(location)
    wrong = next((handle for handle in leaf.handles if handle.type != rule.type), None)
    if rule.type not in LOOSE_TYPES and wrong is not None:
        case.denials.append(
            Reason(
                code=ReasonCode.WRONG_TYPE,
                path=path,
                rule_id=rule.rule_id,
                type=wrong.type,
                message=f"{path} of {case.tool} wants a {rule.type}, and {wrong} is a {wrong.type}",
                counterfactual=f"it would be allowed with a handle of type {rule.type}",
            )
        )
    if rule.requires == "trusted" and (leaf.model_written or not leaf.label.trusted):
        origin = (
            "a model wrote it" if leaf.model_written else leaf.doubt or "it came from an untrusted source"
        )
        case.denials.append(
            Reason(
                code=ReasonCode.NOT_TRUSTED,
                path=path,
                rule_id=rule.rule_id,
                type=leaf.type,
                message=f"{path} of {case.tool} requires a trusted value, and {origin}",
                counterfactual=leaf.mend
                or "it would be allowed with a handle from your instruction or from a trusted tool",
            )
        )
    if case.rules.runs is Runs.THIRD_PARTY or rule.accepts is not None:
        _check_readers(case, location, leaf, rule)
    if rule.confirm:
        case.questions.append(
            Reason(
                code=ReasonCode.CONFIRM,
                path=path,
                rule_id=rule.rule_id,
                type=leaf.type,
                message=f"{path} of {case.tool} is confirmed whenever it is given",
                counterfactual="it would run at once if the rule said `confirm: false`",
            )
        )


def _check_owned(
    case: _Case, location: Location, leaf: LabelledLeaf, rule: Resolution, owned: Owned | None
) -> None:
    """Whether the user must see a value that is not their own before it is used."""
    if rule.requires != TYPED_OR_APPROVED or not (leaf.model_written or not leaf.label.trusted):
        return
    if owned is not None and owned(location):
        return
    path = case.path(location)
    case.questions.append(
        Reason(
            code=ReasonCode.NOT_TYPED,
            path=path,
            rule_id=rule.rule_id,
            type=leaf.type,
            message=f"{path} of {case.tool} is to be what you typed or approved, and you typed no such value",
            counterfactual="a value that you type is not asked about, nor one that you said yes to at this place",
        )
    )


def is_accepted(rule: Resolution, label: Label) -> bool:
    """Whether a third party may be given a value of this label by the rule of an argument."""
    limit = Label.at(rule.accepts or Locality.CLOUD)
    joined = limit.join(label)
    return joined.readers == limit.readers and joined.visible == limit.visible


def _check_readers(case: _Case, location: Location, leaf: LabelledLeaf, rule: Resolution) -> None:
    """Whether the tool may read the argument; `accepts` is the strictest label that it may read."""
    if is_accepted(rule, leaf.label) or leaf.label.may_read(tool_sink(case.tool)):
        return
    accepted = rule.accepts or Locality.CLOUD
    # A name of the caller's own may tell as much as the value under it, so that it is left out with what it is in.
    declared = case.declared(location)
    if rule.on_violation is OnViolation.REDACT and declared:
        case.redact.add(declared)
        return
    path, kept = case.path(location), leaf.label.locality
    reason = Reason(
        code=ReasonCode.NOT_ACCEPTED,
        path=path,
        rule_id=rule.rule_id,
        type=leaf.type,
        message=f"{path} of {case.tool} accepts `{accepted}`, and this {leaf.type} is kept as `{kept}`",
        counterfactual=f"it would be allowed if the rule said `accepts: {kept}`",
    )
    (case.questions if rule.on_violation is OnViolation.ASK else case.denials).append(reason)


def _check_bars(case: _Case, location: Location, leaf: LabelledLeaf, rule: Resolution) -> None:
    """Whether the tool is given what a rule of another tool keeps from it; nobody can lift that by a yes."""
    bars = sorted(bar for bar in leaf.label.bars if not bar.admits(case.tool))
    declared = case.declared(location)
    if not bars or (rule.on_violation is OnViolation.REDACT and declared):
        case.redact.update({declared} if bars else ())
        return
    path = case.path(location)
    if leaf.model_written and any(bar in leaf.written.bars for bar in bars):
        what = "a model wrote this once it had read what the rule is about"
        fix = "a handle of another origin would be allowed, and so would a session in which no model has read that"
    else:
        what = f"this {leaf.type} comes from what the rule is about"
        fix = "a value of another origin would be allowed"
    case.denials.append(
        Reason(
            code=ReasonCode.BARRED,
            path=path,
            rule_id="; ".join(dict.fromkeys(bar.rule for bar in bars)),
            type=leaf.type,
            message=f"{path} of {case.tool} may not be given this ({'; '.join(map(str, bars))}): {what}",
            counterfactual=fix,
        )
    )


def _check_never(
    case: _Case, location: Location, leaf: LabelledLeaf, policy: Policy, holds_never: HoldsNever | None
) -> None:
    """Whether a tool is given what never leaves; no rule of it lets that pass unasked."""
    given = {handle.type for handle in leaf.handles}
    said = [one for one in policy.never if one.type in given]
    if not said and not (holds_never and holds_never(location)):
        return
    path = case.path(location)
    case.questions.append(
        Reason(
            code=ReasonCode.NEVER,
            path=path,
            rule_id="; ".join(one.rule_id for one in said or policy.never),
            type=leaf.type,
            message=f"{case.tool} sends {path} off this device, and it holds what the policy says never leaves",
            counterfactual="without it, the call would not be asked about for this",
        )
    )


def _laxer(
    policy: Policy, stored_as: StoredAs, location: Location, leaf: LabelledLeaf, unfound: Unfound | None
) -> list[Laxer] | None:
    """The places that would show more of an argument than its label lets them; None where it may be anywhere."""
    places = read_back_at(stored_as, location)
    if places is None:
        return None
    return laxer_places(policy, places, leaf.label, lambda: unfound(location) if unfound else leaf.label)


def _check_stored(case: _Case, location: Location, leaf: LabelledLeaf, laxer: list[Laxer] | None) -> None:
    """Whether what an argument puts into a store is read back there under a laxer rule."""
    if laxer == []:
        return
    path, what = case.path(location), _put(leaf)
    if laxer is None:
        rule_id = "built in: what stays is asked about where nobody says where it is read back"
        message = f"nothing says which tools read {path} of {case.tool} back, and this puts {what} into it"
        fix = f"`stored_as:` of {case.tool} said where (or `nowhere`), and the rules there keep it"
    else:
        rule_id = "; ".join(dict.fromkeys(one.rule.rule_id for one in laxer if one.rule)) or "no rule"
        message = f"this puts {what} into {path} of {case.tool}, and tomorrow {_by_what_is_shown(laxer)}"
        fix = " and ".join(one.mend for one in laxer)
    case.questions.append(
        Reason(
            code=ReasonCode.STORED,
            path=path,
            rule_id=rule_id,
            type=leaf.type,
            message=message,
            counterfactual=f"it would run at once if {fix}",
        )
    )


def _by_what_is_shown(laxer: list[Laxer]) -> str:
    """`notes.read and notes.search show it to the planner`, once for each thing that is shown."""
    tools: dict[str, dict[str, None]] = {}
    for one in laxer:
        tools.setdefault(one.shown, {})[one.place.tool] = None
    return "; ".join(
        f"{' and '.join(names)} show{'s' if len(names) == 1 else ''} {shown}"
        for shown, names in tools.items()
    )


def _put(leaf: LabelledLeaf) -> str:
    """What is put, by its handles: `<text:4>, which stays on this device (from mail.read)`."""
    if not leaf.handles:
        read = "what other tools may not be given" if leaf.label.public else "what stays"
        return f"words that a model wrote after it had read {read}"
    origins = leaf.origins or ("",) * len(leaf.handles)
    named = dict.fromkeys(
        f"{handle} (from {origin})" if origin else str(handle)
        for handle, origin in zip(leaf.handles, origins, strict=True)
    )
    return f"{' and '.join(named)}, kept as `{leaf.label.locality}`,"
