"""Settings: defaults, then `kb.toml`, then `KB_*` variables, then flags; the last one that speaks wins.

A setting has a dotted name (`llm.backend`). In `kb.toml` the part before the dot is a table, in the
environment the name is upper case with underscores (`KB_LLM_BACKEND`).
"""

from __future__ import annotations

import dataclasses
import os
import tomllib
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from kb.errors import SettingsError

DEFAULT_ENCODER = "all-MiniLM-L6-v2"
DEFAULT_LLM = "Qwen/Qwen3-4B-Instruct-2507"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class EmbedSettings:
    """The sentence encoder."""

    model: str = DEFAULT_ENCODER
    """Folder or hub name of a sentence encoder; the default comes inside a package and needs no hub."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class StoreSettings:
    """Where the index lives."""

    chroma_url: str = ""
    """URL of a Chroma server; empty for the embedded store in the home."""
    keep: int = 2
    """Generations to keep, the current one included; at least 1."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class IngestSettings:
    """Reading documents."""

    max_file_mb: int = 100
    """Larger files are rejected."""
    max_chunk_tokens: int = 200
    """Longer answers are split for retrieval; citations still point into the whole answer."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RetrieveSettings:
    """Searching."""

    glossary: str = ""
    """File of abbreviations and everyday words for terms; empty for the one that comes with the package."""
    reranker: str = ""
    """Folder or hub name of a cross-encoder; empty for none."""
    max_query_chars: int = 2000
    """Longer queries are refused."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class AnswerSettings:
    """When and how much to answer."""

    min_confidence: float = 0.3
    """Probability that the documents answer the query, below which the answer is "I don't know". In [0, 1]."""
    max_passages: int = 5
    """Passages that an answer may draw from."""
    max_statements: int = 12
    """Statements of an extractive answer."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class LLMSettings:
    """The language model."""

    backend: Literal["auto", "extractive", "transformers", "openai"] = "auto"
    """What writes the answers; `auto` takes a server if `llm.url` is set, else a local model if it and a GPU are
    there."""
    model: str = DEFAULT_LLM
    """Folder or hub name for transformers; name of the served model for a server."""
    revision: str = ""
    """Revision of a hub model; empty for the newest in the cache."""
    url: str = ""
    """Base URL of an OpenAI-compatible server, such as http://127.0.0.1:8000/v1."""
    api_key: str = ""
    """Key for the server; never printed."""
    device: str = "auto"
    """cpu, cuda, cuda:1, mps or auto."""
    quantization: Literal["none", "4bit", "8bit"] = "none"
    """Weights in 4 or 8 bits (needs the extra `gpu`)."""
    max_answer_tokens: int = 512
    """Tokens that a reply may have."""
    timeout_s: float = 60.0
    """Seconds without a new token after which a server is given up."""
    max_retries: int = 2
    """Times that a failed request to a server is tried again, with back-off."""
    max_concurrent: int = 8
    """Askers that are answered at once; the others wait."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that can be set. `Settings()` holds the defaults; `load` reads files and variables."""

    home: Path = dataclasses.field(default_factory=lambda: default_home(os.environ))
    collection: str = "default"
    embed: EmbedSettings = EmbedSettings()
    store: StoreSettings = StoreSettings()
    ingest: IngestSettings = IngestSettings()
    retrieve: RetrieveSettings = RetrieveSettings()
    answer: AnswerSettings = AnswerSettings()
    llm: LLMSettings = LLMSettings()

    def __post_init__(self) -> None:
        """Check the values that have a range."""
        object.__setattr__(self, "home", Path(self.home).expanduser())
        if not _is_collection_name(self.collection):
            raise SettingsError(
                f"collection: {self.collection!r} cannot be a folder's name",
                hint="Use letters, digits, '-' and '_', at most 48 of them.",
            )
        if self.store.keep < 1:
            raise SettingsError(
                f"store.keep: {self.store.keep} is below 1", hint="Keep at least the current generation."
            )
        if not 0 <= self.answer.min_confidence <= 1:
            raise SettingsError(
                f"answer.min_confidence: {self.answer.min_confidence} is not in [0, 1]", hint="It is a probability."
            )


class Origin(typing.NamedTuple):
    """A setting's value and what gave it."""

    name: str
    value: Any
    origin: str
    """default, the path of a kb.toml, an environment variable, or flag."""


class Loaded(typing.NamedTuple):
    """Settings together with the origin of each value."""

    settings: Settings
    origins: tuple[Origin, ...]


SECRETS = frozenset({"llm.api_key"})


