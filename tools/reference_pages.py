"""The reference pages of the documentation, made from the program itself each time the site is built.

A hook of MkDocs (`hooks:` in mkdocs.yml). No page under `reference/` is a file, so none can be out of date: commands
come from click, the policy language from its JSON Schema, the rest from the files that ship. The hook also lists
`docs/adr`, and refuses a page that would load something from another server.
"""

import enum
import html
import inspect
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

import umi_cloud
import umi_edge
from umi_cloud.cli import umi_cloud as umi_cloud_command
from umi_edge.cli import umi
from umi_edge.commands._options import VARIABLES
from umi_edge.policy.loader import default_policy_text
from umi_edge.policy.schema import schema_text

ROOT = Path(__file__).resolve().parents[1]
EDGE_EXAMPLE = ROOT / "edge/umi_edge/config.example.yaml"
CLOUD_EXAMPLE = ROOT / "cloud/umi_cloud/cloud.example.yaml"
PROTO = ROOT / "proto/umi_proto/v1"
REFERENCE = {
    "umi": "Every command of the laptop",
    "umi-cloud": "Every command of the operator",
    "policy": "Every word of the policy language",
    "default-policy": "The policy that holds when you have none",
    "configuration": "Every setting of laptop and server",
    "wire": "What the laptop and the cloud say to each other",
    "python": "What a program may rely on",
}
PROJECT = {"CONTRIBUTING.md": "contributing.md", "SECURITY.md": "security.md", "CHANGELOG.md": "changelog.md"}
"""Files that lie where people look for them, beside the README, and their pages."""

LESS_OFTEN_FOUND = "---\nsearch: {boost: 0.3}\n---\n\n"
"""Before a page that is one long file: whoever searches for a word is better served by the pages that explain it."""

_ELSEWHERE = re.compile(r"<(?:script|img|iframe|source|video|audio)\b[^>]*\bsrc=[\"']?(?:https?:)?//[^>]*>")
_STYLE_ELSEWHERE = re.compile(
    r"<link\b(?=[^>]*\brel=[\"']?(?:stylesheet|preconnect|preload|icon))[^>]*https?://[^>]*>"
)
_DIAGRAM = re.compile(r"<pre class=[\"']?mermaid")
"""The theme would fetch what draws it."""


def on_config(config: MkDocsConfig) -> None:
    """List the decisions, so that a new one needs no line in mkdocs.yml."""
    decisions = sorted(path for path in Path(config.docs_dir, "adr").glob("*.md") if path.name != "index.md")
    for section in config.nav or ():
        if "Decisions" in section:
            section["Decisions"] = ["adr/index.md", *(f"adr/{path.name}" for path in decisions)]


def on_files(files: Files, config: MkDocsConfig) -> None:
    """Add the pages that are made."""
    for name, text in pages().items():
        files.append(File.generated(config, name, content=text))


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Let links to the project's own files lead to their pages."""
    for name, there in PROJECT.items():
        markdown = markdown.replace(f"](../{name}", f"]({there}")
    return markdown


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> None:
    """Refuse what a reader's browser would fetch from somewhere else."""
    for pattern in (_ELSEWHERE, _STYLE_ELSEWHERE, _DIAGRAM):
        found = pattern.search(output)
        if found:
            raise PluginError(
                f"{page.file.src_uri} would load something from another server: {found[0][:200]}"
            )


def pages() -> dict[str, str]:
    """The pages by their names, as Markdown."""
    return {
        "reference/index.md": _index(),
        "reference/umi.md": _program(umi, "umi"),
        "reference/umi-cloud.md": _program(umi_cloud_command, "umi-cloud"),
        "reference/policy.md": _policy_language(json.loads(schema_text())),
        "reference/default-policy.md": _default_policy(),
        "reference/configuration.md": _configuration(),
        "reference/wire.md": _wire(),
        "reference/python.md": _python(),
        "adr/index.md": _decisions(),
        **{there: _project(name) for name, there in PROJECT.items()},
    }


def _index() -> str:
    lines = [f"- [{title}]({name}.md)" for name, title in REFERENCE.items()]
    return "# Reference\n\nThese pages are made from the program when the site is built.\n\n" + "\n".join(
        lines
    )


def _decisions() -> str:
    lines = []
    for path in sorted((ROOT / "docs/adr").glob("[0-9]*.md")):
        number, _, title = path.read_text(encoding="utf-8").partition("\n")[0].lstrip("# ").partition(". ")
        lines.append(f"{number}. [{title}]({path.name})")
    return (
        "# Decisions\n\nWhat was decided, why, and what it costs. Each page is half a page long.\n\n"
        + "\n".join(lines)
    )


def _project(name: str) -> str:
    """A file of the project as a page: its links lead from the folder of the documentation."""
    text = (ROOT / name).read_text(encoding="utf-8").replace("](docs/", "](")
    for other, there in PROJECT.items():
        text = text.replace(f"]({other}", f"]({there}")
    return text


# Commands.


def _program(group: click.Group, name: str) -> str:
    return f"# {name}\n\n" + "\n".join(_command(click.Context(group, info_name=name), 1))


