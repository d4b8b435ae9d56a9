"""The page in a real Chromium: by keyboard, against hostile texts, and the whole way from a question to the outbox."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol

import openai
import pytest
from playwright.async_api import Browser, Page, Route, async_playwright, expect

from tests.end_to_end.page.served import MAIL, PROGRAMS_KEY, ServedPage, served_page
from tests.end_to_end.test_session_flows import MAIL_CALLS, MAIL_PLANS
from umi_edge.doors.step import Happened, Piece, Seen
from umi_edge.session.consent import ConsentRequest, DecidedBy, Provenance
from umi_edge.session.events import Answered
from umi_edge.tools.running_call import QuestionField, ServerQuestion

ALICE = "alice.moreau@example.org"
HOSTILE = "</script><script>window.hit=1</script><img src=x onerror='window.hit=1'>\u202eabc\x1b[2J"
YOURS = {"to": Provenance(decided_by=DecidedBy.YOU, said=("you typed it",))}
VIEWS = {"Live": "live", "Approvals": "approvals", "Ledger": "ledger", "Policy": "policy", "Health": "health"}


def chromium_found() -> str:
    """The browser of this machine; without one the test is skipped."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        pytest.skip("no Chromium is installed, in which the page would be opened")
    return found


@pytest.fixture(scope="module")
def chromium() -> str:
    return chromium_found()


class Opens(Protocol):
    """Something with a page."""

    @property
    def home(self) -> str:
        """The address that opens it once."""


@dataclass
class Tab:
    """A tab with the page, and what the browser complained of."""

    page: Page
    complaints: list[str] = field(default_factory=list)

    async def to(self, view: str) -> None:
        await self.page.get_by_role("link", name=view).first.click()
        await expect(self.page.get_by_role("heading", level=1)).to_have_text(view)


@asynccontextmanager
async def tabs(
    chromium: str, served: Opens, *, count: int = 1, dark: bool = False
) -> AsyncIterator[list[Tab]]:
    async with async_playwright() as playwright:
        browser: Browser = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        context = await browser.new_context(color_scheme="dark" if dark else "light")
        context.set_default_timeout(15_000)
        opened = []
        for _ in range(count):
            tab = Tab(await context.new_page())
            tab.page.on("console", lambda said, tab=tab: tab.complaints.append(said.text))
            tab.page.on("pageerror", lambda error, tab=tab: tab.complaints.append(str(error)))
            tab.page.on("dialog", lambda dialog, tab=tab: tab.complaints.append(dialog.message))
            await tab.page.goto(served.home)
            await expect(tab.page.get_by_text("Connected", exact=True)).to_be_visible(timeout=15_000)
            opened.append(tab)
        yield opened
        await browser.close()
        assert [complaint for tab in opened for complaint in tab.complaints] == []


@pytest.fixture
async def served(tmp_path, monkeypatch) -> AsyncIterator[ServedPage]:
    monkeypatch.setattr("umi_edge.doors.page.health_view.checks_for", _quick_checks)
    async with served_page(tmp_path, plans=MAIL_PLANS, calls=MAIL_CALLS) as one:
        yield one


def _quick_checks(config, _):
    from umi_edge.diagnosis import checks_for

    return [check for check in checks_for(config, {}) if check.name in ("policy", "ledger")]


