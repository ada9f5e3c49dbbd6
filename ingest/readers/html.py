"""HTML: the tree of lxml, walked once; navigation and advertising told apart by what elements say about themselves."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from lxml import etree

from ingest.entries.language import ends_with_question_mark
from ingest.readers.inline import words_of
from ingest.readers.lines import Writer, escape
from ingest.readers.model import Kind, Source
from ingest.readers.text import text_lines
from ingest.types import DropReason

_INVISIBLE = frozenset(
    words_of(
        """script style noscript template svg head meta link iframe object audio video canvas select option textarea
    input math datalist dialog"""
    )
)
_HEADINGS = {f"h{n}": n for n in range(1, 7)}
_BLOCKS = frozenset(
    words_of(
        """address article aside blockquote body center dd details dialog div dl dt fieldset figcaption figure
    footer form h1 h2 h3 h4 h5 h6 header hr html legend li main menu nav ol p pre search section summary table
    tbody td tfoot th thead tr ul"""
    )
)
_SELF_DECLARED = {"nav": DropReason.NAVIGATION, "footer": DropReason.NAVIGATION, "aside": DropReason.NAVIGATION}
_ROLES = frozenset(words_of("""navigation banner contentinfo search complementary menu menubar dialog alertdialog"""))
_TOKENS: dict[str, DropReason] = {
    **dict.fromkeys(
        words_of(
            """nav navbar navigation menu breadcrumb breadcrumbs cookie cookies consent gdpr share sharing social
    related recommended recommendations sidebar pagination pager footer skip masthead topbar comments"""
        ),
        DropReason.NAVIGATION,
    ),
    **dict.fromkeys(
        words_of(
            """ad ads advert advertisement advertising banner-ad promo promotion sponsor sponsored newsletter subscribe
    signup adsbygoogle paywall cta"""
        ),
        DropReason.ADVERTISEMENT,
    ),
    **dict.fromkeys(["author", "byline", "authorbox"], DropReason.AUTHOR),
    **dict.fromkeys(["toc", "tableofcontents"], DropReason.TABLE_OF_CONTENTS),
}
_CERTAIN = frozenset(
    words_of(
        """cookie cookies consent gdpr advert advertisement advertising adsbygoogle sponsored newsletter share
    sharing breadcrumb breadcrumbs byline authorbox toc tableofcontents ad ads promo social author"""
    )
)
_LANGUAGE = re.compile(r"(?:language|lang|highlight-source|brush:?|sourceCode)[-: ]\s?([\w+#-]+)")
_MAX_ELEMENTS = 400_000
_MAX_DEPTH = 100
_MAX_SOURCE_LINE = 65_000
"""libxml2 counts the lines of elements no further than this."""


def read_html(text: str, *, media_type: str = "text/html") -> Source:
    """The visible content of a page, line by line, with the lines that it has in the file."""
    parser = etree.HTMLParser(encoding="utf-8", remove_comments=False, no_network=True, huge_tree=True)
    data = text.replace("\x00", " ").encode("utf-8", "replace")
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError, AssertionError):
        root = None
    counted = text.count("\n") < _MAX_SOURCE_LINE
    if root is None:
        bare = [re.sub(r"<[^<>]{0,2000}>", " ", line) for line in text.split("\n")]
        return Source(media_type, text, tuple(text_lines(bare)))
    walker = _Walker(root)
    walker.walk()
    title = " ".join(_inner(t) for t in root.iter("title")).split()
    lines = walker.writer.lines
    if not counted:
        rendered, lines = walker.writer.as_text()
        return Source(media_type, rendered, tuple(lines), title=" ".join(title), has_lines=False)
    return Source(media_type, text, tuple(lines), title=" ".join(title))


class _Walker:
    """Walks the tree and writes lines."""

    def __init__(self, root: etree._Element) -> None:
        self.root = root
        self.writer = Writer()
        self._line = 1
        self._lists: list[tuple[str, int]] = []
        self._item_prefix = ""
        self._kind = Kind.TEXT
        self._question_classes = _question_classes(root)
        self._elements = list(root.iter())
        self._sizes = _sizes(self._elements)
        self._total = max(1, self._sizes[root])
        self._depth = 0

    def walk(self) -> None:
        """Write the whole document, without recursion deeper than the parser's own limit on nesting."""
        body = self.root.find("body")
        self._block(self.root if body is None else body)
        self._flush()

    # Inline text gathers until a block begins or ends.

    def _flush(self) -> None:
        prefix = self._item_prefix if self.writer.pending_text() else ""
        if prefix:
            self._item_prefix = ""
        self.writer.flush(self._kind, prefix=prefix, indent=self._indent(bool(prefix)), depth=len(self._lists))

    def _indent(self, is_item: bool) -> int:
        return 3 * (len(self._lists) - 1 if is_item else len(self._lists)) if self._lists else 0

    def _sync(self, element: etree._Element) -> None:
        line = element.sourceline
        if isinstance(line, int) and line > self._line:
            self._line = line

    def _text(self, text: str | None) -> None:
        if text:
            self._line = self.writer.text(escape(text), self._line)

    def _block(self, element: etree._Element) -> None:
        self._text(element.text)
        for child in element:
            self._node(child)
            self._text(child.tail)

    def _node(self, element: etree._Element) -> None:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            self._text(_inner(element))  # nobody nests content that deep
        else:
            self._enter(element)
        self._depth -= 1

    def _enter(self, element: etree._Element) -> None:
        if not isinstance(element.tag, str):
            self._sync(element)
            return
        self._sync(element)
        tag = element.tag.lower()
        if tag in _INVISIBLE:
            return
        reason = self._reason(element, tag)
        if reason is not None and self.writer.drop is None:
            self._flush()
            self.writer.drop = reason
            self._visit(element, tag)
            self._flush()
            self.writer.drop = None
            return
        self._visit(element, tag)

    def _visit(self, element: etree._Element, tag: str) -> None:
        if tag in _HEADINGS:
            self._own(element, Kind.HEADING, level=_HEADINGS[tag])
        elif tag == "summary":
            self._own(element, Kind.SUMMARY)
        elif tag == "dt":
            self._own(element, Kind.TERM)
        elif (tag, element.get("class", "")) in self._question_classes:
            self._own(element, Kind.SUMMARY)
        elif tag == "pre":
            self._code(element)
        elif tag == "table":
            self._table(element)
        elif tag in ("ul", "ol", "menu"):
            self._list(element, tag)
        elif tag == "br":
            self.writer.line_break()
        elif tag == "hr":
            self._flush()
            self.writer.rule(self._line)
        elif tag in ("details", "dl"):
            self._flush()
            self.writer.fold += 1
            self._block(element)
            self._flush()
            self.writer.fold -= 1
        elif tag == "dd":
            self._flush()
            before, self._kind = self._kind, Kind.DEFINITION
            self._block(element)
            self._flush()
            self._kind = before
        elif tag in _BLOCKS or tag == "button":
            self._flush()
            self._block(element)
            self._flush()
        else:
            self._inline(element, tag)

    def _own(self, element: etree._Element, kind: Kind, level: int = 0) -> None:
        """An element whose text is one line of its own kind."""
        self._flush()
        self._inline_content(element)
        prefix, self._item_prefix = self._item_prefix, ""
        keep = prefix if prefix.strip().rstrip(".").isdigit() else ""
        self.writer.flush(kind, level=level, prefix=keep, depth=len(self._lists), joined=True)

    def _inline_content(self, element: etree._Element) -> None:
        """Text of an element, its block children included, as one run."""
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            self._text(_inner(element))
            self._depth -= 1
            return
        self._text(element.text)
        for child in element:
            if isinstance(child.tag, str):
                self._sync(child)
                tag = child.tag.lower()
                if tag in _INVISIBLE:
                    pass
                elif tag == "br" or tag in _BLOCKS:
                    self.writer.space()
                    self._inline_content(child)
                    self.writer.space()
                elif tag == "code":
                    self._code_span(child)
                elif (tag == "a" and not _is_permalink(child)) or tag != "a":
                    self._inline_content(child)
            self._text(child.tail)
        self._depth -= 1

    def _inline(self, element: etree._Element, tag: str) -> None:
        if any(isinstance(c.tag, str) and c.tag.lower() in _BLOCKS for c in element):
            self._block(element)
            return
        if tag in ("code", "kbd", "samp", "tt"):
            self._code_span(element)
            return
        if tag == "a" and _is_permalink(element):
            return
        marks = {"b": "**", "strong": "**", "em": "*", "i": "*", "del": "~~", "s": "~~"}.get(tag, "")
        if not _inner(element).strip():
            marks = ""
        href = (element.get("href") or "").strip() if tag == "a" else ""
        link = bool(href) and not re.search(r"[\s()<>]", href) and not href.lower().startswith("javascript")
        self.writer.mark("[" if link else marks, opening=True)
        self._block(element)
        self.writer.mark(f"]({href})" if link else marks, opening=False)

    def _code_span(self, element: etree._Element) -> None:
        text = _inner(element)
        if not text.strip():
            self._text(text)
            return
        fence = "``" if "`" in text else "`"
        self._line = self.writer.text(f"{fence}{text.strip()}{fence}", self._line)

    def _code(self, element: etree._Element) -> None:
        self._flush()
        text = _inner(element)
        first = self._line
        names = " ".join([element.get("class", ""), *(c.get("class", "") for c in element if isinstance(c.tag, str))])
        match = _LANGUAGE.search(names)
        self.writer.code(text, first, match[1] if match else "", indent=self._indent(False), depth=len(self._lists))
        self._line = first + text.count("\n")

    def _list(self, element: etree._Element, tag: str) -> None:
        self._flush()
        if self.writer.drop is None and _is_link_list(element):
            self.writer.drop = DropReason.NAVIGATION
            self._items(element, tag)
            self.writer.drop = None
            return
        self._items(element, tag)

    def _items(self, element: etree._Element, tag: str) -> None:
        start = element.get("start", "1")
        number = int(start) if start.removeprefix("-").isdecimal() and len(start) < 6 else 1
        self._text(element.text)
        self._lists.append((tag, number))
        for child in element:
            if isinstance(child.tag, str) and child.tag.lower() == "li":
                self._sync(child)
                value = child.get("value", "")
                if value.isdecimal() and len(value) < 6:
                    number = int(value)
                self._flush()
                self._item_prefix = f"{number}. " if tag == "ol" else "- "
                if tag == "ol":
                    number += 1
                self._block(child)
                self._flush()
                self._item_prefix = ""
            else:
                self._node(child)
            self._text(child.tail)
        self._lists.pop()
        self._flush()

    def _table(self, element: etree._Element) -> None:
        self._flush()
        rows = [row for row in element.iter("tr")]
        cells = [[c for c in row if isinstance(c.tag, str) and c.tag.lower() in ("td", "th")] for row in rows]
        width = max((len(row) for row in cells), default=0)
        nested = any(True for cell in element.iter("td") for _ in cell.iter("table"))
        if width <= 1 or nested:
            self._block(element)  # a table that lays out the page
            self._flush()
            return
        caption = element.find("caption")
        if caption is not None:
            self._own(caption, Kind.TEXT)
        self.writer.blank()
        for position, (row, own) in enumerate(zip(rows, cells, strict=True)):
            self._sync(row)
            first = self._line
            texts: list[str] = []
            for cell in own:
                self._sync(cell)
                self._inline_content(cell)
                text, last = self.writer.take()
                texts.append(text.replace("|", "\\|"))
                self._line = max(self._line, last)
            texts += [""] * (width - len(texts))
            if any(t.strip() for t in texts):
                self.writer.row(texts, (first, max(first, self._line)), header=position == 0)
        self.writer.blank()

    def _reason(self, element: etree._Element, tag: str) -> DropReason | None:
        """Why an element holds no content, by its name, its role or its class."""
        if tag in ("html", "body", "main", "article"):
            return None
        if (element.get("hidden") is not None and tag != "div") or (
            element.get("aria-hidden") == "true" and not len(element)
        ):
            return DropReason.NAVIGATION
        if self._sizes.get(element, 0) > 0.5 * self._total:
            return None
        if tag in _SELF_DECLARED and not (tag != "nav" and _asks(element)):
            return _named_reason(element) or _SELF_DECLARED[tag]
        if tag == "header" and not any(True for h in element.iter("h1", "h2")):
            return _named_reason(element) or DropReason.NAVIGATION
        if (element.get("role") or "").lower() in _ROLES:
            return DropReason.NAVIGATION
        return _named_reason(element)


