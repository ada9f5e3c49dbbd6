"""The sentence encoder: right vectors, from either engine, for whoever asks."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kb.backends.encoder import SentenceEncoder, find_model, load_embedder, read_spec
from kb.backends.encoder_numpy import NumpyBert
from kb.backends.encoder_torch import TorchEncoder
from kb.errors import ModelError
from kb.ports import Embedder

ROOT = Path(__file__).parents[1]
TEXTS = [
    "What is a mortgage?",
    "",
    "Wie lange brütet eine Amsel? 鳥はなぜ飛べるのか 🐦",
    "```py\nfor x in range(3):\n    print(x)\n```",
    "The tide turns twice a day. " * 30,
    "word " * 600,
    "a",
]


@pytest.fixture(scope="module")
def encoder() -> Embedder:
    return load_embedder()


@pytest.fixture(scope="module")
def reference() -> np.ndarray:
    """The vectors of TEXTS by the book: transformers in float32, mean pooling, one text at a time."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    folder = str(find_model("all-MiniLM-L6-v2"))
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()
    rows = []
    with torch.inference_mode():
        for text in TEXTS:
            inputs = tokenizer(text, truncation=True, max_length=256, return_tensors="pt")
            rows.append(model(**inputs).last_hidden_state[0].mean(dim=0).numpy())
    vectors = np.stack(rows)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def cosines(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    return (left * right).sum(axis=1)


def test_numpy_computes_the_models_vectors(encoder, reference):
    vectors = encoder.embed(TEXTS)
    assert vectors.dtype == np.float32 and vectors.shape == (len(TEXTS), encoder.dimension) == (len(TEXTS), 384)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(len(TEXTS)), abs=1e-5)
    assert cosines(vectors, reference).min() > 0.99999


def test_torch_agrees_with_numpy(reference):
    bulk = load_embedder()
    vectors = bulk.embed(TEXTS * 20)
    assert bulk._torch is not None and bulk._numpy is None
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(len(vectors)), abs=1e-5)
    assert cosines(vectors, np.tile(reference, (20, 1))).min() > 0.999


def test_the_yardstick_is_the_usual_way(reference):
    from kb.backends.encoder import load_yardstick

    assert cosines(load_yardstick().embed(TEXTS), reference).min() > 0.99999


def test_is_an_embedder(encoder):
    assert isinstance(encoder, Embedder)
    assert encoder.embed([]).shape == (0, 384)


def test_the_id_names_the_encoder_and_is_known_without_its_weights(tmp_path):
    first, folder = load_embedder(), find_model("all-MiniLM-L6-v2")
    assert first.id.startswith("all-MiniLM-L6-v2-")
    assert first.id == load_embedder("sentence-transformers/all-MiniLM-L6-v2").id
    assert first._numpy is None and first._torch is None and first._tokenizer is None
    copied = tmp_path / "all-MiniLM-L6-v2"
    shutil.copytree(folder, copied)
    assert load_embedder(str(copied)).id == first.id, "the same files under another path are the same encoder"
    settings_file = copied / "sentence_bert_config.json"
    settings_file.write_text(settings_file.read_text().replace("256", "128"))
    assert load_embedder(str(copied)).id != first.id


@settings(max_examples=25, deadline=None)
@given(st.lists(st.text(max_size=60), min_size=1, max_size=6), st.randoms())
def test_a_vector_depends_on_its_text_alone(encoder, texts, chance):
    vectors = encoder.embed(texts)
    assert np.isfinite(vectors).all()
    order = list(range(len(texts)))
    chance.shuffle(order)
    assert np.allclose(encoder.embed([texts[n] for n in order]), vectors[order], atol=2e-5)
    assert np.allclose(encoder.embed(texts[:1]), vectors[:1], atol=2e-5)


def test_what_is_beyond_max_tokens_is_cut_and_nothing_before_it(encoder):
    words = ["tree"] * encoder.max_tokens
    full = " ".join(words)
    assert encoder.count_tokens(full) == encoder.max_tokens == 254
    assert np.allclose(encoder.embed([full + " river stone"]), encoder.embed([full]), atol=1e-6)
    inside = " ".join([*words[:-1], "river"])
    assert not np.allclose(encoder.embed([inside]), encoder.embed([full]), atol=1e-4)
    assert encoder.count_tokens("") == 0
    assert encoder.count_tokens(full + " river stone") == 256, "the count is not cut"


def test_means_something(encoder):
    about_loans, about_interest, about_birds = encoder.embed(
        ["How is interest on a loan computed?", "What determines my credit's interest rate?", "Why do birds migrate?"]
    )
    assert about_loans @ about_interest > about_loans @ about_birds + 0.2


def test_serves_several_askers_at_once():
    shared, texts = load_embedder(), [f"question number {n}" for n in range(8)]
    expected = load_embedder().embed(texts)
    results: dict[int, np.ndarray] = {}

    def ask(n: int) -> None:
        results[n] = shared.embed([texts[n]])[0]

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.allclose(results[n], expected[n], atol=2e-5) for n in range(8))