async def test_the_openai_client_asks_the_page_approves_the_mail_is_in_the_outbox_and_the_ledger_shows_what_left(
    served, chromium
):
    async with (
        tabs(chromium, served) as [tab],
        openai.AsyncOpenAI(base_url=f"{served.url}/v1", api_key=PROGRAMS_KEY) as client,
    ):
        work = asyncio.create_task(
            client.chat.completions.create(model="umi", messages=[{"role": "user", "content": MAIL}])
        )
        await tab.to("Approvals")
        card = tab.page.locator("form.question")
        await expect(card.get_by_role("heading")).to_have_text("May mail.send do this?")
        await expect(card.locator("dd").last).to_contain_text(ALICE)
        assert not list((served.folder / "home" / "outbox").glob("new/*"))
        await card.get_by_role("button", name="Approve").click()
        answer = await work
        assert ALICE in (answer.choices[0].message.content or "")
        (letter,) = (served.folder / "home" / "outbox" / "new").iterdir()
        assert ALICE.encode() in letter.read_bytes()

        await tab.to("Ledger")
        await tab.page.get_by_label("Names the tool").fill("mail.send")
        await tab.page.get_by_role("button", name="Search").click()
        rows = tab.page.locator("table.rows tbody tr")
        await expect(rows).to_have_count(2)
        await tab.page.get_by_role("button", name="to the planner").first.click()
        detail = tab.page.get_by_role("region", name="One message")
        await expect(detail).to_contain_text("<email:1>")
        assert ALICE not in await detail.inner_text()
        await tab.page.get_by_role("button", name="Verify").click()
        await expect(tab.page.get_by_text("Whole, unchanged and signed")).to_be_visible()


async def test_everything_is_reached_and_a_call_is_approved_by_keyboard_alone(served, chromium):
    async with tabs(chromium, served) as [tab]:
        page = tab.page
        work = asyncio.create_task(served.session().ask(MAIL))
        await expect(page.get_by_text("A question waits for your answer")).to_be_visible()
        await _tab_to(page, "a#asks")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", level=1)).to_be_focused()
        await expect(page.locator("form.question button[type=submit]")).to_be_enabled()  # after a moment
        await _tab_to(page, "form.question button[type=submit]")
        await page.keyboard.press("Enter")
        assert isinstance(await work, Answered)
        for view, name in VIEWS.items():
            await _tab_to(page, f"nav a[href='#/{name}']")
            await page.keyboard.press("Enter")
            await expect(page.get_by_role("heading", level=1)).to_have_text(view)
        await page.evaluate("location.hash = '#/policy'")
        await _tab_to(page, "details.tool summary")
        await page.keyboard.press("Enter")
        await _tab_to(page, "button.path")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", name="Which line decides")).to_be_visible()


async def test_who_stands_on_a_link_keeps_their_place_when_something_asks_and_when_it_is_answered(
    served, chromium
):
    async with tabs(chromium, served) as [tab]:
        page = tab.page
        await _tab_to(page, "nav a[href='#/approvals']")
        work = asyncio.create_task(served.session().ask(MAIL))
        await expect(page.get_by_role("link", name="Approvals")).to_contain_text("1")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", level=1)).to_have_text("Approvals")

        said = asyncio.Event()

        async def after_that(route: Route) -> None:
            await said.wait()
            await route.continue_()

        await page.route("**/api/approvals/*", after_that)
        await expect(page.locator("form.question button[type=submit]")).to_be_enabled()
        await _tab_to(page, "form.question button[type=submit]")
        await page.keyboard.press("Enter")
        await _tab_to(page, "nav a[href='#/health']")
        said.set()
        await expect(page.get_by_text("You approved it.").first).to_be_attached()
        assert isinstance(await work, Answered)
        await expect(page.locator("nav a[href='#/health']")).to_be_focused()


async def _tab_to(page: Page, selector: str) -> None:
    """Press Tab until that element has the focus."""
    await page.locator(selector).first.wait_for()
    for _ in range(80):
        if await page.evaluate("s => document.activeElement?.matches(s) ?? false", selector):
            return
        await page.keyboard.press("Tab")
    pytest.fail(f"{selector} is not reached by Tab")


async def test_neither_the_key_nor_a_code_is_in_the_address(served, chromium):
    async with tabs(chromium, served) as [tab]:
        assert tab.page.url == f"{served.url}/#/live"
        assert await tab.page.evaluate("history.length") <= 2
        assert await tab.page.evaluate("document.cookie + localStorage.length") == "0"
        await tab.page.reload()
        await expect(tab.page.get_by_text("Connected", exact=True)).to_be_visible()


