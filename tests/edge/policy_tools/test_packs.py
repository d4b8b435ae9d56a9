"""Policy packs: they load, know the real tools, ask about what writes, and let nothing out."""

import json

import pytest
from click.testing import CliRunner

from umi_edge.cli import umi
from umi_edge.policy import Allowed, Ask, LabelledLeaf, check_call, load_policy
from umi_edge.policy_tools.packs import pack_for, pack_named, policy_packs
from umi_edge.tools.tool import Hints
from umi_shared.errors import PolicyError
from umi_shared.labels import Integrity, Label, Locality

PACKS = {pack.name: pack for pack in policy_packs()}
PUBLIC = Label.at(Locality.CLOUD, Integrity.TRUSTED)
KEPT = Label.at(Locality.HANDLE, Integrity.TRUSTED)
each = pytest.mark.parametrize("name", PACKS)

TABLE = [
    ("filesystem", "read_text_file", PUBLIC, Allowed),
    ("filesystem", "read_text_file", KEPT, Allowed),
    ("filesystem", "write_file", PUBLIC, Ask),
    ("memory", "search_nodes", KEPT, Allowed),
    ("memory", "create_entities", PUBLIC, Ask),
    ("git", "git_log", KEPT, Allowed),
    ("git", "git_commit", PUBLIC, Ask),
    ("sqlite", "read_query", KEPT, Allowed),
    ("sqlite", "write_query", PUBLIC, Ask),
    ("fetch", "fetch", PUBLIC, Allowed),
    ("fetch", "fetch", KEPT, None),
    ("brave-search", "brave_web_search", PUBLIC, Allowed),
    ("brave-search", "brave_web_search", KEPT, None),
    ("github", "get_issue", PUBLIC, Allowed),
    ("github", "search_code", KEPT, None),
    ("github", "merge_pull_request", PUBLIC, Ask),
    ("slack", "slack_post_message", PUBLIC, Ask),
    ("notion", "API-delete-a-block", PUBLIC, Ask),
    ("sentry", "search_issues", KEPT, None),
    ("playwright", "browser_snapshot", PUBLIC, Allowed),
    ("playwright", "browser_navigate", PUBLIC, Ask),
    ("postgres", "query", KEPT, None),
    ("everything", "get-env", PUBLIC, Ask),
    ("gitlab", "get_file_contents", PUBLIC, Allowed),
    ("gitlab", "search_repositories", KEPT, None),
    ("gitlab", "create_merge_request", PUBLIC, Ask),
    ("google-drive", "read_resource", PUBLIC, Allowed),
    ("google-drive", "search", KEPT, None),
    ("google-calendar", "list-events", PUBLIC, Allowed),
    ("google-calendar", "search-events", KEPT, None),
    ("google-calendar", "manage-accounts", PUBLIC, Ask),
    ("google-calendar", "respond-to-event", PUBLIC, Ask),
    ("gmail", "search_emails", PUBLIC, Allowed),
    ("gmail", "search_emails", KEPT, None),
    ("gmail", "draft_email", PUBLIC, Ask),
    ("gmail", "download_attachment", PUBLIC, Ask),
    ("linear", "linear_getIssues", PUBLIC, Allowed),
    ("linear", "linear_searchIssues", KEPT, None),
    ("linear", "linear_createOAuthClientCredentialsToken", PUBLIC, Ask),
    ("atlassian", "jira_search", PUBLIC, Allowed),
    ("atlassian", "confluence_search", KEPT, None),
    ("atlassian", "jira_transition_issue", PUBLIC, Ask),
    ("obsidian", "obsidian_simple_search", KEPT, Allowed),
    ("obsidian", "obsidian_append_content", PUBLIC, Ask),
    ("context7", "query-docs", KEPT, None),
]
"""A pack, a tool, the label of an argument, and what becomes of the call; None: it does not go unasked."""


@pytest.mark.parametrize(("name", "tool", "label", "expected"), TABLE)
def test_a_pack_decides_a_call(name, tool, label, expected):
    policy = load_policy(PACKS[name].text("mine"), "pack.yaml")
    leaves = {("x",): LabelledLeaf(label=label)}
    verdict = check_call(
        policy, f"mine.{tool}", leaves, Hints(destructive=True), source="mcp:mine", argument_names={"x"}
    )
    if expected is None:
        assert not isinstance(verdict, Allowed)
    else:
        assert isinstance(verdict, expected), verdict


