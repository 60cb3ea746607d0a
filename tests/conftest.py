"""What holds for every test: who may open sockets, and which files bring fixtures."""

from pathlib import Path

import pytest

HERE = Path(__file__).parent
QUIET = ("architecture", "unit", "contracts")  # folders whose tests have no business with a network

pytest_plugins = [f"tests.fixtures.{file.stem}" for file in sorted(HERE.glob("fixtures/[!_]*.py"))]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.relative_to(HERE).parts[0] in QUIET:
            item.add_marker(pytest.mark.disable_socket)
