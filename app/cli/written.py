"""A YAML file as plain JSON values, with the line of each: YAML 1.2's core schema, so that `on` and `no` are
texts and a date is one too. Nothing in a file can make an object of any other kind.
"""

import re
from collections.abc import Iterator
from typing import Any, ClassVar

import yaml

from app.errors import InvalidInput

#: Where in the file's values: ("listeners", 0, "on").
Place = tuple[str | int, ...]

LARGEST = 1 << 20
#: So many values, aliases followed, and so many levels.
MOST, DEEPEST = 20_000, 30
_INTEGER = re.compile(r"[-+]?[0-9]{1,18}")
_NUMBER = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS = {"": None, "~": None, "null": None, "true": True, "false": False}
_KNOWN = re.compile(r"tag:yaml\.org,2002:(str|int|float|bool|null|seq|map|timestamp|merge|value)")


class _Loader(yaml.SafeLoader):  # type: ignore[misc]  # it ships no types
    """Goes as deep as anything here can be, whatever the depth at which Python would give up."""

    depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        """One level deeper. RecursionError beyond the deepest."""
        self.depth += 1
        if self.depth > 2 * DEEPEST:
            raise RecursionError
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


class Written:
    """What a file says: its `value`, and where in it things stand."""

    def __init__(self, name: str, content: bytes) -> None:
        self.name = name
        self._lines: dict[Place, int] = {}
        self._left = MOST
        self.value: Any = self._plain(self._composed(content), (), ())

    def where(self, place: Place) -> str:
        """The file and line of a place, or of what is around it."""
        while place and place not in self._lines:
            place = place[:-1]
        return f"{self.name}:{self._lines.get(place, 1)}"

    def _composed(self, content: bytes) -> yaml.Node | None:
        if len(content) > LARGEST:
            raise self._wrong(1, f"it is larger than {LARGEST} bytes")
        try:
            return yaml.compose(content.decode("utf-8-sig"), Loader=_Loader)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            raise self._wrong(mark.line + 1 if mark else 1, str(error.problem or error.context)) from error
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise self._wrong(1, f"it is not YAML in UTF-8: {str(error).splitlines()[0]}") from error
        except RecursionError as error:
            raise self._wrong(1, "it is nested too deeply") from error

    def _plain(self, node: yaml.Node | None, place: Place, above: tuple[yaml.Node, ...]) -> Any:
        if node is None:
            return None
        line = node.start_mark.line + 1
        self._lines.setdefault(place, line)
        self._left -= 1
        if self._left < 0 or len(above) > DEEPEST or any(node is each for each in above):
            raise self._wrong(line, f"it holds more than {MOST} values, or goes deeper than {DEEPEST} levels")
        if not _KNOWN.fullmatch(node.tag):
            raise self._wrong(line, f"{node.tag} means nothing here")
        inside = (*above, node)
        if isinstance(node, yaml.SequenceNode):
            return [self._plain(each, (*place, n), inside) for n, each in enumerate(node.value)]
        if isinstance(node, yaml.MappingNode):
            return {name: self._plain(inner, (*place, name), inside) for name, inner in self._pairs(node)}
        return _scalar(node)

    def _pairs(self, node: yaml.MappingNode) -> Iterator[tuple[str, yaml.Node]]:
        seen = set[str]()
        for key, inner in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode) or key.tag.endswith(":merge"):
                raise self._wrong(line, "a field must have a name")
            if key.value in seen:
                raise self._wrong(line, f"{key.value!r} stands there twice")
            seen.add(key.value)
            yield key.value, inner

    def _wrong(self, line: int, what: str) -> InvalidInput:
        hint = "Nothing was changed. Correct the file."
        return InvalidInput("file_invalid", f"{self.name}:{line}: {what}.", hint)


def _scalar(node: yaml.ScalarNode) -> Any:
    text: str = node.value
    if node.style is not None:  # it was quoted, or is a block
        return text
    if text.lower() in _WORDS and text in (text.lower(), text.upper(), text.capitalize()):
        return _WORDS[text.lower()]
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _NUMBER.fullmatch(text) else text


class _Dumper(yaml.SafeDumper):  # type: ignore[misc]  # it ships no types
    """Quotes what would be read as something else here, and no more."""

    yaml_implicit_resolvers: ClassVar[dict[Any, Any]] = {}


for _tag, _like in {
    "bool": "(?i:true|false)",
    "null": "(?i:null)|~|",
    "int": _INTEGER.pattern,
    "float": _NUMBER.pattern,
}.items():
    _Dumper.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"(?:{_like})\Z"), None)


def written_out(value: Any) -> str:
    """Plain values as a file, in their order."""
    return str(yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100))