def _named_reason(element: etree._Element) -> DropReason | None:
    tokens = re.split(r"[\s_-]+", f"{element.get('class', '')} {element.get('id', '')}".lower().strip())
    for token in tokens:
        reason = _TOKENS.get(token)
        if reason is None or (token not in _CERTAIN and _link_share(element) < 0.4 and _asks(element)):
            continue
        if _asks(element) and _link_share(element) < 0.4:
            continue
        return reason
    return None


def _sizes(elements: list[etree._Element]) -> dict[etree._Element, int]:
    """The length of the visible text of each element."""
    sizes: dict[etree._Element, int] = {}
    for element in reversed(elements):
        if not isinstance(element.tag, str) or element.tag.lower() in _INVISIBLE:
            sizes[element] = 0
            continue
        size = len((element.text or "").strip())
        for child in element:
            size += sizes.get(child, 0) + len((child.tail or "").strip())
        sizes[element] = size
    return sizes


def _inner(element: etree._Element) -> str:
    """All text of an element."""
    return "".join(str(text) for text in element.itertext())


def _texts(element: etree._Element) -> Iterator[str]:
    for node in element.iter():
        if isinstance(node.tag, str) and node.tag.lower() not in _INVISIBLE and node.text:
            yield node.text.strip()
        if node is not element and node.tail:
            yield node.tail.strip()


