"""The import contracts of pyproject.toml hold, and cover the packages that there are."""

import tomllib

from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

from tests.architecture.source import PACKAGES, ROOT


def test_imports_run_one_way(capsys):
    status = lint_imports(config_filename=str(ROOT / "pyproject.toml"), cache_dir=None)
    assert status == EXIT_STATUS_SUCCESS, capsys.readouterr().out


def test_every_package_is_under_the_contracts():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    assert contracts["root_packages"] == list(PACKAGES)
    layers = next(c["layers"] for c in contracts["contracts"] if c["name"].startswith("One direction"))
    named = {module.strip().partition(".")[2] for layer in layers for module in layer.split("|")} - {""}
    inside = {path.name for path in (ROOT / "app").iterdir() if path.is_dir() and path.name[0] not in "_."}
    assert inside <= named, "every folder of app/ has its layer"