def _command(context: click.Context, depth: int) -> Iterator[str]:
    command = context.command
    if depth > 1:
        yield f"{'#' * min(depth, 4)} {context.command_path}\n"
    if not isinstance(command, click.Group):
        usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
        yield f"```text\n{usage}\n```\n"
    yield from _described(command.help or "")
    yield from _options(command, context)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            if below is not None and not below.hidden:
                yield from _command(click.Context(below, info_name=name, parent=context), depth + 1)


def _described(text: str) -> Iterator[str]:
    r"""A help text as Markdown; click leaves the lines of a paragraph after `\b` as they are."""
    for paragraph in re.split(r"\n\s*\n", _dedented(text)):
        if paragraph.startswith("\b"):
            yield "```text\n" + paragraph.removeprefix("\b").strip("\n") + "\n```\n"
        else:
            yield _safe(paragraph) + "\n"


def _dedented(text: str) -> str:
    first, _, rest = text.partition("\n")
    lines = rest.split("\n")
    indent = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    return "\n".join([first.strip(), *(line[indent:] for line in lines)]).strip()


def _options(command: click.Command, context: click.Context) -> Iterator[str]:
    records = []
    for parameter in command.params:
        if not isinstance(parameter, click.Option) or parameter.hidden:
            continue
        record = parameter.get_help_record(context)
        if record is not None:
            variable = f" Environment: `{parameter.envvar}`." if parameter.envvar else ""
            records.append((record[0], _safe(record[1]) + variable))
    if records:
        yield "| option | what it does |\n|---|---|"
        yield "\n".join(f"| `{flags}` | {_cell(said)} |" for flags, said in records) + "\n"


# The policy language.


def _policy_language(schema: Mapping[str, Any]) -> str:
    parts = [
        "# Policy language",
        schema["description"],
        "A policy is a YAML file. `umi policy schema` prints its JSON Schema for your editor; `umi policy check FILE` "
        "finds every mistake at once, by line. [The design](../design.md#labels-and-policy) says how rules join, "
        "[the cookbook](../how-to/policy-cookbook.md) has examples; [the default policy](default-policy.md) is one.",
        "## The file",
        _fields(schema, schema),
    ]
    for title, where in (
        ("`defaults`", schema["properties"]["defaults"]),
        ("`detect`", schema["$defs"]["detector"]),
        ("`tools`: one tool", schema["$defs"]["tool"]),
        ("`arguments`: one rule", _rule(schema, "argumentRule")),
        ("`results`: one rule", _rule(schema, "resultRule")),
        ("`keep`: one claim", schema["properties"]["keep"]["items"]),
        ("`limits`", schema["properties"]["limits"]),
    ):
        parts += [f"## {title}", _safe(where.get("description", "")), _fields(where, schema)]
    parts += [
        "## The words of a locality",
        "| word | the planner sees | the summarizer sees |\n|---|---|---|\n"
        "| `cloud` | the value | the value |\n"
        "| `scan` | the text, with handles for what the detectors find | the same |\n"
        "| `planner` | the value | a handle |\n"
        "| `summarizer` | a handle | the value |\n"
        "| `handle` (the default) | `<type:n>` | `<type:n>` |\n"
        "| `hidden` | a constant | a constant |",
    ]
    return "\n\n".join(part for part in parts if part)