def _link_share(element: etree._Element) -> float:
    """The share of an element's text that stands in links to other pages."""
    total = sum(len(t) for t in _texts(element))
    linked = sum(len(_inner(a).strip()) for a in element.iter("a") if not (a.get("href") or "#").startswith("#"))
    return linked / total if total else 0.0


def _asks(element: etree._Element) -> bool:
    """Whether an element holds several questions that are no links."""
    count = 0
    for node in element.iter():
        if isinstance(node.tag, str) and node.tag.lower() != "a" and node.text and len(node.text) < 300:
            count += ends_with_question_mark(node.text.strip())
    return count >= 2


def _is_link_list(element: etree._Element) -> bool:
    items = [c for c in element if isinstance(c.tag, str) and c.tag.lower() == "li"]
    if len(items) < 3 or _link_share(element) < 0.9:
        return False
    parent = element.getparent()
    inside = {"li", "dd", "td", "details", "article"}
    while parent is not None and isinstance(parent.tag, str):
        if parent.tag.lower() in inside:
            return False
        parent = parent.getparent()
    short = [len(_inner(i).strip()) for i in items]
    return sum(short) / len(short) < 25


def _is_permalink(element: etree._Element) -> bool:
    text = _inner(element).strip()
    return text in ("", "#", "¶", "§", "🔗", "link", "permalink", "Permalink", "Direct link")


