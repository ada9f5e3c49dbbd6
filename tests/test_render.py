"""What the UI shows: invariants of the HTML, and that no text can become markup. Nothing here needs Gradio."""

import dataclasses
import json
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ui_fake import ANSWER, HOSTILE, FakeKnowledgeBase

from ingest.types import DocumentAction, DocumentReport, IngestReport
from kb.errors import DocumentError
from kb.types import Answer, AnswerEvent, Citation, Outcome, Reason, Stage, Statement
from ui import plots, render, render_library
from ui.chats import Chat, ChatStore, is_id, new_id
from ui.export import chat_json, chat_markdown
from ui.markup import esc, inline, prose
from ui.records import put_feedback
from ui.turns import ChatTurn, Problem, State, advance, failed, history, stopped
from ui.uploads import Limits, check, safe_name, store_bytes, store_file

TAGS = set(
    [
        "article",
        "button",
        "circle",
        "code",
        "dd",
        "details",
        "div",
        "dl",
        "dt",
        "em",
        "figcaption",
        "figure",
        "h1",
        "h2",
        "h3",
        "h4",
        "iframe",
        "input",
        "label",
        "li",
        "line",
        "mark",
        "ol",
        "p",
        "path",
        "pre",
        "q",
        "section",
        "span",
        "strong",
        "b",
        "summary",
        "svg",
        "table",
        "tbody",
        "td",
        "th",
        "thead",
        "tr",
        "ul",
        "caption",
    ]
)
ATTRIBUTES = set(
    [
        "class",
        "id",
        "type",
        "title",
        "tabindex",
        "role",
        "hidden",
        "for",
        "maxlength",
        "autocomplete",
        "scope",
        "style",
        "viewbox",
        "d",
        "x1",
        "x2",
        "y1",
        "y2",
        "cx",
        "cy",
        "r",
        "focusable",
        "sandbox",
        "srcdoc",
    ]
)
VOID = {"input"}


