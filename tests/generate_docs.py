"""Writes docs/settings.md and docs/cli.md from the source: `python -m tests.generate_docs`. A test compares them."""

import ast
import subprocess
import sys
from pathlib import Path

from kb import settings as kb_settings

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
COMMANDS = (
    "ingest", "parse", "documents", "entries", "questions", "remove", "rebuild", "review", "search", "ask", "chat",
    "serve", "eval", "bench", "settings", "doctor",
)  # fmt: skip


def field_docs():
    """Dotted name to the text under the field."""
    tree = ast.parse((ROOT / "kb" / "settings.py").read_text("utf-8"))
    groups = {"Settings": "", "EmbedSettings": "embed.", "StoreSettings": "store.", "IngestSettings": "ingest."}
    groups |= {"RetrieveSettings": "retrieve.", "AnswerSettings": "answer.", "LLMSettings": "llm."}
    found = {}
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name in groups:
            for field, doc in zip(node.body, [*node.body[1:], None], strict=True):
                if (
                    isinstance(field, ast.AnnAssign)
                    and isinstance(doc, ast.Expr)
                    and isinstance(doc.value, ast.Constant)
                ):
                    found[groups[node.name] + field.target.id] = " ".join(str(doc.value.value).split())
    return found


def settings_page():
    docs = field_docs()
    defaults = {
        origin.name: origin.value
        for origin in kb_settings.load({"home": Path("HOME")}, env={}, cwd=ROOT / "docs").origins
    }
    lines = [
        "# Settings",
        "",
        "Defaults, then `kb.toml` (in the home, then in the working folder), then `KB_*` variables, then flags; the",
        "last one that speaks wins. `llm.backend` is `backend` in the table `[llm]` of `kb.toml`, and `KB_LLM_BACKEND`",
        "in the environment.",
        "`kb settings` shows every value and where it comes from. This page is generated from `kb/settings.py`.",
        "",
        "| setting | default | meaning |",
        "|---|---|---|",
    ]
    for name in kb_settings.names():
        default = (
            "the platform's folder for user data"
            if name == "home"
            else f"`{defaults[name]}`"
            if defaults[name] != ""
            else ""
        )
        lines.append(f"| `{name}` | {default} | {docs.get(name, '')} |")
    return "\n".join(lines) + "\n"


def cli_page():
    def help_of(*arguments):
        environment = {"COLUMNS": "100", "TERM": "dumb", "PATH": "", "NO_COLOR": "1"}
        command = [sys.executable, "-m", "kb", *arguments, "--help"]
        return subprocess.run(
            command, capture_output=True, text=True, check=True, cwd=ROOT, env=environment
        ).stdout.rstrip()

    parts = ["# Command line\n\nGenerated from `kb COMMAND --help`.\n", f"```\n{help_of()}\n```\n"]
    parts += [f"## kb {command}\n\n```\n{help_of(command)}\n```\n" for command in COMMANDS]
    return "\n".join(parts)


PAGES = {"settings.md": settings_page, "cli.md": cli_page}

if __name__ == "__main__":
    DOCS.mkdir(exist_ok=True)
    for name, page in PAGES.items():
        (DOCS / name).write_text(page(), "utf-8")
