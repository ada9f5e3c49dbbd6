"""Readers and the entry parser on bytes that nobody chose: a document, or DocumentError, and every line accounted for.

`make soak` adds a fuzzer that is guided by coverage (atheris): KB_FUZZ_SECONDS for each type, 60 by default.
"""

import contextlib
import importlib.util
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from ingest import parse_file
from ingest.read import SUFFIXES
from ingest.types import DropReason
from kb.errors import DocumentError
from tests.worker import ROOT

BOUNDED = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]}
SLOW_S = 20
"""Processor seconds that no input of a few kilobytes may take; they take milliseconds."""

# What the parsers look for, in an order that no author would choose.
CONTROLS = ["\t", "\u200b", "\u202e", "\x00", "\x0c", "\r"]
MARKUP = r"""
    #_ ##_ ###_1._ 1._ 1)_ Q1:_ Q:_ A:_ Answer:_ Question_2 ** __ *_ -_ +_ >_ ``` ~~~ ` ____ \ | a b_c What_is_x? Why
    Explain_y. ? ？ ؟ . : ---_ === *** <details> <summary> </summary> </details> <h2> </h2> <p> <div > &amp; <!-- -->
    [a](b) ![ ]( ) http://x { } [ ] " ' , ; é 問 🍵 .._note:: :: :a:_b % $ [This_requires_an_answer] Table_of_contents
    Related_articles Read_more Thank_you 1 (2) a) iv. question answer front back null true 1e5
"""
PIECES = st.sampled_from([*CONTROLS, "__", *(piece.replace("_", " ") for piece in MARKUP.split())])
SEPARATORS = st.sampled_from(["", "", " ", "\n", "\n", "\n\n", "\n   "])
SOUP = st.lists(st.tuples(PIECES, SEPARATORS), max_size=120).map(lambda pairs: "".join(a + b for a, b in pairs))


def check(suffix, content):
    """Parse the content as a file of this type and hold the result to the parser's promises."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"input{suffix}"
        file.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"))
        started = time.process_time()
        found = None
        with contextlib.suppress(DocumentError):
            found = parse_file(file)
        assert time.process_time() - started < SLOW_S
    if found is None:
        return
    assert found.lines_read == found.lines_in_entries + found.lines_dropped
    assert all(drop.reason in DropReason for drop in found.dropped)
    assert len({entry.id for entry in found.entries}) == len(found.entries)
    lines = found.text.split("\n")
    for entry in found.entries:
        assert entry.question.strip()
        if entry.lines:
            first, last = entry.lines
            assert 1 <= first <= last <= len(lines)


@pytest.mark.parametrize("suffix", sorted(SUFFIXES - {".text", ".markdown", ".htm", ".xhtml", ".ndjson"}))
@hypothesis_settings(max_examples=60, **BOUNDED)
@given(content=st.one_of(st.binary(max_size=400), st.text(max_size=400), SOUP))
@example(content=b"\xef\xbb\xbf")
@example(content=b"\xff\xfe" + "What is a?\nb".encode("utf-16-le"))
@example(content="\ud800")
@example(content="# 0\n<\n0")
@example(content="Nr;Question;Answer\n\x1f1;What is tea?;A drink.\n2;What is milk?;White.\n")
@example(content='{"": "Hold the button.", "What is the kettle?": "A pot."}')
@example(content='<ol start="--5"><li value="²">What is tea?</li></ol><p>A drink.</p>')
def test_any_bytes(suffix, content):
    check(suffix, content)


@pytest.mark.parametrize("suffix", [".txt", ".md", ".html", ".rst"])
@hypothesis_settings(max_examples=200, **BOUNDED)
@given(content=SOUP)
def test_markup_in_any_order(suffix, content):
    check(suffix, content)


JSON_VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20), PIECES),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.sampled_from(["question", "answer", "q", "a", "front", "back", "cells", "source", "x"]),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=20,
)


@pytest.mark.parametrize("suffix", [".json", ".jsonl", ".ipynb"])
@hypothesis_settings(max_examples=60, **BOUNDED)
@given(value=JSON_VALUES)
def test_json_of_any_shape(suffix, value):
    import json

    check(suffix, json.dumps(value))


FIXTURE_FILES = sorted(
    p for p in (Path(__file__).parent / "fixtures").rglob("*") if p.suffix in SUFFIXES and p.stat().st_size < 20_000
)


@hypothesis_settings(max_examples=60, **BOUNDED)
@given(data=st.data())
def test_damaged_documents(data):
    """A real document, cut off, with a byte changed, a part doubled, or a line moved."""
    file = data.draw(st.sampled_from(FIXTURE_FILES))
    content = file.read_bytes()
    at = data.draw(st.integers(0, len(content)))
    change = data.draw(st.sampled_from(["cut", "byte", "double", "drop"]))
    if change == "cut":
        content = content[:at]
    elif change == "byte":
        content = content[:at] + bytes([data.draw(st.integers(0, 255))]) + content[at + 1 :]
    else:
        end = data.draw(st.integers(at, len(content)))
        content = content[:at] + (content[at:end] * 2 if change == "double" else b"") + content[end:]
    check(file.suffix, content)


def fuzz(suffix, seconds, out):
    """(executions, output) of the coverage-guided fuzzer."""
    if importlib.util.find_spec("atheris") is None:
        pytest.skip("atheris is not installed: pip install atheris==3.0.0")
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz", suffix, str(seconds), str(out)],
        cwd=ROOT, capture_output=True, text=True, timeout=seconds + 600, check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    said = done.stdout + done.stderr
    assert done.returncode == 0, said[-6000:]
    count = re.search(r"stat::number_of_executed_units:\s*(\d+)", said)
    assert count, said[-3000:]
    return int(count.group(1)), said


@pytest.mark.soak
@pytest.mark.timeout(5400)
@pytest.mark.parametrize("suffix", [".txt", ".md", ".html", ".rst", ".csv", ".json", ".ipynb", ".pdf", ".docx"])
def test_guided_by_coverage(suffix, tmp_path, capsys):
    executions, _ = fuzz(suffix, int(os.environ.get("KB_FUZZ_SECONDS", "60")), tmp_path)
    with capsys.disabled():
        sys.stderr.write(f"\n{suffix}: {executions} executions\n")
    assert executions > 20
