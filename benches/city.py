"""A made city, the same each time: parcels, buildings, street segments and lamp posts.

`build` and `take_in` are for the scripts beside it. By itself (`city.py FEATURES FOLDER`) it
writes GeoParquet and lines of GeoJSON, by a Python that has pyproj and pyarrow.
"""
import json, math, struct, subprocess, sys

from peers import RELEASE, timed

LAYERS = ["parcels", "buildings", "streets", "lamps"]
KINDS = {1: "Point", 2: "LineString", 3: "Polygon"}
TVILLING = RELEASE / "tvilling"

# Metres from one street to the next.
WIDE, DEEP = 110.0, 90.0


def build(at, features, python):
    """Writes each layer as FlatGeobuf and GeoParquet into the folder; returns how many features."""
    at.mkdir()
    count = int(timed([python, __file__, features, at])[3])
    for name in LAYERS:
        lines = at / f"{name}.geojsonl"
        subprocess.run(["ogr2ogr", "-f", "FlatGeobuf", at / f"{name}.fgb", lines, "-nln", name], check=True)
        lines.unlink()
    return count


def take_in(city, twin):
    """Makes a twin of it; returns what each layer took, as `timed` does."""
    subprocess.run([TVILLING, "init", twin, "--crs", "EPSG:3006"], check=True, stdout=subprocess.DEVNULL)
    return [timed([TVILLING, "ingest", twin, city / f"{name}.fgb", "--collection", name]) for name in LAYERS]


class Random:
    """Numbers that are the same on every machine."""

    state = 7

    def jitter(self, size):
        self.state = (self.state * 1103515245 + 12345) & 0x7FFFFFFF
        return (self.state / 0x7FFFFFFF - 0.5) * size


def mix(a, b, t):
    return (a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t)


def inside(corners, u, v):
    return mix(mix(corners[0], corners[1], u), mix(corners[3], corners[2], u), v)


def make(features):
    """By layer: shapes, each a kind and its places in EPSG:3006, and their values."""
    side = max(1, round(math.sqrt(features / 24)))
    jitter = Random().jitter
    nodes = [[(600000 + c * WIDE + jitter(12), 6900000 + r * DEEP + jitter(12)) for c in range(side + 1)] for r in range(side + 1)]
    layers = {name: ([], []) for name in LAYERS}

    def add(layer, shape, places, **values):
        layers[layer][0].append((shape, places))
        layers[layer][1].append(values)

    for r in range(side):
        for c in range(side):
            corners = [nodes[r][c], nodes[r][c + 1], nodes[r + 1][c + 1], nodes[r + 1][c]]
            block = r * side + c
            for i in range(8):
                u0, u1, v0, v1 = 0.06 + 0.22 * (i % 4), 0.06 + 0.22 * (i % 4 + 1), 0.08 + 0.42 * (i // 4), 0.08 + 0.42 * (i // 4 + 1)
                ring = [inside(corners, u, v) for u, v in ((u0, v0), (u1, v0), (u1, v1), (u0, v1), (u0, v0))]
                add("parcels", 3, ring, beteckning=f"BLOCK {block}:{i + 1}", kind=("boende", "handel", "kontor")[(block + i) % 3])
                du, dv = 0.05 + jitter(0.03), 0.1 + jitter(0.05)
                house = [(u0 + du, v0 + dv), (u1 - du, v0 + dv), (u1 - du, v1 - dv), (u0 + du + 0.04, v1 - dv), (u0 + du + 0.04, v1 - dv - 0.1), (u0 + du, v1 - dv - 0.1)]
                ring = [inside(corners, u, v) for u, v in house]
                add("buildings", 3, ring + ring[:1], nr=block * 8 + i, height=round(4 + abs(jitter(20)), 1), use=("villa", "flerbostad", "lager")[i % 3])
            for a, b, name in ((corners[0], corners[1], f"Gata {r}"), (corners[0], corners[3], f"Allé {c}")):
                line = [mix(a, b, t / 6) for t in range(7)]
                line[1:-1] = [(x + jitter(4), y + jitter(4)) for x, y in line[1:-1]]
                add("streets", 2, line, name=name, cls="main" if r % 8 == 0 else "local", speed=30 + 10 * (r % 5))
            for i in range(6):
                x, y = mix(corners[0], corners[1], i / 6)
                add("lamps", 1, [(x + jitter(3), y + jitter(3))], nr=block * 6 + i, watts=20 + i)
    return layers


def write(layers, at):
    """Writes each layer in longitude and latitude, as lines of GeoJSON and as GeoParquet."""
    import pyarrow, pyarrow.parquet
    from pyproj import Transformer
    to_degrees = Transformer.from_crs("EPSG:3006", "EPSG:4326", always_xy=True)
    for name, (shapes, values) in layers.items():
        flat = [place for _, places in shapes for place in places]
        lon, lat = to_degrees.transform([p[0] for p in flat], [p[1] for p in flat])
        lon, lat = [round(v, 8) for v in lon], [round(v, 8) for v in lat]
        at_place, blobs = 0, []
        with open(f"{at}/{name}.geojsonl", "w") as out:
            for (kind, places), row in zip(shapes, values):
                own = list(zip(lon[at_place:at_place + len(places)], lat[at_place:at_place + len(places)]))
                at_place += len(places)
                numbers = [n for p in own for n in p]
                if kind == 1:
                    coordinates, blob = own[0], struct.pack("<BI2d", 1, 1, *numbers)
                elif kind == 2:
                    coordinates, blob = own, struct.pack(f"<BII{len(numbers)}d", 1, 2, len(own), *numbers)
                else:
                    coordinates, blob = [own], struct.pack(f"<BIII{len(numbers)}d", 1, 3, 1, len(own), *numbers)
                blobs.append(blob)
                shape = {"type": KINDS[kind], "coordinates": coordinates}
                out.write(json.dumps({"type": "Feature", "properties": row, "geometry": shape}, ensure_ascii=False) + "\n")
        columns = {key: [row[key] for row in values] for key in values[0]}
        table = pyarrow.table({"geometry": pyarrow.array(blobs, pyarrow.binary()), **columns})
        geo = {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": {"encoding": "WKB", "geometry_types": [KINDS[shapes[0][0]]], "bbox": [min(lon), min(lat), max(lon), max(lat)]}}}
        pyarrow.parquet.write_table(table.replace_schema_metadata({"geo": json.dumps(geo)}), f"{at}/{name}.parquet", row_group_size=50000)


if __name__ == "__main__":
    made = make(int(sys.argv[1]))
    write(made, sys.argv[2])
    print(sum(len(shapes) for shapes, _ in made.values()))
