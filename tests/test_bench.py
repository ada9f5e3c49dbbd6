"""The benchmarks run, compare within one run, and write down under what circumstances."""

import json
from pathlib import Path

import pytest

from eval import bench, bench_homes, bench_llm
from eval.bench import BENCHES, Context, Figure, Outcome, outcome_json, percentile, print_outcomes, run_bench
from eval.generate_entries import make_entries, make_queries, write_documents
from ingest import parse_file
from kb import Settings
from kb.errors import EvalError


def test_generated_entries_are_the_same_for_the_same_seed_and_mostly_different():
    entries = make_entries(600)
    assert entries == make_entries(800)[:600]
    assert make_entries(5, seed=1) != make_entries(5)
    questions = {entry.question for entry in entries}
    assert 500 < len(questions) < 600, "some are asked again"
    assert len({word for entry in entries for word in entry.answer.lower().split()}) > 3000


def test_the_parser_finds_exactly_the_generated_entries(tmp_path):
    entries = make_entries(250)
    files = write_documents(tmp_path / "documents", entries)
    found = [entry for file in files for entry in parse_file(file).entries]
    assert [(entry.question, entry.answer) for entry in found] == [(entry.question, entry.answer) for entry in entries]


def test_queries_are_about_the_entries():
    entries = make_entries(50)
    queries = make_queries(entries, 40)
    assert queries == make_queries(entries, 40)
    assert sum(any(entry.subject in query for entry in entries) for query in queries) > 25


def test_every_benchmark_is_a_module_with_a_run():
    for name in BENCHES:
        module = __import__(f"eval.bench_{name}", fromlist=["run"])
        assert callable(module.run)


def test_an_unknown_benchmark_is_refused_before_anything_runs(tmp_path):
    with pytest.raises(EvalError, match="no benchmark 'speed'") as caught:
        run_bench(["speed"], Settings(home=tmp_path))
    assert "ingest" in caught.value.hint


def test_bars():
    assert Figure("a", 1.0, "s").met is None
    assert Figure("a", 1.0, "s", 2.0).met is True
    assert Figure("a", 1.0, "", 2.0, "higher").met is False


def test_percentile():
    values = [5.0, 1.0, 3.0, 2.0, 4.0]
    assert (percentile(values, 0.5), percentile(values, 0.95), percentile([], 0.5)) == (3.0, 5.0, 0.0)


def test_json_has_versions_and_machine_and_names_nobody(tmp_path):
    outcome = Outcome("ask", (Figure("p50", 12.0, "ms", 30.0),), {"entries": 200})
    written = json.loads(bench.write_outcome(outcome, tmp_path).read_text("utf-8"))
    assert written == {**outcome_json(outcome), "measured": written["measured"], "machine": written["machine"]}
    assert written["figures"][0]["met"] is True
    assert {"python", "torch", "chromadb"} <= written["versions"].keys()
    assert written["machine"]["cores"] >= 1
    import socket

    assert socket.gethostname() not in json.dumps(written)


def test_the_table_says_which_bar_is_not_met(capsys):
    outcome = Outcome("ask", (Figure("p50", 45.0, "ms", 30.0), Figure("p95", 60.0, "ms")), {}, ("a note",))
    print_outcomes([outcome])
    said = capsys.readouterr().out
    assert "NOT MET" in said
    assert "a note" in said


def test_a_sketched_home_is_whole_and_needs_no_encoder(tmp_path):
    """Sketches stand for all texts that an ingest embeds; were one missing, the encoder would be measured, too."""
    context = Context(Settings(home=tmp_path / "unused"), tmp_path)
    home = bench_homes.sketched_home(context, 40)
    assert (home.child["entries"], home.child["embedded"], home.child["rejected"]) == (40, 0, 0)
    assert bench_homes.sketched_home(context, 40).child == home.child, "made once"
    from eval.bench_scale import _recall
    from kb.index import Index
    from kb.storage import Home
    from kb.wiring import load_encoder, store_access

    settings = Settings(home=home.path)
    with Home(home.path).collection("default").open() as generation:
        access = store_access(settings)
        index = Index.open(generation.path, access.open(generation.chroma_path), access.names(generation.name))
        recall, times = _recall(index, load_encoder(settings), make_queries(home.entries, 10))
        index.close()
    assert recall == 1.0, "40 entries are found exactly"
    assert len(times) == 10


def test_the_model_bench_needs_only_torch_and_transformers(monkeypatch):
    """It runs on a machine that has nothing else, so it may import no other package of the project's."""
    import subprocess
    import sys

    code = (
        "import sys\n"
        "class Refuse:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] in {'chromadb', 'llama_index', 'gradio', 'bm25s', 'typer', 'platformdirs'}:\n"
        "            raise ImportError(name)\n"
        "sys.meta_path.insert(0, Refuse())\n"
        "import eval.bench_llm, kb.backends.local_serial, kb.backends.local_batching, eval.bench\n"
    )
    root = Path(bench.__file__).parent.parent
    subprocess.run([sys.executable, "-c", code], check=True, cwd=root)


def test_the_model_bench_counts_tokens():
    def tokens(prompt, n_new):
        yield from range(n_new)

    first, rest = bench_llm._timed(tokens, [1, 2], 5)
    assert first >= 0
    assert rest >= 0
    with pytest.raises(RuntimeError, match="3 tokens came instead of 5"):
        bench_llm._timed(lambda prompt, n: iter([1, 2, 3]), [1], 5)
