"""What works on this machine: encoder, index, language model; and what to do about what does not."""

from __future__ import annotations

import dataclasses
import os
import sys
from importlib import metadata
from typing import TYPE_CHECKING

from kb.errors import KBError
from kb.settings import Settings
from kb.storage import Home
from kb.wiring import choose_backend, load_encoder, store_access

if TYPE_CHECKING:
    from kb.storage import Generation

PACKAGES = ("chromadb", "llama-index-core", "torch", "transformers", "gradio", "bm25s")


@dataclasses.dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    name: str
    state: str
    """ok, note (works, but could be better) or broken."""
    detail: str
    advice: str = ""


def examine(settings: Settings) -> list[Finding]:
    """Findings in the order in which one would mend things."""
    return [
        _python(),
        *_packages(),
        _home(settings),
        _encoder(settings),
        *_index(settings),
        _backend(settings),
        _glossary(settings),
    ]


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    return Finding("python", "ok", f"{version}, {os.cpu_count()} processors")


def _packages() -> list[Finding]:
    found = []
    for name in PACKAGES:
        try:
            found.append(Finding(name, "ok", metadata.version(name)))
        except metadata.PackageNotFoundError:
            found.append(Finding(name, "broken", "not installed", "Run `make install`."))
    return found


def _home(settings: Settings) -> Finding:
    home = settings.home
    place = home if home.exists() else next((parent for parent in home.parents if parent.exists()), home)
    if not os.access(place, os.W_OK):
        return Finding("home", "broken", f"{home} cannot be written", "Choose another with --home or KB_HOME.")
    collections = Home(home).collections()
    return Finding("home", "ok", f"{home}, collections: {', '.join(collections) or 'none yet'}")


def _encoder(settings: Settings) -> Finding:
    try:
        encoder = load_encoder(settings)
        norm = float((encoder.embed(["a question"]) ** 2).sum())
    except KBError as error:
        return Finding("encoder", "broken", error.message, error.hint)
    if abs(norm - 1) > 1e-3:
        return Finding("encoder", "broken", f"{encoder.id}: vectors are not of unit length", "Set another embed.model.")
    return Finding("encoder", "ok", f"{encoder.id}, {encoder.dimension} dimensions, {encoder.max_tokens} tokens")


def _index(settings: Settings) -> list[Finding]:
    folder = Home(settings.home).collection(settings.collection)
    try:
        if folder.current() is None:
            return [Finding("index", "note", "nothing was ingested yet", "Run `kb ingest PATH...`.")]
        with folder.open() as generation:
            return [_encoder_match(settings, generation), _store(settings, generation)]
    except KBError as error:
        return [Finding("index", "broken", error.message, error.hint)]


def _encoder_match(settings: Settings, generation: Generation) -> Finding:
    encoder = load_encoder(settings)
    generation.manifest.require(encoder.id, encoder.dimension)
    return Finding(
        "index", "ok", f"{generation.name}, made {generation.manifest.created} by {generation.manifest.encoder}"
    )


def _store(settings: Settings, generation: Generation) -> Finding:
    manifest = generation.manifest
    store_access(settings, manifest.server).verify(generation.chroma_path, manifest.counts)
    where = manifest.server or "embedded"
    return Finding(
        "store", "ok", f"Chroma ({where}): " + ", ".join(f"{n} {name}" for name, n in manifest.counts.items())
    )


def _backend(settings: Settings) -> Finding:
    backend = choose_backend(settings)
    advice = ""
    if backend.name == "extractive" and settings.llm.backend == "auto":
        advice = f"For a language model: `hf download {settings.llm.model}` on a machine with a GPU, or set llm.url."
    model = f" with {backend.model}" if backend.model else ""
    return Finding("answers", "note" if advice else "ok", f"{backend.name}{model}: {backend.reason}", advice)


def _glossary(settings: Settings) -> Finding:
    from kb.glossary import load_glossary

    try:
        glossary = load_glossary(settings.retrieve.glossary)
    except KBError as error:
        return Finding("glossary", "broken", error.message, error.hint)
    return Finding("glossary", "ok", f"{len(glossary.groups)} groups of names")
