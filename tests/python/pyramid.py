"""Reads an archive of tiles with the reference reader of PMTiles.

    pyramid.py FILE             its header, metadata, and what its tiles are found to be
    pyramid.py FILE Z/X/Y…      the SHA-256 of these tiles as they lie there, or null

Prints one JSON object.
"""

import gzip
import hashlib
import json
import sys

from pmtiles.reader import MmapSource, Reader, all_tiles
from pmtiles.tile import deserialize_directory, zxy_to_tileid


def entries(get_bytes, header, offset, length):
    """Entries that lead to tiles, in order, from the directories."""
    for entry in deserialize_directory(get_bytes(offset, length)):
        if entry.run_length > 0:
            yield entry
        else:
            leaf = header["leaf_directory_offset"] + entry.offset
            yield from entries(get_bytes, header, leaf, entry.length)


def whole(get_bytes):
    header = Reader(get_bytes).header()
    listed = list(entries(get_bytes, header, header["root_offset"], header["root_length"]))
    # Clustered: each content lies right after those before it, or is one of them.
    end, contents, clustered = 0, 0, True
    for entry in listed:
        if entry.offset == end:
            end += entry.length
            contents += 1
        elif entry.offset > end:
            clustered = False
    ids, levels, inflated = [], {}, 0
    seen = {}
    for (z, x, y), tile in all_tiles(get_bytes):
        ids.append(zxy_to_tileid(z, x, y))
        levels[z] = levels.get(z, 0) + 1
        inflated += len(gzip.decompress(tile))
        digest = hashlib.sha256(tile).digest()
        seen[digest] = len(tile)
    return {
        "header": {
            key: value if isinstance(value, (int, bool)) else value.name
            for key, value in header.items()
        },
        "metadata": Reader(get_bytes).metadata(),
        "tiles": len(ids),
        "entries": len(listed),
        "contents": contents,
        "distinct": len(seen),
        "data_end": end,
        "rising": all(a < b for a, b in zip(ids, ids[1:])),
        "clustered": clustered,
        "levels": levels,
        "inflated": inflated,
    }


def main(path, *tiles):
    with open(path, "rb") as file:
        get_bytes = MmapSource(file)
        if not tiles:
            return whole(get_bytes)
        reader = Reader(get_bytes)
        found = {}
        for tile in tiles:
            bytes_of = reader.get(*map(int, tile.split("/")))
            found[tile] = bytes_of and hashlib.sha256(bytes_of).hexdigest()
        return found


print(json.dumps(main(*sys.argv[1:])))
