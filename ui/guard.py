"""What stands before the app on every request: who may ask, and headers that keep the page to this server."""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

# Gradio builds functions from templates and has styles and scripts in the page, hence the unsafe-... words; what
# counts is that nothing but this server is ever contacted, whatever a document manages to put into the page.
POLICY = "; ".join(
    (
        "default-src 'self' data: blob:",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:",
        "style-src 'self' 'unsafe-inline'",
        "connect-src 'self' data: blob:",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "frame-src 'self'",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'self'",
    )
)
HEADERS = (
    (b"content-security-policy", POLICY.encode()),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
)


def _is_this_machine(host: str) -> bool:
    """Whether a Host header names the loopback interface."""
    name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
    if name.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False


class Guard:
    """ASGI middleware; see the module."""

    def __init__(
        self, app: Callable[[Scope, Receive, Send], Awaitable[None]], *, read_only: bool, loopback: bool
    ) -> None:
        self._app = app
        self._read_only = read_only
        self._loopback = loopback

    @classmethod
    def middleware(cls, *, read_only: bool, loopback: bool) -> Any:
        """The guard as FastAPI takes it; `loopback` says that only this machine is meant to reach the server."""
        from starlette.middleware import Middleware

        return Middleware(cls, read_only=read_only, loopback=loopback)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal:
            headers = [(b"content-type", b"text/plain; charset=utf-8"), *HEADERS]
            await send({"type": "http.response.start", "status": 403, "headers": headers})
            await send({"type": "http.response.body", "body": refusal.encode()})
            return

        async def guarded(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *HEADERS]
            await send(message)

        await self._app(scope, receive, guarded)

    def _refusal(self, scope: Scope) -> str:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        host = headers.get("host", "")
        # A name that somebody points at 127.0.0.1 must not make this server part of their site.
        if self._loopback and host and not _is_this_machine(host):
            return "This server answers to localhost only; start it with --host to serve a network."
        if scope["method"] in ("GET", "HEAD", "OPTIONS"):
            return ""
        origin = headers.get("origin", "")
        if origin and origin.partition("://")[2] not in (host, headers.get("x-forwarded-host")):
            return "This server takes requests from its own pages only."
        if self._read_only and scope["path"].rstrip("/").endswith("/upload"):
            return "This server is read only."
        return ""
