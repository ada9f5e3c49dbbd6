"""What a query takes for granted: "Why does X only do Y?" assumes that X only does Y.

No sentence is parsed: where the subject ends is left open, and every reading is handed on; the caller takes
the one that the documents back best.
"""

from __future__ import annotations

import re

MAX_SUBJECT_WORDS = 5
_WHY = re.compile(r"(?:so |and |but |then )?(?:why|how come)\s+(?P<rest>\S[^?]*)", re.IGNORECASE)
_GIVEN = re.compile(r"(?:since|because|given that|now that)\s+(?P<premise>[^,]{8,}),", re.IGNORECASE)
_AUXILIARY = re.compile(
    r"(?P<aux>is|are|was|were|do|does|did|can|could|must|should|would|will|has|have|had)(?P<not>n't| not)?"
    r"\s+(?P<rest>.+)",
    re.IGNORECASE | re.DOTALL,
)
# What happens to the asker, or to something named elsewhere, is no claim about the documents' subject.
_PERSONAL = re.compile(r"\b(?:i|i'm|my|me|mine|we|our|us|it|its|this|that|these|those|they|them)\b", re.IGNORECASE)


def premises(query: str) -> tuple[str, ...]:
    """Statements that the query may take for granted, the likeliest first; none if it assumes nothing that can be read.

    Example: what `premises("Why does dropout slow down inference?")` gives begins with `"dropout slow down inference"`.
    """
    text = query.strip()
    if given := _GIVEN.match(text):
        return () if _PERSONAL.search(given["premise"]) else (given["premise"].strip(),)
    why = _WHY.match(text)
    if not why or _PERSONAL.search(why["rest"]):
        return ()
    auxiliary = _AUXILIARY.match(why["rest"])
    if auxiliary is None:
        return (why["rest"].rstrip(" .!"),) if text.lower().startswith("how come") else ()
    verb = auxiliary["aux"].lower()
    negation = " not" if auxiliary["not"] else ""
    words = auxiliary["rest"].rstrip(" .!").split()
    cuts = range(1, min(MAX_SUBJECT_WORDS, len(words) - 1) + 1)
    found = tuple(f"{' '.join(words[:cut])} {verb}{negation} {' '.join(words[cut:])}" for cut in cuts)
    return (" ".join(words), *found) if verb in ("do", "does", "did") and not negation else found
