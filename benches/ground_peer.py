#!/usr/bin/env python3
"""Finds the ground with a public filter, so that ours can be set beside it.

Usage: ground_peer.py csf|smrf POINTS OUT SECONDS

POINTS holds records of x, y and z (float64, metres) and return number and returns of the
pulse (bytes). OUT gets a byte for each point: 1 for ground. Prints the processor seconds
that the filter alone took, without reading and writing, and how it was set. It is run
again until SECONDS have passed, and the mean is taken.

`csf` is the authors' Cloth Simulation Filter (Zhang et al. 2016) from PyPI, in a virtual
environment beside the build. `smrf` is the filter of PDAL (Pingel et al. 2013), if `pdal`
is on the PATH. Both get all points; SMRF takes last and only returns, as is its default.
"""
import os, shutil, subprocess, sys, time, venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
PEERS = TARGET / "ground-peers"


def main():
    python = PEERS / "bin/python"
    if Path(sys.prefix) != PEERS:
        if not (PEERS / "ready").exists():
            venv.create(PEERS, with_pip=True)
            subprocess.run([python, "-m", "pip", "install", "-q", "cloth-simulation-filter", "numpy", "laspy"], check=True)
            (PEERS / "ready").touch()
        os.execv(python, [python, __file__, *sys.argv[1:]])
    which, source, out, least_s = sys.argv[1:]
    import numpy
    record = numpy.dtype([("x", "f8"), ("y", "f8"), ("z", "f8"), ("return_number", "u1"), ("returns", "u1")])
    points = numpy.fromfile(source, record)
    spent, runs = 0, 0
    while not runs or spent < float(least_s):
        seconds, ground, how = {"csf": csf, "smrf": smrf}[which](points, numpy, Path(out))
        spent, runs = spent + seconds, runs + 1
    ground.astype("u1").tofile(out)
    print(f"{spent / runs:.6f} {how}")


def csf(points, numpy, _out):
    import CSF

    # The authors' settings for ground with steep places and buildings: cloth of medium
    # stiffness, smoothed on slopes. Stiffer cloth and cloth without it did worse here.
    filter = CSF.CSF()
    filter.params.bSloopSmooth = True
    filter.params.cloth_resolution = 1.0
    filter.params.rigidness = 2
    filter.params.class_threshold = 0.25
    filter.setPointCloud(numpy.c_[points["x"], points["y"], points["z"]])
    ground, other = CSF.VecInt(), CSF.VecInt()
    start = time.process_time()
    filter.do_filtering(ground, other, False)
    seconds = time.process_time() - start
    is_ground = numpy.zeros(len(points), bool)
    is_ground[numpy.array(ground, dtype=int)] = True
    return seconds, is_ground, "CSF, cloth 1 m, rigidness 2, slopes smoothed, threshold 0.25 m"


def smrf(points, numpy, out):
    import laspy, resource

    if not shutil.which("pdal"):
        sys.exit("pdal is not on the PATH")
    header = laspy.LasHeader(version="1.4", point_format=6)
    header.scales, header.offsets = [0.001] * 3, [points[a].min() for a in "xyz"]
    las = laspy.LasData(header)
    las.x, las.y, las.z = (points[a] for a in "xyz")
    las.return_number, las.number_of_returns = points["return_number"], points["returns"]
    before, after = out.with_suffix(".before.las"), out.with_suffix(".after.las")
    las.write(before)
    spent = lambda: sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])
    start = spent()
    subprocess.run(["pdal", "translate", before, after, "smrf"], check=True)
    seconds = spent() - start
    return seconds, numpy.asarray(laspy.read(after).classification) == 2, "SMRF, defaults of PDAL, with reading and writing of LAS"


if __name__ == "__main__":
    main()
