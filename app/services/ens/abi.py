"""The few calls of ENS contracts that are made here, as bytes (Solidity's ABI): in and out."""

from app.errors import PermanentError

RESOLVER = bytes.fromhex("0178b8bf")  # resolver(bytes32)
OWNER = bytes.fromhex("02571be3")  # owner(bytes32)
CONTENTHASH = bytes.fromhex("bc1c58d1")  # contenthash(bytes32), and the id of that interface
SET_CONTENTHASH = bytes.fromhex("304e6ade")  # setContenthash(bytes32,bytes)
SUPPORTS = bytes.fromhex("01ffc9a7")  # supportsInterface(bytes4)
EXPIRES = bytes.fromhex("d6e4fa86")  # nameExpires(uint256), of the registrar of .eth

_WORD = 32


def asks_node(selector: bytes, node: bytes) -> bytes:
    """A call with a node as its only argument."""
    return selector + node


def asks_interface(interface: bytes) -> bytes:
    """Whether a contract has an interface (EIP-165)."""
    return SUPPORTS + interface.ljust(_WORD, b"\0")


def sets_contenthash(node: bytes, value: bytes) -> bytes:
    """The calldata of `setContenthash(node, value)`."""
    padded = value + bytes(-len(value) % _WORD)
    return SET_CONTENTHASH + node + _number(2 * _WORD) + _number(len(value)) + padded


def address_in(answer: bytes) -> str | None:
    """The address in an answer, in lower case; None for the zero address and for an empty answer."""
    if not answer:
        return None  # no contract is there
    if len(answer) != _WORD or any(answer[:12]):
        raise _odd("an address", answer)
    return "0x" + answer[12:].hex() if any(answer) else None


def truth_in(answer: bytes) -> bool:
    """The boolean in an answer; an empty one, of what is no such contract, is False."""
    return len(answer) == _WORD and int.from_bytes(answer, "big") == 1


def number_in(answer: bytes) -> int | None:
    """The number in an answer; None where the contract has no such call."""
    return int.from_bytes(answer, "big") if len(answer) == _WORD else None


def bytes_in(answer: bytes) -> bytes:
    """The bytes in an answer; none in an empty one."""
    if not answer:
        return b""
    start = int.from_bytes(answer[:_WORD], "big") + _WORD
    size = int.from_bytes(answer[start - _WORD : start], "big")
    if start > len(answer) or start + size > len(answer):
        raise _odd("bytes", answer)
    return answer[start : start + size]


def _number(value: int) -> bytes:
    return value.to_bytes(_WORD, "big")


def _odd(what: str, answer: bytes) -> PermanentError:
    shown = answer[:80].hex()
    message = f"A contract answered 0x{shown} where {what} should be."
    return PermanentError("wrong_chain", message, "Look whether ENS_RPC and ENS_REGISTRY are of one chain.")
