"""Files of records: csv, tsv, json and jsonl. The question's field is inferred from names, then from content."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ingest.entries.language import question_likeness
from ingest.readers.inline import words_of
from ingest.readers.model import Record, Source
from kb.errors import DocumentError

_QUESTION = words_of(
    """question q prompt front query ask frage pregunta domanda pergunta вопрос 问题 問題 质询 질문 سؤال questiontext
    question_text questions user instruction input faq_question term title problem header text name subject stem
    heading"""
)
_ANSWER = words_of(
    """answer a response back reply solution antwort respuesta réponse reponse risposta resposta ответ 答案 回答 答え
    답변 جواب answertext answer_text accepted_answer acceptedanswer best_answer correct_answer completion output
    assistant faq_answer definition explanation body content value description answers resolution details"""
)
_SECTION = words_of(
    """section category topic chapter deck group subject theme area kategorie thema categoría tema rubrique"""
)
_NUMBER = words_of("""number no nr num n # id index nummer qid question_id question_number""")
_ALSO = words_of(
    """also_asked alsoasked variants variations paraphrases alternatives aliases synonyms other_wordings"""
)
_ASKING = frozenset(words_of("user human customer client prompter student"))
_REPLYING = frozenset(words_of("assistant gpt model bot agent support ai teacher"))
_MAX_DEPTH = 60
csv_limit = 10_000_000


class _Row(NamedTuple):
    values: Mapping[str, Any]
    lines: tuple[int, int] | None
    section: str | None = None


def read_csv(text: str, name: str, *, delimiter: str | None = None, media_type: str = "text/csv") -> Source:
    """One record per row."""
    csv.field_size_limit(csv_limit)
    delimiter = delimiter or _delimiter(text)
    rows: list[tuple[list[str], tuple[int, int]]] = []
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    before = 0
    try:
        for row in reader:
            first, before = before + 1, reader.line_num
            if any(cell.strip() for cell in row):
                rows.append((row, (first, before)))
    except csv.Error as exc:
        raise DocumentError(
            f"{name}: line {reader.line_num}: {exc}",
            hint="Save the table again as csv, with text fields in double quotes.",
        ) from exc
    if not rows:
        raise DocumentError(f"{name}: the table has no rows", hint="Export it again and look whether it has content.")
    header = [cell.strip().lstrip("\ufeff") for cell in rows[0][0]]
    named = _columns_by_name(header)
    body = rows[1:]
    if named is None:
        named = _columns_by_content([row for row, _ in rows])
        if named is None:
            raise DocumentError(
                f"{name}: no column holds questions (columns: {', '.join(header)[:120]})",
                hint="Name the columns `question` and `answer` in the first line.",
            )
        if question_likeness(_cell(rows[0][0], named[0])) >= 0.5:
            header, body = [str(i) for i in range(len(header))], rows
    width = max(len(row) for row, _ in rows)
    header += [f"column {i + 1}" for i in range(len(header), width)]
    question, answer = named
    roles = _Roles(header[question], header[answer] if answer is not None else None, *_other_roles(header))
    items = [_Row(dict(zip(header, [*row, *[""] * (width - len(row))], strict=True)), lines) for row, lines in body]
    return Source(media_type, text, records=tuple(_records(items, roles)))


def read_jsonl(text: str, name: str) -> Source:
    """One record per line."""
    items: list[_Row] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        value = _loads(line, f"{name}: line {number}")
        if isinstance(value, dict):
            turns = [row._replace(lines=(number, number)) for v in value.values() for row in _turns(v, None)]
            items += turns or [_Row(value, (number, number))]
        elif isinstance(value, list) and len(value) == 2 and all(isinstance(v, str) for v in value):
            items.append(_Row({"question": value[0], "answer": value[1]}, (number, number)))
    return Source("application/jsonl", text, records=tuple(_with_roles(items, name)))


def read_json(text: str, name: str) -> Source:
    """One record per object that holds a question, wherever it is nested."""
    value = _loads(text, name)
    items = list(_objects(value, None, 0))
    title = value.get("title", "") if isinstance(value, dict) else ""
    metadata = {
        key: str(v) for key, v in value.items() if isinstance(v, str | int | float) and not isinstance(v, bool)
    } if isinstance(value, dict) else {}  # fmt: skip
    records = list(_with_roles(items, name, required=not isinstance(value, dict)))
    if not records and isinstance(value, dict):
        records, metadata = list(_mapping(value)), {}
    if not records:
        raise _no_questions(name, items)
    if len(records) == 1 and items and items[0].values is value:
        metadata = {}
    return Source(
        "application/json", text, title=title if isinstance(title, str) else "", metadata=metadata,
        records=tuple(records), has_lines=False,
    )  # fmt: skip


