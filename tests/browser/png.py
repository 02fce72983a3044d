"""Makes screenshots small: writes a PNG anew with a palette of its 256 most frequent colours (PNG specification, 2003)."""

import struct
import zlib
from collections import Counter
from collections.abc import Iterator

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_TRUECOLOUR, _INDEXED = 2, 3
_COLOURS = 256

_Colour = tuple[int, int, int]


def with_a_palette(png: bytes) -> bytes:
    """The same picture with 256 colours at most. It must be as Chromium writes it: 8 bits, no alpha, not interlaced."""
    chunks = list(_chunks(png))
    width, height, *kind = struct.unpack(">IIBBBBB", chunks[0][1])
    assert kind == [8, _TRUECOLOUR, 0, 0, 0], "this is not a PNG of 8-bit colours"
    rows = list(_rows(zlib.decompress(b"".join(body for name, body in chunks if name == b"IDAT")), width))
    palette = [
        colour for colour, _ in Counter(colour for row in rows for colour in row).most_common(_COLOURS)
    ]
    nearest = {colour: at for at, colour in enumerate(palette)}
    for colour in {colour for row in rows for colour in row} - nearest.keys():
        nearest[colour] = _nearest(colour, palette)
    # Without a filter before it a line of indexes compresses best.
    lines = b"".join(b"\0" + bytes(nearest[colour] for colour in row) for row in rows)
    header = struct.pack(">IIBBBBB", width, height, 8, _INDEXED, 0, 0, 0)
    written = (
        (b"IHDR", header),
        (b"PLTE", bytes(part for colour in palette for part in colour)),
        (b"IDAT", zlib.compress(lines, 9)),
        (b"IEND", b""),
    )
    return _SIGNATURE + b"".join(_chunk(name, body) for name, body in written)


def _nearest(colour: _Colour, palette: list[_Colour]) -> int:
    return min(
        range(len(palette)),
        key=lambda at: sum((one - other) ** 2 for one, other in zip(colour, palette[at], strict=True)),
    )


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(_SIGNATURE)
    while at < len(png):
        (length,) = struct.unpack_from(">I", png, at)
        yield png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        at += 12 + length


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def _rows(lines: bytes, width: int) -> Iterator[list[_Colour]]:
    """The colours of each line, its filter undone: the specification's filter types 0 to 4."""
    length = 3 * width
    above = bytes(length)
    for start in range(0, len(lines), length + 1):
        line = bytearray(lines[start + 1 : start + 1 + length])
        undo = lines[start]
        for at in range(length if undo else 0):
            left, corner = (line[at - 3], above[at - 3]) if at >= 3 else (0, 0)
            line[at] = (line[at] + _guess(undo, left, above[at], corner)) & 255
        yield list(zip(line[0::3], line[1::3], line[2::3], strict=True))
        above = bytes(line)


def _guess(kind: int, left: int, above: int, corner: int) -> int:
    if kind == 4:
        straight = left + above - corner
        return min((left, above, corner), key=lambda one: abs(straight - one))
    return (0, left, above, (left + above) // 2)[kind]
