"""The chat half of the page: the wiring between Gradio's components and `Conversations`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import gradio as gr

from kb.errors import KBError
from ui.app_parts import html
from ui.chats import Chat, is_id, now
from ui.conversations import Conversations
from ui.export import chat_json, chat_markdown
from ui.library import Library
from ui.problems import shown
from ui.render import notice_html, sources_html, thread_html, turn_html, welcome_html

_OPEN_JS = "() => window.kbIds()"
_REMEMBER_JS = "(chat) => { window.kbRemember(chat); }"
_DOWNLOAD_JS = "(name, text) => { window.kbDownload(name, text); }"
_PRIVATE: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
N_EXAMPLES = 5
_NEW = ("New chat", "")
_HIDDEN = ("browser", "chat", "turn", "editing", "file name", "file text")


class _Parts(NamedTuple):
    """The components that the handlers fill."""

    browser: Any
    chat: Any
    turn: Any
    editing: Any
    thread: Any
    live: Any
    notice: Any
    sources: Any
    box: Any
    send: Any
    stop: Any
    chats: Any
    new: Any
    delete: Any
    markdown: Any
    json: Any
    file_name: Any
    file_text: Any


def add_chat(
    app: gr.Blocks, conversations: Conversations, library: Library, bus: gr.HTML, *, queue_name: str
) -> Callable[[Any], None]:
    """Build the chat into the current tab; what is returned takes an event on which the chat is shown anew."""
    parts = _components()
    handlers = _Handlers(conversations, library)
    _wire_asking(parts, handlers, bus, queue_name, library.settings.llm.max_concurrent)
    _wire_chats(app, parts, handlers)
    ids = [parts.browser, parts.chat]
    return lambda event: event(handlers.refresh, ids, parts.thread, queue=False, **_PRIVATE)


def _components() -> _Parts:
    with gr.Row(elem_id="kb-chat"):
        with gr.Column(scale=3, min_width=300, elem_id="kb-main"):
            with gr.Row(elem_id="kb-chats-row"):
                chats = gr.Dropdown(
                    [_NEW], value="", label="Chats", container=False, elem_id="kb-chats", filterable=False, scale=4
                )
                new = gr.Button("New chat", size="sm", elem_id="kb-new", scale=0, min_width=92)
                delete = gr.Button("Delete", size="sm", elem_id="kb-delete", scale=0, min_width=76)
                markdown = gr.Button("Export Markdown", size="sm", elem_id="kb-export-md", scale=0, min_width=134)
                json = gr.Button("Export JSON", size="sm", elem_id="kb-export-json", scale=0, min_width=104)
            with gr.Column(elem_id="kb-scroll"):
                thread = html('<p class="kb-empty">Opening…</p>', elem_id="kb-thread")
                live = html("", elem_id="kb-live")
            notice = html("", elem_id="kb-notice")
            with gr.Row(elem_id="kb-composer"):
                box = gr.Textbox(
                    placeholder="Ask a question",
                    label="Question",
                    show_label=False,
                    container=False,
                    lines=1,
                    max_lines=8,
                    autofocus=True,
                    elem_id="kb-box",
                    scale=5,
                )
                send = gr.Button("Ask", variant="primary", elem_id="kb-send", scale=0, min_width=84)
                stop = gr.Button("Stop", variant="stop", elem_id="kb-stop", scale=0, min_width=84, visible=False)
        with gr.Column(scale=2, min_width=280, elem_id="kb-side"):
            html('<button type="button" class="kb-plain" data-close-sheet>Close</button>', elem_id="kb-sheet-close")
            sources = html(sources_html(None), elem_id="kb-sources")
    browser, chat, turn, editing, file_name, file_text = (gr.Textbox(visible="hidden", label=name) for name in _HIDDEN)
    return _Parts(
        browser=browser,
        chat=chat,
        turn=turn,
        editing=editing,
        thread=thread,
        live=live,
        notice=notice,
        sources=sources,
        box=box,
        send=send,
        stop=stop,
        chats=chats,
        new=new,
        delete=delete,
        markdown=markdown,
        json=json,
        file_name=file_name,
        file_text=file_text,
    )


class _Handlers:
    """What the events call; each returns new values for the outputs that it is wired to."""

    def __init__(self, conversations: Conversations, library: Library) -> None:
        self._conversations = conversations
        self._library = library

    def thread(self, chat: Chat, *, without: str = "") -> str:
        turns = tuple(turn for turn in chat.turns if turn.id != without)
        return thread_html(turns) if chat.turns else self._welcome()

    def _welcome(self) -> str:
        try:
            snapshot = self._library.snapshot()
            examples = self._library.examples(N_EXAMPLES) if snapshot.questions else []
        except Exception as error:  # noqa: BLE001 - the page opens whatever the index is like
            return shown(error)
        return welcome_html(examples, n_questions=len(snapshot.questions), n_documents=len(snapshot.documents))

    def open(self, browser: str, chat: str) -> tuple[Any, ...]:
        self._conversations.stop(browser, chat)  # a reload has cut the answer that was on its way
        found = self._conversations.chat(browser, chat)
        last = found.turns[-1] if found.turns else None
        return browser, found.id, self.thread(found), sources_html(last), self.chats(browser, found.id)

    def refresh(self, browser: str, chat: str) -> Any:
        """An empty chat with what the library holds by now; any other stays as it is."""
        if not is_id(browser) or self._conversations.chat(browser, chat).turns:
            return gr.skip()  # without an id the page is still being opened
        return self._welcome()

    def chats(self, browser: str, chat: str) -> Any:
        listed = self._conversations.listed(browser)
        current = chat if chat in {own for _, own in listed} else ""
        return gr.Dropdown(choices=[_NEW, *listed], value=current)

    def choose(self, browser: str, chat: str) -> tuple[Any, ...]:
        found = self._conversations.chat(browser, chat)
        last = found.turns[-1] if found.turns else None
        return (
            found.id,
            self.thread(found),
            "",
            sources_html(last),
            "",
            "",
            "",
            gr.Button(visible=True),
            gr.Button(visible=False),
        )

    def begin(self, query: str, browser: str, chat: str, editing: str) -> tuple[Any, ...]:
        """Show the question at once; the answer follows in an event of its own that may have to wait its turn."""
        try:
            begun = self._conversations.begin(browser, chat, query, replaces=editing)
        except KBError as error:
            return (
                gr.skip(),
                chat,
                "",
                gr.skip(),
                gr.skip(),
                notice_html(str(error), kind="warning"),
                gr.skip(),
                gr.skip(),
                editing,
            )
        found = self._conversations.chat(browser, begun.chat)
        turn = found.turn(begun.turn)
        live = turn_html(turn) if turn else ""
        thread = thread_html([own for own in found.turns if own.id != begun.turn])
        return "", begun.chat, begun.turn, thread, live, "", gr.Button(visible=False), gr.Button(visible=True), ""

    def begin_event(self, browser: str, chat: str, editing: str, event: gr.EventData) -> tuple[Any, ...]:
        detail = event._data or {}
        retried = str(detail.get("turn") or "")
        query = self._conversations.again(browser, chat, retried) if retried else str(detail.get("text") or "")
        result = self.begin(query, browser, chat, retried or editing)
        return (gr.skip(), *result[1:])

    def answer(self, browser: str, chat: str, turn: str) -> Iterator[tuple[str, str]]:
        for state in self._conversations.answer(browser, chat, turn):
            yield turn_html(state), sources_html(state)

    def settle(self, browser: str, chat: str, turn: str) -> tuple[Any, ...]:
        """The chat at rest: the answered turn is one of the thread."""
        self._conversations.give_up(browser, chat, turn)
        found = self._conversations.chat(browser, chat)
        last = found.turn(turn)
        if last is None:
            skip = gr.skip()
            return skip, "", skip, gr.Button(visible=True), gr.Button(visible=False), skip
        sources = sources_html(last)
        return (
            self.thread(found),
            "",
            sources,
            gr.Button(visible=True),
            gr.Button(visible=False),
            self.chats(browser, chat),
        )

    def stop(self, browser: str, chat: str, turn: str) -> tuple[Any, ...]:
        self._conversations.stop(browser, chat, turn)
        return self.settle(browser, chat, turn)

    def act(self, browser: str, chat: str, event: gr.EventData) -> tuple[Any, ...]:
        """A click on something inside the chat's HTML: thread, sources, box, editing, notice."""
        detail = event._data or {}
        act, turn_id = str(detail.get("act")), str(detail.get("turn"))
        skip = gr.skip()
        turn = self._conversations.chat(browser, chat).turn(turn_id)
        if turn is None and act != "cancel-edit":
            return skip, skip, skip, skip, skip
        if act in ("source", "sources"):
            n, statement = (_number(detail.get(name)) for name in ("n", "s"))
            return skip, sources_html(turn, focus=n, statement=statement), skip, skip, skip
        if act in ("up", "down", "comment"):
            rating = "" if act == "comment" else act
            comment = str(detail.get("text") or "") if act == "comment" else ""
            return (
                self.thread(self._conversations.rate(browser, chat, turn_id, rating, comment)),
                skip,
                skip,
                skip,
                skip,
            )
        if act == "edit" and turn is not None:
            return skip, skip, turn.query, turn.id, _EDITING
        if act == "cancel-edit":
            return skip, skip, "", "", ""
        return skip, skip, skip, skip, skip

    def delete(self, browser: str, chat: str) -> tuple[Any, ...]:
        self._conversations.delete(browser, chat)
        return (*self.choose(browser, ""), self.chats(browser, ""))

    def export(self, browser: str, chat: str, form: str) -> tuple[str, str]:
        found = self._conversations.chat(browser, chat)
        write = chat_markdown if form == "md" else chat_json
        return f"chat-{now()[:10]}.{form}", write(found.turns, collection=found.collection)


