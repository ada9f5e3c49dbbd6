"""YAML front matter: simple `key: value` pairs at the top of a text."""

from __future__ import annotations

import re
from collections.abc import Sequence

_PAIR = re.compile(r"([\w][\w .-]{0,60}?)\s*:(?:\s+(.*))?$")


def front_matter(raw: Sequence[str]) -> tuple[int, dict[str, str]]:
    """How many lines the front matter takes, its fences included, and its fields; (0, {}) if there is none."""
    start = 0
    while start < len(raw) and not raw[start].strip():
        start += 1
    if start >= len(raw) or raw[start].rstrip() not in ("---", "+++"):
        return 0, {}
    fence = raw[start].rstrip()
    fields: dict[str, str] = {}
    key = ""
    for index in range(start + 1, min(len(raw), start + 200)):
        line = raw[index].rstrip()
        if line in (fence, "...") and fields:
            return index + 1, fields
        if not line.strip():
            continue
        if line[0] in " \t-" or line.lstrip().startswith("- "):
            if not key:
                return 0, {}
            item = line.strip().lstrip("- ").strip()
            fields[key] = f"{fields[key]}, {item}".strip(", ")
            continue
        match = _PAIR.match(line.replace(" = ", ": ", 1) if fence == "+++" else line)
        if match is None and not line.startswith("#"):
            return 0, {}
        if match is not None:
            key = match[1].strip()
            fields[key] = (match[2] or "").strip().strip("\"'").strip("[]")
    return 0, {}
