"""What is written about the project is true of it: the map of folders, the links, the generated pages."""

import importlib
import re
import subprocess
import tomllib
from itertools import pairwise
from pathlib import Path

import pytest

from app.local.procfile import read_procfile
from config.pages import env_example, settings_page
from tests.architecture.source import ROOT, nothing

SECTIONS = ["Added", "Changed", "Fixed", "Security", "Upgrading"]
LINK = re.compile(r"(?<!!)\[[^\]]+\]\((?!https?:|mailto:|#)([^)#\s]+)[^)]*\)")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
ON_THE_MAP = re.compile(r"^\s*([\w.-]+/)(?=\s|$)|^\s*([\w-]+\.(?:py|md|toml|txt))\b", re.MULTILINE)


def tracked(*patterns: str) -> list[str]:
    """The files that git has or would take, so that what a run makes does not count."""
    asked = ["git", "ls-files", "--cached", "--others", "--exclude-standard", *patterns]
    listed = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
    return [name for name in listed if name and (ROOT / name).exists()]


def pages() -> list[Path]:
    return [ROOT / name for name in tracked("*.md")]


def folder_map() -> str:
    """The fenced block of the README that shows the folders."""
    blocks = [block for block in FENCE.findall((ROOT / "README.md").read_text()) if "workflows/" in block]
    assert len(blocks) >= 1, "README.md shows no map of the folders"
    return str(max(blocks, key=len))


def test_the_readme_is_read_in_one_sitting():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 120


def test_the_readmes_map_shows_every_folder():
    folders = {name.partition("/")[0] for name in tracked() if "/" in name and not name.startswith(".")}
    folders |= {"/".join(name.split("/")[:2]) for name in tracked("app") if name.count("/") > 1}
    shown = folder_map()
    nothing(f"{name}/ is not on the map" for name in sorted(folders) if f"{Path(name).name}/" not in shown)


def test_the_readmes_map_shows_nothing_that_is_not_there():
    folders = {part for name in tracked() for part in Path(name).parts[:-1]}
    files = {Path(name).name for name in tracked()}
    for folder, file in ON_THE_MAP.findall(folder_map()):
        assert not folder or folder.rstrip("/") in folders, folder
        assert not file or file in files, file


@pytest.mark.parametrize("verb", ["make run", "make test"])
def test_the_readme_names_the_two_commands(verb):
    assert verb in (ROOT / "README.md").read_text()


def test_every_link_between_pages_leads_somewhere():
    nothing(
        f"{page.relative_to(ROOT)}: {target}"
        for page in pages()
        for target in LINK.findall(page.read_text())
        if not (page.parent / target).exists()
    )


def test_the_settings_pages_are_what_make_docs_writes():
    assert (ROOT / ".env.example").read_text() == env_example()
    assert (ROOT / "docs" / "settings.md").read_text() == settings_page()


def test_a_decision_has_a_number_of_its_own_and_names_a_test_that_exists():
    numbers, found = set[str](), []
    for page in sorted((ROOT / "docs" / "decisions").glob("*.md")):
        name = re.fullmatch(r"(\d{4})-[a-z0-9-]+\.md", page.name)
        assert name, page.name
        assert name[1] not in numbers, page.name
        numbers.add(name[1])
        tests = re.findall(r"tests/[\w/.-]+\w/?", page.read_text())
        if not any((ROOT / test).exists() for test in tests):
            found.append(page.name)
    nothing(found)


def test_the_page_of_the_engines_layers_names_them_all_from_top_to_bottom():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (layers,) = [each["layers"] for each in contracts if each.get("containers") == ["app.engine"]]
    place = {name: number for number, layer in enumerate(layers) for name in layer.split(" | ")}
    page = (ROOT / "docs" / "decisions" / "0005-the-layers-of-the-engine.md").read_text()
    bands = [re.findall(r"`(\w+)`", band) for band in page.partition("Its bands:")[2].split("\n* ")[1:]]
    bands[-1] = bands[-1][: bands[-1].index("faults") + 1]
    assert sorted(name for band in bands for name in band) == sorted(place)
    for above, below in pairwise(bands):
        assert max(place[name] for name in above) <= min(place[name] for name in below)


def test_the_changelog_has_its_sections_in_their_order():
    versions = re.split(r"^## ", (ROOT / "CHANGELOG.md").read_text(), flags=re.MULTILINE)[1:]
    assert versions[0].startswith("Unreleased")
    for version in versions:
        sections = re.findall(r"^### (.+)$", version, re.MULTILINE)
        assert sections == [section for section in SECTIONS if section in sections], version.splitlines()[0]


def test_the_licence_is_whole():
    text = (ROOT / "LICENSE").read_text()
    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text


def test_every_verb_that_the_pages_name_is_in_the_makefile():
    verbs = set(re.findall(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)[0].split())
    named = {verb for page in pages() for verb in re.findall(r"`make ([a-z]+)`", page.read_text())}
    assert named <= verbs
    assert {"setup", "run", "test", "check", "bench", "docs"} <= verbs


def test_what_builds_run_is_what_people_run():
    script = (ROOT / ".ci" / "run").read_text()
    assert script.index("make check") < script.index("make test")
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111


def test_the_procfiles_modules_are_there():
    commands = " ".join(read_procfile(ROOT / "Procfile").values())
    for module in re.findall(r"\s([\w.]+):app\b|-A ([\w.]+)\b", commands):
        assert (ROOT / f"{''.join(module).replace('.', '/')}.py").exists(), module
    for name in re.findall(r"-S (\S+)", commands):
        module, _, scheduler = name.rpartition(".")
        assert hasattr(importlib.import_module(module), scheduler), name
    for file in re.findall(r"config/\w+\.py", commands):
        assert (ROOT / file).exists(), file
