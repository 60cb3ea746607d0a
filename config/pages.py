"""What is written from the settings' fields: `.env.example` and `docs/settings.md`, by `make docs`."""

from pathlib import Path

from pydantic.fields import FieldInfo

from config.settings import Settings

_ENV_HEAD = """\
# Every setting with its default. Copy it to `.env` and change what should differ; the environment goes first.
# Written by `make docs` from config/settings.py.
"""
_PAGE_HEAD = """\
# Settings

Environment variables, or lines of a file `.env` in the project's folder; the environment goes first.
All mistakes are told at once when a process starts. `make docs` writes this page from `config/settings.py`.

| setting | default | meaning |
|---|---|---|
"""


def env_example() -> str:
    """The text of `.env.example`: each setting as a comment, so that a copy of it changes nothing."""
    parts = [f"\n# {field.description}\n# {name}={_default(field)}\n" for name, field in _fields()]
    return _ENV_HEAD + "".join(parts)


def settings_page() -> str:
    """The text of `docs/settings.md`."""
    rows = [
        f"| `{name}` | {f'`{_default(field)}`' if _default(field) else '-'} | {field.description} |\n"
        for name, field in _fields()
    ]
    return _PAGE_HEAD + "".join(rows)


def write_pages(root: Path) -> None:
    """Write both files under `root`."""
    (root / ".env.example").write_text(env_example())
    (root / "docs").mkdir(exist_ok=True)
    (root / "docs" / "settings.md").write_text(settings_page())


def _fields() -> list[tuple[str, FieldInfo]]:
    fields = Settings.model_fields.items()
    return [(str(field.validation_alias or name).upper(), field) for name, field in fields]


def _default(field: FieldInfo) -> str:
    shown = field.json_schema_extra
    value = shown["shown"] if isinstance(shown, dict) else field.default
    return "" if value is None else str(value)


if __name__ == "__main__":
    write_pages(Path.cwd())
