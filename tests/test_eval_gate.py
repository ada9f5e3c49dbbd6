"""The gate on a small knowledge base: it is met by what has not changed, and not by what was broken on purpose."""

import dataclasses
import json

import pytest

import kb.checking.verdict
from eval import cli, gate
from eval.figures import EvalReport, Item, compute_figures
from eval.gate import Baseline, Floor, ItemChange, check_floors, check_gate, load_baseline, load_floors, write_baseline
from eval.labelled import claim_items
from eval.run import Asker, asked_items
from eval.samples import Claim, Gold, Sample
from ingest import ingest_paths
from kb import KnowledgeBase, Settings
from kb.answer import Answerer
from kb.errors import EvalError
from kb.search import Searcher

# question, answer, query, fact
ENTRIES = [
    ("What is the loan period for books?", "Books are lent for 28 days.", "how long may I keep a book", "28 days"),
    ("How do I renew a loan?", "A loan is renewed at the desk or by telephone.", "renewing a loan", "desk"),
    ("What does a lost library card cost?", "A lost card costs 5 euros.", "price of a lost card", "5 euros"),
    (
        "When is the reading room open?",
        "The reading room opens at 9 and closes at 18.",
        "opening hours reading room",
        "9",
    ),
    (
        "Where can I park my bicycle?",
        "Bicycles stand behind the north entrance.",
        "where to put my bicycle",
        "north entrance",
    ),
    ("What is basalt?", "Basalt is a dark volcanic rock rich in iron.", "what is basalt made of", "iron"),
    (
        "How is marble formed?",
        "Marble forms from limestone under heat and pressure.",
        "formation of marble",
        "limestone",
    ),
    (
        "Which mineral is the hardest?",
        "Diamond is the hardest mineral, with 10 on the Mohs scale.",
        "hardest mineral",
        "diamond",
    ),
    ("What is pumice used for?", "Pumice is used for polishing and for light concrete.", "uses of pumice", "polishing"),
    (
        "How old is the oldest zircon?",
        "The oldest zircon is 4.4 billion years old.",
        "age of the oldest zircon",
        "4.4 billion",
    ),
    ("How long should rye dough rest?", "Rye dough rests for 12 hours.", "resting time of rye dough", "12 hours"),
    ("Why does bread need salt?", "Salt slows the yeast and strengthens the gluten.", "why salt in bread", "yeast"),
    (
        "What is a sourdough starter?",
        "A starter is flour and water with wild yeast.",
        "what is a sourdough starter",
        "wild yeast",
    ),
    (
        "At what temperature is a baguette baked?",
        "A baguette is baked at 240 degrees.",
        "baking a baguette, how hot",
        "240",
    ),
    ("How do I store fresh bread?", "Fresh bread keeps best in a paper bag.", "storing fresh bread", "paper bag"),
    ("What is a sonata?", "A sonata is a piece for one or two instruments.", "explain sonata", "instruments"),
    ("How many strings has a cello?", "A cello has 4 strings.", "number of strings of a cello", "4"),
    ("What does allegro mean?", "Allegro means fast and lively.", "meaning of allegro", "fast"),
    (
        "Who tunes the orchestra?",
        "The oboe gives the A to which the orchestra tunes.",
        "who tunes the orchestra",
        "oboe",
    ),
    ("What is a fugue?", "A fugue takes one theme through several voices.", "what is a fugue", "theme"),
]
UNANSWERABLE = [
    "How do I apply for a passport?", "What is the boiling point of mercury?", "Who won the football cup in 1998?",
    "How do I prune an apple tree?", "What is the capital of Mongolia?", "How does a heat pump work?",
    "Which visa do I need for Japan?", "What does a plumber earn?", "How do I tie a bow tie?", "What is a hedge fund?",
    "How many moons has Jupiter?", "Why do cats purr?",
]  # fmt: skip
DOCUMENT = "handbook.md"


def samples():
    for n, (question, _, query, fact) in enumerate(ENTRIES):
        yield Sample(
            f"a{n}", "answerable", "k", query, f"t{n}", "test", gold=(Gold(DOCUMENT, question),), facts=((fact,),)
        )
    for n, query in enumerate(UNANSWERABLE):
        yield Sample(f"u{n}", "unanswerable", "k", query, f"u{n}", "test")


def claims():
    for n, (_, answer, _, _) in enumerate(ENTRIES):
        yield Claim(f"true{n}", "verbatim", answer, answer, True, "test")
        other = ENTRIES[(n + 1) % len(ENTRIES)][1]
        yield Claim(f"false{n}", "other passage", other, answer, False, "test")