def default_home(env: Mapping[str, str]) -> Path:
    """`KB_HOME` if it is set, else the platform's folder for user data."""
    if env.get("KB_HOME"):
        return Path(env["KB_HOME"])
    import platformdirs  # deferred: takes a moment, and most calls name their home

    return Path(platformdirs.user_data_dir("kb", appauthor=False))


def names() -> dict[str, Any]:
    """Dotted name and type of every setting."""
    found: dict[str, Any] = {}
    hints = typing.get_type_hints(Settings)
    for name, kind in hints.items():
        if dataclasses.is_dataclass(kind):
            for inner, inner_kind in typing.get_type_hints(kind).items():
                found[f"{name}.{inner}"] = inner_kind
        else:
            found[name] = kind
    return found


def load(
    flags: Mapping[str, Any] | None = None, *, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> Loaded:
    """Settings from all their sources.

    Args:
        flags: dotted name to value; None values are passed over.
        env: the environment; `os.environ` if None.
        cwd: where `kb.toml` is looked for, before the home; the working folder if None.

    Raises:
        SettingsError: an unknown name, or a value of the wrong kind, with the place where it stands.
    """
    env = os.environ if env is None else env
    known = names()
    given = {name: value for name, value in (flags or {}).items() if value is not None}
    values: dict[str, tuple[Any, str]] = {}
    home = Path(given.get("home") or default_home(env)).expanduser()
    # The home's file first, so that the working folder's has the last word.
    for path in (home / "kb.toml", (cwd or Path.cwd()) / "kb.toml"):
        for name, value in _read_toml(path, known).items():
            values[name] = (value, str(path))
    for name in known:
        variable = "KB_" + name.replace(".", "_").upper()
        if variable in env:
            values[name] = (env[variable], variable)
    values.update({name: (value, "flag") for name, value in given.items()})
    parsed = {name: _parse(name, value, known[name], origin) for name, (value, origin) in values.items()}
    settings = _build(parsed)
    flat = {name: _get(settings, name) for name in known}
    origins = tuple(
        Origin(name, value, values[name][1] if name in values else "default") for name, value in flat.items()
    )
    return Loaded(settings, origins)


def _get(settings: Settings, name: str) -> Any:
    value: Any = settings
    for part in name.split("."):
        value = getattr(value, part)
    return value


def _build(parsed: Mapping[str, Any]) -> Settings:
    top: dict[str, Any] = {}
    nested: dict[str, dict[str, Any]] = {}
    for name, value in parsed.items():
        group, _, field = name.partition(".")
        if field:
            nested.setdefault(group, {})[field] = value
        else:
            top[name] = value
    hints = typing.get_type_hints(Settings)
    top.update({group: hints[group](**fields) for group, fields in nested.items()})
    return Settings(**top)


def _read_toml(path: Path, known: Mapping[str, Any]) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        data = tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise SettingsError(f"{path}: cannot be read: {error}", hint="It must be TOML in UTF-8.") from error
    flat: dict[str, Any] = {}
    for name, value in data.items():
        if isinstance(value, dict):
            flat.update({f"{name}.{inner}": inner_value for inner, inner_value in value.items()})
        else:
            flat[name] = value
    for name in flat:
        if name not in known:
            raise SettingsError(f"{path}: there is no setting {name!r}", hint="`kb settings` lists them.")
    return flat


def _parse(name: str, value: Any, kind: Any, origin: str) -> Any:
    """The value as the setting's type."""
    where = f"{name} (from {origin})"
    if typing.get_origin(kind) is Literal:
        if value not in typing.get_args(kind):
            allowed = ", ".join(map(str, typing.get_args(kind)))
            raise SettingsError(f"{where}: {value!r} is not one of {allowed}", hint="Set it to one of these.")
        return value
    if isinstance(kind, types.UnionType):
        raise TypeError(f"{name}: unions are not supported")
    try:
        if kind is bool:
            return _parse_bool(value)
        if isinstance(value, bool) and kind in (int, float):
            raise ValueError("a truth value is no number")
        return kind(value)
    except (TypeError, ValueError) as error:
        raise SettingsError(f"{where}: {value!r} is not a valid {kind.__name__}", hint="Correct it there.") from error


def _parse_bool(value: Any) -> bool:
    words = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
    if isinstance(value, bool):
        return value
    if str(value).lower() in words:
        return words[str(value).lower()]
    raise ValueError(value)


def _is_collection_name(name: str) -> bool:
    return 0 < len(name) <= 48 and all(c.isascii() and (c.isalnum() or c in "-_") for c in name) and name[0].isalnum()
