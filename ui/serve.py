"""`kb serve`: starts the web UI and keeps it running."""

from __future__ import annotations

import hmac
import logging
import os
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kb.errors import SettingsError
from kb.settings import Settings
from ui.guard import Guard
from ui.library import Library

logger = logging.getLogger(__name__)

LOOPBACK = "127.0.0.1"
_LOCAL = (LOOPBACK, "localhost", "::1")


def serve(
    settings: Settings,
    *,
    host: str = LOOPBACK,
    port: int = 7860,
    read_only: bool = False,
    mcp: bool = False,
    auth_file: Path | None = None,
    open_browser: bool = False,
) -> None:
    """Serve the web UI until it is interrupted.

    Args:
        settings: home, collection, backends.
        host: address to listen on.
        port: port to listen on.
        read_only: hide and refuse everything that changes the library.
        mcp: serve the endpoints as MCP tools, too.
        auth_file: file with lines user:password; without it KB_AUTH counts, and without both there is no password.
        open_browser: open the page.

    Raises:
        SettingsError: the file cannot be used, the port is taken, or the options cannot be served together safely.
    """
    auth = read_auth(auth_file, os.environ)
    library = Library(settings, read_only=read_only)
    server = start(library, host=host, port=port, mcp=mcp, auth=auth, open_browser=open_browser)
    sys.stderr.write(f"kb: serving on http://{host}:{port} (Ctrl-C ends it)\n")
    try:
        server.block_thread()
    finally:
        server.close()
        library.close()


def start(
    library: Library,
    *,
    host: str = LOOPBACK,
    port: int = 7860,
    mcp: bool = False,
    auth: Mapping[str, str] | None = None,
    open_browser: bool = False,
) -> Any:
    """A running server over the library, as Gradio's Blocks: `local_url`, `block_thread()`, `close()`."""
    if mcp and auth:
        raise SettingsError(
            "The MCP server knows no passwords, so it cannot be served together with --auth-file or KB_AUTH.",
            hint="Serve MCP on 127.0.0.1 without a password, or leave out --mcp.",
        )
    # Gradio reads these when it is imported and when the app is built; nothing may leave the machine.
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    from ui.app import build_app, launch_options  # deferred: Gradio takes seconds to import

    app = build_app(library)
    middleware = Guard.middleware(read_only=library.read_only, loopback=host in _LOCAL)
    try:
        app.launch(
            server_name=host,
            server_port=port,
            inbrowser=open_browser,
            prevent_thread_lock=True,
            quiet=True,
            share=False,
            ssr_mode=False,
            mcp_server=mcp,
            auth=_checker(auth) if auth else None,
            max_file_size=library.settings.ingest.max_file_mb * 1_000_000,
            allowed_paths=[],
            enable_monitoring=False,
            # Gradio keeps the state of ten thousand sessions by default, about 180 kB for each caller of the API.
            state_session_capacity=200,
            app_kwargs={"middleware": [middleware], "docs_url": None, "redoc_url": None, "openapi_url": None},
            **launch_options(),
        )
    except OSError as error:
        raise SettingsError(
            f"{host}:{port}: cannot listen there: {error}",
            hint="Another program may use the port: choose one with --port.",
        ) from error
    threading.Thread(target=library.warm_up, name="kb-warm-up", daemon=True).start()
    logger.info("serving %s on http://%s:%s", library.settings.collection, host, port)
    return app


def read_auth(file: Path | None, env: Mapping[str, str]) -> dict[str, str]:
    """Passwords by user name, from a file with `user:password` lines, else from KB_AUTH; empty for none.

    Raises:
        SettingsError: a line is not `user:password`. The message never holds the password.
    """
    if file is not None:
        try:
            lines = file.read_text("utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(
                f"{file}: cannot be read: {error}", hint="It holds one user:password per line."
            ) from error
        origin = str(file)
    else:
        lines, origin = [env.get("KB_AUTH", "")], "KB_AUTH"
    users: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        user, colon, password = text.partition(":")
        if not (user and colon and password):
            raise SettingsError(f"{origin}, line {number}: not user:password", hint="Write one user:password per line.")
        users[user] = password
    if file is not None and not users:
        raise SettingsError(f"{origin}: there is no user in it", hint="Write one user:password per line.")
    return users


def _checker(auth: Mapping[str, str]) -> Any:
    known = {user: password.encode() for user, password in auth.items()}

    def check(user: str, password: str) -> bool:
        # An unknown user costs the same comparison, so that timing does not tell names.
        expected = known.get(user, b"\0")
        return hmac.compare_digest(expected, password.encode("utf-8", "replace")) and user in known

    return check
