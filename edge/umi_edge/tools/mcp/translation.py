"""What MCP says, in umi's words: names, hints and results."""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable

from mcp.types import (
    CallToolResult,
    EmbeddedResource,
    ResourceLink,
    TextContent,
    TextResourceContents,
    ToolAnnotations,
)

from umi_edge.policy.families import BUILT_IN_FAMILIES
from umi_edge.tools.json_type import JSON
from umi_edge.tools.outcome import FailureKind, ToolFailure
from umi_edge.tools.tool import Hints

_MAX_NAME = 64


def name_prefix(server: str) -> str:
    """What the names of a server's tools begin with.

    >>> name_prefix("my files"), name_prefix("mail")
    ('my_files.', 'mcp-mail.')
    """
    return _plain(server, "")


def tool_names(pairs: Iterable[tuple[str, str]], servers: Iterable[str] = ()) -> dict[tuple[str, str], str]:
    """A name `<server>.<tool>` for each pair, safe and unique whatever the order of the pairs.

    Names that have to be changed and then meet another one get a few characters of their hash; and so do all of a
    server that shares its prefix with one of `servers`, so that nothing takes the name, and with it the policy's
    rules, of a server that gives no tools today.

    >>> list(tool_names([("my files", "read"), ("my_files", "read"), ("web", "search")]).values())
    ['my_files.read-185494', 'my_files.read', 'web.search']
    >>> list(tool_names([("my files", "read")], servers=["my files", "my_files"]).values())
    ['my_files.read-185494']
    """
    shared = Counter(map(name_prefix, dict.fromkeys(servers)))
    plain = {pair: _plain(*pair) for pair in dict.fromkeys(pairs)}
    taken = Counter(plain.values())
    names: dict[tuple[str, str], str] = {}
    for pair, name in plain.items():
        unchanged = name == ".".join(pair) and "." not in pair[0]
        if unchanged or (taken[name] == 1 and shared[name_prefix(pair[0])] <= 1):
            names[pair] = name
        else:
            digest = hashlib.sha256("\x00".join(pair).encode()).hexdigest()[:6]
            names[pair] = f"{name[: _MAX_NAME - 7]}-{digest}"
    return names


def _plain(server: str, tool: str) -> str:
    # A dot in a server's name could make `a.b` + `c` look like `a` + `b.c`.
    server = re.sub(r"[^A-Za-z0-9_-]", "_", server)
    name = f"{server}.{re.sub(r'[^A-Za-z0-9_.-]', '_', tool)}"
    # A server that is called like a family of umi's own tools must not get the rules that a policy has for them.
    return (name if name[0].isalpha() and server not in BUILT_IN_FAMILIES else f"mcp-{name}")[:_MAX_NAME]


def hints(annotations: ToolAnnotations | None, *, remote: bool) -> Hints:
    """The hints of a tool, with the defaults of the specification: the careful ones.

    A server on another machine gets its arguments there, whatever it says of itself.
    """
    read_only = annotations is not None and annotations.read_only_hint is True
    destructive = annotations is None or annotations.destructive_hint is not False
    open_world = annotations is None or annotations.open_world_hint is not False
    return Hints(
        read_only=read_only,
        destructive=destructive and not read_only,
        open_world=open_world or remote,
    )


def result_value(result: CallToolResult) -> JSON:
    """The value of a result: its structured content, else its text. Raises `ToolFailure`.

    A text that is a JSON object or array becomes that; a lone number or word stays text, because a
    postcode is one. Several texts become a list.
    """
    if result.is_error:
        texts = [block.text for block in result.content if isinstance(block, TextContent)]
        raise ToolFailure(FailureKind.ERROR, "\n".join(texts))
    if result.structured_content is not None:
        return result.structured_content
    values = [_block_value(block) for block in result.content]
    return values[0] if len(values) == 1 else values or None


def _block_value(block: object) -> JSON:
    if isinstance(block, TextContent):
        return _text_value(block.text)
    if isinstance(block, EmbeddedResource) and isinstance(block.resource, TextResourceContents):
        return _text_value(block.resource.text)
    if isinstance(block, ResourceLink):
        return str(block.uri)
    raise ToolFailure(FailureKind.NOT_JSON, f"the result holds {type(block).__name__}")


def _text_value(text: str) -> JSON:
    if text.lstrip()[:1] not in ("{", "["):
        return text
    try:
        return json.loads(text)
    except RecursionError:
        raise ToolFailure(FailureKind.TOO_DEEP, "the text is JSON with too many levels") from None
    except ValueError:
        return text