def _number(value: object) -> int | None:
    return int(value) if isinstance(value, str) and value.isdecimal() else None


_EDITING = (
    '<div class="kb-card is-info kb-editing" role="status">'
    "<p>Editing: the answer and what follows it will be replaced.</p>"
    '<button type="button" class="kb-plain" data-act="cancel-edit">Cancel</button></div>'
)


def _wire_asking(parts: _Parts, handlers: _Handlers, bus: gr.HTML, queue_name: str, limit: int) -> None:
    ids = [parts.browser, parts.chat]
    begun = [
        parts.box,
        parts.chat,
        parts.turn,
        parts.thread,
        parts.live,
        parts.notice,
        parts.send,
        parts.stop,
        parts.editing,
    ]
    rest = [parts.thread, parts.live, parts.sources, parts.send, parts.stop, parts.chats]
    typed = gr.on(
        [parts.box.submit, parts.send.click],
        handlers.begin,
        [parts.box, *ids, parts.editing],
        begun,
        queue=False,
        **_PRIVATE,
    )
    clicked = bus.ask(handlers.begin_event, [*ids, parts.editing], begun, queue=False, **_PRIVATE)
    answering: list[Any] = []
    for start in (typed, clicked):
        answer = start.then(
            handlers.answer,
            [*ids, parts.turn],
            [parts.live, parts.sources],
            concurrency_limit=limit,
            concurrency_id=queue_name,
            api_visibility="private",
            show_progress="minimal",
            show_progress_on=parts.live,
        )
        answering.append(answer)
        answer.then(handlers.settle, [*ids, parts.turn], rest, queue=False, **_PRIVATE)
    parts.stop.click(handlers.stop, [*ids, parts.turn], rest, cancels=answering, queue=False, **_PRIVATE)
    bus.busy(handlers.settle, [*ids, parts.turn], rest, queue=False, **_PRIVATE)
    acted = [parts.thread, parts.sources, parts.box, parts.editing, parts.notice]
    bus.chat(handlers.act, ids, acted, queue=False, trigger_mode="multiple", **_PRIVATE)


