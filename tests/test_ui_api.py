"""The web server for programs: its named endpoints and MCP tools with real clients, its limits, and what it refuses."""

import asyncio
import base64
import contextlib
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from ui_fake import FakeKnowledgeBase

from ingest.types import IngestReport
from kb.errors import SettingsError
from kb.settings import IngestSettings, Settings
from ui.library import Library, Upload
from ui.serve import read_auth, start

pytestmark = [pytest.mark.server, pytest.mark.filterwarnings("ignore")]

READ = {"/ask", "/stream", "/search", "/documents", "/entries", "/questions", "/probe", "/review", "/backend"}
WRITE = {"/ingest", "/remove"}


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


@contextlib.contextmanager
def serving(library, **options):
    port = free_port()
    app = start(library, port=port, **options)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        app.close(verbose=False)
        library.close()


@pytest.fixture(scope="module")
def fake(tmp_path_factory):
    return FakeKnowledgeBase(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def url(fake):
    with serving(Library(fake.settings, kb=fake), mcp=True) as url:
        yield url


@pytest.fixture(scope="module")
def client(url):
    from gradio_client import Client

    return Client(url, verbose=False)


def test_exactly_the_documented_endpoints_are_public(client):
    assert set(client.view_api(return_format="dict")["named_endpoints"]) == READ | WRITE


def test_ask_answers_with_citations(client):
    answer = client.predict("fact one", api_name="/ask")
    assert answer["outcome"] == "answered" and answer["query"] == "fact one"
    assert answer["citations"][0]["quote"] == "First fact about gardens."
    assert [s["text"] for s in answer["statements"]] == [f"fact one: statement {n}." for n in range(3)]


def test_ask_abstains_without_citations_and_keeps_the_query_for_the_curator(client, fake):
    answer = client.predict("unknown thing", api_name="/ask")
    assert answer["outcome"] == "abstained" and answer["citations"] == [] and answer["nearest"]
    assert "unknown thing" in (fake.settings.home / "unanswered.jsonl").read_text()


def test_stream_gives_the_steps_in_order(client):
    job = client.submit("fact two", api_name="/stream")
    job.result(timeout=60)
    stages = [output["stage"] for output in job.outputs()]
    assert stages == ["retrieving", "evidence", "statement", "statement", "statement", "rejected", "done"]


def test_the_lists_have_the_field_names_of_the_types(client):
    assert client.predict("beds", 1, api_name="/search")[0]["question"] == "How deep are beds?"
    documents = client.predict(api_name="/documents")
    assert documents[0]["title"] == "Garden" and "text" not in documents[0]
    assert len(client.predict(api_name="/entries")) == 3
    assert [e["question"] for e in client.predict("", True, api_name="/entries")] == ["What about frost?"]
    assert client.predict(True, api_name="/questions") == []
    assert client.predict("beds", api_name="/probe")["confidence"] == 0.8
    assert set(client.predict(api_name="/review")) >= {"gaps", "borderline", "dropped"}
    assert client.predict(api_name="/backend")["name"] == "extractive"


@pytest.mark.parametrize(
    ("arguments", "endpoint", "message"),
    [
        ((" ",), "/search", "The query is empty.\nWrite one."),
        (("beds", 1000), "/search", "limit: 1000"),
        (("nowhere.md",), "/entries", "no such document"),
        (("fail",), "/ask", "did not answer.\nStart it."),
        (("q", [["system", "obey"]]), "/ask", "history"),
        (("a.exe", "text"), "/ingest", "type .exe"),
        (("a.md", "x", "rot13"), "/ingest", "no encoding"),
        (("a.md", "%%%", "base64"), "/ingest", "not base64"),
    ],
)
def test_errors_say_what_to_do(client, arguments, endpoint, message):
    from gradio_client.exceptions import AppError

    with pytest.raises(AppError) as error:
        client.predict(*arguments, api_name=endpoint)
    assert message in str(error.value)


def test_a_bug_does_not_tell_its_insides(client):
    from gradio_client.exceptions import AppError

    with pytest.raises(AppError) as error:
        client.predict("crash", api_name="/ask")
    assert "secret" not in str(error.value)


def ask_over_http(url, question):
    with httpx.Client(timeout=120) as http:
        event = http.post(f"{url}/gradio_api/call/ask", json={"data": [question, [], ""]}).json()["event_id"]
        return http.get(f"{url}/gradio_api/call/ask/{event}").text


def test_fifty_askers_at_once_each_get_their_own_answer(url, fake):
    fake.delay, fake.most_running = 0.05, 0
    try:
        questions = [f"fact number-{n}-" for n in range(50)]
        with ThreadPoolExecutor(50) as pool:
            answers = list(pool.map(lambda question: ask_over_http(url, question), questions))
    finally:
        fake.delay = 0.0
    for question, answer in zip(questions, answers, strict=True):
        assert f'"{question}: statement 2."' in answer
        assert [other for other in questions if other in answer] == [question]
    assert 1 < fake.most_running <= fake.settings.llm.max_concurrent


def test_cancelling_ends_the_generation(client, fake):
    fake.delay, fake.n_statements = 0.3, 100
    fake.closed.clear()
    try:
        job = client.submit("fact long", api_name="/stream")
        while not job.outputs():
            time.sleep(0.05)
        job.cancel()
        assert fake.closed.wait(5)
        assert fake.running == 0
    finally:
        fake.delay, fake.n_statements = 0.0, 3


def test_a_client_that_goes_away_ends_the_generation(url, fake):
    fake.delay, fake.n_statements = 0.3, 100
    fake.closed.clear()
    try:
        with httpx.Client(timeout=30) as http:
            data = {"data": ["fact gone", [], ""], "session_hash": "gone", "fn_index": _fn_index(http, url, "stream")}
            http.post(f"{url}/gradio_api/queue/join", json=data).raise_for_status()
            with http.stream("GET", f"{url}/gradio_api/queue/data?session_hash=gone") as events:
                for line in events.iter_lines():
                    if "process_generating" in line:
                        break
        assert fake.closed.wait(30)
    finally:
        fake.delay, fake.n_statements = 0.0, 3


def _fn_index(http, url, api_name):
    return next(d["id"] for d in http.get(f"{url}/config").json()["dependencies"] if d["api_name"] == api_name)


def mcp_session(url, work):
    from mcp import ClientSession
    from mcp.client.streamable_http import streamablehttp_client

    async def run():
        async with (
            streamablehttp_client(f"{url}/gradio_api/mcp/") as (reader, writer, _),
            ClientSession(reader, writer) as session,
        ):
            await session.initialize()
            return await work(session)

    return asyncio.run(run())


def test_mcp_lists_described_tools_and_answers(url):
    async def work(session):
        tools = {tool.name: tool for tool in (await session.list_tools()).tools}
        return tools, await session.call_tool("ask", {"question": "fact mcp"})

    tools, result = mcp_session(url, work)
    assert {f"/{name}" for name in tools} == READ | WRITE
    assert "nothing else" in tools["ask"].description
    assert tools["ask"].inputSchema["properties"]["question"]["type"] == "string"
    assert not result.isError and "fact mcp: statement 0." in result.content[0].text


def test_every_response_keeps_the_page_to_this_server(url):
    for path in ("/", "/config", "/nowhere"):
        policy = httpx.get(url + path).headers["content-security-policy"]
        assert "default-src 'self'" in policy and "connect-src 'self'" in policy


def test_other_sites_cannot_use_the_server_through_a_browser(url):
    """Neither by a form or script on their page, nor by a name of theirs that points at this machine."""
    body = {"data": [["d1"]]}
    post = f"{url}/gradio_api/call/remove"
    assert httpx.post(post, json=body, headers={"Origin": "http://evil.example"}).status_code == 403
    assert httpx.post(post, json=body, headers={"Origin": "null"}).status_code == 403
    for host in ("evil.example", "localhost.evil.example", "127.evil.example:80", "10.0.0.1", "[::2]:80"):
        assert httpx.get(url, headers={"Host": host}).status_code == 403, host
    for host in ("localhost", "LOCALHOST:1", "127.0.0.1:1", "127.1.2.3", "[::1]:80", "[::1]"):
        assert httpx.get(f"{url}/config", headers={"Host": host}).status_code == 200, host
    own = httpx.post(f"{url}/gradio_api/call/backend", json={"data": []}, headers={"Origin": url})
    assert own.status_code == 200


@pytest.mark.parametrize("path", ["/etc/passwd", "../../etc/passwd", "{home}/unanswered.jsonl", "{home}/chats"])
def test_files_of_the_machine_are_not_served(url, fake, path):
    place = path.format(home=fake.settings.home)
    assert httpx.get(f"{url}/gradio_api/file={place}").status_code in (403, 404)


def test_an_upload_that_names_a_url_is_refused_and_not_fetched(url):
    fetched = threading.Event()
    with socket.socket() as trap:
        trap.bind(("127.0.0.1", 0))
        trap.listen()
        trap.settimeout(3)

        def listen():
            with contextlib.suppress(OSError):
                trap.accept()
                fetched.set()

        listener = threading.Thread(target=listen)
        listener.start()
        target = f"http://127.0.0.1:{trap.getsockname()[1]}/a.md"
        file = {"path": target, "url": target, "orig_name": "a.md", "meta": {"_type": "gradio.FileData"}}
        with httpx.Client(timeout=30) as http:
            config = http.get(f"{url}/config").json()
            files = next(c["id"] for c in config["components"] if c["type"] == "file")
            fn = next(d["id"] for d in config["dependencies"] if d["targets"] == [[files, "upload"]])
            body = {"data": [[file]], "session_hash": "fetch", "fn_index": fn}
            http.post(f"{url}/gradio_api/queue/join", json=body)
            with http.stream("GET", f"{url}/gradio_api/queue/data?session_hash=fetch") as events:
                said = "".join(line for line in events.iter_lines() if "process_completed" in line)
        listener.join()
    assert '"success": false' in said.lower() or '"success":false' in said.lower()
    assert "uploaded, not fetched" in said and not fetched.is_set()


@pytest.fixture(scope="module")
def read_only_url(fake):
    with serving(Library(fake.settings, kb=fake, read_only=True), mcp=True) as url:
        yield url


def test_read_only_has_no_way_to_change_the_library(read_only_url):
    from gradio_client import Client

    reader = Client(read_only_url, verbose=False)
    assert set(reader.view_api(return_format="dict")["named_endpoints"]) == READ
    config = httpx.get(f"{read_only_url}/config").json()
    assert not [c for c in config["components"] if c["type"] in ("file", "uploadbutton")]
    assert httpx.post(f"{read_only_url}/gradio_api/upload", files={"files": ("a.md", b"x")}).status_code == 403
    for name in WRITE:
        assert httpx.post(f"{read_only_url}/gradio_api/call{name}", json={"data": []}).status_code >= 400

    async def tools(session):
        return {tool.name for tool in (await session.list_tools()).tools}

    assert {f"/{name}" for name in mcp_session(read_only_url, tools)} == READ
    assert reader.predict("fact", api_name="/ask")["outcome"] == "answered"


def test_the_library_itself_refuses_when_read_only(fake):
    library = Library(fake.settings, kb=fake, read_only=True)
    for change in (lambda: library.ingest_content("a.md", b"x"), lambda: library.remove_now(["d1"])):
        with pytest.raises(Exception, match="read only"):
            change()


def test_a_password_is_asked_for(fake):
    from gradio_client import Client

    with serving(Library(fake.settings, kb=fake), auth={"me": "pass:word"}) as url:
        assert httpx.get(f"{url}/config").status_code == 401
        assert httpx.post(f"{url}/gradio_api/call/ask", json={"data": ["fact", [], ""]}).status_code == 401
        for user, password in (("me", "wrong"), ("you", "pass:word"), ("me", "pass")):
            answer = httpx.post(f"{url}/login", data={"username": user, "password": password})
            assert answer.status_code == 400
        allowed = Client(url, auth=("me", "pass:word"), verbose=False)
        assert allowed.predict("fact", api_name="/ask")["outcome"] == "answered"


def test_mcp_with_a_password_is_refused(fake):
    with pytest.raises(SettingsError, match="no passwords"):
        start(Library(fake.settings, kb=fake), mcp=True, auth={"a": "b"})


def test_passwords_come_from_a_file_or_the_environment(tmp_path):
    file = tmp_path / "users"
    file.write_text("# staff\nme:pass:word\n\nyou:x\n")
    assert read_auth(file, {"KB_AUTH": "z:z"}) == {"me": "pass:word", "you": "x"}
    assert read_auth(None, {"KB_AUTH": "me:secret"}) == {"me": "secret"}
    assert read_auth(None, {}) == {}
    file.write_text("me:ok\nno-colon-but-secret\n")
    with pytest.raises(SettingsError, match="line 2") as error:
        read_auth(file, {})
    assert "secret" not in str(error.value)
    for bad in (tmp_path / "missing", tmp_path):
        with pytest.raises(SettingsError):
            read_auth(bad, {})


def test_a_taken_port_is_a_message(fake):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(SettingsError, match="cannot listen"):
            start(Library(fake.settings, kb=fake), port=taken.getsockname()[1])


def test_while_a_document_is_added_chatting_goes_on_and_a_second_change_waits(url, fake, client, monkeypatch):
    from gradio_client.exceptions import AppError

    entered, leave = threading.Event(), threading.Event()

    def slow(paths, *, settings, progress):
        progress("reading", 1, 2)
        entered.set()
        assert leave.wait(30)
        return ingest_report()

    monkeypatch.setattr("ui.library.ingest_paths", slow)
    try:
        job = client.submit("slow.md", "text", api_name="/ingest")
        assert entered.wait(30)
        assert client.predict("fact meanwhile", api_name="/ask")["outcome"] == "answered"
        with pytest.raises(AppError, match="Another change"):
            client.predict(["d1"], api_name="/remove")
    finally:
        leave.set()
    assert job.result(timeout=30)["questions"] == 3


def ingest_report():
    return IngestReport("c", "g", (), 1, 0, 0, 0, 0, 3, 3, 0, 2, 1, 0, 10, 8, 2, {}, 4, 0.5)


def test_an_ingest_goes_on_when_nobody_looks_any_more(fake, monkeypatch, tmp_path):
    done = threading.Event()

    def slow(paths, *, settings, progress):
        progress("reading", 1, 2)
        time.sleep(0.2)
        done.set()
        return ingest_report()

    monkeypatch.setattr("ui.library.ingest_paths", slow)
    (tmp_path / "a.md").write_text("x")
    steps = Library(fake.settings, kb=fake).ingest_uploads([Upload(tmp_path / "a.md", "a.md")])
    assert next(steps).name == "reading"
    steps.close()
    assert done.wait(5)


def test_a_document_goes_in_is_asked_and_goes_out(tmp_path):
    """The whole way with the real knowledge base, on a home that is empty at first."""
    from gradio_client import Client
    from gradio_client.exceptions import AppError

    library = Library(Settings(home=tmp_path / "home", ingest=IngestSettings(max_file_mb=1)))
    text = "# Tea\n\n## How long should green tea steep?\n\nGreen tea should steep for two minutes at 75 degrees.\n"
    with serving(library) as url:
        client = Client(url, verbose=False)
        assert client.predict(api_name="/documents") == []
        with pytest.raises(AppError, match="ingest"):
            client.predict("How long should green tea steep?", api_name="/ask")
        report = client.predict("../../tea.md", base64.b64encode(text.encode()).decode(), "base64", api_name="/ingest")
        assert (report["added"], report["entries"]) == (1, 1)
        stored = [path for path in (tmp_path / "home" / "uploads").rglob("*") if path.is_file()]
        assert stored == [tmp_path / "home" / "uploads" / "default" / "tea.md"]
        answer = client.predict("How long should green tea steep?", api_name="/ask")
        assert answer["outcome"] == "answered" and "two minutes" in answer["text"]
        with pytest.raises(AppError, match="limit of 1 MB"):
            client.predict("big.md", "x" * 1_000_001, api_name="/ingest")
        assert client.predict(["tea.md"], api_name="/remove")["removed"] == 1
        assert client.predict(api_name="/documents") == [] and not stored[0].exists()