def _question_classes(root: etree._Element) -> frozenset[tuple[str, str]]:
    """Classes that the page's author uses for questions: most elements of the class end with a question mark."""
    seen: Counter[tuple[str, str]] = Counter()
    asking: Counter[tuple[str, str]] = Counter()
    for number, element in enumerate(root.iter()):
        if number > _MAX_ELEMENTS:
            break
        if not isinstance(element.tag, str):
            continue
        tag = element.tag.lower()
        if tag not in ("div", "p", "span", "button", "a", "label", "strong", "b", "h1", "h2", "h3", "h4", "h5", "h6"):
            continue
        if tag in _HEADINGS or (tag == "a" and not (element.get("href") or "#").startswith("#")):
            continue
        if any(isinstance(c.tag, str) and c.tag.lower() in _BLOCKS for c in element):
            continue
        name = element.get("class", "")
        if not name or (
            (parent := element.getparent()) is not None
            and str(parent.tag).lower() in (*_HEADINGS, "summary", "dt", "li")
        ):
            continue
        text = _inner(element).strip()
        if not text:
            continue
        seen[tag, name] += 1
        asking[tag, name] += int(len(text) < 300 and ends_with_question_mark(text))
    return frozenset(key for key, times in seen.items() if times >= 2 and asking[key] >= 0.6 * times)
