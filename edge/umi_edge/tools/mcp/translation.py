"""What MCP says, in umi's words: names, hints and results."""

import hashlib
import json
import math
import re
from collections import Counter
from collections.abc import Iterable

from mcp.types import (
    AudioContent,
    BlobResourceContents,
    CallToolResult,
    EmbeddedResource,
    ImageContent,
    ReadResourceResult,
    ResourceLink,
    TextContent,
    TextResourceContents,
    ToolAnnotations,
)

from umi_edge.policy.families import BUILT_IN_FAMILIES
from umi_edge.tools.json_type import JSON
from umi_edge.tools.mcp.stored_files import StoredFiles
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


def result_value(result: CallToolResult, files: StoredFiles) -> JSON:
    """The value of a result: its structured content, else its text. Raises `ToolFailure`.

    A text that is a JSON object or array becomes that; a lone number or word stays text, because a
    postcode is one. Several texts become a list. An image, a sound or another file is kept, and its path stands in
    its place; beside structured content, under `files`.
    """
    if result.is_error:
        texts = [block.text for block in result.content if isinstance(block, TextContent)]
        raise ToolFailure(FailureKind.ERROR, "\n".join(texts))
    structured = result.structured_content
    if structured is None:
        return _listed([_block_value(block, files) for block in result.content])
    if isinstance(structured, dict) and structured.keys() == {"result"}:
        structured = structured["result"]  # how SDKs wrap what is no object
    value = _text_value(structured) if isinstance(structured, str) else finite(structured)
    kept = [_block_value(block, files) for block in result.content if _is_file(block)]
    if not kept:
        return value
    return {**value, "files": kept} if isinstance(value, dict) and "files" not in value else [value, *kept]


def resource_value(result: ReadResourceResult, files: StoredFiles) -> JSON:
    """What a resource holds: its text, or the path where it is kept. Raises `ToolFailure`."""
    return _listed([_contents_value(contents, files) for contents in result.contents])


def _listed(values: list[JSON]) -> JSON:
    return values[0] if len(values) == 1 else values or None


def _is_file(block: object) -> bool:
    blob = isinstance(block, EmbeddedResource) and isinstance(block.resource, BlobResourceContents)
    return blob or isinstance(block, ImageContent | AudioContent)


def _block_value(block: object, files: StoredFiles) -> JSON:
    match block:
        case TextContent(text=text):
            return _text_value(text)
        case EmbeddedResource(resource=contents):
            return _contents_value(contents, files)
        case ImageContent(data=data, mime_type=mime) | AudioContent(data=data, mime_type=mime):
            return files.keep(data, mime)
        case ResourceLink(uri=uri):
            return str(uri)
    raise ToolFailure(FailureKind.NOT_JSON, f"the result holds {type(block).__name__}")


def _contents_value(contents: object, files: StoredFiles) -> JSON:
    if isinstance(contents, BlobResourceContents):
        return files.keep(contents.blob, contents.mime_type)
    return _text_value(contents.text) if isinstance(contents, TextResourceContents) else None


def _text_value(text: str) -> JSON:
    if text.lstrip()[:1] not in ("{", "["):
        return text
    try:
        return finite(json.loads(text))
    except RecursionError:
        raise ToolFailure(FailureKind.TOO_DEEP, "the text is JSON with too many levels") from None
    except ValueError:
        return text


def finite(value: JSON) -> JSON:
    """The value with words for numbers that JSON does not have.

    >>> finite({"a": [float("nan"), 1.5, float("-inf")]})
    {'a': ['NaN', 1.5, '-Infinity']}
    """
    if isinstance(value, dict):
        return {name: finite(child) for name, child in value.items()}
    if isinstance(value, list):
        return [finite(child) for child in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value
