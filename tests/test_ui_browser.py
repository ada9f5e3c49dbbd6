"""The page in a real browser: Debian's chromium, driven by Playwright, against running servers.

Without chromium these tests are skipped; with KB_REQUIRE_BROWSER=1 they fail instead.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time

import httpx
import pytest
from ui_fake import HOSTILE, FakeKnowledgeBase

from ingest import ingest_paths
from kb.settings import Settings
from ui.library import Library
from ui.serve import start

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
REQUIRED = os.environ.get("KB_REQUIRE_BROWSER") == "1"

pytestmark = [pytest.mark.browser, pytest.mark.server, pytest.mark.filterwarnings("ignore")]

TEA = (
    "# Tea\n\n## How long should oolong steep?\n\nOolong steeps for three minutes at 90 degrees.\n\n## Who drinks it?\n"
)


@pytest.fixture(scope="session")
def browser():
    if CHROMIUM is None:
        if REQUIRED:
            pytest.fail("KB_REQUIRE_BROWSER=1, and there is no chromium: install the Debian package `chromium`")
        pytest.skip("there is no chromium on this machine: install the Debian package `chromium`")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Starts servers over fakes; all are closed in the end."""
    running = []

    def serve(**options):
        read_only = options.pop("read_only", False)
        fake = FakeKnowledgeBase(tmp_path_factory.mktemp("home"), **options)
        port = free_port()
        running.append(start(Library(fake.settings, kb=fake, read_only=read_only), port=port))
        fake.url = f"http://127.0.0.1:{port}"
        return fake

    yield serve
    for app in running:
        app.close(verbose=False)


@pytest.fixture(scope="module")
def fake(server):
    return server()


@pytest.fixture
def open_page(browser):
    """Opens pages, each as a new user; fails on script errors and on requests to other machines."""
    contexts, outside, errors = [], [], []

    def open_page(url, *, width=1440, height=900, dark=False, storage=None):
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            storage_state=storage,
            accept_downloads=True,
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(30_000)
        host = url.split("/")[2]
        page.on(
            "request",
            lambda r: (
                None if r.url.startswith(("data:", "blob:")) or r.url.split("/")[2] == host else outside.append(r.url)
            ),
        )
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(url)
        page.wait_for_selector("#kb-thread .kb-welcome, #kb-thread .kb-turn")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert outside == [] and errors == []


def ask(page, question, state="answered"):
    before = page.locator("#kb-thread .kb-turn").count()
    page.fill("#kb-box textarea", question)
    page.keyboard.press("Enter")
    page.wait_for_function(f"document.querySelectorAll('#kb-thread .kb-turn').length > {before}")
    page.wait_for_selector(f"#kb-thread .kb-turn:last-child .is-{state}")


def tab(page, name):
    page.get_by_role("tab", name=name, exact=True).first.click()


def test_ask_and_click_a_citation(fake, open_page):
    page = open_page(fake.url)
    assert "3 questions from 1 document" in page.inner_text(".kb-welcome")
    ask(page, "fact about beds")
    assert page.locator("#kb-thread .kb-statement").count() == 3
    assert "93%" in page.inner_text(".kb-statement >> nth=0")
    page.click(".kb-marker >> nth=1")
    page.wait_for_selector(".kb-source.is-focused mark.is-strong")
    assert page.inner_text("mark.is-strong") == "Second fact about gardens."
    assert "garden.md, lines 10–15" in page.inner_text(".kb-source")
    page.wait_for_function("document.activeElement.matches('.kb-source')")
    page.click("#kb-thread .kb-fold summary")
    assert "no passage says so" in page.inner_text(".kb-rejected")


def test_an_abstention_offers_questions_that_can_be_clicked(fake, open_page):
    page = open_page(fake.url)
    ask(page, "unknown thing", "abstained")
    assert page.locator(".kb-marker").count() == 0
    page.click("#kb-thread .kb-ask >> nth=0")
    page.wait_for_function("document.querySelectorAll('#kb-thread .kb-turn').length === 2")
    assert page.locator("#kb-thread .kb-query-text").all_inner_texts() == ["unknown thing", "How deep are beds?"]


def test_an_example_can_be_clicked(fake, open_page):
    page = open_page(fake.url)
    page.click(".kb-welcome .kb-ask >> nth=0")
    page.wait_for_selector("#kb-thread .is-answered")


def test_errors_say_what_to_do_and_the_chat_goes_on(fake, open_page):
    page = open_page(fake.url)
    ask(page, "fail now", "failed")
    assert "What to do: Start it." in page.inner_text("#kb-thread [role=alert]")
    ask(page, "crash now", "failed")
    assert "secret" not in page.inner_text("#kb-thread")
    ask(page, "fact again")
    page.fill("#kb-box textarea", "x" * 2001)
    page.keyboard.press("Enter")
    page.wait_for_selector("#kb-notice .is-warning")
    assert page.input_value("#kb-box textarea") == "x" * 2001