def _loads(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as exc:
        raise DocumentError(f"{where}: invalid JSON: {exc}"[:400], hint="Mend the file at that place.") from exc
    except RecursionError as exc:
        raise DocumentError(
            f"{where}: nested too deeply", hint="A question list needs no more than a few levels."
        ) from exc


def _objects(value: Any, section: str | None, depth: int) -> Iterator[_Row]:
    """Objects that hold text, outermost first, with the section that they stand in."""
    if depth > _MAX_DEPTH:
        return
    if isinstance(value, list):
        if turns := _turns(value, section):
            yield from turns
            return
        for item in value:
            if isinstance(item, list) and len(item) == 2 and all(isinstance(v, str) for v in item):
                yield _Row({"question": item[0], "answer": item[1]}, None, section)
            else:
                yield from _objects(item, section, depth + 1)
    elif isinstance(value, dict):
        keys = {_key(k): k for k in value}
        question = next((keys[k] for k in _QUESTION if k in keys and isinstance(value[keys[k]], str)), None)
        if question is not None and any(k in keys for k in _ANSWER):
            yield _Row(value, None, section)
            return
        if question is not None and not any(isinstance(v, list | dict) for v in value.values()):
            yield _Row(value, None, section)
            return
        name = next(
            (value[keys[k]] for k in (*_SECTION, "title", "name") if k in keys and isinstance(value[keys[k]], str)),
            None,
        )
        inner = section if depth == 0 else name or section
        for key, item in value.items():
            if isinstance(item, list | dict):
                generic = _key(key) in (
                    "data",
                    "items",
                    "questions",
                    "faqs",
                    "faq",
                    "entries",
                    "records",
                    "qas",
                    "paragraphs",
                    "rows",
                    "sections",
                    "list",
                    "mainentity",
                    "results",
                    "cards",
                )
                yield from _objects(
                    item,
                    inner
                    if generic or name or (isinstance(item, dict) is False and depth)
                    else inner or (None if generic else str(key)),
                    depth + 1,
                )


def _turns(value: Any, section: str | None) -> list[_Row]:
    """The questions and replies of a conversation: a list of messages, each with a speaker and a text."""
    found: list[_Row] = []
    asked = ""
    for message in value if isinstance(value, list) else ():
        keys = {_key(k): v for k, v in message.items() if isinstance(v, str)} if isinstance(message, dict) else {}
        speaker = next((keys[k].lower() for k in ("role", "from", "speaker", "author") if k in keys), "")
        text = next((keys[k] for k in ("content", "value", "text", "message") if k in keys), "")
        if speaker in _ASKING:
            asked = text
        elif speaker in _REPLYING and asked:
            found.append(_Row({"question": asked, "answer": text}, None, section))
            asked = ""
    return found


def _mapping(value: Mapping[str, Any]) -> Iterator[Record]:
    """Records of objects whose keys are the questions."""
    asked = [key for key, item in value.items() if isinstance(item, str | list) and question_likeness(key) >= 0.5]
    if asked and len(asked) >= 0.5 * len(value):
        for key, item in value.items():
            if any(c.isalnum() for c in key):
                yield Record(key, _as_text(item))
        return
    for key, item in value.items():
        if isinstance(item, dict):
            for record in _mapping(item):
                yield Record(record.question, record.answer, section=record.section or str(key))


def _key(name: str) -> str:
    return re.sub(r"[\s-]+", "_", name.strip().lower()).strip("_*")


class _Roles(NamedTuple):
    question: str
    answer: str | None
    section: str | None
    number: str | None
    also: str | None


def _first(names: Sequence[str], wanted: Sequence[str]) -> int | None:
    keys = [_key(name) for name in names]
    for want in wanted:
        if want in keys:
            return keys.index(want)
    return None


def _columns_by_name(header: Sequence[str]) -> tuple[int, int | None] | None:
    question = _first(header, _QUESTION)
    answer = _first(header, _ANSWER)
    if question is None:
        found = [i for i, name in enumerate(header) if re.search(r"question|frage|pregunta|问题", _key(name))]
        question = found[0] if found and len(header[found[0]]) < 40 else None
    if answer is None:
        found = [i for i, name in enumerate(header) if re.search(r"answer|antwort|respuesta|response|答", _key(name))]
        answer = found[0] if found and len(header[found[0]]) < 40 else None
    if question is None or answer == question:
        return None
    if answer is None and _key(header[question]) not in (
        "question",
        "q",
        "questions",
        "frage",
        "pregunta",
        "query",
        "prompt",
    ):
        return None
    return question, answer


def _columns_by_content(rows: Sequence[Sequence[str]]) -> tuple[int, int | None] | None:
    """The column whose cells ask, and the one with the most text besides."""
    width = max(len(row) for row in rows)
    sample = rows[:500]
    asks = [sum(question_likeness(_cell(row, c)) for row in sample) / len(sample) for c in range(width)]
    question = max(range(width), key=lambda c: asks[c])
    if asks[question] < 0.5:
        return None
    sizes = [sum(len(_cell(row, c)) for row in sample) if c != question else -1 for c in range(width)]
    answer = max(range(width), key=lambda c: sizes[c]) if width > 1 else None
    return question, answer


def _cell(row: Sequence[str], column: int) -> str:
    return row[column] if column < len(row) else ""


def _other_roles(header: Sequence[str]) -> tuple[str | None, str | None, str | None]:
    found = [_first(header, names) for names in (_SECTION, _NUMBER[:8], _ALSO)]
    section, number, also = (header[i] if i is not None else None for i in found)
    return section, number if number and _key(number) != "id" else None, also


def _with_roles(items: Sequence[_Row], name: str, *, required: bool = True) -> Iterator[Record]:
    names: list[str] = []
    for item in items:
        names += [key for key in item.values if key not in names]
        if len(names) > 500:
            break
    columns = _columns_by_name(names)
    if columns is None:
        texts = [[v if isinstance(v, str) else "" for v in (item.values.get(k) for k in names)] for item in items]
        columns = _columns_by_content(texts) if texts and names else None
    if columns is None:
        if required:
            raise _no_questions(name, items)
        return
    # Objects of one file may differ in their keys, so each is looked at by itself first.
    section, number, also = _other_roles(names)
    default = _Roles(names[columns[0]], names[columns[1]] if columns[1] is not None else None, section, number, also)
    for item in items:
        own = _columns_by_name(list(item.values))
        keys = list(item.values)
        roles = default if own is None else default._replace(
            question=keys[own[0]], answer=keys[own[1]] if own[1] is not None else default.answer
        )  # fmt: skip
        yield from _records([item], roles)


def _no_questions(name: str, items: Sequence[_Row]) -> DocumentError:
    keys = ", ".join(sorted({str(k) for item in items[:20] for k in item.values}))[:160]
    return DocumentError(
        f"{name}: no field holds questions" + (f" (fields: {keys})" if keys else ""),
        hint="Name the fields `question` and `answer`.",
    )


def _records(items: Sequence[_Row], roles: _Roles) -> Iterator[Record]:
    for item in items:
        question = _as_text(item.values.get(roles.question))
        if not any(c.isalnum() for c in question):
            continue
        number = item.values.get(roles.number) if roles.number else None
        section = _as_text(item.values.get(roles.section)) if roles.section and roles.section != roles.question else ""
        yield Record(
            question=" ".join(question.split()),
            answer=_as_text(item.values.get(roles.answer)) if roles.answer else "",
            number=int(str(number).strip())
            if isinstance(number, int | str) and str(number).strip().isdecimal() and len(str(number)) < 9
            else None,
            section=section or item.section,
            lines=item.lines,
            also_asked=_also(item.values.get(roles.also)) if roles.also else (),
        )


def _also(value: Any) -> tuple[str, ...]:
    if isinstance(value, list):
        return tuple(" ".join(v.split()) for v in value if isinstance(v, str) and v.strip())
    return (
        tuple(part.strip() for part in re.split(r"\s\|\s|\n|;", value) if part.strip())
        if isinstance(value, str)
        else ()
    )


def _as_text(value: Any) -> str:
    """The text of a field, whatever type it has."""
    if value is None or (isinstance(value, bool) and value is False):
        return ""
    if isinstance(value, str):
        return value.replace("\r\n", "\n").replace("\r", "\n").strip()
    if isinstance(value, list):
        texts = [_as_text(v) for v in value]
        texts = [t for t in texts if t]
        return texts[0] if len(texts) == 1 else "\n".join(f"- {t}" for t in texts)
    if isinstance(value, dict):
        for key in ("text", "value", "answer", "content", "body", "@value"):
            if key in value:
                return _as_text(value[key])
        return "\n".join(f"- {k}: {_as_text(v)}" for k, v in value.items())
    return str(value)


def _delimiter(text: str) -> str:
    """The separator that cuts the first rows into the same number of cells, at least two."""
    sample = "\n".join(text.split("\n")[:50])[:100_000]
    best = (0.0, ",")
    for delimiter in ",;\t|":
        try:
            widths = [len(row) for row in csv.reader(io.StringIO(sample), delimiter=delimiter) if row]
        except csv.Error:
            continue
        if not widths:
            continue
        common = max(set(widths), key=widths.count)
        share = widths.count(common) / len(widths)
        if common >= 2 and (share, delimiter) > (best[0] + 0.05, ""):
            best = (share, delimiter)
    return best[1]
