"""The addresses of a name, asked for once and not for ever."""

import socket
from ipaddress import IPv6Address, ip_address
from queue import Empty, SimpleQueue
from threading import Thread

from app.errors import RetryableError
from app.services.outbound.targets import Address, Target

_LOOPBACK = ("127.0.0.1", "::1")


def lookup(target: Target, seconds: float) -> list[Address]:
    """Every address of the target's host. RetryableError `dns_error` when there is none in that time.

    Names under `localhost` are this machine by definition (RFC 6761 §6.3), so nobody is asked.
    """
    if target.literal is not None:
        return [target.literal]
    if target.host == "localhost" or target.host.endswith(".localhost"):
        return [ip_address(text) for text in _LOOPBACK]
    found = _asked(target, seconds)
    return [_plain(ip_address(text)) for text in dict.fromkeys(found)]


def _asked(target: Target, seconds: float) -> list[str]:
    """What the system's resolver says. It cannot be told to hurry, so a thread waits for it."""
    said: SimpleQueue[list[str] | Exception] = SimpleQueue()

    def ask() -> None:
        try:
            entries = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
            said.put([str(entry[4][0]) for entry in entries])
        except (OSError, UnicodeError) as error:
            said.put(error)

    Thread(target=ask, name="lookup", daemon=True).start()
    try:
        answer = said.get(timeout=max(seconds, 0))
    except Empty:
        raise _unknown(target, f"no answer within {seconds:.1f} s") from None
    if isinstance(answer, Exception):
        raise _unknown(target, getattr(answer, "strerror", None) or str(answer)) from answer
    if not answer:
        raise _unknown(target, "the resolver names none")
    return answer


def _plain(address: Address) -> Address:
    """The IPv4 address inside an IPv4-mapped one, which leads to the same host."""
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def _unknown(target: Target, why: str) -> RetryableError:
    return RetryableError(
        "dns_error",
        f"The name {target.host} has no address: {why}.",
        "Look whether the name is spelled right and its DNS answers from this machine.",
        evidence={"host": target.host, "reason": why},
    )
