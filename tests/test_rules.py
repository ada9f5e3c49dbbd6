"""The rules of the source itself: who may import what, what is exported, what importing costs."""

import ast
import subprocess
import sys
import time
from pathlib import Path

import pytest

import ingest
import kb
from kb import settings as kb_settings

ROOT = Path(__file__).parent.parent
PACKAGES = ("kb", "ingest", "ui", "eval")
VENDORS = {"chromadb", "llama_index", "torch", "transformers", "openai"}
# Training and benchmarks are programs of their own: they need torch to do their work, and nothing imports them.
VENDOR_HOMES = ("kb/backends/", "eval/lm/", "eval/fit", "eval/bench")
READERS = {
    "trafilatura",
    "lxml",
    "pypdfium2",
    "docx",
    "docutils",
    "markdown_it",
    "mdit_py_plugins",
    "charset_normalizer",
}
HEAVY = ("torch", "transformers", "chromadb", "llama_index", "gradio", "numpy")


def sources():
    return [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def imports_of(path):
    """(module, whether at the top of the file) for each import that is executed."""
    tree = ast.parse(path.read_text("utf-8"))
    found = []

    def visit(node, top):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
                continue
            if isinstance(child, ast.Import):
                found.extend((alias.name, top) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                assert child.level == 0, f"{path}: relative import"
                folder = ROOT / child.module.replace(".", "/")
                modules = [alias.name for alias in child.names if (folder / f"{alias.name}.py").is_file()]
                found.extend((f"{child.module}.{module}", top) for module in modules)
                if len(modules) < len(child.names):
                    found.append((child.module, top))
            visit(child, top and not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef))

    visit(tree, True)
    return found


def name(path):
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", sources(), ids=name)
def test_vendors_stay_behind_their_seams(path):
    for module, _ in imports_of(path):
        package = module.partition(".")[0]
        if package in VENDORS:
            assert name(path).startswith(VENDOR_HOMES), f"{name(path)} imports {module}"
        if package in READERS:
            assert name(path).startswith("ingest/read"), f"{name(path)} imports {module}"
        if package == "gradio":
            assert name(path).startswith("ui/app"), f"{name(path)} imports {module}"


LAYERS = {
    "kb/types.py": 0, "kb/errors.py": 0, "kb/text.py": 0, "kb/spans.py": 0, "kb/english.py": 0,
    "kb/ports.py": 1, "kb/settings.py": 1, "kb/durable.py": 1, "kb/storage.py": 1,
    "kb/catalogue.py": 1, "kb/lexical.py": 1,
    "kb/wiring.py": 4, "kb/knowledge.py": 5, "kb/over_texts.py": 5, "kb/doctor.py": 5,
    "kb/console.py": 7, "kb/cli.py": 8, "kb/__main__.py": 9, "kb/__init__.py": 9,
}  # fmt: skip


def layer(path_or_module):
    text = path_or_module if path_or_module.endswith(".py") else path_or_module.replace(".", "/") + ".py"
    if text in LAYERS:
        return LAYERS[text]
    head = text.partition("/")[0].removesuffix(".py")
    return {"kb": 2, "ingest": 6, "ui": 7, "eval": 7}.get(head, -1)


@pytest.mark.parametrize("path", sources(), ids=name)
def test_imports_go_down(path):
    """Deferred imports may point up only from the composition roots."""
    own = layer(name(path))
    for module, top in imports_of(path):
        target = layer(module)
        if target < 0 or module == "kb":
            continue
        if top:
            assert target <= own, f"{name(path)} (layer {own}) imports {module} (layer {target})"
        if own <= 5:
            assert not module.startswith(("ingest", "ui", "eval")), f"{name(path)} imports {module}"
        head = name(path).partition("/")[0]
        assert not (head == "ui" and module.startswith("eval")), f"{name(path)} imports {module}"
        assert not (head == "eval" and module.startswith("ui")), f"{name(path)} imports {module}"


def test_there_are_no_import_cycles():
    graph = {}
    for path in sources():
        module = name(path).removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        graph[module] = {target for target, top in imports_of(path) if top and target.startswith(PACKAGES)}
    done, active = set(), []

    def visit(module):
        assert module not in active, " -> ".join([*active[active.index(module) :], module])
        if module in done or module not in graph:
            return
        active.append(module)
        for target in sorted(graph[module]):
            if target != module:
                visit(target)
        active.pop()
        done.add(module)

    for module in sorted(graph):
        visit(module)


@pytest.mark.parametrize("package", [kb, ingest], ids=["kb", "ingest"])
def test_all_exports_are_there_and_sorted(package):
    assert list(package.__all__) == sorted(package.__all__)
    for exported in package.__all__:
        assert getattr(package, exported) is not None


def test_importing_loads_nothing_heavy():
    code = f"import kb, ingest, kb.cli, sys; print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_help_is_quick_compared_with_python_itself():
    def seconds(*arguments):
        best = 1e9
        for _ in range(3):
            started = time.perf_counter()
            subprocess.run([sys.executable, *arguments], capture_output=True, check=True)
            best = min(best, time.perf_counter() - started)
        return best

    # Importing torch alone costs a hundred times as much as starting Python.
    assert seconds("-m", "kb", "--help") < 25 * seconds("-c", "pass")


def test_every_setting_is_documented():
    """A setting that nobody explained is a setting that nobody can use."""
    text = (ROOT / "docs" / "settings.md").read_text("utf-8")
    for setting in kb_settings.names():
        assert f"`{setting}`" in text, f"docs/settings.md says nothing of {setting}"