def test_stop_ends_the_generation_and_keeps_what_was_checked(server, open_page):
    fake = server(delay=0.5, n_statements=50)
    page = open_page(fake.url)
    page.fill("#kb-box textarea", "fact slow")
    page.keyboard.press("Enter")
    page.wait_for_selector("#kb-live .kb-statement")
    assert page.locator("#kb-send").is_hidden()
    page.click("#kb-stop")
    page.wait_for_selector("#kb-thread .is-stopped .kb-statement")
    assert fake.closed.wait(5) and fake.running == 0
    count = page.locator(".kb-statement").count()
    time.sleep(1.2)
    assert page.locator(".kb-statement").count() == count < 10
    fake.delay, fake.n_statements = 0.0, 3
    page.click("[data-act=retry]")
    page.wait_for_selector("#kb-thread .is-answered")
    assert page.locator("#kb-thread .kb-turn").count() == 1


def test_closing_the_tab_ends_the_generation(server, open_page):
    fake = server(delay=0.3, n_statements=200)
    page = open_page(fake.url)
    page.fill("#kb-box textarea", "fact slow")
    page.keyboard.press("Enter")
    page.wait_for_selector("#kb-live .kb-statement")
    page.close()
    assert fake.closed.wait(20) and fake.running == 0


def test_the_queue_shows_a_position(server, open_page):
    fake = server(delay=1.0)
    object.__setattr__(fake.settings.llm, "max_concurrent", 8)
    page = open_page(fake.url)
    body = {"data": ["fact", [], ""]}
    with httpx.Client(timeout=60) as http:
        for _ in range(12):
            http.post(f"{fake.url}/gradio_api/call/ask", json=body)
        page.fill("#kb-box textarea", "fact late")
        page.keyboard.press("Enter")
        page.wait_for_selector("#kb-live .kb-progress")
        page.wait_for_function(
            "/(queue|ahead|\\d+\\s*\\/\\s*\\d+)/i.test(document.querySelector('#kb-main').innerText)", timeout=15_000
        )
        page.wait_for_selector("#kb-thread .is-answered", timeout=60_000)


def test_a_full_queue_is_an_error_that_passes(server, open_page):
    fake = server(delay=1.5)
    page = open_page(fake.url)
    with httpx.Client(timeout=60) as http:
        codes = [
            http.post(f"{fake.url}/gradio_api/call/ask", json={"data": ["fact", [], ""]}).status_code
            for _ in range(180)
        ]
        assert 503 in codes
        fake.delay = 0.0
        ask(page, "fact late", "failed")
    assert "Too many questions are waiting" in page.inner_text("#kb-thread")
    page.wait_for_selector("#kb-send")
    time.sleep(3)
    page.click("[data-act=retry]")
    page.wait_for_selector("#kb-thread .is-answered", timeout=60_000)


def test_history_survives_a_reload_with_its_citations(fake, open_page):
    page = open_page(fake.url)
    ask(page, "fact kept")
    ask(page, "fact follow-up")
    page.reload()
    page.wait_for_selector("#kb-thread .kb-turn")
    assert page.locator("#kb-thread .kb-turn").count() == 2
    page.click(".kb-marker >> nth=0")
    page.wait_for_selector(".kb-source.is-focused")
    page.click("#kb-new")
    page.wait_for_selector(".kb-welcome")
    ask(page, "fact other chat")
    page.click("#kb-chats input")
    page.get_by_role("option", name="fact kept").click()
    page.wait_for_function("document.querySelectorAll('#kb-thread .kb-turn').length === 2")
    page.click("#kb-delete")
    page.wait_for_selector(".kb-welcome")


def test_another_browser_sees_nothing_of_it(fake, open_page):
    page = open_page(fake.url)
    ask(page, "fact private")
    other = open_page(fake.url)
    assert other.locator(".kb-turn").count() == 0
    other.click("#kb-chats input")
    assert "private" not in other.inner_text("body")


def test_edit_replaces_the_question_and_what_follows(fake, open_page):
    page = open_page(fake.url)
    ask(page, "fact one")
    ask(page, "fact two")
    page.click("[data-act=edit] >> nth=0")
    page.wait_for_selector(".kb-editing")
    page.wait_for_function("document.querySelector('#kb-box textarea').value === 'fact one'")
    page.fill("#kb-box textarea", "fact three")
    page.keyboard.press("Enter")
    page.wait_for_function("document.querySelectorAll('#kb-thread .kb-turn').length === 1")
    assert page.inner_text("#kb-thread .kb-query-text") == "fact three"