@pytest.fixture(scope="module")
def small_settings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("small")
    text = "# Handbook\n\n" + "".join(f"## {question}\n\n{answer}\n\n" for question, answer, _, _ in ENTRIES)
    (folder / DOCUMENT).write_text(text, "utf-8")
    settings = Settings(home=folder / "home")
    assert ingest_paths([folder / DOCUMENT], settings=settings).entries == len(ENTRIES)
    return settings


def run(settings):
    """What `run_eval` does, over the small sets."""
    with KnowledgeBase.open(settings) as kb:
        asker = Asker(kb, settings)
        items = asked_items(asker, list(samples()), [], lambda *_: None)
        items += claim_items(asker.backs, list(claims()), lambda *_: None)
    return report_of(items)


def report_of(items):
    return EvalReport(
        "full", "all", "extractive", None, {"set": "hash"}, tuple(items), compute_figures(items), 0.0, 0.0, 0.0
    )


@pytest.fixture(scope="module")
def whole(small_settings):
    return run(small_settings)


@pytest.fixture(scope="module")
def baseline(whole, tmp_path_factory):
    path = tmp_path_factory.mktemp("baseline") / "baseline.json"
    write_baseline(whole, path)
    return load_baseline("extractive", path)


def verdicts(result):
    return {change.metric: change.verdict for change in result.changes}


def test_the_small_knowledge_base_is_good_enough_to_be_broken(whole):
    assert whole.figure("answerable/hit@1").value >= 0.9
    assert whole.figure("answerable/facts").value >= 0.7
    assert whole.figure("unanswerable/handled").value >= 0.8
    assert whole.figure("mutants/caught").value >= 0.9 and whole.figure("genuine/passed").value >= 0.9
    assert whole.figure("asked/quotes_verbatim").value == 1 and whole.figure("asked/hard_violations").value == 0


def test_nothing_changed_meets_the_gate(whole, small_settings, baseline):
    result = check_gate(run(small_settings), baseline, [])
    assert result.passed and set(verdicts(result).values()) == {"same"}
    assert result.worse_items == () and result.n_better_items == 0
    assert all(change.difference.detectable > 0 for change in result.changes)


def test_a_shuffled_ranking_fails_the_gate(small_settings, baseline, monkeypatch):
    find = Searcher.find

    def reversed_find(self, *args, **options):
        found = find(self, *args, **options)
        hits = tuple(dataclasses.replace(hit, rank=n) for n, hit in enumerate(found.hits[::-1], start=1))
        return dataclasses.replace(found, hits=hits)

    monkeypatch.setattr(Searcher, "find", reversed_find)
    result = check_gate(run(small_settings), baseline, [])
    assert not result.passed
    assert {"answerable/hit@1", "answerable/mrr", "answerable/facts"} <= {c.metric for c in result.worse}
    moved = next(m for m in result.worse_items if m.item.id == "a0")
    assert any(change.metric == "answerable/hit@1" and change.before > change.after for change in moved.changes)


def test_a_check_that_accepts_everything_fails_the_gate(small_settings, baseline, monkeypatch):
    true = kb.checking.verdict.verify_statement("Tea is hot.", ["Tea is hot."])
    monkeypatch.setattr(kb.checking, "verify_statement", lambda *args, **options: true)
    result = check_gate(run(small_settings), baseline, [])
    assert not result.passed and verdicts(result)["mutants/caught"] == "worse"


def test_a_knowledge_base_that_never_refuses_fails_the_gate(small_settings, baseline, monkeypatch):
    monkeypatch.setattr(Answerer, "_refusal", lambda self, found: None)
    result = check_gate(run(small_settings), baseline, [])
    assert not result.passed and verdicts(result)["unanswerable/handled"] == "worse"
    assert {m.item.set for m in result.worse_items} >= {"unanswerable"}


def test_a_knowledge_base_that_always_refuses_fails_the_gate(small_settings, baseline):
    """It makes no false statement, and that must not pass for a good one: what cannot be measured is worse."""
    settings = dataclasses.replace(
        small_settings, answer=dataclasses.replace(small_settings.answer, min_confidence=1.0)
    )
    report = run(settings)
    result = check_gate(report, baseline, load_floors())
    assert verdicts(result)["answerable/over_refusal"] == "worse"
    moved = {change for m in result.worse_items for change in m.changes}
    assert ItemChange("answerable/over_refusal", 0.0, 1.0) in moved
    assert not [m for m in result.worse_items if m.item.set == "unanswerable"]
    assert verdicts(result)["asked/statements_supported"] == "worse"
    assert {check.floor.metric for check in result.broken} >= {"asked/quotes_verbatim"}
    assert all(check.value is None for check in result.broken if check.floor.metric.startswith("asked/"))