async def test_an_address_that_the_browser_has_kept_opens_nothing(served, chromium):
    async with tabs(chromium, served) as [tab]:
        spent = f"{served.url}/#code={served.page.key.code()}"
        assert served.page.key.is_exchanged(spent.partition("#code=")[2])
        other = await tab.page.context.new_page()
        for address in (served.url, spent):
            await other.goto(address)
            await expect(other.get_by_role("heading", level=1)).to_have_text("This page needs umi’s key")


async def test_a_tab_sends_its_key_to_no_other_program_at_that_port(served, chromium):
    async with tabs(chromium, served) as [tab]:
        sent = []
        tab.page.on("request", lambda request: sent.append(request.headers.get("authorization", "")))
        served.page.key.text = "another umi, or another program"
        await tab.page.get_by_role("link", name="Policy").first.click()
        await expect(tab.page.get_by_role("heading", level=1)).to_have_text("This page needs umi’s key")
        assert sent
        assert not [one for one in sent if one]
        assert await tab.page.evaluate("sessionStorage.length") == 0


async def test_a_second_tab_is_told_what_was_decided_in_the_first(served, chromium):
    async with tabs(chromium, served, count=2) as [first, second]:
        for tab in (first, second):
            await tab.to("Approvals")
        work = asyncio.create_task(served.session().ask(MAIL))
        for tab in (first, second):
            await expect(tab.page.locator("form.question")).to_have_count(1)
        await first.page.get_by_role("button", name="Decline").click()
        await expect(first.page.get_by_text("You declined it.").last).to_be_visible()
        await expect(second.page.locator("form.question")).to_have_count(0)
        await expect(second.page.get_by_text("It was answered elsewhere").first).to_be_visible()
        await work
    assert not list((served.folder / "home" / "outbox").glob("new/*"))


async def test_a_lost_connection_says_of_no_question_that_it_was_answered(served, chromium):
    async with tabs(chromium, served) as [tab]:
        await tab.to("Approvals")
        work = asyncio.create_task(served.session().ask(MAIL))
        await expect(tab.page.locator("form.question")).to_have_count(1)
        await tab.page.route("**/api/proof?*", lambda route: route.abort())
        await served.page.stop()
        await expect(tab.page.get_by_text("Not connected: trying again")).to_be_visible()
        await expect(tab.page.locator("form.question")).to_have_count(0)
        await expect(tab.page.get_by_text("answered elsewhere")).to_have_count(0)
        tab.complaints.clear()  # of the requests that this test let fail
        work.cancel()
        await asyncio.wait([work])


async def test_a_second_click_approves_nothing_that_has_just_come_up_in_its_place(served, chromium):
    async with tabs(chromium, served) as [tab]:
        await tab.to("Approvals")
        questions = served.approvals.of("c", "chat")
        call = ConsentRequest(
            tool="a.b", arguments={"to": "x"}, reasons=(), leaves_device=False, provenance=YOURS
        )
        work = [asyncio.create_task(questions.approve(call)) for _ in range(2)]
        await expect(tab.page.locator("form.question")).to_have_count(2)
        approve = tab.page.get_by_role("button", name="Approve").first
        await expect(approve).to_be_enabled()
        box = await approve.bounding_box()
        assert box is not None
        for _ in range(6):
            await tab.page.mouse.click(box["x"] + 5, box["y"] + 5)
        await expect(tab.page.locator("form.question")).to_have_count(1)
        assert [one.done() for one in work] == [True, False]
        await tab.page.get_by_role("button", name="Approve").click()  # after a moment it is one
        assert await asyncio.gather(*work) == [True, True]