def test_a_query_needs_neither_torch_nor_transformers():
    code = (
        "import sys; from kb.backends.encoder import load_embedder; load_embedder().embed(['What is rain?'])\n"
        "print([m for m in ('torch', 'transformers', 'sentence_transformers', 'huggingface_hub') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert run.stdout.strip() == "[]"
    assert run.stderr == ""


def small_model(folder: Path, *, kind: str = "bert", pooling: str | None = "pooling_mode_mean_tokens") -> Path:
    """A random little encoder with the bundled one's words."""
    import torch
    from transformers import BertConfig, BertModel, DistilBertConfig, DistilBertModel

    torch.manual_seed(0)
    bundled = find_model("all-MiniLM-L6-v2")
    if kind == "bert":
        sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
        BertModel(BertConfig(**sizes, max_position_embeddings=64)).save_pretrained(folder)
    else:
        config = DistilBertConfig(dim=32, n_layers=2, n_heads=4, hidden_dim=64, max_position_embeddings=64)
        DistilBertModel(config).save_pretrained(folder)
        values = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps({**values, "hidden_size": 32}))
    for name in ("tokenizer.json", "tokenizer_config.json", "vocab.txt"):
        shutil.copy(bundled / name, folder / name)
    if pooling is not None:
        (folder / "1_Pooling").mkdir()
        (folder / "1_Pooling" / "config.json").write_text(json.dumps({pooling: True, "word_embedding_dimension": 32}))
        layers = [
            {"path": "", "type": "sentence_transformers.models.Transformer"},
            {"path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
        ]
        (folder / "modules.json").write_text(json.dumps(layers))
    return folder


@pytest.mark.parametrize("kind", ["bert", "distilbert"])
@pytest.mark.parametrize("pooling", ["mean_tokens", "cls_token", "max_tokens", "lasttoken", None])
def test_other_encoders_pool_as_their_files_say(tmp_path, kind, pooling):
    import torch
    from transformers import AutoModel, AutoTokenizer

    folder = small_model(tmp_path / "model", kind=kind, pooling=pooling and f"pooling_mode_{pooling}")
    texts = ["one", "two words more", "", "many " * 100]
    encoder = load_embedder(str(folder))
    assert encoder.dimension == 32 and encoder.max_tokens == 62
    vectors = encoder.embed(texts)
    tokenizer, model = AutoTokenizer.from_pretrained(str(folder)), AutoModel.from_pretrained(str(folder)).eval()
    for text, vector in zip(texts, vectors, strict=True):
        inputs = tokenizer(text, truncation=True, max_length=64, return_tensors="pt")
        with torch.inference_mode():
            hidden = model(**inputs).last_hidden_state[0]
        pooled = {
            "cls_token": hidden[0], "lasttoken": hidden[-1], "max_tokens": hidden.max(dim=0).values,
        }.get(pooling, hidden.mean(dim=0)).numpy()  # fmt: skip
        assert vector @ (pooled / np.linalg.norm(pooled)) > 0.999


def test_both_engines_compute_a_bert_with_cls_pooling(tmp_path):
    folder = small_model(tmp_path / "model", pooling="pooling_mode_cls_token")
    sequences = SentenceEncoder(read_spec(folder, name="x"))._token_ids(TEXTS)
    left = NumpyBert(folder, pooling="cls").encode(sequences)
    right = TorchEncoder(folder, pooling="cls", plain_bert=True).encode(sequences)
    assert cosines(left, right).min() > 0.999


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("/no/such/folder", "/no/such/folder"),
        ("./nowhere", "nowhere"),
        ("no such model", "no such model"),
        ("organisation/no-such-model", "HF_HUB_OFFLINE"),
    ],
)
def test_a_model_that_is_not_there_is_one_clear_error(monkeypatch, name, told):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ModelError, match=told) as caught:
        load_embedder(name)
    assert caught.value.hint


def test_without_network_a_hub_name_fails_within_seconds(tmp_path):
    code = (
        "from kb.backends.encoder import load_embedder; from kb.errors import ModelError\n"
        "try: load_embedder('organisation/no-such-model')\n"
        "except ModelError as error: print(error.message); print(error.hint)\n"
    )
    env = {"PATH": "/usr/bin", "HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(tmp_path), "HOME": str(tmp_path)}
    started = time.monotonic()
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT, env=env, timeout=60
    )
    assert "organisation/no-such-model" in run.stdout and "network" in run.stdout
    assert time.monotonic() - started < 20


def test_a_folder_without_an_encoder_is_refused(tmp_path):
    with pytest.raises(ModelError, match="no sentence encoder"):
        load_embedder(str(tmp_path))


def test_damaged_files_are_refused(tmp_path):
    folder = small_model(tmp_path / "model")
    weights = (folder / "model.safetensors").read_bytes()
    for damaged in (weights[:100], weights[:-100], b"", b"\xff" * 50):
        (folder / "model.safetensors").write_bytes(damaged)
        with pytest.raises(ModelError, match="model"):
            load_embedder(str(folder)).embed(["x"])
    (folder / "model.safetensors").write_bytes(weights)
    (folder / "tokenizer.json").write_text("{}")
    with pytest.raises(ModelError, match="tokenizer"):
        load_embedder(str(folder)).embed(["x"])
    (folder / "config.json").write_text("{")
    with pytest.raises(ModelError, match="JSON"):
        load_embedder(str(folder))


def test_layers_that_cannot_be_computed_are_refused_rather_than_left_out(tmp_path):
    folder = small_model(tmp_path / "model")
    layers = json.loads((folder / "modules.json").read_text())
    (folder / "modules.json").write_text(json.dumps([*layers, {"path": "2_Dense", "type": "x.models.Dense"}]))
    with pytest.raises(ModelError, match="Dense"):
        load_embedder(str(folder))
    (folder / "modules.json").write_text(json.dumps(layers))
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode_weightedmean_tokens": True}))
    with pytest.raises(ModelError, match="weightedmean"):
        load_embedder(str(folder))
