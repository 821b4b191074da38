"""Judges rasters with readers that are not ours: rio-cogeo and rasterio.

    rasters.py cog FILE…        whether each is a valid Cloud-Optimised GeoTIFF, without warnings
    rasters.py differ A B       how far the values of two rasters on the same cells are apart
    rasters.py minus A B C      the same of A less B, and of C
    rasters.py at FILE X Y      the value at a place
    rasters.py statistics FILE  of its values

Each prints one JSON object.
"""

import json
import sys

import numpy
import rasterio
from rio_cogeo.cogeo import cog_validate


def values(path):
    with rasterio.open(path) as raster:
        band = raster.read(1, masked=True)
    return band.astype("f8").filled(numpy.nan), (raster.transform, raster.shape)


def differences(a, b):
    both = ~(numpy.isnan(a) | numpy.isnan(b))
    off = numpy.abs(a - b)[both]
    return {
        "both": int(both.sum()),
        "only_a": int((~numpy.isnan(a) & numpy.isnan(b)).sum()),
        "only_b": int((numpy.isnan(a) & ~numpy.isnan(b)).sum()),
        "max": float(off.max()),
        # Of directions, in degrees.
        "max_around": float(numpy.minimum(off, 360 - off).max()),
        "p999_around": float(numpy.percentile(numpy.minimum(off, 360 - off), 99.9)),
    }


def main(what, *paths):
    if what == "cog":
        judged = {path: cog_validate(path, strict=True, quiet=True) for path in paths}
        return {path: errors + warnings for path, (_, errors, warnings) in judged.items()}
    if what == "at":
        path, x, y = paths
        with rasterio.open(path) as raster:
            return {"value": float(next(raster.sample([(float(x), float(y))]))[0])}
    if what == "statistics":
        grid, _ = values(paths[0])
        return {
            "MINIMUM": float(numpy.nanmin(grid)),
            "MAXIMUM": float(numpy.nanmax(grid)),
            "MEAN": float(numpy.nanmean(grid)),
            "STDDEV": float(numpy.nanstd(grid)),
        }
    grids = [values(path) for path in paths]
    assert all(place == grids[0][1] for _, place in grids), "they lie on different cells"
    if what == "differ":
        return differences(grids[0][0], grids[1][0])
    return differences(grids[0][0] - grids[1][0], grids[2][0])


print(json.dumps(main(*sys.argv[1:])))