async def test_a_value_that_should_not_have_stayed_is_let_out_in_two_clicks(served, chromium):
    async with tabs(chromium, served) as [tab]:
        work = asyncio.create_task(served.session().ask(MAIL))
        company = tab.page.get_by_role("button", name="Atelier Moreau")
        await company.first.click()
        await expect(tab.page.locator("dialog .diff-new")).to_contain_text("locality: planner, type: company")
        await tab.page.get_by_role("button", name="Write it").click()
        await expect(tab.page.get_by_text("✓ Written.")).to_be_visible()
        assert '"$.matches[*].company": {locality: planner, type: company}' in served.policy.read_text(
            "utf-8"
        )
        work.cancel()
        await asyncio.wait([work])


async def test_hostile_texts_stay_texts_in_every_view(served, chromium):
    long = HOSTILE + "A" * 100_000
    seen = (Seen("planner", (Piece(long, long), Piece("<x:1>", HOSTILE, stayed=True))),)
    served.live.add(f"c{HOSTILE}", f"d{HOSTILE}", Happened(kind="begun", by="you", words=HOSTILE))
    for kind in (
        "instruction",
        "plan",
        "call",
        "result",
        "failure",
        "refused",
        "progress",
        "answer",
        "ended",
    ):
        what = Happened(kind=kind, by=f"tool:{HOSTILE}", tool=HOSTILE, words=HOSTILE, seen=seen)
        served.live.add(f"c{HOSTILE}", f"d{HOSTILE}", what)
    call = ConsentRequest(tool=HOSTILE, arguments={HOSTILE: long}, reasons=(HOSTILE,), leaves_device=True)
    fields = (
        QuestionField(name=HOSTILE, title=HOSTILE, description=HOSTILE, kind="text"),
        QuestionField(name="b", title="b", kind="choice", choices={HOSTILE: HOSTILE}),
    )
    asked = ServerQuestion(server=HOSTILE, message=long, fields=fields)
    link = ServerQuestion(server=HOSTILE, message="x", url="javascript:window.hit=1")
    async with tabs(chromium, served, dark=True) as [tab]:
        questions = served.approvals.of(HOSTILE, HOSTILE)
        work = [
            asyncio.create_task(questions.approve(call)),
            asyncio.create_task(questions.answer(asked)),
            asyncio.create_task(questions.answer(link)),
            asyncio.create_task(questions.reply(long)),
        ]
        await expect(tab.page.get_by_text("<script>window.hit=1</script>").first).to_be_visible()
        await tab.page.locator("button.stayed").first.click()
        await tab.page.get_by_role("button", name="Close").click()
        await tab.to("Approvals")
        await expect(tab.page.locator("form.question")).to_have_count(4)
        replies = tab.page.locator("form.question-reply")
        await replies.get_by_label("Your reply").fill(HOSTILE)
        await replies.get_by_role("button", name="Answer").click()
        assert await work.pop() == HOSTILE
        opens = tab.page.locator("form.question-question").last
        await opens.get_by_role("checkbox").check()
        await opens.get_by_role("button", name="Open it").click()
        await expect(tab.page.locator("form.question")).to_have_count(2)
        shown = await tab.page.locator("main").inner_text()
        assert "\u202e" not in shown
        assert "\x1b" not in shown
        for view in ("Ledger", "Policy", "Health"):
            await tab.to(view)
        assert await tab.page.evaluate("window.hit") is None
        assert await tab.page.locator("main script, main img").count() == 0
        for one in work:
            one.cancel()
        await asyncio.wait(work)


async def test_the_views_show_themselves_in_light_and_dark(served, chromium):
    for dark in (False, True):
        async with tabs(chromium, served, dark=dark) as [tab]:
            for view in VIEWS:
                await tab.to(view)
            await expect(tab.page.get_by_role("main").get_by_text("All is well.")).to_be_visible()
            paper = await tab.page.evaluate("getComputedStyle(document.body).backgroundColor")
            assert (sum(map(int, paper.removeprefix("rgb(").removesuffix(")").split(","))) < 200) is dark
            assert await tab.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
