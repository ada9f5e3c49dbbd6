"""The command line as a user types it: output, exit codes, messages; and every command of the README."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
KB = [sys.executable, "-m", "kb"]


def kb(*arguments, home, stdin="", expect=0, cwd=ROOT, env=None):
    environment = {**os.environ, "KB_HOME": str(home), "PYTHONPATH": str(ROOT), **(env or {})}
    done = subprocess.run(
        [*KB, *map(str, arguments)], input=stdin, capture_output=True, text=True, cwd=cwd, env=environment, timeout=200
    )
    assert done.returncode == expect, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A home with the two small documents, made through the command line."""
    from tests.conftest import OTHER_FAQ, SMALL_FAQ

    folder = tmp_path_factory.mktemp("cli")
    (folder / "tea.md").write_text(SMALL_FAQ, "utf-8")
    (folder / "store.txt").write_text(OTHER_FAQ, "utf-8")
    home = tmp_path_factory.mktemp("cli-home")
    report = json.loads(kb("ingest", folder, "--json", home=home).stdout)
    assert (report["added"], report["entries"], report["merged"], report["unanswered"]) == (2, 6, 1, 1)
    return home


def lines(done):
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_lists_have_the_field_names_of_the_types(home):
    documents = lines(kb("documents", "--json", home=home))
    assert {Path(document["source"]).name for document in documents} == {"tea.md", "store.txt"}
    entries = lines(kb("entries", "--json", home=home))
    expected = {"id", "document", "source", "number", "section", "question", "answer", "status", "lines", "question_id"}
    assert expected <= set(entries[0])
    assert [entry["status"] for entry in lines(kb("entries", "--unanswered", "--json", home=home))] == ["unanswered"]
    assert len(lines(kb("entries", "--document", "store.txt", "--json", home=home))) == 2
    merged = lines(kb("questions", "--duplicates", "--json", home=home))
    assert len(merged) == 1
    assert set(merged[0]) == {"id", "question", "variants", "entry_ids", "sources", "status"}
    review = json.loads(kb("review", "--json", home=home).stdout)
    assert [gap["question"] for gap in review["gaps"]] == ["Which teapot is best for white tea?"]


def test_ask_answers_with_exact_citations(home):
    answer = json.loads(kb("ask", "How long should green tea steep?", "--json", home=home).stdout)
    assert answer["outcome"] == "answered"
    assert "2 minutes" in answer["text"]
    entries = {entry["id"]: entry for entry in lines(kb("entries", "--json", home=home))}
    assert answer["citations"]
    for citation in answer["citations"]:
        text = entries[citation["entry_id"]]["answer"]
        assert text[citation["start"] : citation["end"]] == citation["quote"]


def test_ask_says_when_it_does_not_know(home):
    answer = json.loads(kb("ask", "What is the capital of France?", "--json", home=home).stdout)
    assert (answer["outcome"], answer["reason"]) == ("abstained", "no_evidence")
    assert answer["statements"] == answer["citations"] == []
    posed = json.loads(kb("ask", "Which teapot is best for white tea?", "--json", home=home).stdout)
    assert (posed["outcome"], posed["reason"]) == ("abstained", "unanswered_question")
    assert "tea.md" in posed["text"]


def test_people_get_text_and_programs_read_stdin(home):
    text = kb("ask", "-", home=home, stdin="How do you store tea?").stdout
    assert "closed tin" in text and "[1]" in text and "store.txt:" in text
    hits = lines(kb("search", "-", "-k", "2", "--json", home=home, stdin="store tea"))
    assert [hit["rank"] for hit in hits] == [1, 2]
    assert all(0 <= hit["score"] <= 1 for hit in hits)


def test_chat(home):
    script = "How do you store tea?\n/sources\nand how long should green tea steep?\n/nonsense\n/quit\n"
    done = kb("chat", home=home, stdin=script)
    assert done.stdout.count("closed tin") >= 2
    assert "2 minutes" in done.stdout
    assert "/quit leaves" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["ingest", "no-such-file.txt"], 1, "no-such-file.txt"),
        (["parse", "no-such-file.txt"], 1, "no-such-file.txt"),
        (["ask", ""], 1, "empty"),
        (["ask", "x" * 10_000], 1, "10000 characters"),
        (["remove", "nothing.txt"], 1, "nothing.txt"),
        (["entries", "--document", "nothing.txt"], 1, "nothing.txt"),
        (["search", "tea", "--status", "wrong"], 1, "wrong"),
        (["nonsense"], 2, "nonsense"),
        (["ask"], 2, "query"),
        (["eval", "--suite", "wrong"], 2, "wrong"),
    ],
)
def test_errors_are_one_message_and_the_right_code(home, arguments, code, message):
    done = kb(*arguments, home=home, expect=code)
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_asking_an_empty_home_names_the_next_command(tmp_path):
    done = kb("ask", "What is tea?", home=tmp_path / "none", expect=1)
    assert "kb ingest" in done.stderr


def test_home_may_stand_behind_the_command(home, tmp_path):
    done = kb("documents", "--json", "--home", home, home=tmp_path / "other")
    assert len(lines(done)) == 2


def test_a_rejected_file_makes_exit_code_1(tmp_path):
    (tmp_path / "empty.txt").write_text("")
    (tmp_path / "good.md").write_text("## What is tea?\n\nA drink.\n")
    done = kb("ingest", tmp_path, home=tmp_path / "home", expect=1)
    assert "rejected" in done.stdout and "empty.txt" in done.stdout and "1 added" in done.stdout


def test_control_characters_of_documents_never_reach_the_terminal(tmp_path):
    (tmp_path / "bad.md").write_text("## What is \u009b31mtea?\n\nA \u009d0;owned\u009cdrink.\n", "utf-8")
    kb("ingest", tmp_path / "bad.md", home=tmp_path / "home")
    shown = kb("entries", home=tmp_path / "home").stdout + kb("ask", "What is tea?", home=tmp_path / "home").stdout
    assert "drink" in shown
    assert not any(0x80 <= ord(c) < 0xA0 or c == "\x1b" for c in shown)


def test_settings_mask_secrets(tmp_path):
    done = kb("settings", home=tmp_path, env={"KB_LLM_API_KEY": "very-secret"})
    assert "very-secret" not in done.stdout
    assert "KB_LLM_API_KEY" in done.stdout


def test_interrupt_is_130(home):
    process = subprocess.Popen(
        [*KB, "ask", "-"], stdin=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, "KB_HOME": str(home)}
    )
    time.sleep(2)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=30)
    assert process.returncode == 130, error


def readme_blocks(language):
    text = (ROOT / "README.md").read_text("utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


README_COMMANDS = [
    line for block in readme_blocks("sh") for line in block.splitlines() if line and not line.startswith("#")
]


@pytest.mark.parametrize("command", README_COMMANDS)
def test_readme_commands_run_as_written(command, own_corpus_home):
    wrapper = f'kb() {{ {shlex.quote(sys.executable)} -m kb "$@"; }}\n{command}\n'
    done = subprocess.run(
        ["bash", "-ec", wrapper],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=200,
        env={**os.environ, "KB_HOME": str(own_corpus_home)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.strip()


def test_readme_python_runs_as_written(own_corpus_home):
    code = next(block for block in readme_blocks("python") if "KnowledgeBase" in block)
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "KB_HOME": str(own_corpus_home)},
    )
    assert done.returncode == 0, done.stderr
    assert "done" in done.stdout
    assert "True" in done.stdout
