"""Which addresses may be called: the public ones, and the networks that WEBHOOK_ALLOW_NETWORKS names.

The others are written out, because what `ipaddress` calls global differs from one Python to the next.
"""

from collections.abc import Sequence
from ipaddress import ip_network

from app.errors import InvalidInput
from app.services.outbound.targets import Address, Target

#: IANA's special-purpose addresses (RFC 6890 and its successors), and what else leads inside; first fit wins.
_NOT_PUBLIC = {
    ip_network(network): what
    for network, what in {
        "0.0.0.0/8": "unspecified",
        "10.0.0.0/8": "private",
        "100.64.0.0/10": "shared behind a carrier's NAT",
        "127.0.0.0/8": "loopback",
        "168.63.129.16/32": "a cloud's metadata",  # Azure's, though it looks public
        "169.254.0.0/16": "link-local, where clouds keep metadata",
        "172.16.0.0/12": "private",
        "192.0.0.0/24": "reserved",
        "192.0.2.0/24": "for documentation",
        "192.88.99.0/24": "6to4",
        "192.168.0.0/16": "private",
        "198.18.0.0/15": "for benchmarks",
        "198.51.100.0/24": "for documentation",
        "203.0.113.0/24": "for documentation",
        "224.0.0.0/4": "multicast",
        "240.0.0.0/4": "reserved",
        "::/128": "unspecified",
        "::1/128": "loopback",
        "::/96": "IPv4-compatible",
        "64:ff9b::/96": "NAT64",
        "64:ff9b:1::/48": "NAT64",
        "2001::/32": "Teredo",
        "2001::/23": "reserved",
        "2001:db8::/32": "for documentation",
        "2002::/16": "6to4",
        "3fff::/20": "for documentation",
        "fc00::/7": "private",
        "fe80::/10": "link-local",
        "fec0::/10": "site-local",
        "ff00::/8": "multicast",
    }.items()
}
_GIVEN_OUT = ip_network("2000::/3")


def why_not_public(address: Address) -> str | None:
    """What an address is that is not on the public internet; None when it is on it."""
    for network, what in _NOT_PUBLIC.items():
        if address in network:
            return what
    return "reserved" if address.version == 6 and address not in _GIVEN_OUT else None


class Guard:
    """Decides where calls may go. `allowed`: comma-separated networks that are open although private."""

    def __init__(self, allowed: str) -> None:
        self._allowed = [ip_network(network) for network in allowed.split(",") if network]

    def check_scheme(self, target: Target) -> None:
        """InvalidInput `url_not_https` for plain http that no answer of a resolver could make acceptable."""
        if target.plain and not self._allowed:
            raise _not_https(target)

    def chosen(self, target: Target, found: Sequence[Address]) -> list[Address]:
        """The addresses to connect to, of those that the target has.

        Those in allowed networks if there are any, so that `localhost` can be called where only 127.0.0.0/8
        is allowed; else all, if every one is public. InvalidInput `ssrf_blocked` or `url_not_https`.
        """
        inside = [address for address in found if any(address in network for network in self._allowed)]
        if inside:
            return inside
        for address in found:
            if what := why_not_public(address):
                raise _blocked(target, address, what)
        if target.plain:
            raise _not_https(target)
        return list(found)


def _blocked(target: Target, address: Address, what: str) -> InvalidInput:
    return InvalidInput(
        "ssrf_blocked",
        f"{target.host} may not be called: its address {address} is not public ({what}).",
        "Call a public address, or let the operator name its network in WEBHOOK_ALLOW_NETWORKS.",
        evidence={"host": target.host, "address": str(address)},
    )


def _not_https(target: Target) -> InvalidInput:
    return InvalidInput(
        "url_not_https",
        f"{target.host} may not be called by plain http, which everybody on the way can read.",
        "Use https://. Plain http is for the networks that WEBHOOK_ALLOW_NETWORKS names.",
        evidence={"host": target.host},
    )
