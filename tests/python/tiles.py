"""Holds every tile of archives to MVT 2.1 and to what their metadata says.

    tiles.py FILE…

The archives hold the same collections. Tiles are found by the reference reader of PMTiles,
their messages parsed by Google's protobuf with the schema in mapbox-vector-tile, commands
followed here, and polygons judged by shapely, that is by GEOS. Prints one JSON object for
each archive; "faults" names the first faults found, by tile and layer, and how many there are.
"""

import gzip
import hashlib
import json
import sys

import numpy
import shapely
from mapbox_vector_tile.Mapbox import vector_tile_pb2
from pmtiles.reader import MmapSource, Reader, all_tiles

EXTENT = 4096
# How far Tvilling lets geometry reach over the edge of a tile, and half a pixel: a polygon
# under a pixel stands as a square of one, whose middle lies within.
BUFFER = 64 + 4
POINT, LINE, POLYGON = 1, 2, 3
MOVE_TO, LINE_TO, CLOSE_PATH = 1, 2, 7
# Faults that are told; one is enough to fail.
TOLD = 20

# The kinds of values that vector_layers has words for.
KINDS = {
    "string_value": "String",
    "float_value": "Number",
    "double_value": "Number",
    "int_value": "Number",
    "uint_value": "Number",
    "sint_value": "Number",
    "bool_value": "Boolean",
}


class Fault(Exception):
    """A sentence about what is wrong."""


def paths_of(kind, commands):
    """The points of each path of a geometry, as the specification tells to follow it."""
    paths, x, y, at = [], 0, 0, 0

    def steps(count):
        nonlocal x, y, at
        if at + 2 * count > len(commands):
            raise Fault("commands end early")
        points = []
        for _ in range(count):
            dx, dy = commands[at], commands[at + 1]
            at += 2
            x += (dx >> 1) ^ -(dx & 1)
            y += (dy >> 1) ^ -(dy & 1)
            points.append((x, y))
        return points

    while at < len(commands):
        head = commands[at]
        at += 1
        if head & 7 != MOVE_TO:
            raise Fault("a path does not start with MoveTo")
        if kind == POINT:
            if head >> 3 == 0 or paths:
                raise Fault("points are not one MoveTo of some")
            paths.append(steps(head >> 3))
            continue
        if head >> 3 != 1:
            raise Fault("a path starts with several MoveTo")
        path = steps(1)
        head = commands[at] if at < len(commands) else 0
        at += 1
        if head & 7 != LINE_TO or head >> 3 < (2 if kind == POLYGON else 1):
            raise Fault("a path is too short")
        path += steps(head >> 3)
        if any(a == b for a, b in zip(path, path[1:])):
            raise Fault("a LineTo goes nowhere")
        if kind == POLYGON:
            if at >= len(commands) or commands[at] != 1 << 3 | CLOSE_PATH:
                raise Fault("a ring is not closed")
            at += 1
            if path[0] == path[-1]:
                raise Fault("a ring repeats its first point")
        paths.append(path)
    if not paths:
        raise Fault("a feature has no geometry")
    return paths


def twice_area(ring):
    """By the surveyor's formula; over zero for exteriors, since y points down."""
    return sum(
        a[0] * b[1] - b[0] * a[1] for a, b in zip(ring, ring[1:] + ring[:1])
    )


def polygons_of(rings):
    """Rings as polygons: each exterior with the holes that follow it."""
    polygons = []
    for ring in rings:
        area = twice_area(ring)
        if area == 0:
            raise Fault("a ring has no area")
        if area > 0:
            polygons.append([ring])
        elif not polygons:
            raise Fault("a hole comes before any exterior")
        else:
            polygons[-1].append(ring)
    return polygons


