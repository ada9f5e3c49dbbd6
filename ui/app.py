"""The Gradio app: the page, its two halves, and the named endpoints for programs."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr

from kb.errors import KBError
from ui.api import read_functions, write_functions
from ui.app_chat import add_chat
from ui.app_library import add_library
from ui.app_parts import html
from ui.conversations import Conversations
from ui.library import Library
from ui.render import badge_html, header_html

STATIC = Path(__file__).parent / "static"
ANSWERING, CHANGING = "answering", "changing"
"""Names of the queues that answers, and changes of the library, wait in."""

# Custom events that static/kb.js sends for clicks inside our own HTML; Gradio finds their names in this text.
_BUS_JS = "window.kbBus = (name, detail) => trigger(name, detail); /* 'ask' 'chat' 'library' 'busy' */"


def build_app(library: Library) -> gr.Blocks:
    """The whole app over a library. `launch_options` has what belongs to its `launch`."""
    settings = library.settings
    conversations = Conversations(library)
    with gr.Blocks(title="kb", analytics_enabled=False, fill_width=True) as app:
        _add_endpoints(library)  # first, so that they get their names before the page's own events do
        bus = html("", js_on_load=_BUS_JS, elem_id="kb-bus", visible="hidden")
        header = html(header_html(settings.collection, "", read_only=library.read_only), elem_id="kb-header")
        with gr.Tabs(elem_id="kb-tabs"):
            with gr.Tab("Chat", id="chat", elem_id="kb-tab-chat") as chat_tab:
                refresh = add_chat(app, conversations, library, bus, queue_name=ANSWERING)
            refresh(chat_tab.select)
            with gr.Tab("Library", id="library", elem_id="kb-tab-library") as library_tab:
                add_library(library, bus, library_tab, queue_name=CHANGING)
        app.load(
            lambda: _header(library), outputs=header, queue=False, show_progress="hidden", api_visibility="private"
        )
    app.queue(max_size=max(64, 16 * settings.llm.max_concurrent), default_concurrency_limit=8, status_update_rate=1)
    return app


def launch_options() -> dict[str, Any]:
    """Arguments for `launch` that belong to the app: its looks and its scripts, all from this machine."""
    # In the head, and not as `css`: Gradio rewrites the selectors of that, and ours look at the body's classes.
    script, style = ((STATIC / name).read_text("utf-8") for name in ("kb.js", "kb.css"))
    fonts = [
        "ui-sans-serif",
        "system-ui",
        "-apple-system",
        "Segoe UI",
        "Roboto",
        "Helvetica Neue",
        "Arial",
        "sans-serif",
    ]
    mono = ["ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "DejaVu Sans Mono", "monospace"]
    theme = gr.themes.Base(
        primary_hue=gr.themes.colors.teal,
        secondary_hue=gr.themes.colors.slate,
        neutral_hue=gr.themes.colors.slate,
        font=fonts,
        font_mono=mono,
        radius_size=gr.themes.sizes.radius_md,
    )
    return {
        "theme": theme,
        "head": f'<meta name="referrer" content="no-referrer"><style>{style}</style><script>{script}</script>',
        "footer_links": [],
    }


def _header(library: Library) -> str:
    try:
        found = library.backend()
        badge = badge_html(found.name, found.reason, found.model)
    except KBError as error:
        badge = badge_html("unavailable", str(error), None)
    return header_html(library.settings.collection, badge, read_only=library.read_only)


def _add_endpoints(library: Library) -> None:
    limit = library.settings.llm.max_concurrent
    for name, function in read_functions(library).items():
        answering = name in ("ask", "stream")
        options = {"concurrency_limit": limit, "concurrency_id": ANSWERING} if answering else {}
        gr.api(_with_messages(function), api_name=name, **options)
    if not library.read_only:
        for name, function in write_functions(library).items():
            gr.api(_with_messages(function), api_name=name, concurrency_limit=1, concurrency_id=f"api-{name}")


def _with_messages(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function with errors that a user can mend as messages; any other error stays hidden behind a general one."""
    if inspect.isgeneratorfunction(function):

        @functools.wraps(function)
        def stream(*args: Any, **kwargs: Any) -> Any:
            try:
                yield from function(*args, **kwargs)
            except KBError as error:
                raise gr.Error(str(error), print_exception=False) from error

        return stream

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except KBError as error:
            raise gr.Error(str(error), print_exception=False) from error

    return call
