"""Any OpenAI-compatible server by URL: vLLM, SGLang, llama.cpp, Ollama, `transformers serve`.

Plain HTTP with httpx: one endpoint and server-sent events are all that is used, and what happens when a server
is slow, busy or dies in mid-stream is then decided here.
"""

from __future__ import annotations

import contextlib
import json
import logging
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from kb.backends.local_text import without_thoughts
from kb.errors import ServerError, SettingsError
from kb.ports import Message

if TYPE_CHECKING:
    import httpx

    from kb.settings import LLMSettings

_log = logging.getLogger(__name__)
_CONNECT_TIMEOUT_S = 5.0
_BACK_OFF_S = 0.5
_MAX_BACK_OFF_S = 8.0
_RETRIED = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
_DEFAULT_CONTEXT = 8192
"""When the server does not say how long its model's context is."""
_MAX_CONTEXT = 32_768
_CHARS_PER_TOKEN = 3.0
"""Less than tokenizers reach on English text and code, so that estimates are on the safe side."""
_MAX_ERROR_CHARS = 300


class OpenAIGenerator:
    """A Generator behind an OpenAI-compatible server."""

    def __init__(
        self, settings: LLMSettings, client: httpx.Client, *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._settings = settings
        self._url = settings.url.rstrip("/")
        self._client = client
        self._sleep = sleep
        self._context: int | None = None

    @property
    def model(self) -> str:
        """Name of the served model."""
        return self._settings.model

    @property
    def max_prompt_tokens(self) -> int:
        """Tokens that a prompt may have; asks the server once for its model's context."""
        if self._context is None:
            self._context = min(self._served_context() or _DEFAULT_CONTEXT, _MAX_CONTEXT)
        return self._context - min(self._settings.max_answer_tokens, self._context // 2)

    def count_tokens(self, text: str) -> int:
        """A safe estimate: scripts other than Latin are counted by the byte."""
        return int(len(text.encode("utf-8", "replace")) / _CHARS_PER_TOKEN) + 1

    def _served_context(self) -> int | None:
        """The model's context as vLLM and some others tell it."""
        import httpx

        try:
            answer = self._client.get(f"{self._url}/models", timeout=_CONNECT_TIMEOUT_S)
            models = answer.json()["data"] if answer.status_code == httpx.codes.OK else []
        except (httpx.HTTPError, ValueError, KeyError, TypeError):
            return None  # the request for an answer will say what is wrong
        for served in models if isinstance(models, list) else []:
            if isinstance(served, dict) and served.get("id") == self.model:
                found = served.get("max_model_len")
                return found if isinstance(found, int) and found > 0 else None
        return None

    def stream(self, messages: Sequence[Message]) -> Iterator[str]:
        """Pieces of the reply as they arrive. Closing the iterator closes the connection, which ends the generation.

        Raises:
            ServerError: the server cannot be reached, refuses, or fails; in mid-stream too.
        """
        with contextlib.closing(self._pieces(messages)) as pieces:
            yield from without_thoughts(pieces)

    def _pieces(self, messages: Sequence[Message]) -> Generator[str, None, None]:
        """Pieces of the reply; tried again with back-off as long as nothing has come."""
        attempt = 0
        while True:
            shown = False
            try:
                with contextlib.closing(self._once(messages)) as pieces:
                    for piece in pieces:
                        shown = True
                        yield piece
            except _Again as failed:
                if shown or not failed.may_retry or attempt >= self._settings.max_retries:
                    raise failed.error from failed.__cause__
                pause = min(_MAX_BACK_OFF_S, failed.wait_s or _BACK_OFF_S * 2**attempt)
                attempt += 1
                _log.warning(
                    "%s (try %d of %d in %.1f s)", failed.error.message, attempt, self._settings.max_retries, pause
                )
            else:
                return
            self._sleep(pause)

    def _once(self, messages: Sequence[Message]) -> Generator[str, None, None]:
        import httpx

        body = {
            "model": self.model,
            "messages": [{"role": message.role, "content": message.content} for message in messages],
            "stream": True,
            "temperature": 0,
            "max_tokens": self._settings.max_answer_tokens,
        }
        try:
            with self._client.stream("POST", f"{self._url}/chat/completions", json=body) as answer:
                if answer.status_code != httpx.codes.OK:
                    raise self._refused(answer)
                yield from self._events(answer)
        except httpx.ConnectError as exc:
            raise self._again(f"cannot be reached: {exc}", "Start the server, or correct llm.url.") from exc
        except httpx.TimeoutException as exc:
            seconds = _CONNECT_TIMEOUT_S if isinstance(exc, httpx.ConnectTimeout) else self._settings.timeout_s
            hint = "Look at the server's load, or raise llm.timeout_s."
            # A server that is too slow for one request does not get faster by two.
            raise self._again(
                f"sent nothing for {seconds:g} s", hint, may_retry=isinstance(exc, httpx.ConnectTimeout)
            ) from exc
        except httpx.TransportError as exc:
            raise self._again(
                f"broke off: {exc or type(exc).__name__}", "Look at the server's log, then ask again."
            ) from exc
        except httpx.InvalidURL as exc:
            raise self._again(f"is no valid URL: {exc}", "Correct llm.url.", may_retry=False) from exc

    def _events(self, answer: httpx.Response) -> Iterator[str]:
        """Texts of the server-sent events."""
        finished = False
        for line in answer.iter_lines():
            if not line.startswith("data:"):
                continue  # comments that keep the connection open, names of events
            data = line[5:].strip()
            if data == "[DONE]":
                return
            event = self._parsed(data)
            for choice in event.get("choices") or []:
                text = (choice.get("delta") or {}).get("content")
                if isinstance(text, str) and text:
                    yield text
                finished = finished or bool(choice.get("finish_reason"))
        if not finished:
            raise self._again("ended the answer in the middle", "Look at the server's log, then ask again.")

    def _parsed(self, data: str) -> dict[str, Any]:
        try:
            event = json.loads(data)
        except ValueError as exc:
            hint = "Is llm.url the address of an OpenAI-compatible API? It usually ends in /v1."
            raise self._again(f"sent what is no JSON: {data[:80]!r}", hint, may_retry=False) from exc
        shaped = isinstance(event, dict) and all(isinstance(choice, dict) for choice in event.get("choices") or [])
        if not shaped:
            raise self._again(f"sent an event of an unknown form: {data[:80]!r}", "Is llm.url right?", may_retry=False)
        if event.get("error"):
            raise self._again(f"failed: {_error_text(event)}", "Look at the server's log, then ask again.")
        return dict(event)

    def _refused(self, answer: httpx.Response) -> _Again:
        """The error for a status other than 200."""
        answer.read()
        try:
            text = _error_text(answer.json())
        except ValueError:
            text = answer.text[:_MAX_ERROR_CHARS]
        status = answer.status_code
        hint = {
            401: "Set llm.api_key (KB_LLM_API_KEY).",
            403: "Set llm.api_key (KB_LLM_API_KEY).",
            404: f"Is {self.model} the name of a served model, and does llm.url end as the server wants it (/v1)?",
            429: "The server is busy; ask again later.",
        }.get(status, "Look at the server's log.")
        wait = answer.headers.get("retry-after", "")
        wait_s = float(wait) if wait.replace(".", "", 1).isdigit() else 0.0
        return self._again(f"answered {status}: {text}", hint, may_retry=status in _RETRIED, wait_s=wait_s)

    def _again(self, what: str, hint: str, *, may_retry: bool = True, wait_s: float = 0.0) -> _Again:
        # Some servers repeat the request's headers in their errors.
        if self._settings.api_key:
            what = what.replace(self._settings.api_key, "***")
        return _Again(ServerError(f"{self._url}: the server {what}", hint=hint), may_retry=may_retry, wait_s=wait_s)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


class _Again(Exception):
    """A failed request, and whether another one may do better."""

    def __init__(self, error: ServerError, *, may_retry: bool, wait_s: float = 0.0) -> None:
        super().__init__(error.message)
        self.error = error
        self.may_retry = may_retry
        self.wait_s = wait_s


def _error_text(event: Any) -> str:
    """The message of an error in the forms that servers give it."""
    error = event.get("error", event.get("detail", event)) if isinstance(event, dict) else event
    text = error.get("message", error) if isinstance(error, dict) else error
    return str(text)[:_MAX_ERROR_CHARS]


def load_openai_generator(settings: LLMSettings, *, sleep: Callable[[float], None] = time.sleep) -> OpenAIGenerator:
    """A generator for the configured server. Nothing is sent before the first question.

    Raises:
        SettingsError: no URL is set, or what is set is none.
    """
    import httpx

    if not settings.url.startswith(("http://", "https://")):
        raise SettingsError(
            f"llm.url: {settings.url!r} is not the URL of a server",
            hint="Set it to the base URL of an OpenAI-compatible API, such as http://127.0.0.1:8000/v1.",
        )
    timeout = httpx.Timeout(settings.timeout_s, connect=min(_CONNECT_TIMEOUT_S, settings.timeout_s))
    headers = {"Authorization": f"Bearer {settings.api_key}"} if settings.api_key else {}
    limits = httpx.Limits(max_connections=max(1, settings.max_concurrent))
    client = httpx.Client(timeout=timeout, headers=headers, limits=limits, follow_redirects=False)
    return OpenAIGenerator(settings, client, sleep=sleep)