class Checker(HTMLParser):
    """Reads HTML as a browser would and holds it against what our own templates may contain."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open, self.text, self.marked, self.found = [], "", [], []

    def handle_starttag(self, tag, attrs):
        assert tag in TAGS, f"<{tag}>"
        for name, value in attrs:
            assert name in ATTRIBUTES or name.startswith(("data-", "aria-")), f"{name}={value!r}"
            if name == "style":
                assert not set(value) - set("abcdefghijklmnopqrstuvwxyz:%-.0123456789;"), value
        self.found.append((tag, dict(attrs)))
        if tag == "mark":
            self.marked.append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, f"</{tag}>"

    def handle_data(self, data):
        self.text += data
        if "mark" in self.open:
            self.marked[-1] += data

    def handle_comment(self, data):
        raise AssertionError(f"comment: {data}")

    handle_decl = handle_pi = unknown_decl = handle_comment


def read(html):
    checker = Checker()
    checker.feed(html)
    checker.close()
    assert not checker.open, checker.open
    return checker


def tags(html, tag, **wanted):
    return [attrs for name, attrs in read(html).found if name == tag and wanted.items() <= attrs.items()]


nasty = st.one_of(
    st.text(max_size=60),
    st.sampled_from([HOSTILE, "<script>", '" onmouseover="x', "' x='", "</div>", "<!--", "]]>", "&#60;b&#62;"]),
    st.text("`*_#-|<>&\"' \n\t$.{}[]()!ab", max_size=80),
)  # fmt: skip


@given(nasty)
def test_any_text_stays_text(text):
    shown = read(esc(text))
    assert not shown.found
    kept = "".join(c for c in text if c in "\n\t" or c.isprintable())
    assert "".join(c for c in shown.text if c.isprintable() or c in "\n\t") == "".join(
        c for c in kept if c not in "\u200e\u200f\u061c"
    ) or any(0xD800 <= ord(c) < 0xE000 for c in text)


@given(nasty, st.lists(st.tuples(st.integers(0, 90), st.integers(0, 90)), max_size=4), st.data())
@settings(max_examples=300)
def test_prose_shows_every_word_and_marks_only_what_it_is_told(text, spans, data):
    """Whatever the text is: the HTML is ours, no word is lost, and marks cover nothing but the spans."""
    shown = read(prose(text, spans))
    plain = [c for c in text if c.isalnum()]
    inside = [c for c in shown.text.replace("Copy", "", text.count("```") + text.count("~~~")) if c.isalnum()]
    assert len(inside) >= len([c for c in plain if c.isascii()]) - 4 * (text.count("`") + text.count("~")) - 40
    covered = {i for a, b in spans for i in range(max(a, 0), min(b, len(text)))}
    for part in shown.marked:
        assert part.strip() == "" or any(c in part for i in covered for c in text[i])


@given(st.text("ab \n`*#-|.", min_size=1, max_size=60), st.data())
@settings(max_examples=300)
def test_a_mark_survives_all_formatting(text, data):
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    marked = "".join(read(prose(text, [(start, end)])).marked)
    wanted = [c for c in text[start:end] if c in "ab"]
    fence_info = any(line.lstrip().startswith("```") for line in text.split("\n"))
    assert [c for c in marked if c in "ab"] == wanted or fence_info


def test_prose_knows_code_lists_emphasis_and_leaves_links_and_images_alone():
    html = prose(
        "# Title\n\n- one `x<y`\n- **two**\n\n[a](javascript:b) ![i](http://h/x.png)\n\n```py\na < b\n```\n| a | b |"
    )
    shown = read(html)
    names = [tag for tag, _ in shown.found]
    assert {"ul", "li", "code", "strong", "pre"} <= set(names)
    assert "a" not in names and "img" not in names
    assert "[a](javascript:b) ![i](http://h/x.png)" in shown.text
    assert "a < b" in shown.text and "x<y" in shown.text and "| a | b |" in shown.text


def test_prose_joins_hard_wrapped_lines_and_keeps_broken_ones():
    wrapped = "This sentence was wrapped by an editor at a width of\nsixty characters or so: no break that was meant."
    assert "width of sixty" in read(prose(wrapped)).text
    assert "roses\nviolets" in read(prose("roses\nviolets\nlilies")).text


def test_an_unclosed_fence_is_code_to_the_end():
    assert "x = 1\ny = 2" in read(prose("```\nx = 1\ny = 2")).text


def test_inline_is_one_line():
    assert read(inline("What is\n`a < b`?")).text == "What is a < b?"


@pytest.fixture
def fake(tmp_path):
    return FakeKnowledgeBase(tmp_path)


def turn_of(fake, query):
    turn = ChatTurn(id=new_id(), query=query)
    for event in fake.stream(query):
        turn = advance(turn, event)
    return dataclasses.replace(turn, passages={"e1": fake.entries()[0].answer})


def test_statements_appear_one_by_one(fake):
    counts = []
    turn = ChatTurn(id="t", query="fact")
    for event in fake.stream("fact"):
        turn = advance(turn, event)
        html = render.turn_html(turn)
        counts.append(len(tags(html, "button", **{"class": "kb-marker"})))
        assert ("aria-busy" in html) == (event.stage is not Stage.DONE)
    assert counts == [0, 0, 1, 2, 3, 3, 3]


def test_render_of_events_is_the_turn(fake):
    assert "fact: statement 2." in read(render.render("fact", list(fake.stream("fact")))).text


def test_answer_abstention_and_error_look_different(fake):
    answered = render.turn_html(turn_of(fake, "fact"))
    abstained = render.turn_html(turn_of(fake, "unknown"))
    broken = render.turn_html(failed(ChatTurn(id="t", query="q"), Problem("No answer from it.", "Start it.")))
    assert "is-answered" in answered and "kb-card" not in answered
    assert "is-abstained" in abstained and not tags(abstained, "button", **{"class": "kb-marker"})
    assert [b["data-ask"] for b in tags(abstained, "button", **{"class": "kb-ask"})] == [
        "How deep are beds?",
        "Where do `ferns` grow?",
    ]
    assert tags(broken, "div", role="alert") and "No answer from it." in broken and "Start it." in broken
    assert 'role="alert"' not in abstained and 'role="alert"' not in answered


@pytest.mark.parametrize("reason", list(Reason))
def test_each_reason_to_abstain_has_its_title(reason):
    answer = Answer("q", Outcome.ABSTAINED, reason, (), (), "No.", (), 0.1, "b", None, (), {})
    html = render.turn_html(advance(ChatTurn(id="t", query="q"), AnswerEvent(Stage.DONE, answer)))
    assert len(tags(html, "h3")) == 1


def test_support_and_reason_stand_by_each_statement_and_rejected_ones_in_a_fold(fake):
    html = render.turn_html(turn_of(fake, "fact"))
    assert [span["title"] for span in tags(html, "span", **{"class": "kb-support"})] == [
        "Support 0.93: said by the passage"
    ] * 3
    assert len(tags(html, "details")) == 1
    assert "no passage says so" in read(html).text


def test_sources_highlight_exactly_the_quotes_and_the_clicked_one_more(fake):
    turn = turn_of(fake, "fact")
    html = render.sources_html(turn, focus=1, statement=1)
    shown = read(html)
    assert "".join(shown.marked) == "First fact about gardens. Second fact about gardens."
    assert [attrs.get("class") for tag, attrs in shown.found if tag == "mark"] == [None, "is-strong"]
    assert "garden.md, lines 10–15" in shown.text and "print('<b>')" in shown.text
    assert len(tags(html, "li", **{"class": "kb-source is-focused"})) == 1


def test_sources_of_a_removed_document_still_show_the_quotes(fake):
    html = render.sources_html(dataclasses.replace(turn_of(fake, "fact"), passages={}))
    assert read(html).marked == ["First fact about gardens.", "Second fact about gardens."]


def test_a_long_source_is_cut_around_the_quote():
    text = "before. " * 2000 + "the quote" + " after." * 2000
    start = text.index("the quote")
    citation = Citation(1, "e", "q", "/a.md", None, "the quote", start, start + 9)
    shown = read(render.passage_html([citation], {"e": text}))
    assert shown.marked == ["the quote"]
    assert len(shown.text) < len(text)


def test_a_follow_up_shows_what_was_searched(fake):
    turn = dataclasses.replace(turn_of(fake, "fact"), searched="fact about beds")
    assert "Searched for: fact about beds" in read(render.turn_html(turn)).text


def all_views(fake, tmp_path):
    """Every piece of HTML that text of documents and users can reach."""
    turns = [turn_of(fake, f"fact {HOSTILE}"), turn_of(fake, f"unknown {HOSTILE}")]
    rated = dataclasses.replace(turns[0], rating="up", comment=HOSTILE, searched=HOSTILE)
    open_form = dataclasses.replace(turns[0], rating="down")
    statement = dataclasses.replace(turns[0].statements[0], text=HOSTILE, reason=HOSTILE, mark="correction")
    turns += [
        rated,
        open_form,
        stopped(ChatTurn(id="x", query=HOSTILE)),
        failed(turns[1], Problem(HOSTILE, HOSTILE)),
    ]
    turns.append(dataclasses.replace(turns[0], statements=(statement,), rejected=(statement,)))
    yield from (render.turn_html(turn) for turn in turns)
    yield from (render.sources_html(turn, focus=1, statement=0) for turn in turns)
    yield render.sources_html(dataclasses.replace(turns[0], passages={}))
    yield render.thread_html(turns)
    yield render.welcome_html([HOSTILE], n_questions=1, n_documents=1)
    yield render.badge_html(HOSTILE, HOSTILE, HOSTILE)
    yield render.header_html(HOSTILE, "", read_only=True)
    yield render.notice_html(HOSTILE)
    entries, questions, review = fake.entries(), fake.questions(), fake.review()
    yield render_library.documents_html(fake.documents(), entries, removable=True)
    yield render_library.remove_question_html(fake.documents()[0], 2)
    yield render_library.progress_html(HOSTILE, 1, 2, title=HOSTILE)
    yield render_library.report_html(report(HOSTILE), dropped=review.dropped)
    yield render_library.question_list_html(questions)
    yield render_library.question_detail_html(questions[0], entries)
    yield render_library.review_gaps_html(review.gaps)
    yield render_library.review_borderline_html(review.borderline)
    yield render_library.review_queries_html(review.unanswered_queries)
    yield render_library.review_feedback_html(review.feedback)
    yield render_library.dropped_html(review.dropped)
    yield render_library.probe_html(fake.probe(HOSTILE), "other")
    yield render_library.evaluation_html(HOSTILE, "today")
    yield plots.map_svg(questions, *fake.question_vectors())
    yield plots.overlap_html(questions)
    yield plots.coverage_html(entries)


def report(text):
    document = DocumentReport(text, DocumentAction.REJECTED, text, 0, text)
    return IngestReport("c", "g", (document,), 1, 0, 0, 0, 1, 3, 3, 0, 2, 1, 0, 10, 8, 2, {text: 2}, 4, 0.5)


def test_hostile_text_is_text_in_every_view(tmp_path):
    """Script tags, event handlers, javascript: links, images, template markers: shown, never obeyed."""
    for html in all_views(FakeKnowledgeBase(tmp_path, hostile=True), tmp_path):
        shown = read(html)
        assert "\u202e" not in html
        for tag, attrs in shown.found:
            assert tag not in ("script", "img", "a"), html
            assert not any(name.startswith("on") for name in attrs), html


def test_the_evaluation_report_runs_no_script():
    frame = tags(render_library.evaluation_html("<script>x</script>", "today"), "iframe")[0]
    assert frame["sandbox"] == "" and frame["srcdoc"] == "<script>x</script>"


@given(nasty)
def test_exported_markdown_loads_nothing(text):
    quote = Citation(1, "e", text, "/a.md", None, text, 0, len(text))
    statement = Statement(text.replace("`", ""), (quote,), 1.0, True, "")
    turn = ChatTurn(id="t", query=text.replace("`", ""), state=State.STOPPED, statements=(statement,))
    written = chat_markdown(
        [dataclasses.replace(turn, statements=(dataclasses.replace(statement, citations=()),))], collection="c"
    )
    assert "<script" not in written and "<img" not in written
    assert not any(f"{mark}[" in written.replace(f"\\{mark}[", "") for mark in "!")
    assert json.loads(chat_json([turn], collection="c"))["turns"][0]["statements"][0]["citations"][0]["quote"] == text


def test_exports_hold_the_citations(fake):
    turn = turn_of(fake, "fact")
    written = chat_markdown([turn], collection="c")
    assert "fact: statement 0. [1]" in written and "> First fact about gardens." in written and "lines 10–15" in written


@given(st.text(max_size=300))
def test_a_file_name_is_never_a_path(name):
    safe = safe_name(name)
    assert safe and "/" not in safe and "\\" not in safe and not safe.startswith(".") and safe != ".."
    assert len(safe.encode()) <= 255
    assert not set(safe) & set('<>:"|?*\0\n')
    assert safe_name(safe) == safe


@pytest.mark.parametrize(
    ("given_name", "expected"),
    [
        ("../../etc/My notes?.MD", "My notes.md"),
        ("C:\\x\\y.txt", "y.txt"),
        (".bashrc.md", "bashrc.md"),
        ("ünï.md", "ünï.md"),
    ],
)
def test_file_names(given_name, expected):
    assert safe_name(given_name) == expected


@pytest.mark.parametrize("name", ["", "..", "///", "\0", "CON.md", "."])
def test_odd_file_names_get_a_name_of_their_own(name):
    assert len(safe_name(name)) > 8


LIMITS = Limits((".md", ".txt"), 1)


def test_uploads_are_limited_in_type_and_size():
    with pytest.raises(DocumentError, match=r"type [.]exe"):
        check("a.exe", 10, LIMITS)
    with pytest.raises(DocumentError, match="more than the limit of 1 MB"):
        check("a.md", 1_000_001, LIMITS)
    with pytest.raises(DocumentError, match="empty"):
        check("a.md", 0, LIMITS)


def test_uploads_of_one_batch_keep_apart_and_a_later_one_replaces(tmp_path):
    source = tmp_path / "in"
    source.write_text("one")
    folder = tmp_path / "up"
    first = store_file(source, "x/a.md", folder, LIMITS)
    second = store_file(source, "y/a.md", folder, LIMITS, taken=[first.name])
    assert (first.name, second.name) == ("a.md", "a (2).md")
    assert store_bytes(b"two", "../a.md", folder, LIMITS) == first
    assert first.read_text() == "two" and sorted(p.name for p in folder.iterdir()) == ["a (2).md", "a.md"]


def test_chats_survive_a_restart_with_their_citations(fake, tmp_path):
    browser, chat = new_id(), new_id()
    turn = turn_of(fake, "fact")
    ChatStore(tmp_path / "chats", "default").put(browser, chat, turn)
    found = ChatStore(tmp_path / "chats", "default").load(browser, chat)
    assert found == Chat(chat, "default", (turn,))
    assert render.sources_html(found.turns[0]) == render.sources_html(turn)


def test_an_id_from_a_client_never_names_another_file(tmp_path):
    store = ChatStore(tmp_path / "chats", "default")
    for bad in ("", "..", "../x", "A" * 32, "0" * 31, new_id() + "/", None):
        assert not is_id(bad)
        with pytest.raises((ValueError, TypeError)):
            store.load(bad, new_id())
        with pytest.raises((ValueError, TypeError)):
            store.load(new_id(), bad)


def test_chats_are_listed_by_browser_and_collection(fake, tmp_path):
    browser = new_id()
    for collection in ("default", "other"):
        ChatStore(tmp_path, collection).put(browser, new_id(), turn_of(fake, f"fact {collection}"))
    assert [title for title, _ in ChatStore(tmp_path, "default").listed(browser)] == ["fact default"]
    assert ChatStore(tmp_path, "default").listed(new_id()) == []


def test_history_is_what_was_answered(fake):
    turns = (turn_of(fake, "fact"), stopped(ChatTurn(id="s", query="x")), turn_of(fake, "unknown"))
    assert [role for role, _ in history(turns)] == ["user", "assistant"] * 2
    assert history(turns)[0] == ("user", "fact")


def test_feedback_is_kept_once_per_turn(fake, tmp_path):
    turn = dataclasses.replace(turn_of(fake, "fact"), rating="up")
    put_feedback(tmp_path, turn)
    put_feedback(tmp_path, dataclasses.replace(turn, comment="good\nthing"))
    lines = [json.loads(line) for line in (tmp_path / "feedback.jsonl").read_text().splitlines()]
    assert [(line["rating"], line["comment"], line["outcome"]) for line in lines] == [("up", "good\nthing", "answered")]
    assert lines[0]["citations"][0]["quote"] in ANSWER


def test_questions_are_filtered_by_words_status_and_document(fake):
    questions = fake.questions()
    found = render_library.filter_questions
    assert [q.id for q in found(questions, text="FERNS grow")] == ["q2"]
    assert [q.id for q in found(questions, status="unanswered")] == ["q3"]
    assert found(questions, source="/other.md") == [] and found(questions, merged=True) == []
    assert len(found(questions)) == 3


def test_the_map_has_a_point_per_question_and_document(fake):
    questions = fake.questions()
    twice = dataclasses.replace(questions[0], sources=("/a.md", "/b.md"))
    svg = plots.map_svg([twice, *questions[1:]], *fake.question_vectors())
    assert len(tags(svg, "circle")) == 4 and len(tags(svg, "line")) == 1
    assert "2" in read(plots.overlap_html([twice, twice])).text


def test_projecting_few_or_equal_vectors_stays_in_the_frame():
    import numpy as np

    for vectors in (np.zeros((0, 4)), np.ones((1, 4)), np.ones((5, 4)), np.ones((3, 1))):
        plane = plots.project(vectors.astype(np.float32))
        assert plane.shape == (len(vectors), 2) and np.all((plane >= 0) & (plane <= 1))
