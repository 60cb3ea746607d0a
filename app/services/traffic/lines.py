"""A line of an access file: `<milliseconds> <site or -> <status> <bytes> <crc32>`, all of it ASCII.

The sum over what stands before it tells a whole line from one that was half written, or that two writers or a
broken disk have mixed up.
"""

from zlib import crc32

from app.services.traffic.port import Answered

_FIELDS = 5


def spell(answered: Answered) -> bytes:
    """One answer as a line."""
    at_ms, site_id, status, size = answered
    said = f"{at_ms} {site_id or '-'} {status} {size}".encode()
    return b"%b %08x\n" % (said, crc32(said))


def parse(line: bytes) -> Answered | None:
    """The answer that a line (without its end) tells of; None when it is damaged."""
    said, _, checksum = line.rpartition(b" ")
    fields = line.split(b" ")
    if len(fields) != _FIELDS or checksum != b"%08x" % crc32(said):
        return None
    at_ms, site, status, size = fields[:4]
    return Answered(int(at_ms), "" if site == b"-" else site.decode("ascii"), int(status), int(size))
