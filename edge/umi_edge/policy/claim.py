"""A claim: one line of `keep:`, which says what must stay, for `umi policy prove` to show."""

from dataclasses import dataclass, field

from umi_edge.policy.paths import Path, compile_path
from umi_shared.errors import PolicyError

__all__ = ["Claim", "claim_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What must stay: every value of a type, or what lies at and below a path of a tool's results."""

    type: str = ""
    tool: str = ""
    """A name, or a wildcard that ends in `*`."""
    path: Path | None = field(default=None)
    rule_id: str
    line: int = 0

    def covers(self, tool: str) -> bool:
        """Whether the claim speaks of a tool."""
        if not self.tool:
            return True
        return tool.startswith(self.tool[:-1]) if self.tool.endswith("*") else tool == self.tool

    def __str__(self) -> str:
        return f"every {self.type}" if self.path is None else f"{self.tool}: {self.path.shown}"


def claim_of(text: str) -> Claim:
    """The claim that a flag states as `TOOL: PATH`. Raises `PolicyError`.

    >>> str(claim_of("contacts.*: $..email"))
    'contacts.*: $..email'
    """
    tool, colon, path = text.partition(":")
    if not colon or not tool.strip():
        raise PolicyError(
            f"`{text}` is not a claim", fix="write it as 'TOOL: PATH', as in 'contacts.*: $..email'"
        )
    return Claim(tool=tool.strip(), path=compile_path(path.strip()), rule_id="--keep")
