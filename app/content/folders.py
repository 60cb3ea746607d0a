"""Turns the entries of one folder into blocks: a plain node, or a HAMT when it is large (UnixFS)."""

from collections.abc import Iterator, Mapping

import mmh3

from app.content import dagpb, unixfs
from app.content.cid import DAG_PB, Cid
from app.content.files import Building, Dag
from app.content.profile import Profile
from app.errors import PermanentError

_DEPTH = 8


def name_hash(name: bytes) -> bytes:
    """What places a name in a HAMT, one byte a level: the first half of murmur3-x64-128, big-endian."""
    return mmh3.hash64(name, 0, True, signed=False)[0].to_bytes(8, "big")


def folder_blocks(children: Mapping[bytes, Dag], profile: Profile) -> Building:
    """Yield the blocks of a folder, whose children are finished; its value is the folder."""
    links = [dagpb.Link(dag.cid, name, dag.tsize) for name, dag in sorted(children.items())]
    size = sum(dag.size for dag in children.values())
    if profile.estimate == "links" and _linked(links) > profile.threshold:
        return (yield from _hamt(links, size, profile))
    block = dagpb.encode(links, unixfs.FOLDER)
    if profile.estimate == "block" and len(block) > profile.threshold:
        return (yield from _hamt(links, size, profile))
    dag = _dag(block, links, size, profile)
    yield dag.cid, block
    return dag


def _linked(links: list[dagpb.Link]) -> int:
    return sum(len(link.name) + len(link.cid.bytes) for link in links)


def _dag(block: bytes, links: list[dagpb.Link], size: int, profile: Profile) -> Dag:
    tsize = len(block) + sum(link.tsize for link in links)
    return Dag(Cid.of(block, DAG_PB, profile.cid_version), tsize, size)


def _hamt(links: list[dagpb.Link], size: int, profile: Profile) -> Building:
    root = yield from _shard([(name_hash(link.name), link) for link in links], 0, profile)
    return root._replace(size=size)


def _shard(hashed: list[tuple[bytes, dagpb.Link]], depth: int, profile: Profile) -> Building:
    if depth == _DEPTH:
        raise PermanentError(
            "path_collision",
            f"Two names of one folder have the same hash, such as {hashed[0][1].name!r}.",
            "Rename one of them: a large folder cannot hold both.",
        )
    slots = 0
    links = []
    for slot, inside in _by_slot(hashed, depth):
        slots |= 1 << slot
        label = b"%02X" % slot
        if len(inside) == 1:
            link = inside[0][1]
            links.append(link._replace(name=label + link.name))
        else:
            below = yield from _shard(inside, depth + 1, profile)
            links.append(dagpb.Link(below.cid, label, below.tsize))
    block = dagpb.encode(links, unixfs.shard(slots))
    dag = _dag(block, links, 0, profile)
    yield dag.cid, block
    return dag


def _by_slot(
    hashed: list[tuple[bytes, dagpb.Link]], depth: int
) -> Iterator[tuple[int, list[tuple[bytes, dagpb.Link]]]]:
    slots: dict[int, list[tuple[bytes, dagpb.Link]]] = {}
    for item in hashed:
        slots.setdefault(item[0][depth], []).append(item)
    for slot in sorted(slots):
        yield slot, slots[slot]
