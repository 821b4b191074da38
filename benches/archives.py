"""Looks into archives of tiles with a decoder that is not ours.

`archives.py count FILE…` prints as JSON how many tiles all of them have, and features and
bytes by level. `archives.py unpack FOLDER FILE…` writes every tile, as it is compressed, to
`FOLDER/STEM/Z/X/Y.mvt.gz`, and prints by stem the addresses and lengths. Both need a Python that
has pmtiles.
"""
import gzip, json, sys
from collections import Counter
from pathlib import Path


def features(tile):
    """How many features each layer of a vector tile has."""
    counts = Counter()
    for number, layer in fields(inflated(tile)):
        if number == 3:
            parts = list(fields(layer))
            name = next(bytes(value).decode() for field, value in parts if field == 1)
            counts[name] += sum(1 for field, _ in parts if field == 2)
    return counts


def inflated(tile):
    return gzip.decompress(tile) if tile[:2] == b"\x1f\x8b" else tile


def fields(b):
    """Numbers and values of the fields of a message of Protocol Buffers."""
    i = 0
    while i < len(b):
        key, i = varint(b, i)
        if key & 7 == 2:
            n, i = varint(b, i)
            yield key >> 3, b[i:i + n]
            i += n
        elif key & 7 == 0:
            n, i = varint(b, i)
            yield key >> 3, n
        else:
            i += 8 if key & 7 == 1 else 4


def varint(b, i):
    n = s = 0
    while True:
        n |= (b[i] & 127) << s
        s += 7
        i += 1
        if b[i - 1] < 128:
            return n, i


def tiles(path):
    from pmtiles.reader import MmapSource, all_tiles
    with open(path, "rb") as file:
        yield from all_tiles(MmapSource(file))


def count(paths):
    counts, sizes, total = Counter(), Counter(), 0
    for path in paths:
        for (z, _, _), tile in tiles(path):
            total += 1
            sizes[z] += len(tile)
            counts[z] += sum(features(tile).values())
    return total, counts, sizes


def unpack(folder, paths):
    lengths = {}
    for path in paths:
        stem = Path(path).stem
        for (z, x, y), tile in tiles(path):
            at = Path(folder) / stem / str(z) / str(x)
            at.mkdir(parents=True, exist_ok=True)
            (at / f"{y}.mvt.gz").write_bytes(tile)
            lengths.setdefault(stem, []).append([z, x, y, len(tile)])
    return lengths


if __name__ == "__main__":
    verb, *words = sys.argv[1:]
    print(json.dumps(count(words) if verb == "count" else unpack(*words[:1], words[1:])))
