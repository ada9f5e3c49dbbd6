"""Settings: who wins, what is refused, and that the pages about them are true."""

import pytest

from kb.errors import SettingsError
from kb.settings import Settings, load
from tests.generate_docs import DOCS, PAGES


def origins(loaded):
    return {origin.name: origin for origin in loaded.origins}


def test_the_last_one_that_speaks_wins(tmp_path):
    home, work = tmp_path / "home", tmp_path / "work"
    home.mkdir()
    work.mkdir()
    (home / "kb.toml").write_text('[llm]\nmodel = "home"\nurl = "http://home"\ntimeout_s = 5\n', "utf-8")
    (work / "kb.toml").write_text('[llm]\nmodel = "work"\nurl = "http://work"\n', "utf-8")
    env = {"KB_LLM_MODEL": "variable"}
    loaded = load({"home": home, "answer.max_passages": 3}, env=env, cwd=work)
    assert loaded.settings.llm.model == "variable"
    assert loaded.settings.llm.url == "http://work"
    assert loaded.settings.llm.timeout_s == 5.0
    assert loaded.settings.answer.max_passages == 3
    found = origins(loaded)
    assert found["llm.model"].origin == "KB_LLM_MODEL"
    assert found["llm.url"].origin == str(work / "kb.toml")
    assert found["answer.max_passages"].origin == "flag"
    assert found["collection"].origin == "default"


@pytest.mark.parametrize(
    ("env", "message"),
    [
        ({"KB_LLM_BACKEND": "magic"}, "KB_LLM_BACKEND.*magic"),
        ({"KB_ANSWER_MAX_PASSAGES": "many"}, "answer.max_passages.*many"),
        ({"KB_COLLECTION": "../up"}, "collection"),
        ({"KB_ANSWER_MIN_CONFIDENCE": "2"}, "min_confidence"),
        ({"KB_STORE_KEEP": "0"}, "store.keep"),
    ],
)
def test_bad_values_are_refused_with_their_place(env, message, tmp_path):
    with pytest.raises(SettingsError, match=message):
        load({"home": tmp_path}, env=env, cwd=tmp_path)


def test_unknown_names_are_refused(tmp_path):
    (tmp_path / "kb.toml").write_text("[llm]\ntemprature = 1\n", "utf-8")
    with pytest.raises(SettingsError, match="temprature"):
        load({"home": tmp_path}, env={}, cwd=tmp_path)


def test_settings_are_frozen_and_have_defaults():
    with pytest.raises(AttributeError):
        Settings().collection = "other"


@pytest.mark.parametrize("page", PAGES)
def test_generated_pages_are_true(page):
    """Run `python -m tests.generate_docs` after a change of settings or commands."""
    assert (DOCS / page).read_text("utf-8") == PAGES[page]()
