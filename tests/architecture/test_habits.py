"""What no file does: commit by hand, import late, drop an error, silence a checker without a reason."""

import ast
import re

import pytest

from tests.architecture.source import PACKAGES, ROOT_MODULES, Source, functions, nothing, product, read

ENDS_TRANSACTIONS = ("app/engine/",)
IMPORTS_LATE = re.compile(r"app/services/\w+/__init__\.py")  # a chooser loads only the backend that it chose
CATCHES_ALL = ("app/engine/",)
SEAMS = re.compile(r"\b(pytest|unittest|mock|monkeypatch|TESTING|under_test|is_test)\b")
DATABASES = {"db", "connection", "conn", "session", "transaction", "engine", "log"}
LOG_LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}


def everything() -> tuple[Source, ...]:
    return read(*PACKAGES, *ROOT_MODULES)


def calls(source: Source) -> list[ast.Call]:
    return [node for node in ast.walk(source.tree) if isinstance(node, ast.Call)]


def receiver(call: ast.Call) -> str:
    """The last name before the method: `db` for `self.db.commit()`."""
    value = call.func.value if isinstance(call.func, ast.Attribute) else None
    return value.attr if isinstance(value, ast.Attribute) else getattr(value, "id", "")


def test_transactions_end_at_the_engines_edges_alone():
    found = [
        f"{source.name}:{call.lineno} {receiver(call)}.{call.func.attr}()"
        for source in everything()
        if not source.name.startswith(ENDS_TRANSACTIONS)
        for call in calls(source)
        if isinstance(call.func, ast.Attribute)
        and call.func.attr in ("commit", "rollback")
        and receiver(call) in DATABASES
    ]
    nothing(found)


def test_imports_stand_at_the_top():
    found = [
        f"{function.where} imports in line {node.lineno}"
        for function in functions(everything())
        if not IMPORTS_LATE.fullmatch(function.source.name)
        for node in ast.walk(function.node)
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    nothing(found)


def test_imports_are_absolute():
    found = [
        f"{source.name}:{node.lineno}"
        for source in everything()
        for node in ast.walk(source.tree)
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    nothing(found)


def passes_on(handler: ast.ExceptHandler) -> bool:
    """Whether it only tidies up: its last word is a bare `raise`."""
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def test_only_the_engine_keeps_every_error_to_itself():
    found = [
        f"{source.name}:{node.lineno}"
        for source in everything()
        if not source.name.startswith(CATCHES_ALL)
        for node in ast.walk(source.tree)
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or getattr(node.type, "id", "") in ("Exception", "BaseException"))
        and not passes_on(node)
    ]
    nothing(found)


def test_the_product_knows_nothing_of_its_tests():
    found = [
        f"{source.name}:{number} {line.strip()}"
        for source in everything()
        for number, line in enumerate(source.text.splitlines(), start=1)
        if SEAMS.search(line)
    ]
    nothing(found)


def test_log_lines_are_sentences_with_fields():
    found = [
        f"{source.name}:{call.lineno}"
        for source in product()
        for call in calls(source)
        if isinstance(call.func, ast.Attribute)
        and call.func.attr in LOG_LEVELS
        and call.args
        and isinstance(call.args[0], ast.JoinedStr)
    ]
    nothing(found)


@pytest.mark.parametrize(
    ("silence", "with_reason"),
    [
        (r"#\s*noqa", r"#\s*noqa: [A-Z0-9, ]+ - \w+"),
        (r"#\s*type:\s*ignore", r"#\s*type: ignore\[[\w, -]+\]  # \w+"),
    ],
)
def test_a_checker_is_silenced_with_a_reason(silence, with_reason):
    found = [
        f"{source.name}:{number}"
        for source in everything()
        for number, line in enumerate(source.text.splitlines(), start=1)
        if re.search(silence, line) and not re.search(with_reason, line)
    ]
    nothing(found)


def test_a_workflow_is_wiring_and_nothing_else():
    logic = (ast.FunctionDef, ast.ClassDef, ast.For, ast.While, ast.If, ast.Try, ast.With)
    found = [
        f"{source.name}:{node.lineno}"
        for source in read("workflows")
        if not source.name.endswith("__init__.py")
        for node in ast.walk(source.tree)
        if isinstance(node, logic)
    ]
    nothing(found)


def test_no_test_sleeps():
    found = [
        f"{source.name}:{call.lineno}"
        for source in read("tests")
        if not source.within("tests/fixtures")  # where `wait_for` lives: it ends with its condition
        for call in calls(source)
        if ast.unparse(call.func) in ("time.sleep", "sleep", "gevent.sleep")
    ]
    nothing(found)


def test_names_for_export_are_listed_by_the_engine_alone():
    found = [source.name for source in product() if re.search(r"^__all__\b", source.text, re.MULTILINE)]
    nothing([name for name in found if name != "app/engine/__init__.py"])