def test_feedback_with_a_comment_reaches_the_home(fake, open_page):
    page = open_page(fake.url)
    ask(page, "fact rated")
    page.click("[data-act=down]")
    page.fill(".kb-comment input", HOSTILE)
    page.keyboard.press("Enter")
    page.wait_for_selector(".kb-thanks")
    lines = (fake.settings.home / "feedback.jsonl").read_text().splitlines()
    found = [json.loads(line) for line in lines if "fact rated" in line]
    assert [(line["rating"], line["comment"]) for line in found] == [("down", HOSTILE)]
    assert page.evaluate("window.hacked") is None


def test_copy_and_export(fake, open_page):
    page = open_page(fake.url)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    ask(page, "fact copied")
    page.click("[data-copy=turn]")
    page.wait_for_selector(".is-done")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert "fact copied: statement 0. [1]" in copied and "93%" not in copied
    for button, needle in (
        ("#kb-export-md", "> First fact about gardens."),
        ("#kb-export-json", '"quote": "First fact about gardens."'),
    ):
        with page.expect_download() as download:
            page.click(button)
        assert needle in download.value.path().read_text("utf-8")


def test_hostile_text_is_inert_everywhere(server, open_page):
    fake = server(hostile=True)
    page = open_page(fake.url)
    ask(page, f"fact {HOSTILE}")
    page.click(".kb-marker >> nth=0")
    page.click("[data-act=up]")
    page.wait_for_selector(".kb-comment")
    page.click(".kb-backend summary")
    tab(page, "Library")
    page.wait_for_selector("#kb-documents table")
    page.click("[data-act=remove]")
    page.wait_for_selector("#kb-confirm-yes")
    for name, wanted in (
        ("Questions", ".kb-questions button"),
        ("Review", "table.kb-data >> visible=true"),
        ("Map", ".kb-map circle"),
        ("Evaluation", "#kb-evaluation .kb-empty"),
    ):
        tab(page, name)
        page.locator(wanted).first.wait_for()
    tab(page, "Questions")
    page.click(".kb-questions button >> nth=0")
    page.wait_for_selector(".kb-detail")
    page.wait_for_timeout(500)
    assert page.evaluate("window.hacked") is None
    assert (
        page.locator(
            "#kb-thread img, .kb-data img, .kb-detail img, .kb-detail a, #kb-thread a, #kb-thread script"
        ).count()
        == 0
    )


def test_the_library_looks_after_questions_review_map_and_retrieval(fake, open_page):
    page = open_page(fake.url)
    tab(page, "Library")
    page.wait_for_selector("#kb-documents table")
    tab(page, "Questions")
    page.wait_for_selector(".kb-questions button")
    page.fill("#kb-question-search textarea, #kb-question-search input", "ferns")
    page.wait_for_function("document.querySelectorAll('.kb-questions button').length === 1")
    page.click(".kb-questions button")
    page.wait_for_selector(".kb-detail")
    assert "In the shade." in page.inner_text(".kb-detail")
    tab(page, "Review")
    page.wait_for_selector("text=What about frost?")
    tab(page, "Retrieval test")
    page.fill("#kb-probe-box textarea", "beds")
    page.click("#kb-probe-go")
    page.wait_for_selector(".kb-gauge")
    tab(page, "Map")
    page.wait_for_selector(".kb-map circle")
    page.hover(".kb-map circle >> nth=0", force=True)
    page.wait_for_selector(".kb-tip:not([hidden])")
    assert "garden.md" in page.inner_text(".kb-tip")


def test_read_only_offers_no_change(server, open_page):
    page = open_page(server(read_only=True).url)
    assert "read only" in page.inner_text("#kb-header")
    tab(page, "Library")
    page.wait_for_selector("#kb-documents table")
    assert page.locator("input[type=file], [data-act=remove]").count() == 0


@pytest.mark.parametrize("dark", [False, True])
def test_a_narrow_screen_has_no_sideways_scrolling_and_opens_sources_as_a_sheet(fake, open_page, dark):
    page = open_page(fake.url, width=390, height=844, dark=dark)
    ask(page, "fact narrow")
    assert page.locator("#kb-sources").is_hidden()
    page.click(".kb-marker >> nth=0")
    page.wait_for_selector("#kb-sources .is-focused")
    page.keyboard.press("Escape")
    page.wait_for_function("getComputedStyle(document.querySelector('#kb-side')).visibility === 'hidden'")
    tab(page, "Library")
    page.wait_for_selector("#kb-documents table")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_the_keyboard_is_enough(fake, open_page):
    page = open_page(fake.url)
    ask(page, "fact keys")
    page.focus(".kb-marker >> nth=0")
    page.keyboard.press("Enter")
    page.wait_for_function("document.activeElement.matches('.kb-source')")
    unnamed = page.evaluate(
        "[...document.querySelectorAll('button, input, textarea, select')].filter(e => e.checkVisibility() && "
        "!(e.innerText || e.getAttribute('aria-label') || e.title || (e.labels && e.labels.length) || "
        "e.placeholder)).length"
    )
    assert unnamed == 0