def test_a_better_knowledge_base_meets_the_gate(whole, baseline, tmp_path):
    before = [
        dataclasses.replace(i, columns={**i.columns, "hit@1": 0.0}) if i.set == "answerable" else i for i in whole.items
    ]
    path = tmp_path / "b.json"
    write_baseline(dataclasses.replace(whole, items=tuple(before)), path)
    result = check_gate(whole, load_baseline("extractive", path), [])
    assert result.passed and verdicts(result)["answerable/hit@1"] == "better" and result.n_better_items > 10


# Floors.


@pytest.mark.parametrize(
    ("floor", "met"),
    [
        (Floor("answerable/hit@1", "min", 0.5), [True]),
        (Floor("answerable/hit@1", "min", 0.500001), [True]),  # within rounding
        (Floor("answerable/hit@1", "min", 0.51), [False]),
        (Floor("answerable/hit@1", "max", 0.49), [False]),
        (Floor("answerable/hit@1", "min", 1.0, kind="good"), [True]),
        (Floor("answerable/hit@1", "min", 1.0, backend="openai"), []),
        (Floor("answerable/hit@1", "min", 1.0, suite="smoke"), []),
        (Floor("answerable/mrr", "min", 0.0), [False]),  # there is no such figure in this run
    ],
)
def test_floors(floor, met):
    items = [
        Item("a", "answerable", "good", "a", "test", {"hit@1": 1.0}),
        Item("b", "answerable", "bad", "b", "test", {"hit@1": 0.0}),
    ]
    assert [check.met for check in check_floors(report_of(items), [floor])] == met


def test_the_committed_floors_are_sound():
    floors = {
        (floor.metric, floor.bound): floor.limit for floor in load_floors() if not floor.suite and not floor.backend
    }
    assert floors["asked/hard_violations", "max"] == 0 and floors["asked/quotes_verbatim", "min"] == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[{"metric": "answerable/hit@9", "min": 1}]', "no metric 'answerable/hit@9'"),
        ('[{"metric": "answerable/hit@1"}]', "needs `min` or `max`"),
        ("{", "not JSON"),
    ],
)
def test_floors_that_mean_nothing_are_errors(tmp_path, text, message):
    (tmp_path / "floors.json").write_text(text, "utf-8")
    with pytest.raises(EvalError, match=message):
        load_floors(tmp_path / "floors.json")


# The baseline.


def test_a_baseline_of_other_sets_is_refused_with_the_command(whole, baseline):
    other = dataclasses.replace(whole, hashes={"set": "another hash"})
    with pytest.raises(EvalError, match="made from other sets: set changed since") as error:
        check_gate(other, baseline, [])
    assert "kb eval --update-baseline --backend extractive" in error.value.hint


def test_a_baseline_of_another_model_is_refused(whole, baseline):
    with pytest.raises(EvalError, match="made with the model tiny, this run with large"):
        check_gate(dataclasses.replace(whole, model="/b/large"), dataclasses.replace(baseline, model="/a/tiny"), [])
    assert check_gate(dataclasses.replace(whole, model="/b/m"), dataclasses.replace(baseline, model="/a/m"), []).passed


def test_an_item_that_the_baseline_lacks_is_an_error(whole, baseline):
    scores = {name: dict(rows) for name, rows in baseline.scores.items()}
    del scores["answerable"]["a3"]
    with pytest.raises(EvalError, match="for a3"):
        check_gate(whole, dataclasses.replace(baseline, scores=scores), [])


def test_a_part_of_the_baselines_items_can_be_compared(whole, baseline):
    """The quick suite, or one split."""
    some = [item for item in whole.items if item.id.endswith(("1", "2"))]
    assert check_gate(report_of(some), baseline, []).passed


def test_own_queries_have_no_baseline(whole, baseline):
    with pytest.raises(EvalError, match="the project's own sets"):
        check_gate(dataclasses.replace(whole, own="mine.jsonl"), baseline, [])