def _wire_chats(app: gr.Blocks, parts: _Parts, handlers: _Handlers) -> None:
    ids = [parts.browser, parts.chat]
    opened = [parts.browser, parts.chat, parts.thread, parts.sources, parts.chats]
    chosen = [
        parts.chat,
        parts.thread,
        parts.live,
        parts.sources,
        parts.notice,
        parts.editing,
        parts.turn,
        parts.send,
        parts.stop,
    ]
    app.load(handlers.open, ids, opened, js=_OPEN_JS, queue=False, **_PRIVATE)
    parts.chat.change(None, parts.chat, None, js=_REMEMBER_JS, **_PRIVATE)
    parts.chats.input(handlers.choose, [parts.browser, parts.chats], chosen, queue=False, **_PRIVATE)
    parts.new.click(
        lambda browser: (*handlers.choose(browser, ""), handlers.chats(browser, "")),
        parts.browser,
        [*chosen, parts.chats],
        queue=False,
        **_PRIVATE,
    )
    parts.delete.click(handlers.delete, ids, [*chosen, parts.chats], queue=False, **_PRIVATE)
    for button, form in ((parts.markdown, "md"), (parts.json, "json")):
        made = button.click(
            lambda browser, chat, form=form: handlers.export(browser, chat, form),
            ids,
            [parts.file_name, parts.file_text],
            queue=False,
            **_PRIVATE,
        )
        made.then(None, [parts.file_name, parts.file_text], None, js=_DOWNLOAD_JS, **_PRIVATE)
