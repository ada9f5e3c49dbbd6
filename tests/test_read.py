"""Reading files: types, encodings, and what is wrong with bad input."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import pytest

from ingest.parse import parse_file
from ingest.read import decode, read
from ingest.readers.frontmatter import front_matter
from ingest.readers.model import Kind
from kb.errors import DocumentError

FAQ = "Q: Wo liegt Köln?\nA: Am Rhein – natürlich.\n\nQ: Was ist eine Öse?\nA: Ein kleiner Ring.\n"


def write(folder: Path, name: str, data: bytes | str) -> Path:
    path = folder / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def refusal(path: Path, **options: int) -> DocumentError:
    with pytest.raises(DocumentError) as caught:
        parse_file(path, **options)
    assert str(path.name) in caught.value.message, "the message names the file"
    assert caught.value.hint, "the message says what to do next"
    return caught.value


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "cp1252"])
def test_the_encoding_is_detected(tmp_path: Path, encoding: str) -> None:
    parsed = parse_file(write(tmp_path, "faq.txt", FAQ.encode(encoding)))
    assert [entry.question for entry in parsed.entries] == ["Wo liegt Köln?", "Was ist eine Öse?"]
    assert parsed.entries[0].answer == "Am Rhein – natürlich."


def test_windows_line_breaks_count_as_one_line(tmp_path: Path) -> None:
    parsed = parse_file(write(tmp_path, "faq.txt", FAQ.replace("\n", "\r\n")))
    assert [entry.lines for entry in parsed.entries] == [(1, 2), (4, 5)]
    assert "\r" not in parsed.text


def test_a_missing_file(tmp_path: Path) -> None:
    assert "no such file" in refusal(tmp_path / "gone.txt").message


def test_a_folder(tmp_path: Path) -> None:
    assert "folder" in refusal(tmp_path).message


@pytest.mark.parametrize("data", [b"", b"  \n\t\n", b"\xef\xbb\xbf"])
def test_an_empty_file(tmp_path: Path, data: bytes) -> None:
    assert "empty" in refusal(write(tmp_path, "a.txt", data)).message


@pytest.mark.parametrize(
    "data",
    [
        b"\x89PNG\r\n\x1a\n" + bytes(range(256)),
        bytes(range(256)) * 4,
        b"%PDF-1.7 x",
        b"PK\x03\x04aaaa",
        b"a\x01\x02\x03" * 99,
    ],
)
def test_binary_content_in_a_text_file(tmp_path: Path, data: bytes) -> None:
    assert "no text" in refusal(write(tmp_path, "notes.txt", data)).message


def test_a_file_over_the_limit_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "large.txt"
    with path.open("wb") as stream:
        stream.truncate(200_000_000)
    assert "200 MB" in refusal(path).message
    assert "limit" in refusal(write(tmp_path, "small.txt", FAQ), max_file_bytes=10).message


def test_an_unknown_type_names_the_known_ones(tmp_path: Path) -> None:
    error = refusal(write(tmp_path, "film.mp4", b"x"))
    assert ".mp4" in error.message
    assert ".docx" in error.hint


def test_a_file_that_vanishes_between_check_and_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, "a.txt", FAQ)
    opened = Path.open

    def vanish(self: Path, *args: str, **kwargs: str) -> object:
        path.unlink(missing_ok=True)
        return opened(self, *args, **kwargs)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", vanish)
    assert "no such file" in refusal(path).message


@pytest.mark.parametrize("data", [b"%PDF-1.4\n1 0 obj\n<<", b"not a pdf at all", b"%PDF-1.7" + bytes(500)])
def test_a_broken_pdf(tmp_path: Path, data: bytes) -> None:
    assert "pdf" in refusal(write(tmp_path, "a.pdf", data)).message


def test_an_encrypted_pdf(tmp_path: Path) -> None:
    canvas = pytest.importorskip("reportlab.pdfgen.canvas")
    encryption = pytest.importorskip("reportlab.lib.pdfencrypt")
    path = tmp_path / "secret.pdf"
    page = canvas.Canvas(str(path), encrypt=encryption.StandardEncryption("user", ownerPassword="owner"))
    page.drawString(72, 720, "Q: Why?")
    page.save()
    assert "encrypted" in refusal(path).message


def test_a_zip_bomb_posing_as_docx(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("word/document.xml", bytes(60_000_000))
    assert "zip bomb" in refusal(write(tmp_path, "a.docx", buffer.getvalue())).message


@pytest.mark.parametrize("data", [b"hello", b"PK\x03\x04 broken"])
def test_a_docx_that_is_none(tmp_path: Path, data: bytes) -> None:
    assert "Word document" in refusal(write(tmp_path, "a.docx", data)).message


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.json", '{"question": "Why?", '),
        ("a.json", "[" * 200_000),
        ("a.json", '{"a":' * 100_000),
        ("a.jsonl", '{"q": "Why?", "a": "So."}\n{"q": '),
        ("a.ipynb", "[1, 2]"),
        ("a.ipynb", "{"),
        ("a.json", '{"name": "x", "version": "1"}'),
        ("a.csv", "name,age\nTom,3\nAnn,4\n"),
    ],
)
def test_damaged_or_unfit_records(tmp_path: Path, name: str, text: str) -> None:
    refusal(write(tmp_path, name, text))


def test_deeply_nested_html_and_markdown_are_read(tmp_path: Path) -> None:
    for name, text in [
        ("a.html", "<div>" * 50_000 + "Why?"),
        ("b.html", "<b>x" * 20_000),
        ("c.md", "> " * 5_000 + "x"),
    ]:
        parse_file(write(tmp_path, name, text))


def test_front_matter_becomes_metadata(tmp_path: Path) -> None:
    text = (
        "---\ntitle: Tides\ntags:\n  - sea\n  - moon\nlicense: CC0\n---\n\n## Why are there tides?\n\nThe moon pulls.\n"
    )
    parsed = parse_file(write(tmp_path, "a.md", text))
    assert parsed.title == "Tides"
    assert parsed.metadata == {"title": "Tides", "tags": "sea, moon", "license": "CC0"}
    assert parsed.dropped[0].reason == "front_matter"
    assert parsed.entries[0].lines == (9, 11)
    assert front_matter(["---", "no pair here", "---"]) == (0, {})


def test_a_hash_inside_a_fence_is_no_heading(tmp_path: Path) -> None:
    source = read(write(tmp_path, "a.md", "# A\n\n```sh\n# B\n```\n\n    # C\n")).source
    assert [line.md for line in source.lines if line.kind is Kind.HEADING] == ["A"]


def test_html_lines_are_those_of_the_file(tmp_path: Path) -> None:
    text = "<html><body>\n<h2>Why?</h2>\n\n<p>So\nand so.</p>\n<h2>When?</h2><p>Now.</p>\n</body></html>\n"
    parsed = parse_file(write(tmp_path, "a.html", text))
    assert [(e.question, e.answer, e.lines) for e in parsed.entries] == [
        ("Why?", "So and so.", (2, 5)),
        ("When?", "Now.", (6, 6)),
    ]


def test_script_and_hidden_text_are_no_content(tmp_path: Path) -> None:
    text = (
        "<body><script>var q='Why me?'</script><h2>Why?</h2><p>So.</p><style>b{}</style><h2>Who?</h2><p>I.</p></body>"
    )
    parsed = parse_file(write(tmp_path, "a.html", text))
    assert [entry.answer for entry in parsed.entries] == ["So.", "I."]


def test_records_keep_quoted_line_breaks_and_their_lines(tmp_path: Path) -> None:
    parsed = parse_file(write(tmp_path, "a.csv", 'id,Question,Answer\n1,Why?,"a\nb"\n2,When?,now\n'))
    assert [(e.question, e.answer, e.lines) for e in parsed.entries] == [
        ("Why?", "a\nb", (2, 3)),
        ("When?", "now", (4, 4)),
    ]


@pytest.mark.parametrize(
    "value",
    [
        [{"prompt": "Why?", "response": "So."}],
        {"faq": {"items": [{"Q": "Why?", "A": "So."}]}},
        {"Why?": "So."},
        [["Why?", "So."]],
        {"data": [{"paragraphs": [{"qas": [{"question": "Why?", "answers": [{"text": "So."}]}]}]}]},
    ],
)
def test_shapes_of_json(tmp_path: Path, value: object) -> None:
    parsed = parse_file(write(tmp_path, "a.json", json.dumps(value)))
    assert [(e.question, e.answer, e.lines) for e in parsed.entries] == [("Why?", "So.", None)]


def test_decode_refuses_what_is_no_text() -> None:
    with pytest.raises(DocumentError, match="zero bytes"):
        decode(b"\x00\x00\x00ab\x00\x00\x00\x00", "x")
