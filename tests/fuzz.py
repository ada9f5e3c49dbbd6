"""A coverage-guided fuzzer for one reader: `python -m tests.fuzz .md 60` runs it for 60 seconds.

Whatever the bytes are, `parse_file` gives a document whose lines are all accounted for, or raises DocumentError; and it
does so in bounded time. libFuzzer ends the process with an error at anything else and writes the input that did it.
"""

import contextlib
import os
import sys
import tempfile
from pathlib import Path

FIXTURES = Path(__file__).parent / "fixtures"
MAX_BYTES = 20_000
SLOW_S = 25
"""Seconds of one run that count as a hang; many times what MAX_BYTES take on a busy machine."""


def main(suffix, seconds, out):
    import atheris

    with atheris.instrument_imports(include=["ingest"], enable_loader_override=False):
        from ingest.parse import parse_file
    from kb.errors import DocumentError

    folder = Path(tempfile.mkdtemp(prefix="kb-fuzz-"))
    file, corpus = folder / f"input{suffix}", folder / "corpus"
    corpus.mkdir()
    for fixture in FIXTURES.rglob(f"*{suffix}"):
        if fixture.stat().st_size <= MAX_BYTES:
            (corpus / fixture.name).write_bytes(fixture.read_bytes())

    def one(data):
        file.write_bytes(data)
        with contextlib.suppress(DocumentError):
            found = parse_file(file)
            assert found.lines_read == found.lines_in_entries + found.lines_dropped
            for entry in found.entries:
                assert entry.question.strip(), "an entry without a question"
                assert entry.lines is None or 1 <= entry.lines[0] <= entry.lines[1]

    # Files live in memory where that can be had: a disk would make half of the work.
    options = [f"-max_total_time={seconds}", f"-max_len={MAX_BYTES}", f"-timeout={SLOW_S}", "-rss_limit_mb=3000"]
    atheris.Setup([sys.argv[0], *options, "-print_final_stats=1", f"-artifact_prefix={out}/", str(corpus)], one)
    atheris.Fuzz()


if __name__ == "__main__":
    if Path("/dev/shm").is_dir():
        os.environ.setdefault("TMPDIR", "/dev/shm")
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else tempfile.gettempdir())
