"""What the page's API gives, and to whom: over real HTTP, after a real session."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from tests.end_to_end.page.served import KEY, MAIL, PROGRAMS_KEY, ServedPage, served_page
from tests.end_to_end.test_session_flows import MAIL_CALLS, MAIL_PLANS
from umi_edge.ledger.capture import Frame, write_capture
from umi_edge.policy import read_policy
from umi_edge.policy_tools.recorded import read_recordings
from umi_edge.runtime import machine_config
from umi_edge.session.recording import recorded

PATHS = [
    ("POST", "/api/ledger/search"),
    ("GET", "/api/ledger/messages/1"),
    ("POST", "/api/ledger/verify"),
    ("POST", "/api/ledger/reconcile"),
    ("GET", "/api/ledger/export"),
    ("GET", "/api/policy"),
    ("POST", "/api/policy/explain"),
    ("POST", "/api/policy/try"),
    ("POST", "/api/policy/suggest"),
    ("POST", "/api/policy/write"),
    ("POST", "/api/policy/follow"),
    ("POST", "/api/health"),
    ("GET", "/api/stream"),
    ("POST", "/api/approvals/1"),
    ("POST", "/api/code"),
]
COMPANY = {
    "tool": "contacts.search",
    "side": "results",
    "path": "$.matches[*].company",
    "locality": "planner",
}


@pytest.fixture
async def page(tmp_path) -> AsyncIterator[ServedPage]:
    async with served_page(tmp_path, plans=MAIL_PLANS, calls=MAIL_CALLS) as served:
        await _recorded_session(served)
        yield served


async def _recorded_session(served: ServedPage) -> None:
    session, laptop = served.world.session, served.laptop
    record = recorded(lambda _: lambda _: None, laptop.config.record, laptop.policy, laptop.catalogue)
    session.observe = record(session.labeller.vault)
    await session.ask(MAIL)
    served.world.ledger.checkpoint()


async def said(page: ServedPage, method: str, path: str, document: Any = None) -> tuple[int, Any]:
    async with page.http() as http:
        answer = await http.request(method, path, json=document if method == "POST" else None)
        return answer.status_code, answer.json()


def texts(document: Any) -> Iterator[str]:
    match document:
        case str():
            yield document
        case dict():
            for value in document.values():
                yield from texts(value)
        case list():
            for value in document:
                yield from texts(value)


async def test_nothing_of_the_api_is_for_somebody_without_the_key_or_for_another_site(page):
    for wrong in ("wrong", PROGRAMS_KEY):
        async with page.http(authorization=f"Bearer {wrong}") as http:
            for method, path in PATHS:
                answer = await http.request(method, path)
                assert answer.status_code == 401, path
                assert KEY not in answer.text
    for header in ({"origin": "https://evil.example"}, {"host": "evil.example"}, {"origin": "null"}):
        async with page.http(**header) as http:
            for method, path in PATHS:
                assert (await http.request(method, path)).status_code == 403, path
            assert (await http.get("/")).status_code == 403
    async with page.http(origin=page.url) as http:
        assert (await http.get("/api/policy")).status_code == 200


async def test_every_answer_is_kept_from_caches_frames_and_other_sites(page):
    async with page.http() as http:
        finite = [place for place in PATHS if place[1] not in ("/api/stream", "/api/health")]
        answers = [await http.request(method, path, json={}) for method, path in finite]
        answers += [await http.get(path) for path in ("/", "/page/main.js", "/page/app.css", "/page/none.js")]
    for answer in answers:
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        rules = dict(
            rule.strip().partition(" ")[::2] for rule in answer.headers["content-security-policy"].split(";")
        )
        assert rules["default-src"] == "'none'"
        assert rules["frame-ancestors"] == "'none'"
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert "access-control-allow-origin" not in answer.headers


async def test_the_key_is_given_for_a_code_once(page):
    async with page.http() as http:
        code = (await http.post("/api/code")).json()["code"]
    async with page.http(authorization="") as http:
        for path, other in (("origin", "https://evil.example"), ("host", "evil.example")):
            refused = await http.post("/api/key", json={"code": code}, headers={path: other})
            assert refused.status_code == 403
        assert (await http.post("/api/key", json={"code": code})).json() == {"key": KEY}
        for again in ({"code": code}, {"code": None}, {}):
            refused = await http.post("/api/key", json=again)
            assert (refused.status_code, KEY in refused.text) == (403, False)


@pytest.mark.parametrize(
    "path", ["/page/../answers.py", "/page/%2e%2e%2fanswers.py", "/page/index.html.bak", "/page/"]
)
async def test_only_the_pages_own_files_are_served(page, path):
    async with page.http() as http:
        answer = await http.get(path)
    assert answer.status_code == 404


async def test_the_ledger_is_searched_and_a_message_shows_what_was_replaced(page):
    _, found = await said(page, "POST", "/api/ledger/search", {"tool": "mail.send"})
    assert [(row["number"], row["sink"]) for row in found["rows"]] == [(4, "summarizer"), (3, "planner")]
    assert found["messages"] == 4
    _, none = await said(page, "POST", "/api/ledger/search", {"type": "iban"})
    assert none["rows"] == []
    _, message = await said(page, "GET", "/api/ledger/messages/3")
    assert message["earlier"] == 2
    assert message["stayed"]["email"] == 1
    new = [entry for entry in message["entries"] if entry["is_new"]]
    assert [entry["title"] for entry in new] == [
        "plan → caller mail.send",
        "call mail.send",
        "observation mail.send",
    ]
    assert {"handle": "<email:1>"} in new[1]["text"]
    assert not [text for text in texts(message) if "moreau" in text.lower()]
    status, missing = await said(page, "GET", "/api/ledger/messages/99")
    assert (status, "99" in missing["error"]) == (404, True)


async def test_the_ledger_is_verified_reconciled_and_exported(page, tmp_path):
    _, verified = await said(page, "POST", "/api/ledger/verify")
    assert (verified["sound"], verified["entries"], verified["unsigned"]) == (True, 4, 0)
    frames = [Frame("", sent.message) for sent in page.world.capture.requests]
    write_capture(tmp_path / "capture", frames[:3])
    async with page.http() as http:
        answer = (
            await http.post("/api/ledger/reconcile", content=(tmp_path / "capture").read_bytes())
        ).json()
        exported = await http.get("/api/ledger/export")
        nonsense = await http.post("/api/ledger/reconcile", content=b"nonsense")
    assert (answer["complete"], answer["matched"], len(answer["entries"])) == (False, 3, 1)
    assert exported.content == page.laptop.config.ledger.read_bytes()
    assert nonsense.status_code == 422
    page.laptop.config.ledger.write_bytes(exported.content.replace(b'"planner"', b'"planned"'))
    assert (await said(page, "POST", "/api/ledger/verify"))[1]["sound"] is False


async def test_the_policy_says_who_reads_what_and_which_line_decides(page):
    _, policy = await said(page, "GET", "/api/policy")
    assert policy["fixed"] == ""
    tools = {tool["tool"]: tool for tool in policy["tools"]}
    places = {(place["side"], place["path"]): place for place in tools["contacts.search"]["places"]}
    assert places["results", COMPANY["path"]]["readers"] == {"planner": "handle", "summarizer": "handle"}
    _, found = await said(page, "POST", "/api/policy/explain", COMPANY)
    (decides,) = [step for step in found["chain"] if step["decides"]]
    assert decides["text"] == page.policy.read_text("utf-8").splitlines()[decides["line"] - 1].strip()
    assert "planner" in found["words"]


async def test_a_change_is_tried_on_the_last_sessions_then_written_with_comments_kept_and_followed(page):
    before = page.policy.read_text("utf-8")
    _, tried = await said(page, "POST", "/api/policy/try", {"changes": [COMPANY]})
    assert [line["kind"] for line in tried["lines"] if line["kind"] != "same"] == ["gone", "new"]
    assert tried["places"] == [
        {
            "tool": "contacts.search",
            "side": "results",
            "path": COMPANY["path"],
            "was": "handle",
            "now": "planner",
        }
    ]
    assert tried["sessions"]["count"] == len(read_recordings(page.laptop.config.record)) == 1
    (exposed,) = tried["sessions"]["exposed"]
    assert (exposed["path"], exposed["sink"], exposed["fields"]) == (COMPANY["path"], "planner", 1)
    assert page.policy.read_text("utf-8") == before

    status, refused = await said(page, "POST", "/api/policy/write", {"changes": [COMPANY], "digest": "other"})
    assert (status, "again" in refused["error"]) == (409, True)
    wanted = {"changes": [COMPANY], "digest": tried["digest"]}
    assert await said(page, "POST", "/api/policy/write", wanted) == (200, {"written": str(page.policy)})
    after = page.policy.read_text("utf-8").splitlines()
    changed = [line for line in after if line not in before.splitlines()]
    assert changed == ['      "$.matches[*].company": {locality: planner, type: company}']
    assert len(after) == len(before.splitlines())
    for policy in (page.laptop.policy, read_policy(page.policy)):
        place = policy.results("contacts.search", None).at(("matches", 0, "company"))
        assert str(place.clearance) == "planner"
    status, _ = await said(page, "POST", "/api/policy/write", wanted)
    assert status == 409


async def test_what_somebody_else_wrote_into_the_file_meanwhile_is_not_overwritten(page):
    _, tried = await said(page, "POST", "/api/policy/try", {"changes": [COMPANY]})
    page.policy.write_text(page.policy.read_text("utf-8") + "# mine\n", "utf-8")
    status, _ = await said(
        page, "POST", "/api/policy/write", {"changes": [COMPANY], "digest": tried["digest"]}
    )
    assert status == 409
    assert page.policy.read_text("utf-8").endswith("# mine\n")
    assert (await said(page, "GET", "/api/policy"))[1]["is_stale"] is True
    assert (await said(page, "POST", "/api/policy/follow"))[0] == 200
    assert (await said(page, "GET", "/api/policy"))[1]["is_stale"] is False


async def test_a_policy_that_is_written_stays_where_it_is_and_its_readers_are_the_same(page, tmp_path):
    real = tmp_path / "elsewhere.yaml"
    page.policy.rename(real)
    page.policy.symlink_to(real)
    real.chmod(0o600)
    _, tried = await said(page, "POST", "/api/policy/try", {"changes": [COMPANY]})
    status, _ = await said(
        page, "POST", "/api/policy/write", {"changes": [COMPANY], "digest": tried["digest"]}
    )
    assert status == 200
    assert page.policy.is_symlink()
    assert "locality: planner, type: company" in real.read_text("utf-8")
    assert real.stat().st_mode & 0o777 == 0o600


async def test_what_the_machine_says_after_the_start_holds(page, tmp_path, monkeypatch):
    machine = tmp_path / "machine.yaml"
    monkeypatch.setattr(machine_config, "machine_config_path", lambda: machine)
    _, tried = await said(page, "POST", "/api/policy/try", {"changes": [COMPANY]})
    machine.write_text(f"require_signed_policy: SHA256:{'A' * 43}\n")
    before = page.policy.read_text("utf-8")
    wanted = {"changes": [COMPANY], "digest": tried["digest"]}
    status, refused = await said(page, "POST", "/api/policy/write", wanted)
    assert (status, "was changed" in refused["error"]) == (422, True)
    assert page.policy.read_text("utf-8") == before


async def test_a_false_positive_has_its_changes(page):
    rule = next(
        rule for rule in page.laptop.policy.tools["contacts.search"].results if rule.path == COMPANY["path"]
    )
    _, found = await said(
        page, "POST", "/api/policy/suggest", {"tool": "contacts.search", "rule": rule.rule_id}
    )
    assert [one["changes"][0]["locality"] for one in found["suggestions"]] == ["planner", "cloud"]
    detector = page.laptop.policy.detect[2]
    _, found = await said(
        page, "POST", "/api/policy/suggest", {"tool": "notes.read", "rule": detector.rule_id}
    )
    *places, detector_dropped = found["suggestions"]
    assert {one["changes"][0]["path"] for one in places} >= {"$.title"}
    _, tried = await said(page, "POST", "/api/policy/try", detector_dropped)
    assert [line["text"].strip() for line in tried["lines"] if line["kind"] == "gone"] == [
        "- {type: phone, pattern: builtin}"
    ]


@pytest.mark.parametrize(
    ("path", "document"),
    [
        ("/api/policy/explain", {}),
        ("/api/policy/explain", {"tool": "a", "side": "sideways", "path": "b"}),
        ("/api/policy/explain", {"tool": "a", "side": "results", "path": "$["}),
        ("/api/policy/try", {"changes": []}),
        ("/api/policy/try", {"changes": [COMPANY] * 51}),
        ("/api/policy/try", {"changes": [{**COMPANY, "locality": "everybody"}]}),
        ("/api/policy/try", {"changes": ["x"]}),
        ("/api/policy/write", {"changes": [{"list": "detect", "index": "0"}]}),
        ("/api/policy/write", []),
        ("/api/ledger/search", "x"),
    ],
)
async def test_what_makes_no_sense_is_refused_plainly(page, path, document):
    status, answer = await said(page, "POST", path, document)
    assert status in (400, 422)
    assert answer["error"]


async def test_bodies_have_a_limit_and_broken_ones_are_refused(page):
    async with page.http() as http:
        assert (await http.post("/api/policy/try", content=b"[" * (1 << 20 | 1))).status_code == 413
        assert (await http.post("/api/policy/try", content=b"[" * 100_000)).status_code == 400
        assert (await http.post("/api/policy/try", content=b"\xff")).status_code == 400


async def test_a_laptop_whose_policy_is_signed_or_built_in_is_not_changed_here(tmp_path):
    async with served_page(tmp_path) as page:
        page.laptop.config = page.laptop.config.with_overrides(require_signed_policy="SHA256:x")
        before = page.policy.read_text("utf-8")
        _, tried = await said(page, "POST", "/api/policy/try", {"changes": [COMPANY]})
        assert "signed" in tried["fixed"]
        wanted = {"changes": [COMPANY], "digest": tried["digest"]}
        assert (await said(page, "POST", "/api/policy/write", wanted))[0] == 409
        assert page.policy.read_text("utf-8") == before


async def test_health_tells_what_the_doctor_finds_as_it_finds_it(page, monkeypatch):
    monkeypatch.setattr("umi_edge.doors.page.health_view.checks_for", lambda config, _: _two_checks(config))
    async with page.http() as http:
        answer = await http.post("/api/health")
    events = [part.split("\n") for part in answer.text.strip().split("\n\n")]
    assert [kind for kind, _ in events][-1] == "event: done"
    found = [json.loads(data.removeprefix("data: ")) for kind, data in events if kind == "event: found"]
    assert {finding["name"] for finding in found} >= {"python", "policy", "ledger"}
    assert {finding["status"] for finding in found} == {"fine"}


def _two_checks(config):
    from umi_edge.diagnosis import checks_for

    return [check for check in checks_for(config, {}) if check.name in ("policy", "ledger")]


async def test_a_fault_tells_its_kind_and_never_what_it_held(page, monkeypatch):
    def broken(*_):
        raise RuntimeError("the secret 4711")

    monkeypatch.setattr(type(page.laptop.policy), "entries", broken)
    status, answer = await said(page, "POST", "/api/policy/explain", COMPANY)
    assert status == 500
    assert "RuntimeError" in answer["error"]
    assert "4711" not in json.dumps(answer)
