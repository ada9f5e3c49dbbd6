"""The OpenAI-compatible backend: against `transformers serve` with the small model, and against bad servers."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from kb.backends.openai_llm import load_openai_generator
from kb.errors import ServerError, SettingsError
from kb.generate import build_messages, drafts
from kb.ground import Evidence, Source, Topic
from kb.ports import Message
from kb.settings import LLMSettings
from kb.types import Entry, Status

SMALL = Path(__file__).parent / "data" / "small-lm"
ASK = [Message("user", "hello")]
KEY = "sk-very-secret"


# --- a scripted server -----------------------------------------------------------------------------------------------


def event(text: str | None = None, **more: object) -> bytes:
    choice = {"index": 0, "delta": {} if text is None else {"content": text}, "finish_reason": None} | more
    return b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n"


END = event(finish_reason="stop") + b"data: [DONE]\n\n"
Reply = Callable[[BaseHTTPRequestHandler], None]


class Server:
    """Replies to each request with the next one of its scripts, the last one again and again."""

    def __init__(self) -> None:
        self.scripts: list[Reply] = []
        self.requests: list[dict] = []
        self.headers: list[dict] = []
        self.gone = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = json.dumps({"data": [{"id": "m", "max_model_len": 1000}]}).encode()
                self.send_response(200)
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                outer.requests.append(json.loads(body))
                outer.headers.append(dict(self.headers))
                script = outer.scripts.pop(0) if len(outer.scripts) > 1 else outer.scripts[0]
                script(self)

            def log_message(self, *_: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http.server_port}/v1"

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()


@pytest.fixture
def server():
    server = Server()
    yield server
    server.close()


@pytest.fixture
def ask(server):
    """Makes a generator for the server; its pauses are noted instead of slept."""
    made = []

    def make(**more):
        generator = load_openai_generator(
            LLMSettings(**{"url": server.url, "model": "m", "api_key": KEY, "timeout_s": 5.0, **more}),
            sleep=pauses.append,
        )
        generator.pauses = pauses
        made.append(generator)
        return generator

    pauses: list[float] = []
    yield make
    for generator in made:
        generator.close()


def sends(*parts: bytes, status: int = 200, headers: dict[str, str] | None = None) -> Reply:
    def reply(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("content-type", "text/event-stream")
        for name, value in (headers or {}).items():
            handler.send_header(name, value)
        handler.end_headers()
        for part in parts:
            handler.wfile.write(part)
            handler.wfile.flush()

    return reply


def refuses(status: int, message: str = "no", **headers: str) -> Reply:
    return sends(json.dumps({"error": {"message": message}}).encode(), status=status, headers=headers)


def hangs(*parts: bytes) -> Reply:
    def reply(handler: BaseHTTPRequestHandler) -> None:
        sends(*parts)(handler)
        time.sleep(3)

    return reply


def resets(*parts: bytes) -> Reply:
    """Sends a length that it does not keep to."""

    def reply(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("content-length", "100000")
        handler.end_headers()
        for part in parts:
            handler.wfile.write(part)
        handler.wfile.flush()
        handler.connection.shutdown(socket.SHUT_RDWR)

    return reply


def test_pieces_come_as_they_are_sent(server, ask):
    server.scripts = [sends(b": keep-alive\n\n", event("", role="assistant"), event("Al"), event("pha ü."), END)]
    assert list(ask().stream(ASK)) == ["Al", "pha ü."]
    body = server.requests[0]
    assert (body["model"], body["temperature"], body["stream"]) == ("m", 0, True)
    assert body["messages"] == [{"role": "user", "content": "hello"}]


def test_the_key_goes_into_the_header_and_nowhere_else(server, ask):
    server.scripts = [refuses(401, f"wrong key: {KEY}")]
    with pytest.raises(ServerError) as caught:
        list(ask().stream(ASK))
    assert server.headers[0]["Authorization"] == f"Bearer {KEY}"
    assert KEY not in json.dumps(server.requests)
    assert KEY not in str(caught.value)
    assert "llm.api_key" in caught.value.hint


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_a_busy_server_is_asked_again_with_growing_pauses(server, ask, status):
    server.scripts = [refuses(status), refuses(status), sends(event("Here."), END)]
    generator = ask()
    assert list(generator.stream(ASK)) == ["Here."]
    assert len(server.requests) == 3
    assert generator.pauses[1] > generator.pauses[0] > 0


def test_the_server_says_how_long_to_wait(server, ask):
    server.scripts = [refuses(503, **{"Retry-After": "3"}), sends(event("Here."), END)]
    generator = ask()
    list(generator.stream(ASK))
    assert generator.pauses == [3.0]


def test_retries_end(server, ask):
    server.scripts = [refuses(503, "overloaded")]
    with pytest.raises(ServerError, match=r"503: overloaded"):
        list(ask(max_retries=2).stream(ASK))
    assert len(server.requests) == 3


@pytest.mark.parametrize("status", [400, 401, 404, 422])
def test_a_request_that_is_wrong_is_not_sent_again(server, ask, status):
    server.scripts = [refuses(status, "wrong")]
    with pytest.raises(ServerError, match=rf"{status}: wrong"):
        list(ask().stream(ASK))
    assert len(server.requests) == 1


@pytest.mark.parametrize("dies", [resets(event("One. ")), sends(event("One. "))], ids=["reset", "ended early"])
def test_a_server_that_dies_in_mid_stream_is_an_error_after_what_came(server, ask, dies):
    server.scripts = [dies]
    taken = []
    with pytest.raises(ServerError) as caught:
        for piece in ask().stream(ASK):
            taken.append(piece)
    assert taken == ["One. "]
    assert len(server.requests) == 1, "what was shown must not come twice"
    assert server.url in caught.value.message
    assert caught.value.hint


def test_statements_before_the_death_are_there(server, ask):
    server.scripts = [resets(event("One is one [1]. "), event("Two is two [1]. "), event("Thr"))]
    taken = []
    with pytest.raises(ServerError):
        for draft in drafts(ask(), "q", evidence(("q", "a."))):
            taken.append(draft)
    assert taken == [("One is one.", (1,)), ("Two is two.", (1,))]


def test_a_server_that_dies_before_the_first_piece_is_asked_again(server, ask):
    server.scripts = [resets(), sends(event("Here."), END)]
    assert list(ask().stream(ASK)) == ["Here."]


@pytest.mark.parametrize("parts", [(), (event("One. "),)], ids=["at once", "in mid-stream"])
def test_a_server_that_hangs_is_given_up_in_time(server, ask, parts):
    server.scripts = [hangs(*parts)]
    began = time.monotonic()
    with pytest.raises(ServerError, match=r"nothing for 0\.3 s"):
        list(ask(timeout_s=0.3).stream(ASK))
    assert time.monotonic() - began < 2


@pytest.mark.parametrize(
    "junk",
    [b"data: {broken\n\n", b'data: ["a"]\n\n', b'data: {"choices": [5]}\n\n', b"<html>not an API</html>\n"],
)
def test_junk_is_an_error_and_no_crash(server, ask, junk):
    server.scripts = [sends(event("One. "), junk)]
    with pytest.raises(ServerError):
        list(ask().stream(ASK))


def test_an_error_inside_the_stream_is_told(server, ask):
    server.scripts = [sends(event("One. "), b'data: {"error": {"message": "CUDA out of memory"}}\n\n')]
    with pytest.raises(ServerError, match="CUDA out of memory"):
        list(ask().stream(ASK))


@pytest.mark.parametrize(
    "extra", [b'data: {"choices": []}\n\n', b'data: {"choices": null, "usage": {}}\n\n', b"event: x\n"]
)
def test_events_without_text_are_passed_over(server, ask, extra):
    server.scripts = [sends(event("One."), extra, END)]
    assert list(ask().stream(ASK)) == ["One."]


def test_closing_the_iterator_closes_the_connection(server, ask):
    gone = threading.Event()

    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        try:
            while True:
                handler.wfile.write(event("more "))
                handler.wfile.flush()
                time.sleep(0.01)
        except OSError:
            gone.set()

    server.scripts = [endless]
    reply = ask().stream(ASK)
    next(reply)
    reply.close()
    assert gone.wait(3), "the server still generates"


def test_thoughts_are_not_shown(server, ask):
    server.scripts = [sends(event("<think>hm"), event("m</think>\n\n"), event("Yes."), END)]
    assert "".join(ask().stream(ASK)) == "Yes."


def test_a_server_that_is_not_there_is_one_clear_error():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
    generator = load_openai_generator(LLMSettings(url=url, model="m"), sleep=lambda _: None)
    with pytest.raises(ServerError, match="cannot be reached") as caught:
        list(generator.stream(ASK))
    assert "llm.url" in caught.value.hint
    generator.close()


@pytest.mark.parametrize("url", ["", "localhost:8000", "ftp://x/v1"])
def test_what_is_no_url_is_refused_at_once(url):
    with pytest.raises(SettingsError, match=r"llm\.url"):
        load_openai_generator(LLMSettings(url=url))


def test_the_context_is_the_server_s(server, ask):
    assert ask(max_answer_tokens=300).max_prompt_tokens == 700
    assert ask(model="another", max_answer_tokens=300).max_prompt_tokens == 8192 - 300


# --- a real one ------------------------------------------------------------------------------------------------------


def evidence(*facts: tuple[str, str]) -> Evidence:
    topics = []
    for n, (question, answer) in enumerate(facts, 1):
        entry = Entry(str(n), "d", "/d.md", n, None, question, answer, Status.ANSWERED, None)
        topics.append(Topic(question, (Source(n, entry, answer, (0, len(answer))),)))
    return Evidence("", tuple(topics))


FACTS = (
    ("What is a learning rate scheduler?", "A scheduler changes the step size while training runs."),
    ("Where is the cache kept?", "Everything lies in the home folder. It can be deleted at any time."),
)


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """URL of `transformers serve` with the small model."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = tmp_path_factory.mktemp("serve") / "log"
    command = [str(Path(sys.executable).with_name("transformers")), "serve", str(SMALL)]
    options = ["--host", "127.0.0.1", "--port", str(port), "--device", "cpu", "--dtype", "float32"]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "OMP_NUM_THREADS": "1"}
    with log.open("wb") as out:
        process = subprocess.Popen([*command, *options], stdout=out, stderr=subprocess.STDOUT, env=environment)
    try:
        deadline = time.monotonic() + 120
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert process.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)


@pytest.mark.server
def test_a_real_server_says_what_the_local_model_says(served):
    from kb.backends.local_llm import load_local_generator

    remote = load_openai_generator(LLMSettings(url=served, model=str(SMALL), max_answer_tokens=60))
    local = load_local_generator(LLMSettings(model=str(SMALL), device="cpu", max_answer_tokens=60), batching=False)
    for question, _ in FACTS:
        messages = build_messages(question, evidence(*FACTS))
        pieces = list(remote.stream(messages))
        assert len(pieces) > 3
        assert "".join(pieces) == "".join(local.stream(messages))
    remote.close()
    local.close()


@pytest.mark.server
def test_a_real_server_answers_with_citations(served):
    generator = load_openai_generator(LLMSettings(url=served, model=str(SMALL), max_answer_tokens=60))
    found = list(drafts(generator, FACTS[1][0], evidence(*FACTS)))
    assert found[0] == ("Everything lies in the home folder.", (2,))
    generator.close()


@pytest.mark.server
def test_a_model_that_a_real_server_has_not_is_an_error(served):
    generator = load_openai_generator(LLMSettings(url=served, model="some/other"), sleep=lambda _: None)
    with pytest.raises(ServerError):
        list(generator.stream(ASK))
    generator.close()
