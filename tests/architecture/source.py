"""The product's and the tests' source as data: files, their trees, their functions."""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("app", "tasks", "workflows", "config")
ROOT_MODULES = ("wsgi.py", "gateway.py", "worker.py")
BLOCKS = (ast.If, ast.For, ast.While, ast.With, ast.Try, ast.Match, ast.AsyncFor, ast.AsyncWith)
AnyFunction = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Source:
    """One file of Python, `name` being its path from the root."""

    name: str
    text: str
    tree: ast.Module

    @property
    def lines(self) -> int:
        return len(self.text.splitlines())

    def within(self, *folders: str) -> bool:
        return self.name.startswith(tuple(f"{folder}/" for folder in folders))


@dataclass(frozen=True)
class Function:
    """A function or method; `where` names it for people."""

    source: Source
    node: AnyFunction
    inside: type | None

    @property
    def where(self) -> str:
        return f"{self.source.name}:{self.node.lineno} {self.node.name}"

    @property
    def lines(self) -> int:
        return (self.node.end_lineno or 0) - self.node.lineno + 1

    @property
    def decorators(self) -> set[str]:
        """The last names of its decorators: `get` for `@api.get("/sites")`."""
        calls = (d.func if isinstance(d, ast.Call) else d for d in self.node.decorator_list)
        return {c.attr if isinstance(c, ast.Attribute) else getattr(c, "id", "") for c in calls}


@cache
def read(*folders: str) -> tuple[Source, ...]:
    """Every Python file under the folders; a file's name stands for itself."""
    files = (file for folder in folders for file in _python_files(ROOT / folder))
    return tuple(
        Source(str(file.relative_to(ROOT)), text, ast.parse(text))
        for file in sorted(files)
        if (text := file.read_text()) or True
    )


def product() -> tuple[Source, ...]:
    """What the bars count."""
    return read(*PACKAGES)


def functions(sources: tuple[Source, ...]) -> Iterator[Function]:
    """Every function and method, those inside functions too."""
    for source in sources:
        yield from _functions(source, source.tree, None)


def _functions(source: Source, node: ast.AST, inside: type | None) -> Iterator[Function]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, AnyFunction):
            yield Function(source, child, inside)
        yield from _functions(source, child, type(child) if isinstance(child, SCOPES) else inside)


SCOPES = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def _python_files(place: Path) -> Iterator[Path]:
    if place.is_file():
        yield place
    yield from (file for file in place.rglob("*.py") if "__pycache__" not in file.parts)


def nothing(found: Iterable[str]) -> None:
    """Fail with one finding a line."""
    lines = list(found)
    assert not lines, "\n" + "\n".join(lines)


def depth(node: ast.AST) -> int:
    """How deep blocks stand in one another; an `elif` stands beside its `if`."""
    deepest = 0
    for child in ast.iter_child_nodes(node):
        beside = isinstance(node, ast.If) and isinstance(child, ast.If) and node.orelse == [child]
        deepest = max(deepest, depth(child) + (isinstance(child, BLOCKS) and not beside))
    return deepest
