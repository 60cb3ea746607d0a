"""Names and docstrings: six words without synonyms, no name that says nothing, tests named by sentences."""

import ast
import importlib
import re

from app.engine import Signal
from tests.architecture.source import PACKAGES, ROOT, ROOT_MODULES, Source, functions, nothing, product, read

SAYS_NOTHING = {"utils", "util", "helpers", "helper", "common", "service", "manager", "base", "misc"}
SECOND_WORDS = {"job", "step", "rule", "handler", "delivery", "endpoint"}  # for action, reaction, listener
KINDS = {"architecture", "unit", "contracts", "integration", "acceptance", "faults", "fixtures", "vectors"}


def words(name: str) -> set[str]:
    """`DeployRequested` and `deploy_requested` are both {deploy, requested}; a plural is its singular too."""
    parts = {part.lower() for part in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)}
    return parts | {part.removesuffix("s") for part in parts} | {re.sub("ies$", "y", part) for part in parts}


def named(source: Source) -> list[str]:
    """The names that a file defines: its own, its classes', its functions'."""
    kinds = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return [source.name, *(f"{node.name}" for node in ast.walk(source.tree) if isinstance(node, kinds))]


def test_no_module_has_a_name_that_says_nothing():
    names = {source.name: source.name.removesuffix(".py").split("/") for source in product()}
    nothing(name for name, parts in names.items() if SAYS_NOTHING & set(parts))


def test_nothing_is_called_by_a_second_word_for_one_of_the_six():
    found = [(source.name, name) for source in product() for name in named(source)]
    nothing(f"{file}: {name}" for file, name in found if words(name) & SECOND_WORDS)


def test_every_module_says_in_one_to_three_sentences_what_lives_there():
    found = []
    for source in read(*PACKAGES, *ROOT_MODULES, "tests", "benchmarks"):
        text = ast.get_docstring(source.tree) or ""
        opening = text.split("\n\n", 2)[:2]
        if not text or len(re.findall(r"[.!?:](?=\s|$)", " ".join(opening))) == 0:
            found.append(source.name)
    nothing(found)


def test_every_public_function_and_class_has_a_docstring():
    found = []
    for source in (*product(), *read(*ROOT_MODULES)):
        for node in source.tree.body:
            public = isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
            if public and not ast.get_docstring(node):
                found.append(f"{source.name}:{node.lineno} {node.name}")
    nothing(found)


def test_every_signal_says_when_it_is_recorded():
    assert len(every_signal()) > 10
    nothing([signal.__qualname__ for signal in every_signal() if not signal.__dict__.get("__doc__")])


def test_every_signal_is_past_tense_in_its_type_and_named_after_it():
    for signal in every_signal():
        assert re.fullmatch(r"[a-z_]+(\.[a-z_]+)+", signal.type), signal
        last = signal.type.rpartition(".")[2]
        assert words(signal.__name__) & words(last), f"{signal.__name__}: {signal.type}"


def every_signal() -> list[type[Signal]]:
    for file in (ROOT / "app" / "signals").glob("[!_]*.py"):
        importlib.import_module(f"app.signals.{file.stem}")
    found, waiting = [], list(Signal.__subclasses__())
    while waiting:
        signal = waiting.pop()
        waiting += signal.__subclasses__()
        if signal.__module__.startswith("app.signals.") and signal.type:
            found.append(signal)
    return found


def test_the_name_of_a_test_is_a_sentence():
    found = [
        f.where
        for f in functions(read("tests"))
        if f.node.name.startswith("test_") and f.inside is None and len(f.node.name.split("_")) < 4
    ]
    nothing(found)


def test_every_test_stands_in_the_folder_of_its_kind():
    folders = {path.name for path in (ROOT / "tests").iterdir() if path.is_dir() and path.name[0] not in "_."}
    assert folders <= KINDS
