"""The command line: each command reads its settings, calls one public function, and prints the result.

stdout carries the result, stderr the progress. Everything that a command needs is imported inside it, so
that `kb --help` is quick.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kb import settings as kb_settings

if TYPE_CHECKING:
    from kb.knowledge import KnowledgeBase
    from kb.settings import Loaded, Settings

app = typer.Typer(
    name="kb",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="A knowledge base over question documents that answers from them and from nothing else.",
    epilog="--home and --collection may stand anywhere. `kb COMMAND --help` shows examples.",
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON: an object, or one line per item of a list.")]


class GateNotMet(Exception):
    """The eval gate is not met; the process ends with exit code 3."""


@app.callback()
def options(
    context: typer.Context,
    home: Annotated[Path | None, typer.Option(help="Folder of the index, caches and chats.")] = None,
    collection: Annotated[str | None, typer.Option(help="Name of the collection.")] = None,
) -> None:
    """Take the options that every command has."""
    context.obj = {"home": home, "collection": collection}


def _load(context: typer.Context, **flags: Any) -> Loaded:
    return kb_settings.load({**context.obj, **{name.replace("__", "."): value for name, value in flags.items()}})


def _settings(context: typer.Context, **flags: Any) -> Settings:
    return _load(context, **flags).settings


def _open(context: typer.Context, **flags: Any) -> KnowledgeBase:
    from kb.knowledge import KnowledgeBase

    return KnowledgeBase.open(_settings(context, **flags))


@app.command()
def ingest(
    context: typer.Context,
    paths: Annotated[list[Path], typer.Argument(help="Files and folders.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Report what would be done; change nothing.")] = False,
    prune: Annotated[bool, typer.Option("--prune", help="Also remove documents whose files are gone.")] = False,
    chroma_url: Annotated[str | None, typer.Option(help="Keep the index on this Chroma server.")] = None,
    json: Json = False,
) -> None:
    """Read documents, find their questions, merge duplicates and index them.

    Examples: `kb ingest docs/`, `kb ingest faq.md interview.pdf --dry-run`, `kb ingest docs/ --prune --json`.
    """
    from ingest.pipeline import ingest_paths
    from kb import console

    with console.progress("ingest") as progress:
        report = ingest_paths(
            paths,
            settings=_settings(context, store__chroma_url=chroma_url),
            dry_run=dry_run,
            prune=prune,
            progress=progress,
        )
    console.ingest_report(report, as_json=json)
    if report.rejected:
        raise typer.Exit(1)


@app.command()
def parse(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="The file.")],
    dropped: Annotated[bool, typer.Option("--dropped", help="Show the dropped lines instead of the entries.")] = False,
    json: Json = False,
) -> None:
    """Show what ingest would make of one file, without touching the index.

    Examples: `kb parse faq.html`, `kb parse interview.txt --dropped`.
    """
    from ingest.parse import parse_file
    from kb import console

    parsed = parse_file(file, max_file_bytes=_settings(context).ingest.max_file_mb * 1_000_000)
    console.parsed_document(parsed, show_dropped=dropped, as_json=json)


@app.command()
def documents(context: typer.Context, json: Json = False) -> None:
    """List the documents of the index."""
    from kb import console

    with _open(context) as kb:
        console.documents(kb.documents(), kb.entries(), as_json=json)


@app.command()
def entries(
    context: typer.Context,
    document: Annotated[str | None, typer.Option(help="Only this document: its id, path or file name.")] = None,
    unanswered: Annotated[bool, typer.Option("--unanswered", help="Only questions without an answer.")] = False,
    json: Json = False,
) -> None:
    """List every question of every document, with the answer that the document gives.

    Examples: `kb entries --document faq.md`, `kb entries --unanswered --json`.
    """
    from kb import console

    with _open(context) as kb:
        console.entries(kb.entries(document=document, unanswered=unanswered), as_json=json)


@app.command()
def questions(
    context: typer.Context,
    duplicates: Annotated[bool, typer.Option("--duplicates", help="Only those that were merged from several.")] = False,
    json: Json = False,
) -> None:
    """List the canonical questions with their wordings and sources."""
    from kb import console

    with _open(context) as kb:
        found = [question for question in kb.questions() if not duplicates or len(question.entry_ids) > 1]
        console.questions(found, as_json=json)


@app.command()
def remove(
    context: typer.Context,
    documents: Annotated[list[str], typer.Argument(help="Ids, paths or file names of documents.")],
    json: Json = False,
) -> None:
    """Remove documents from the index; the files stay where they are."""
    from ingest.pipeline import remove_documents
    from kb import console

    with console.progress("remove") as progress:
        report = remove_documents(documents, settings=_settings(context), progress=progress)
    console.ingest_report(report, as_json=json)


@app.command()
def rebuild(context: typer.Context, json: Json = False) -> None:
    """Make the index anew from the documents that it holds, for example with another encoder."""
    from ingest.pipeline import rebuild as rebuild_index
    from kb import console

    with console.progress("rebuild") as progress:
        report = rebuild_index(settings=_settings(context), progress=progress)
    console.ingest_report(report, as_json=json)


@app.command()
def review(context: typer.Context, json: Json = False) -> None:
    """Show what a curator should look at: gaps, borderline merges, dropped lines, feedback."""
    from kb import console

    with _open(context) as kb:
        console.review(kb.review(), as_json=json)


@app.command()
def search(
    context: typer.Context,
    query: Annotated[str, typer.Argument(help="The query, or - to read it from standard input.")],
    limit: Annotated[int, typer.Option("-k", "--limit", min=1, max=100, help="Number of hits.")] = 5,
    document: Annotated[str | None, typer.Option(help="Only this document: its id, path or file name.")] = None,
    status: Annotated[str | None, typer.Option(help="Only answered, unanswered or placeholder questions.")] = None,
    json: Json = False,
) -> None:
    """Find the questions nearest to a query.

    Examples: `kb search "freeze layers" -k 3`, `echo "learning rate" | kb search -`.
    """
    from kb import console

    with _open(context) as kb:
        console.hits(kb.search(_query(query), limit=limit, document=document, status=status), as_json=json)


@app.command()
def ask(
    context: typer.Context,
    query: Annotated[str, typer.Argument(help="The question, or - to read it from standard input.")],
    document: Annotated[str | None, typer.Option(help="Only this document: its id, path or file name.")] = None,
    backend: Annotated[str | None, typer.Option(help="auto, extractive, transformers or openai.")] = None,
    json: Json = False,
) -> None:
    """Answer a question from the documents, with citations, or say that they do not answer it.

    Examples: `kb ask "How do I freeze a layer?"`, `kb ask - --json < question.txt`.
    """
    from kb import console

    with _open(context, llm__backend=backend) as kb:
        if json:
            console.answer(kb.ask(_query(query), document=document), as_json=True)
        else:
            console.stream(kb.stream(_query(query), document=document))


@app.command()
def chat(
    context: typer.Context,
    backend: Annotated[str | None, typer.Option(help="auto, extractive, transformers or openai.")] = None,
) -> None:
    """Talk with the documents in the terminal. /sources shows the passages of the last answer, /quit leaves."""
    from kb import console

    with _open(context, llm__backend=backend) as kb:
        console.chat(kb)


@app.command()
def serve(
    context: typer.Context,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 7860,
    read_only: Annotated[bool, typer.Option("--read-only", help="Refuse everything that changes the library.")] = False,
    mcp: Annotated[bool, typer.Option("--mcp", help="Also serve the tools of the Model Context Protocol.")] = False,
    auth_file: Annotated[Path | None, typer.Option(help="File with lines user:password; or set KB_AUTH.")] = None,
    open_browser: Annotated[bool, typer.Option("--open/--no-open", help="Open the page in a browser.")] = False,
) -> None:
    """Open the web UI: chat with sources, and the library.

    Examples: `kb serve`, `kb serve --read-only --mcp`, `KB_AUTH=me:secret kb serve --host 0.0.0.0`.
    """
    from ui.serve import serve as serve_ui

    serve_ui(
        _settings(context),
        host=host,
        port=port,
        read_only=read_only,
        mcp=mcp,
        auth_file=auth_file,
        open_browser=open_browser,
    )


@app.command(name="eval")
def evaluate(
    context: typer.Context,
    suite: Annotated[str | None, typer.Option(help="smoke (below 20 s) or full.")] = None,
    split: Annotated[str | None, typer.Option(help="dev, test or all.")] = None,
    gate: Annotated[
        bool, typer.Option("--gate", help="Exit with 3 if a floor is broken or something got worse.")
    ] = False,
    report: Annotated[Path | None, typer.Option(help="Write report.html and results.jsonl into this folder.")] = None,
    data: Annotated[
        Path | None, typer.Option(help="Your own queries, over your own index; see docs/evaluation.md.")
    ] = None,
    update_baseline: Annotated[bool, typer.Option("--update-baseline", help="Make this run the new baseline.")] = False,
    backend: Annotated[str | None, typer.Option(help="extractive, transformers or openai.")] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the table of figures for a page.")] = False,
    json: Json = False,
) -> None:
    """Measure retrieval, answers, faithfulness and abstention on the eval sets.

    Examples: `kb eval --suite smoke`, `kb eval --gate --report report`, `kb eval --data queries.jsonl`.
    """
    from eval.cli import EvalCommand
    from eval.cli import evaluate as run_evaluation
    from kb import console

    command = EvalCommand(
        suite=_one_of("suite", suite, ("smoke", "full")),
        split=_one_of("split", split, ("dev", "test", "all")),
        data=data,
        gate=gate,
        update_baseline=update_baseline,
        report=report,
        own_index=any(value is not None for value in context.obj.values()),
        as_json=json,
        markdown=markdown,
    )
    # The extractive backend is the same on every machine; another one is measured when it is asked for.
    settings = _settings(context, llm__backend=backend or "extractive")
    with console.progress("eval") as progress:
        met = run_evaluation(command, settings, progress)
    if not met:
        raise GateNotMet


@app.command()
def bench(
    context: typer.Context,
    names: Annotated[list[str] | None, typer.Argument(help="Benchmarks; all if none is named.")] = None,
    full: Annotated[bool, typer.Option("--full", help="Run at the full sizes, which takes long.")] = False,
    out: Annotated[Path, typer.Option(help="Folder for the JSON files.")] = Path("report/bench"),
    json: Json = False,
) -> None:
    """Run the benchmarks: ingest, ask, serve, load, scale, llm.

    Examples: `kb bench`, `kb bench ingest ask --full`.
    """
    from eval.bench import outcome_json, print_outcomes, run_bench
    from kb import console

    with console.progress("bench") as progress:
        outcomes = run_bench(names or [], _settings(context), out, progress, full=full)
    if json:
        console.print_json_lines(outcome_json(outcome) for outcome in outcomes)
    else:
        print_outcomes(outcomes)


def _one_of(option: str, value: str | None, allowed: tuple[str, ...]) -> Any:
    if value is not None and value not in allowed:
        raise typer.BadParameter(f"{value!r} is not one of {', '.join(allowed)}", param_hint=f"--{option}")
    return value


@app.command()
def settings(context: typer.Context, json: Json = False) -> None:
    """Show every setting with its value and where that comes from."""
    from kb import console

    console.settings(_load(context), as_json=json)


@app.command()
def doctor(context: typer.Context, json: Json = False) -> None:
    """Check what works on this machine, and what to do about what does not."""
    from kb import console
    from kb.doctor import examine

    findings = examine(_settings(context))
    console.findings(findings, as_json=json)
    if any(finding.state == "broken" for finding in findings):
        raise typer.Exit(1)


def _query(argument: str) -> str:
    return sys.stdin.read() if argument == "-" else argument