class Judge:
    """What is known of all archives so far, and what is wrong with this one."""

    def __init__(self, path):
        self.path = path
        self.faults, self.fault_count = [], 0
        self.counts = {"tiles": 0, "features": 0, "polygons": 0, "points": 0}
        self.layers = {}
        # By layer: levels that show it; by level and layer: attributes that features carry.
        self.zooms, self.carried = {}, {}
        # By layer and id: attributes, of any level and set.
        self.known = {}
        self.pending, self.pending_of = [], []

    def fault(self, where, what):
        self.fault_count += 1
        if len(self.faults) < TOLD:
            self.faults.append(f"{where}: {what}")

    def judge(self, known):
        self.known = known
        with open(self.path, "rb") as file:
            get_bytes = MmapSource(file)
            metadata = Reader(get_bytes).metadata()
            layers = {layer["id"]: layer for layer in metadata["vector_layers"]}
            shift = metadata["tvilling"]["zoom_shift"]
            shown = {
                z: said
                for said in metadata["tvilling"]["shown"]
                for z in range(said["levels"][0], said["levels"][1] + 1)
            }
            levels, seen = set(), {}
            for (z, x, y), tile in all_tiles(get_bytes):
                self.counts["tiles"] += 1
                levels.add(z - shift)
                of_level = shown[z - shift]["fields"]
                # What the layer says of all levels, as far as it holds for this one.
                fields = {
                    name: {key: layers[name]["fields"][key] for key in keys}
                    for name, keys in of_level.items()
                    if layers[name]["minzoom"] <= z <= layers[name]["maxzoom"]
                }
                digest = hashlib.sha256(tile).digest()
                # Judged once on each level, wherever it lies.
                if seen.setdefault((z, digest), (z, x, y)) == (z, x, y):
                    raw = gzip.decompress(tile)
                    where = f"{z - shift}/{x}/{y}"
                    if len(raw) > shown[z - shift]["byte_limit"]:
                        self.fault(where, f"{len(raw)} bytes are over its limit")
                    self.judge_tile(where, raw, fields)
        self.judge_polygons()
        for name, zooms in self.zooms.items():
            layer = layers[name]
            said = [layer["minzoom"] - shift, layer["maxzoom"] - shift]
            # The first levels may hold what is too small there to be drawn.
            if not (said[0] <= min(zooms) and said[1] == max(zooms)):
                self.fault(name, f"zooms are said to be {said}, and are {sorted(zooms)}")
        return {
            **self.counts,
            "distinct": len({digest for _, digest in seen}),
            "carried": {name: sorted(keys) for name, keys in self.carried.items()},
            "levels": sorted(levels),
            "layers": self.layers,
            "set": metadata["tvilling"]["tile_matrix_set"],
            "fault_count": self.fault_count,
            "faults": self.faults,
        }

    def judge_tile(self, where, raw, fields):
        tile = vector_tile_pb2.tile()
        if tile.ParseFromString(raw) != len(raw):
            self.fault(where, "bytes are left over")
        names = [layer.name for layer in tile.layers]
        if len(set(names)) != len(names) or not names:
            self.fault(where, f"its layers are {names}")
        for layer in tile.layers:
            place = f"{where} {layer.name}"
            if (layer.version, layer.extent) != (2, EXTENT):
                self.fault(place, f"version {layer.version}, extent {layer.extent}")
            if layer.name not in fields:
                self.fault(place, "the metadata has no such layer")
                continue
            if not layer.features:
                self.fault(place, "a layer without features")
            for what in ("keys", "values"):
                all_of = [v if what == "keys" else v.SerializeToString() for v in getattr(layer, what)]
                if len(set(all_of)) != len(all_of):
                    self.fault(place, f"{what} repeat")
            level = where.split("/")[0]
            self.zooms.setdefault(layer.name, set()).add(int(level))
            self.carried.setdefault(f"{level} {layer.name}", set()).update(layer.keys)
            self.judge_features(place, layer, fields[layer.name])

    def judge_features(self, place, layer, fields):
        values = []
        for value in layer.values:
            set_fields = value.ListFields()
            if len(set_fields) != 1:
                self.fault(place, "a value is not of one kind")
            field, content = set_fields[0]
            values.append((KINDS[field.name], content))
        known = self.known.setdefault(layer.name, {})
        ids = set()
        for feature in layer.features:
            where = f"{place} feature {feature.id}"
            if not feature.HasField("id") or feature.id in ids:
                self.fault(where, "an id is missing or repeats")
            ids.add(feature.id)
            self.judge_attributes(where, feature, layer.keys, values, fields, known)
            try:
                paths = paths_of(feature.type, feature.geometry)
                self.judge_geometry(where, feature.type, paths)
            except Fault as fault:
                self.fault(where, fault)
        self.counts["features"] += len(ids)
        self.layers[layer.name] = self.layers.get(layer.name, 0) + len(ids)

    def judge_attributes(self, where, feature, keys, values, fields, known):
        tags = feature.tags
        attributes = {}
        for key, value in zip(tags[::2], tags[1::2]):
            name, (kind, content) = keys[key], values[value]
            if name in attributes:
                self.fault(where, f"{name} twice")
            if fields.get(name) != kind:
                self.fault(where, f"{name} is a {kind}, not {fields.get(name)}")
            attributes[name] = content
        # The same feature, wherever it shows: what two tiles tell of it is equal.
        before = known.setdefault(feature.id, attributes)
        if before is attributes:
            return
        for name, content in attributes.items():
            # A cluster stands for fewer points on each deeper level.
            if name == "point_count":
                continue
            if before.setdefault(name, content) != content:
                self.fault(where, f"{name} is {content!r}, and elsewhere {before[name]!r}")

    def judge_geometry(self, where, kind, paths):
        if kind not in (POINT, LINE, POLYGON):
            raise Fault(f"its type is {kind}")
        points = [point for path in paths for point in path]
        self.counts["points"] += len(points)
        low = min(min(point) for point in points)
        high = max(max(point) for point in points)
        if low < -BUFFER or high > EXTENT + BUFFER:
            raise Fault(f"it reaches from {low} to {high}")
        if kind == POLYGON:
            polygons = polygons_of(paths)
            self.counts["polygons"] += len(polygons)
            self.pending.append(polygons)
            self.pending_of.append(where)

    def judge_polygons(self):
        """Asks GEOS of all at once whether each is valid, with its holes and among its parts."""

        def ring(points):
            return shapely.linearrings(numpy.array(points, dtype=float))

        geometries = [
            shapely.multipolygons(
                [
                    shapely.polygons(ring(rings[0]), holes=[ring(r) for r in rings[1:]] or None)
                    for rings in polygons
                ]
            )
            for polygons in self.pending
        ]
        valid = shapely.is_valid(geometries)
        for place in numpy.flatnonzero(~valid):
            reason = shapely.is_valid_reason(geometries[place])
            self.fault(self.pending_of[place], reason)


def main(*paths):
    known = {}
    for path in paths:
        print(json.dumps(Judge(path).judge(known)))


main(*sys.argv[1:])
