"""Judges a COPC file with laspy: reads it level by level and holds it against the points it was made of.

copc.py make FILE.laz           writes made-up points with every attribute of point format 7
copc.py judge FILE.copc.laz FILE.laz
                                compares the two, and prints what it saw as JSON

Points have a GPS time each, which says which is which.
"""

import json
import sys

import laspy
import numpy as np
from laspy.header import GpsTimeType

COUNT = 250_000
ATTRIBUTES = [
    "intensity",
    "return_number",
    "number_of_returns",
    "synthetic",
    "key_point",
    "withheld",
    "overlap",
    "classification",
    "user_data",
    "scan_angle",
    "point_source_id",
    "gps_time",
    "red",
    "green",
    "blue",
]


def make(path):
    header = laspy.LasHeader(point_format=7, version="1.4")
    header.scales = [0.01, 0.01, 0.001]
    header.offsets = [600_000, 6_900_000, 0]
    header.global_encoding.gps_time_type = GpsTimeType.STANDARD
    points = laspy.LasData(header)
    i = np.arange(COUNT)
    # A hill on a square of 500 m, by steps that do not repeat.
    east, north = (i * 7919 % 50_000) / 100, (i * 104_729 % 49_999) / 100
    points.x = 617_000 + east
    points.y = 6_918_000 + north
    points.z = np.round(40 * np.exp(-((east - 250) ** 2 + (north - 250) ** 2) / 2e4), 3)
    points.intensity = i * 31 % 65_536
    points.return_number = 1 + i % 3
    points.number_of_returns = np.full(COUNT, 3)
    points.classification = 2 + i % 4
    points.synthetic = i % 5 == 0
    points.key_point = i % 7 == 0
    points.withheld = i % 1000 == 0
    points.overlap = i % 11 == 0
    points.user_data = i % 256
    points.scan_angle = i % 6000 - 3000
    points.point_source_id = i % 40
    points.gps_time = 300_000_000 + i / 64
    points.red, points.green, points.blue = i % 65_536, i * 3 % 65_536, i * 5 % 65_536
    points.write(path)


def judge(copc, original):
    expected = laspy.read(original)
    with laspy.CopcReader.open(copc) as reader:
        header = reader.header
        assert str(header.version) == "1.4" and header.point_format.id in (6, 7, 8)
        assert header.point_count == len(expected), (header.point_count, len(expected))
        assert header.global_encoding.gps_time_type == expected.header.global_encoding.gps_time_type
        by_return = np.bincount(expected.return_number, minlength=16)[1:16]
        assert list(header.number_of_points_by_return) == list(by_return)

        # Every level by itself, and a thinning that has points all over the place.
        counts = []
        while sum(counts) < header.point_count:
            points = reader.query(level=len(counts))
            assert len(points) > 0, f"nothing at level {len(counts)}, and {sum(counts)} before"
            counts.append(len(points))
        assert len(reader.query(level=len(counts))) == 0
        root = reader.query(level=0)
        for axis in "xy":
            all_of, some = np.asarray(expected[axis]), np.asarray(root[axis])
            side = all_of.max() - all_of.min()
            bins = np.histogram(some, 10, (all_of.min(), all_of.max()))[0]
            assert bins.min() > 0, f"the root has none in some tenth of {axis}: {bins}"
            assert some.max() - some.min() > 0.9 * side

        # A box, against the box cut out of the original.
        mins, maxs = np.asarray(expected.header.mins), np.asarray(expected.header.maxs)
        low, high = mins + (maxs - mins) * 0.3, mins + (maxs - mins) * 0.55
        low[2], high[2] = mins[2] - 1, maxs[2] + 1
        found = reader.query(bounds=laspy.copc.Bounds(mins=low, maxs=high))
        # Boxes in between steps of coordinates are rounded to them by the reader.
        within = lambda step: np.all((expected.xyz > low - step) & (expected.xyz < high + step), axis=1).sum()
        step = header.scales
        assert within(-step) <= len(found) <= within(step), (within(-step), len(found), within(step))

        got = reader.query()
    ours, theirs = np.argsort(got.gps_time), np.argsort(expected.gps_time)
    for axis, scale in zip("xyz", expected.header.scales):
        off = np.abs(np.asarray(got[axis])[ours] - np.asarray(expected[axis])[theirs]).max()
        assert off < scale / 1000, f"{axis} is off by {off}"
    names = set(expected.point_format.dimension_names)
    for name in [name for name in ATTRIBUTES if name in names]:
        same = np.array_equal(np.asarray(got[name])[ours], np.asarray(expected[name])[theirs])
        assert same, f"{name} differs"
    # A plain reader of LAZ, which knows no octree, sees the same.
    plain = laspy.read(copc)
    assert np.array_equal(np.sort(plain.gps_time), np.sort(got.gps_time))
    print(json.dumps({"points": len(got), "levels": counts}))


if __name__ == "__main__":
    {"make": make, "judge": judge}[sys.argv[1]](*sys.argv[2:])
