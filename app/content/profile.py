"""Import profiles: the choices that decide which CID the same files get (IPIP-499).

The profile's name is kept next to every root CID, because the files alone do not fix it.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Profile:
    """One named set of choices; sizes in bytes."""

    name: str
    #: version of the CIDs of dag-pb blocks
    cid_version: int
    #: file content per leaf
    chunk_size: int
    #: most children of one file node
    width: int
    #: leaves are the bare bytes, not wrapped in dag-pb
    raw_leaves: bool
    #: what is compared with the threshold: the serialised folder, or the sum of its names and CIDs
    estimate: Literal["block", "links"]
    #: a folder strictly larger becomes a HAMT
    threshold: int = 262_144


UNIXFS_V1_2025 = Profile("unixfs-v1-2025", 1, 1 << 20, 1024, True, "block")
UNIXFS_V0_2015 = Profile("unixfs-v0-2015", 0, 1 << 18, 174, False, "links")