def _rule(schema: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The mapping form of a rule; its other form is one word."""
    rule = schema["$defs"][name]
    return {"description": rule["description"], **rule["else"]["then"]}


def _fields(node: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    rows = []
    required = node.get("required", ())
    for name, child in node["properties"].items():
        resolved = {**_resolved(child, schema), **{key: child[key] for key in child if key != "$ref"}}
        needed = " (needed)" if name in required else ""
        rows.append(
            f"| `{name}`{needed} | {_cell(_values(resolved))} | {_cell(_safe(resolved.get('description', '')))} |"
        )
    return "| field | values | meaning |\n|---|---|---|\n" + "\n".join(rows)


def _resolved(node: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    reference = node.get("$ref", "")
    return schema["$defs"][reference.rpartition("/")[2]] if reference else node


def _values(node: Mapping[str, Any]) -> str:
    if "enum" in node:
        return ", ".join(f"`{word}`" for word in node["enum"])
    if "const" in node:
        return f"`{node['const']}`"
    kinds = {
        "object": "mapping",
        "array": "list",
        "string": "text",
        "integer": "whole number",
        "number": "number",
        "boolean": "`true`, `false`",
    }
    kind = node.get("type", "")
    said = " or ".join(kinds[one] for one in ([kind] if isinstance(kind, str) else kind) if one)
    least, most = node.get("minimum", node.get("minItems")), node.get("maximum", node.get("maxItems"))
    if most is not None:
        said += f", {least or 0:,} to {most:,}"
    return said


def _default_policy() -> str:
    return (
        f"{LESS_OFTEN_FOUND}# Default policy\n\nThis policy holds when you have none. What no rule mentions stays on "
        f"the device. `umi policy show-default` prints it.\n\n```yaml\n{default_policy_text()}```\n"
    )


# Configuration and wire.


def _configuration() -> str:
    variables = "\n".join(f"| `{variable}` | `{name}` |" for name, variable in VARIABLES.items())
    return (
        LESS_OFTEN_FOUND + "# Configuration\n\n## The laptop: `config.yaml` {#laptop}\n\n"
        "`umi config` prints this file, `umi config --write` starts one of your own, and `umi config --path` says "
        "where it is looked for. A flag stands over an environment variable, and that over the file.\n\n"
        "| variable | setting |\n|---|---|\n| `UMI_CONFIG` | the file itself |\n"
        f"{variables}\n\n```yaml\n{EDGE_EXAMPLE.read_text(encoding='utf-8')}```\n\n"
        "## The server: `cloud.yaml` {#server}\n\n`umi-cloud serve --config cloud.yaml --check` reads the file, the "
        "certificates and the model, and serves nothing.\n\n"
        f"```yaml\n{CLOUD_EXAMPLE.read_text(encoding='utf-8')}```\n"
    )


def _wire() -> str:
    parts = [
        "# Wire\n\nEverything that crosses between a laptop and a planner is one of these messages. "
        "[The design](../design.md#wire) says why they look like this."
    ]
    parts += [
        f"## {path.name}\n\n```proto\n{path.read_text(encoding='utf-8')}```"
        for path in sorted(PROTO.glob("*.proto"))
    ]
    return "\n\n".join(parts) + "\n"


# What a program may rely on.


def _python() -> str:
    parts = [
        "# Python",
        "A program may rely on the names below, and on no others. Each package lists them in its `__all__`.",
    ]
    for module in (umi_edge, umi_cloud):
        names = [name for name in getattr(module, "__all__", ()) if not name.startswith("__")]
        if names:
            parts += [f"## {module.__name__}", _docstring(module)]
            parts += [part for name in names for part in _named(name, getattr(module, name))]
    return "\n\n".join(part for part in parts if part)


def _named(name: str, thing: Any) -> Iterator[str]:
    """A name: its signature, what it says of itself, and a line for each of its methods."""
    yield f"### {name}"
    if isinstance(thing, type) or inspect.isfunction(thing):
        signature = _signature(thing)
        if signature and not getattr(thing, "_is_protocol", False) and not isinstance(thing, enum.EnumMeta):
            yield f"```python\n{name}{signature}\n```"
        yield _docstring(thing)
        if isinstance(thing, enum.EnumMeta):
            yield ", ".join(f"`{member.name}`" for member in thing)
        yield "\n".join(_methods(thing))
    else:
        yield f"`{_short(thing)}`"


def _signature(thing: Any) -> str:
    """Parameters as a caller sees them; a default is `…`, since some are paths of the machine that builds this."""
    try:
        parameters = inspect.signature(thing).parameters.values()
    except (TypeError, ValueError):
        return ""
    shown, starred = [], False
    for one in parameters:
        if one.name.startswith("_") or one.name == "self":
            continue
        if one.kind is one.KEYWORD_ONLY and not starred:
            shown.append("*")
        starred = starred or one.kind in (one.KEYWORD_ONLY, one.VAR_POSITIONAL)
        star = {one.VAR_POSITIONAL: "*", one.VAR_KEYWORD: "**"}.get(one.kind, "")
        kind = "" if one.annotation is one.empty else f": {_short(one.annotation)}"
        shown.append(f"{star}{one.name}{kind}" + ("" if one.default is one.empty else " = …"))
    flat = f"({', '.join(shown)})"
    return flat if len(flat) < 90 else "(\n    " + ",\n    ".join(shown) + ",\n)"


def _methods(thing: Any) -> Iterator[str]:
    """A line for each public method that a class defines itself."""
    for name, method in vars(thing).items() if isinstance(thing, type) else ():
        function = method.__func__ if isinstance(method, classmethod | staticmethod) else method
        said = (
            inspect.getdoc(function) if inspect.isfunction(function) or isinstance(function, property) else ""
        )
        if said and not name.startswith("_"):
            yield f"- `{name}`: {_safe(' '.join(said.partition(chr(10) * 2)[0].split()))}"


def _docstring(thing: Any) -> str:
    """What a thing says of itself; examples stand in blocks of their own."""
    paragraphs = (inspect.getdoc(thing) or "").split("\n\n")
    return "\n\n".join(
        f"```pycon\n{paragraph}\n```"
        if paragraph.startswith(">>>")
        else paragraph
        if paragraph.startswith("    ")
        else _safe(paragraph)
        for paragraph in paragraphs
    )


def _short(annotation: Any) -> str:
    """A type without the modules it is from."""
    text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    return re.sub(r"\b[a-z_][\w]*\.(?=[\w.]*[A-Za-z])", "", text)


# Markdown.


def _safe(text: str) -> str:
    """Text whose `<` and `&` are not HTML; what stands between backticks is left to Markdown."""
    pieces = re.split(r"(`[^`]*`)", text)
    return "".join(piece if piece.startswith("`") else html.escape(piece, quote=False) for piece in pieces)


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())
