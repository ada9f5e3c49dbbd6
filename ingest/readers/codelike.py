"""Whether lines look like program code, a command or a log, rather than prose."""

from __future__ import annotations

import re
from collections.abc import Sequence

_STRONG = re.compile(
    r"[;{}]\s*$|^\s*[})\]]+[;,]?\s*$|[=!<>]=|=>|->|::|&&|\|\||\+=|^\s*(?:#!|//|/\*|\*/|--\s|<!--|</?\w+[^>]*>)"
    r"|^\s*(?:def|class|import|from|return|print|if|for|while|elif|else|try|except|with|async|await|function"
    r"|const|let|var"
    r"|public|private|static|void|int|#include|package|func|fn|use|SELECT|INSERT|UPDATE|DELETE|CREATE|FROM|WHERE"
    r"|echo|sudo"
    r"|export|kubectl|docker|git|npm|pip|cd|curl|apt|FROM|RUN|COPY)\b.*[(:={;\"'/\-]"
    r"|^\s*[$>%#]\s+\w|\w+\([^()]*\)\s*[;:.)]?\s*$|^\s*[\w.\[\]\"']+\s*[-+*/]?=\s*\S|^\s*@\w+|^\s*[\w-]+:\s*$"
    r"|^\s*-?\s*[\w-]+:\s+[\w\"'\[{./-]+\s*$"
)
_SENTENCE = re.compile(r"[a-zäöüß,]{2,} [a-zäöüß]{2,} [a-zäöüß]{2,}.*[.!?:]$")


def looks_like_code(lines: Sequence[str]) -> bool:
    """Whether most of the lines look like code."""
    filled = [line[:400] for line in lines if line.strip()][:200]
    if not filled:
        return False
    code = sum(1 for line in filled if _STRONG.search(line))
    prose = sum(1 for line in filled if _SENTENCE.search(line.strip()) and not _STRONG.search(line))
    return code > 0 and code >= 0.4 * len(filled) and prose <= 0.4 * len(filled)


def looks_like_prose(lines: Sequence[str]) -> bool:
    """Whether most of the lines are words, as in an indented paragraph."""
    filled = [line.strip()[:400] for line in lines if line.strip()][:200]
    prose = sum(1 for line in filled if _SENTENCE.search(line) or (len(line.split()) >= 6 and not _STRONG.search(line)))
    return bool(filled) and prose >= 0.5 * len(filled) and not looks_like_code(lines)
