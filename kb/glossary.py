"""The glossary: abbreviations and everyday words for terms, in a plain file that a curator can edit.

One group per line, `term = other name, other name`; `#` starts a comment. All names of a group stand for each other.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

from kb.errors import SettingsError
from kb.text import word_terms, words

Phrase = tuple[str, ...]
MAX_PHRASE_WORDS = 5


@dataclasses.dataclass(frozen=True, slots=True)
class Glossary:
    """Groups of names for the same thing."""

    groups: tuple[tuple[str, ...], ...]
    """Names as written, the main one first."""
    by_phrase: dict[Phrase, tuple[int, ...]]
    """Key of a name (`phrase_key`) to its groups."""

    def alternatives(self, key: Phrase) -> tuple[str, ...]:
        """Other names for the phrase with this key, as written."""
        found: dict[str, None] = {}
        for number in self.by_phrase.get(key, ()):
            found.update({name: None for name in self.groups[number] if phrase_key(name) != key})
        return tuple(found)

    def abbreviations(self) -> dict[str, str]:
        """Abbreviation to what it stands for, where the letters are the words' initials."""
        found: dict[str, str] = {}
        for group in self.groups:
            for short in group:
                for long in group:
                    initials = "".join(word[0] for word in long.replace("-", " ").split())
                    if (
                        len(short) > 1
                        and short.isalpha()
                        and short.casefold() == initials.casefold() != long.casefold()
                    ):
                        found.setdefault(short.lower(), long)
        return found


EMPTY = Glossary((), {})


def phrase_key(phrase: str) -> Phrase:
    """The phrase's words as terms, one each, so that inflections and spellings meet."""
    return tuple(word_terms(word.text)[0] for word in words(normalise_keep_case(phrase)) if word_terms(word.text))


def normalise_keep_case(text: str) -> str:
    """The text with hyphens as spaces, case kept because it tells identifiers from words."""
    return text.replace("-", " ")


def parse_glossary(text: str, source: str) -> Glossary:
    """The glossary in a file's text. Raises SettingsError with the line that cannot be read."""
    groups: list[tuple[str, ...]] = []
    by_phrase: dict[Phrase, tuple[int, ...]] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        content = line.split("#", 1)[0].strip() if not line.strip().startswith("#") else ""
        if not content:
            continue
        main, equals, rest = content.partition("=")
        names = tuple(dict.fromkeys(name.strip() for name in (main, *rest.split(",")) if name.strip()))
        if not equals or len(names) < 2:
            raise SettingsError(
                f"{source}, line {number}: {content[:60]!r} names no other word",
                hint="Write `term = other name, other name`.",
            )
        for name in names:
            key = phrase_key(name)
            if key:
                by_phrase[key] = (*by_phrase.get(key, ()), len(groups))
        groups.append(names)
    return Glossary(tuple(groups), by_phrase)


@functools.lru_cache(maxsize=8)
def load_glossary(path: str = "") -> Glossary:
    """The glossary at `path`, or the one that comes with the package."""
    if not path:
        built_in = resources.files("kb") / "data" / "glossary.txt"
        return parse_glossary(built_in.read_text("utf-8"), "the built-in glossary")
    try:
        return parse_glossary(Path(path).read_text("utf-8"), path)
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"retrieve.glossary: {path}: {error}", hint="Name a text file in UTF-8.") from error


def load_collection_glossary(path: str, folder: Path) -> Glossary:
    """The glossary of the settings together with the one that a generation's folder holds, if any."""
    file = folder / "glossary.txt"
    base = load_glossary(path)
    if not file.is_file():
        return base
    own = parse_glossary(file.read_text("utf-8"), str(file))
    text = "\n".join(f"{group[0]} = {', '.join(group[1:])}" for group in (*base.groups, *own.groups))
    return parse_glossary(text, str(file))


def find_phrases(terms_of_words: Sequence[str], glossary: Glossary) -> list[tuple[int, int, tuple[str, ...]]]:
    """Where names of the glossary stand: (first word, end word, other names), the longest match at each place."""
    found: list[tuple[int, int, tuple[str, ...]]] = []
    start = 0
    while start < len(terms_of_words):
        for length in range(min(MAX_PHRASE_WORDS, len(terms_of_words) - start), 0, -1):
            other = glossary.alternatives(tuple(terms_of_words[start : start + length]))
            if other:
                found.append((start, start + length, other))
                start += length - 1
                break
        start += 1
    return found