@each
def test_a_pack_lets_nothing_of_a_result_out_and_names_each_tool_once(name):
    pack = PACKS[name]
    policy = load_policy(pack.text("mine"), "pack.yaml")
    names = [*pack.reads, *pack.writes]
    assert len(set(names)) == len(names)
    assert policy.tools.keys() == {f"mine.{tool}" for tool in names}
    for tool in names:
        assert policy.results(f"mine.{tool}", {"a": 1}).at(("a",)).locality is Locality.HANDLE
    assert pack.written_from.rpartition(" ")[2][0].isdigit()
    assert pack.why.endswith(".")


@pytest.mark.parametrize(
    ("entry", "name"),
    [
        ({"command": "npx", "args": ["-y", "@playwright/mcp@latest"]}, "playwright"),
        ({"command": "uvx", "args": ["mcp-server-git==2026.10.19", "--repository", "."]}, "git"),
        ({"command": "python", "args": ["-m", "mcp_server_time"]}, "time"),
        ({"command": "/home/ann/node_modules/.bin/playwright-mcp"}, "playwright"),
        (
            {"command": "npx", "args": ["-y", "@modelcontextprotocol/server-filesystem", "/home"]},
            "filesystem",
        ),
        ({"command": "npx", "args": ["-y", "@evil/playwright"]}, None),
        ({"command": "uvx", "args": ["mcp-obsidian"]}, "obsidian"),
        ({"command": "/usr/bin/npx", "args": ["-y", "mcp-obsidian"]}, None),
        ({"command": "cmd", "args": ["/c", "npx", "-y", "mcp-obsidian"]}, None),
        ({"command": r"C:\Program Files\nodejs\NPX.CMD", "args": ["-y", "mcp-obsidian"]}, None),
        ({"command": "node", "args": ["/opt/npm/bin/npx-cli.js", "-y", "mcp-obsidian"]}, None),
        ({"command": "npx", "args": ["-y", "@cocal/google-calendar-mcp"]}, "google-calendar"),
        ({"url": "https://mcp.example.org"}, None),
        ({"url": "https://mcp.sentry.dev/mcp"}, "sentry"),
        ({"type": "http", "serverUrl": "https://MCP.Sentry.dev:443/mcp/acme"}, "sentry"),
        ({"command": "npx", "args": ["-y", "mcp-remote@latest", "https://mcp.context7.com/mcp"]}, "context7"),
        ({"command": "npx", "args": ["-y", "somebody-elses", "https://mcp.context7.com/mcp"]}, None),
        ({"url": "http://mcp.sentry.dev/mcp"}, None),
        ({"url": "https://mcp.sentry.dev:8443/mcp"}, None),
        ({"url": "https://mcp.sentry.dev.example.org/mcp"}, None),
        ({"url": "https://mcp.sentry.dev@example.org/mcp"}, None),
        ({"url": "https://[::1"}, None),
    ],
)
def test_a_server_is_known_by_the_package_that_its_command_names_or_by_its_makers_address(entry, name):
    pack = pack_for(entry)
    assert (pack.name if pack else None) == name


def run(*arguments: str) -> str:
    result = CliRunner().invoke(umi, ["policy", "packs", *arguments], standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return result.stdout


def test_the_packs_are_listed_shown_and_added_to_a_policy_whose_own_lines_and_comments_stay(tmp_path):
    assert all(name in run() for name in PACKS)
    assert run("time", "--server", "clock") == pack_named("time").text("clock")
    policy = tmp_path / "policy.yaml"
    policy.write_text("version: 1\nname: mine\n# mine\ntools:\n  time.convert_time: {confirm: always}\n")
    assert "1 tools added, 1 were there already" in run("time", "--into", str(policy))
    text = policy.read_text()
    assert "# mine" in text
    loaded = load_policy(text, "policy.yaml")
    assert (loaded.tools["time.convert_time"].confirm, loaded.tools["time.get_current_time"].confirm) == (
        "always",
        "never",
    )
    assert json.loads(run("time", "--json"))["time.get_current_time"]["runs"] == "device"
    with pytest.raises(PolicyError, match="no pack"):
        run("nothing")


def test_what_is_hosted_for_everybody_is_a_third_party():
    assert all(pack.runs == "third-party" for pack in policy_packs() if pack.hosts)
