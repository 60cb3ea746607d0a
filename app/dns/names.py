"""Host names as people type them, brought into the one form that is kept, compared and asked for.

Whether a name is an apex is not told by its dots but by where its zone begins, which only DNS can say.
"""

import re
from dataclasses import dataclass
from ipaddress import ip_address

import idna

from app.errors import InvalidInput

MOST_CHARACTERS = 253
MOST_IN_LABEL = 63
_MOST_TYPED = 1000
_ADDRESS_LIKE = re.compile(r"[0-9.]+|0x[0-9a-f]+|.*\.[0-9]+")
#: Names that never have an owner in the public DNS (RFC 6761, RFC 6762, RFC 7686, RFC 9476, `internal`).
_NOBODYS = frozenset({"localhost", "invalid", "local", "onion", "alt", "arpa", "internal"})
_EXAMPLE = "Write it like docs.example.com."


@dataclass(frozen=True, slots=True)
class HostName:
    """One host name. `ascii` is lower case, in A-labels, without a closing dot; `unicode` is for people."""

    ascii: str
    unicode: str

    @property
    def shown(self) -> str:
        """Both spellings where they differ: `münchen.example (xn--mnchen-3ya.example)`."""
        return self.ascii if self.ascii == self.unicode else f"{self.unicode} ({self.ascii})"


def host_name(text: str, gateway_host: str = "") -> HostName:
    """The host name that somebody typed, for a site that is to be reached under it.

    InvalidInput with a code `hostname_...` for what is none, or cannot be a site's: an address, a wildcard, a
    name with an underscore, one label, a name under the gateway's own host. Each says what to type instead.
    """
    typed = text.strip()
    _refuse_other_things(typed)
    _refuse_wildcard(typed)
    name = _translated(typed.removesuffix("."))
    _refuse_others_names(name, gateway_host.lower().rstrip("."))
    return name


def is_below(name: str, suffix: str) -> bool:
    """Whether a name lies in the zone, or is its apex. Both in ASCII and lower case, without closing dots."""
    return name == suffix or name.endswith(f".{suffix}")


def as_typed(name: str, zone: str) -> str:
    """What a form that appends the zone wants as the name of a record: `_dnslink.docs`; `@` for the apex."""
    return "@" if name == zone else name.removesuffix(f".{zone}")


def _refuse_other_things(typed: str) -> None:
    """What is pasted into the field without being a host name: nothing, a novel, a URL, an address."""
    if not typed or typed == ".":
        raise _refusal("hostname_empty", "No host name was given.", _EXAMPLE)
    if len(typed) > _MOST_TYPED:
        raise _refusal("hostname_too_long", f"It has {len(typed)} characters, too many for a host name.", "")
    if "://" in typed or "/" in typed or "@" in typed or re.fullmatch(r"[^:\[\]]+:\d*", typed):
        host = re.sub(r"^\w+://|[/?#].*$|:\d+(?=/|$)", "", typed).rpartition("@")[2]
        hint = f"Give the host name alone: {host}" if host else _EXAMPLE
        message = f"“{typed[:100]}” is more than a host name: it has a scheme, a path, a port or an @."
        raise _refusal("hostname_is_url", message, hint)
    if _is_address(typed):
        hint = "Give the name that people type, such as docs.example.com; its records may hold the address."
        raise _refusal("hostname_is_address", f"“{typed[:100]}” is an IP address, not a host name.", hint)


def _is_address(typed: str) -> bool:
    """Whether browsers would take it for an address, as they do where the end is a number (WHATWG URL)."""
    try:
        ip_address(typed.strip("[]"))
    except ValueError:
        return _ADDRESS_LIKE.fullmatch(typed.lower().removesuffix(".")) is not None
    return True


def _refuse_wildcard(typed: str) -> None:
    if "*" in typed:
        plain = typed.replace("*.", "").strip("*.")
        hint = f"Add each name by itself, such as www.{plain or 'example.com'}."
        raise _refusal("hostname_wildcard", f"“{typed[:100]}” is a wildcard: it names no one host.", hint)


def _translated(typed: str) -> HostName:
    """Both spellings (IDNA 2008 after the mapping of UTS 46, so that capitals and wide dots may be typed)."""
    _refuse_labels(typed)
    try:
        name = idna.encode(typed, uts46=True, std3_rules=True).decode("ascii").lower()
        return HostName(_short(name), idna.decode(name))
    except idna.IDNAError as error:
        _refuse_long(typed, str(error))
        message = f"“{typed[:100]}” is no host name: {error}."
        hint = "Letters, digits and hyphens between them are allowed; spaces, symbols and emoji are not."
        raise _refusal("hostname_character", message, hint) from error


def _refuse_labels(typed: str) -> None:
    if ".." in typed or typed.startswith("."):
        hint = f"Take the extra dot away: {re.sub(r'[.]+', '.', typed).strip('.')}"
        raise _refusal(
            "hostname_empty_label", f"“{typed[:100]}” has two dots in a row, or begins with one.", hint
        )
    if "_" in typed:
        hint = (
            "Host names have no underscore: browsers and certificate authorities refuse it. Names like "
            "_dnslink.docs.example.com are for records; add docs.example.com itself."
        )
        raise _refusal("hostname_underscore", f"“{typed[:100]}” has an underscore.", hint)
    if max(map(len, typed.split("."))) > MOST_IN_LABEL and typed.isascii():
        raise _label_too_long(typed)


def _refuse_long(typed: str, why: str) -> None:
    """The library's words for a name that is too long only once it is translated."""
    if "Label too long" in why:
        raise _label_too_long(typed)
    if "Domain too long" in why:
        _short("." * (MOST_CHARACTERS + 1))


def _short(name: str) -> str:
    if len(name) > MOST_CHARACTERS:
        message = f"It is longer than {MOST_CHARACTERS} characters, as it is written in DNS."
        raise _refusal("hostname_too_long", message, "Choose a shorter name.")
    return name


def _label_too_long(typed: str) -> InvalidInput:
    longest = max(typed.split("."), key=len)
    message = f"The part “{longest[:80]}” is longer than {MOST_IN_LABEL} characters, as it is written in DNS."
    return _refusal("hostname_label_too_long", message, "Shorten that part.")


def _refuse_others_names(name: HostName, gateway_host: str) -> None:
    last = name.ascii.rpartition(".")[2]
    if gateway_host and is_below(name.ascii, gateway_host):
        message = f"{name.shown} is an address that this platform gives out itself."
        hint = f"Each site has its own name under {gateway_host} already. Add a name that you registered."
        raise _refusal("hostname_is_ours", message, hint)
    if last in _NOBODYS:
        message = f"{name.shown} ends in .{last}, which nobody can own in the public DNS."
        raise _refusal("hostname_reserved", message, "Add a name that you registered.")
    if "." not in name.ascii:
        message = f"{name.shown} is one word only: a top-level domain, or a name of your own network."
        raise _refusal(
            "hostname_single_label", message, f"Give the whole name, such as {name.ascii}.example.com."
        )


def _refusal(code: str, message: str, hint: str) -> InvalidInput:
    return InvalidInput(code, message, hint)
