"""ChaCha20's keystream (RFC 8439, zero nonce, counter 0), many blocks at once in lanes of large integers."""

LANES = 512
ONES = sum(1 << 64 * lane for lane in range(LANES))
MASK = ONES * 0xFFFFFFFF
ROUNDS = [(0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15)]
ROUNDS += [(0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14)]


def keystream(key: bytes, size: int) -> bytes:
    """The first `size` bytes."""
    batches = (_batch(key, first) for first in range(0, size // 64 + 1, LANES))
    return b"".join(batches)[:size]


def _batch(key: bytes, first: int) -> bytearray:
    words = [int.from_bytes((b"expand 32-byte k" + key)[at : at + 4], "little") for at in range(0, 48, 4)]
    start = [word * ONES for word in (*words, 0, 0, 0, 0)]
    start[12] = sum((first + lane) << 64 * lane for lane in range(LANES))
    state = list(start)
    for a, b, c, d in ROUNDS * 10:
        for left, right, turned, by in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            state[left] = (state[left] + state[right]) & MASK
            mixed = state[turned] ^ state[left]
            state[turned] = ((mixed << by) | (mixed >> (32 - by))) & MASK
    out = bytearray(64 * LANES)
    view = memoryview(out).cast("I")
    for at, (word, began) in enumerate(zip(state, start, strict=True)):
        lanes = ((word + began) & MASK).to_bytes(8 * LANES, "little")
        view[at::16] = memoryview(lanes).cast("I")[::2]
    view.release()
    return out