@pytest.mark.parametrize("change", [{"suite": "smoke"}, {"split": "dev"}, {"own": "mine.jsonl"}])
def test_only_a_full_run_makes_a_baseline(whole, tmp_path, change):
    with pytest.raises(EvalError, match="full suite over all splits"):
        write_baseline(dataclasses.replace(whole, **change), tmp_path / "b.json")
    assert not (tmp_path / "b.json").exists()


def test_baselines_of_two_backends_stay_apart(whole, tmp_path):
    path = tmp_path / "b.json"
    write_baseline(whole, path)
    write_baseline(dataclasses.replace(whole, backend="transformers", model="small"), path)
    first, second = load_baseline("extractive", path), load_baseline("transformers", path)
    assert (first.model, second.model) == (None, "small") and first.scores == second.scores
    with pytest.raises(EvalError, match="no baseline for the backend openai") as error:
        load_baseline("openai", path)
    assert "--update-baseline --backend openai" in error.value.hint


def test_a_baseline_is_the_same_text_for_the_same_run(whole, small_settings, tmp_path):
    for name in ("one", "two"):
        write_baseline(whole, tmp_path / name)
    write_baseline(whole, tmp_path / "two")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


@pytest.mark.parametrize(("text", "message"), [("{", "not JSON"), ('{"format": 0}', "not a baseline of format 1")])
def test_a_damaged_baseline_is_an_error(tmp_path, text, message):
    (tmp_path / "b.json").write_text(text, "utf-8")
    with pytest.raises(EvalError, match=message):
        load_baseline("extractive", tmp_path / "b.json")
    with pytest.raises(EvalError, match="there is no baseline"):
        load_baseline("extractive", tmp_path / "none.json")


# The command.


def command(tmp_path, **options):
    return cli.EvalCommand(**{"baseline": tmp_path / "b.json", "cache": tmp_path / "cache", **options})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"gate": True, "data": "x"}, "the project's own sets"),
        ({"update_baseline": True, "suite": "smoke"}, "full suite, both splits"),
        ({"update_baseline": True, "split": "test"}, "full suite, both splits"),
        ({"update_baseline": True, "data": "x"}, "full suite, both splits"),
    ],
)
def test_options_that_contradict_each_other(tmp_path, options, message):
    with pytest.raises(EvalError, match=message):
        cli.evaluate(command(tmp_path, **options), Settings(home=tmp_path), lambda *_: None)


def test_own_queries_are_asked_of_the_own_index(small_settings, tmp_path, capsys):
    path = tmp_path / "own.jsonl"
    rows = [
        {
            "query": "how long may I keep a book",
            "gold": [{"document": DOCUMENT, "question": ENTRIES[0][0]}],
            "facts": ["28 days"],
        },
        {"query": "and where do I put my bicycle?", "facts": ["north entrance"]},
        {"query": "What is a hedge fund?", "answerable": False},
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    assert cli.evaluate(command(tmp_path, data=path, as_json=True), small_settings, lambda *_: None)
    found = json.loads(capsys.readouterr().out)
    figures = {f["metric"]: f for f in found["figures"] if f["kind"] == "all"}
    assert figures["answerable/hit@1"]["value"] == 1 and figures["answerable/hit@1"]["n"] == 1
    assert figures["answerable/facts"]["n"] == 2 and figures["unanswerable/handled"]["value"] == 1
    assert found["n_items"] == 3 and found["gate"] is None


def test_gold_that_is_not_in_the_index_is_an_error(small_settings, tmp_path):
    path = tmp_path / "own.jsonl"
    path.write_text(
        json.dumps({"query": "x", "gold": [{"document": DOCUMENT, "question": "Is there life on Mars?"}]}), "utf-8"
    )
    with pytest.raises(EvalError, match=r"1 items cannot be scored.*Is there life on Mars"):
        cli.evaluate(command(tmp_path, data=path), small_settings, lambda *_: None)


def test_the_gate_is_printed_item_by_item(whole, baseline, capsys):
    scores = {name: {key: dict(row) for key, row in rows.items()} for name, rows in baseline.scores.items()}
    items = [
        dataclasses.replace(item, columns={**item.columns, "hit@1": 0.0}) if item.set == "answerable" else item
        for item in whole.items
    ]
    result = check_gate(report_of(items), Baseline("extractive", None, baseline.hashes, scores), load_floors())
    cli.print_gate(result)
    shown = capsys.readouterr().out
    assert "gate NOT met" in shown and "detectable" in shown
    assert "worse: answerable a0 [k] how long may I keep a book" in shown and "hit@1: 100.0 → 0.0" in shown
    assert gate.UPDATE == "kb eval --update-baseline"