def luminance(colour):
    parts = [int(value) / 255 for value in re.findall(r"\d+", colour)[:3]]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("dark", [False, True])
def test_text_has_contrast(fake, open_page, dark):
    page = open_page(fake.url, dark=dark)
    ask(page, "fact contrast")
    ask(page, "unknown contrast", "abstained")
    for selector in (
        ".kb-statement p",
        ".kb-support",
        ".kb-card h3",
        ".kb-label",
        ".kb-query-text",
        "#kb-send",
        ".kb-marker",
        ".kb-meta",
    ):
        front, back = page.evaluate(
            """selector => { let e = document.querySelector(selector); const front = getComputedStyle(e).color;
            while (e && getComputedStyle(e).backgroundColor === "rgba(0, 0, 0, 0)") e = e.parentElement;
            return [front, e ? getComputedStyle(e).backgroundColor : 'rgb(255,255,255)']; }""",
            selector,
        )
        low, high = sorted((luminance(front), luminance(back)))
        assert (high + 0.05) / (low + 0.05) >= 4.5, (selector, front, back)


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    """`kb serve` as users start it, over a small index; restarts on request."""
    folder = tmp_path_factory.mktemp("real")
    (folder / "tea.md").write_text(TEA, "utf-8")
    home = folder / "home"
    assert ingest_paths([folder / "tea.md"], settings=Settings(home=home)).added == 1
    port = free_port()
    process = []

    def run():
        end()
        command = [sys.executable, "-m", "kb", "--home", str(home), "serve", "--port", str(port)]
        process.append(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline:
            try:
                httpx.get(f"http://127.0.0.1:{port}/config", timeout=2)
            except httpx.HTTPError:
                time.sleep(0.2)
            else:
                return f"http://127.0.0.1:{port}"
        raise AssertionError("kb serve did not come up")

    def end():
        while process:
            process[-1].terminate()
            process.pop().wait(20)

    yield run, end, folder
    end()


def test_kb_serve_answers_uploads_removes_and_remembers_over_a_restart(real, open_page, tmp_path):
    run, end, _ = real
    page = open_page(run())
    ask(page, "How long should oolong steep?")
    assert "three minutes" in page.inner_text("#kb-thread")
    page.click(".kb-marker >> nth=0")
    page.wait_for_selector(".kb-source.is-focused mark")
    assert "three minutes" in page.inner_text(".kb-source mark")

    page.click("#kb-new")
    page.wait_for_selector(".kb-welcome >> text=1 document")
    added = tmp_path / "<img src=x onerror=alert(1)> coffee.md"
    added.write_text(
        "# Coffee\n\n## How hot should coffee water be?\n\nCoffee water should be at 94 degrees.\n", "utf-8"
    )
    tab(page, "Library")
    page.wait_for_selector("#kb-documents table")
    page.set_input_files("input[type=file]", added)
    page.wait_for_selector("#kb-report .is-good", timeout=90_000)
    assert "added" in page.inner_text("#kb-report")
    page.wait_for_function("document.querySelectorAll('#kb-documents tbody tr').length === 2")
    tab(page, "Chat")
    page.wait_for_selector(".kb-welcome >> text=2 documents")
    ask(page, "How hot should coffee water be?")
    assert "94 degrees" in page.inner_text("#kb-thread")

    storage = page.context.storage_state()
    end()
    page = open_page(run(), storage=storage)
    assert page.locator("#kb-thread .kb-turn").count() == 1
    page.click(".kb-turn:last-child .kb-marker >> nth=0")
    page.wait_for_selector(".kb-source.is-focused mark")

    tab(page, "Library")
    page.wait_for_selector("#kb-documents table")
    page.click("#kb-documents tbody tr:has-text('coffee') [data-act=remove]")
    page.wait_for_selector("#kb-confirm-no")
    page.click("#kb-confirm-no")
    page.wait_for_selector("#kb-confirm-yes", state="hidden")
    page.click("#kb-documents tbody tr:has-text('coffee') [data-act=remove]")
    page.click("#kb-confirm-yes")
    page.wait_for_function("document.querySelectorAll('#kb-documents tbody tr').length === 1", timeout=90_000)
    tab(page, "Chat")
    ask(page, "How hot should coffee water be?", "abstained")


def test_a_refused_upload_says_why(real, open_page, tmp_path):
    run, _, _ = real
    page = open_page(run())
    tab(page, "Library")
    page.wait_for_selector("#kb-documents table")
    empty = tmp_path / "empty.md"
    empty.write_text("")
    page.set_input_files("input[type=file]", empty)
    page.wait_for_selector("#kb-report .is-error, .toast-body", timeout=30_000)
