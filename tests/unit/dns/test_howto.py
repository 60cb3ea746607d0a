"""The how-to explains every code that there is, in the words of the code."""

import re
from pathlib import Path

from app.dns.codes import CODES
from app.services.dns import port, refusals

PAGE = (Path(__file__).parents[3] / "docs" / "howto" / "domains.md").read_text()
_theirs, _rest = PAGE.split("Of our own zone")
_ours, _certificates = _rest.split("Of certificates")
ROOT = Path(__file__).parents[3]


def rows(text: str) -> dict[str, str]:
    return dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", text, re.MULTILINE))


def test_the_table_of_codes_is_the_codes() -> None:
    assert rows(_theirs) == CODES


def test_each_code_of_an_update_is_explained() -> None:
    said = Path(refusals.__file__).read_text() + Path(port.__file__).read_text()
    said += (ROOT / "app" / "services" / "dns" / "hosted.py").read_text()
    raised = set(re.findall(r'"(update_\w+|dns_unreachable|provider_(?!name)\w+)"', said))
    assert set(rows(_ours)) == raised


def test_each_code_of_a_certificate_is_explained() -> None:
    files = [*ROOT.glob("app/services/acme/*.py"), *ROOT.glob("app/services/certs/*.py")]
    files += [ROOT / "tasks" / "certificates.py"]
    said = "".join(file.read_text() for file in files)
    raised = set(re.findall(r'"((?:acme|certificate|reload)_\w+|clock_skew|caa_forbids)"', said))
    assert set(rows(_certificates)) == raised - set(CODES)
