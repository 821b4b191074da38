use fixtures::{ORIGIN, Town};
use geodesy::{Crs, TileMatrixSet, Transform};
use model::{Grid, TileCoord};
use store::{HeightKind, SurveyView};
use tiler::{
    ElevationEncoding, ImageFormat, Lights, Relief, Shading, Theme, hillshade_tile,
    terrain_rgb_tile, themed_tile,
};

const SIZE: u32 = 256;

const MAPBOX: ElevationEncoding = ElevationEncoding::Mapbox;

const GREY: Relief = Relief {
    lights: Lights::Soft,
    shading: Shading::Grey,
};

fn mercator() -> &'static TileMatrixSet {
    TileMatrixSet::by_id("WebMercatorQuad").unwrap()
}

fn to_mercator() -> Transform {
    Transform::new(&Crs::from_code("EPSG:3014").unwrap(), &mercator().crs).unwrap()
}

/// A square of terrain around the origin, `cells` to a side.
fn terrain(cells: usize, cell_size_m: f64, height: impl Fn(f64, f64) -> f32) -> Grid {
    let half = cells as f64 * cell_size_m / 2.0;
    let (west, north) = (ORIGIN[0] - half, ORIGIN[1] + half);
    let mut grid = Grid::empty(west, north, cell_size_m, cells, cells);
    for row in 0..cells {
        for column in 0..cells {
            let [x, y] = grid.centre_of(column, row);
            grid.values[row * cells + column] = height(x - ORIGIN[0], y - ORIGIN[1]);
        }
    }
    grid
}

fn hills(x: f64, y: f64) -> f32 {
    (40.0 + 20.0 * (x / 60.0).sin() * (y / 45.0).cos() + x / 50.0) as f32
}

fn terrain_tile(survey: &SurveyView, tile: TileCoord, format: ImageFormat) -> image::RgbImage {
    let kind = HeightKind::Terrain;
    let bytes = terrain_rgb_tile(survey, kind, mercator(), tile, SIZE, format, MAPBOX).unwrap();
    image::load_from_memory(&bytes).unwrap().to_rgb8()
}

fn hillshade(survey: &SurveyView, tile: TileCoord) -> image::GrayAlphaImage {
    shaded(survey, tile, Shading::Grey)
}

fn shaded(survey: &SurveyView, tile: TileCoord, shading: Shading) -> image::GrayAlphaImage {
    let kind = HeightKind::Terrain;
    let format = ImageFormat::Png;
    let relief = Relief { shading, ..GREY };
    let bytes = hillshade_tile(survey, kind, mercator(), tile, SIZE, format, relief).unwrap();
    image::load_from_memory(&bytes).unwrap().to_luma_alpha8()
}

fn elevation(pixel: &image::Rgb<u8>) -> f64 {
    let [r, g, b] = pixel.0.map(f64::from);
    -10_000.0 + (r * 65_536.0 + g * 256.0 + b) * 0.1
}

fn centre_tile(z: u8) -> TileCoord {
    mercator()
        .tile_at(z, to_mercator().xy(ORIGIN).unwrap())
        .unwrap()
}

#[test]
fn terrain_rgb_tells_the_elevation_of_each_pixel_to_a_decimetre() {
    let town = Town::new("EPSG:3014");
    // A plane: bilinear resampling of it is exact.
    let plane = |x: f64, y: f64| (50.0 + 0.1 * x - 0.05 * y) as f32;
    let survey = town.put_terrain("plane", &terrain(400, 1.0, plane));
    let tile = centre_tile(17);
    let bounds = mercator().bounds(tile).unwrap();
    let back = Transform::new(&mercator().crs, &Crs::from_code("EPSG:3014").unwrap()).unwrap();
    let png = terrain_tile(&survey, tile, ImageFormat::Png);
    assert_eq!(terrain_tile(&survey, tile, ImageFormat::WebP), png);
    let pixel = bounds.width() / f64::from(SIZE);
    let mut inside = 0;
    for (column, row, colour) in png.enumerate_pixels() {
        let [x, y] = back
            .xy([
                bounds.min_x() + (f64::from(column) + 0.5) * pixel,
                bounds.max_y() - (f64::from(row) + 0.5) * pixel,
            ])
            .unwrap();
        let [x, y] = [x - ORIGIN[0], y - ORIGIN[1]];
        if x.abs().max(y.abs()) < 199.0 {
            inside += 1;
            let off = (elevation(colour) - f64::from(plane(x, y))).abs();
            // Half a step, and a tenth of a 0.55 m pixel on a slope of 11 %.
            assert!(off < 0.06, "{off} at {x}, {y}");
        } else if x.abs().max(y.abs()) > 201.0 {
            assert_eq!(elevation(colour).round(), 0.0);
        }
    }
    assert!(inside > 10_000);
}

#[test]
fn level_ground_is_evenly_grey_and_the_north_west_side_of_a_hill_is_brighter() {
    let town = Town::new("EPSG:3014");
    let level = town.put_terrain("level", &terrain(300, 1.0, |_, _| 12.0));
    let shaded = hillshade(&level, centre_tile(17));
    let greys: Vec<u8> = shaded
        .pixels()
        .filter(|p| p.0[1] == 255)
        .map(|p| p.0[0])
        .collect();
    assert!(!greys.is_empty());
    assert!(greys.iter().all(|g| *g == 180), "255 sin 45 degrees");

    let cone = |x: f64, y: f64| (100.0 - 0.5 * x.hypot(y)) as f32;
    let hill = town.put_terrain("hill", &terrain(300, 1.0, cone));
    let at = |dx: f64, dy: f64| {
        let point = to_mercator().xy([ORIGIN[0] + dx, ORIGIN[1] + dy]).unwrap();
        let tile = mercator().tile_at(18, point).unwrap();
        let bounds = mercator().bounds(tile).unwrap();
        let pixel = bounds.width() / f64::from(SIZE);
        let column = (point[0] - bounds.min_x()) / pixel;
        let row = (bounds.max_y() - point[1]) / pixel;
        hillshade(&hill, tile)
            .get_pixel(column as u32, row as u32)
            .0
    };
    let [north_west, alpha] = at(-40.0, 40.0);
    assert_eq!(alpha, 255);
    assert!(north_west > 200 && at(40.0, -40.0)[0] < 140);
    assert_eq!(at(400.0, 0.0), [0, 0], "transparent beyond the survey");
    // The slope of the cone is 0.5 on the ground, however Web Mercator stretches it:
    // Lambert's law under the four lights, computed by hand for a slope that falls to
    // the north-west: (0.4 cos(18.435) + (0.2 + 0.2 + 0.2) mixed) as below.
    let normal = 1.0 / (1.0_f64 + 0.25).sqrt();
    let expected: f64 = [(315.0_f64, 0.4), (270.0, 0.2), (0.0, 0.2), (225.0, 0.2)]
        .iter()
        .map(|(azimuth, share)| {
            let off = (azimuth - 315.0).to_radians().cos();
            share * (0.5_f64.sqrt() + 0.5_f64.sqrt() * 0.5 * off) * normal
        })
        .sum();
    assert!((f64::from(north_west) - 255.0 * expected).abs() < 2.0);
}

#[test]
fn relief_laid_over_a_map_is_clear_where_level_and_shades_as_much_as_the_grey_one() {
    let town = Town::new("EPSG:3014");
    let level = town.put_terrain("level", &terrain(300, 1.0, |_, _| 12.0));
    let clear = shaded(&level, centre_tile(17), Shading::Overlay);
    assert!(clear.pixels().all(|p| p.0[1] == 0));

    let survey = town.put_terrain("hills", &terrain(300, 1.0, hills));
    let tile = centre_tile(17);
    let grey = hillshade(&survey, tile);
    let over = shaded(&survey, tile, Shading::Overlay);
    let level = 255.0 * 0.5_f64.sqrt();
    let (mut darker, mut lighter) = (0, 0);
    for (grey, over) in grey.pixels().zip(over.pixels()) {
        let ([grey, there], [paint, alpha]) = (grey.0, over.0);
        if there == 0 {
            assert_eq!(alpha, 0);
            continue;
        }
        // Painted over the grey of level ground, it gives the grey relief back.
        let share = f64::from(alpha) / 255.0;
        let painted = level + (f64::from(paint) - level) * share;
        assert!((painted - f64::from(grey)).abs() < 1.1, "{grey} {over:?}");
        match paint {
            0 => darker += 1,
            255 => lighter += 1,
            other => panic!("{other} is neither black nor white"),
        }
    }
    assert!(darker > 1000 && lighter > 1000);
}

#[test]
fn holes_in_the_data_are_transparent_in_relief_and_level_in_terrain() {
    let town = Town::new("EPSG:3014");
    let with_hole = |x: f64, y: f64| {
        if x.hypot(y) < 20.0 {
            f32::NAN
        } else {
            hills(x, y)
        }
    };
    let survey = town.put_terrain("holed", &terrain(300, 1.0, with_hole));
    let point = to_mercator().xy(ORIGIN).unwrap();
    let tile = centre_tile(18);
    let bounds = mercator().bounds(tile).unwrap();
    let pixel = bounds.width() / f64::from(SIZE);
    let column = ((point[0] - bounds.min_x()) / pixel) as u32;
    let row = ((bounds.max_y() - point[1]) / pixel) as u32;
    assert_eq!(hillshade(&survey, tile).get_pixel(column, row).0, [0, 0]);
    let terrain = terrain_tile(&survey, tile, ImageFormat::Png);
    assert_eq!(terrain.get_pixel(column, row).0, [1, 134, 160], "0 m");
}

#[test]
fn four_tiles_together_are_one_tile_of_twice_the_size_of_the_level_above() {
    // The pixels of a tile of 512 at one level are those of its four children of 256,
    // so the four must be equal to it to the last bit, edges and all.
    let town = Town::new("EPSG:3014");
    let survey = town.put_terrain("hills", &terrain(500, 1.0, hills));
    let kind = HeightKind::Terrain;
    for z in [10, 15, 18] {
        let parent = centre_tile(z);
        let (format, grey) = (ImageFormat::Png, GREY);
        let whole = hillshade_tile(&survey, kind, mercator(), parent, 512, format, grey);
        let whole = image::load_from_memory(&whole.unwrap())
            .unwrap()
            .to_luma_alpha8();
        let heights = terrain_rgb_tile(
            &survey,
            kind,
            mercator(),
            parent,
            512,
            ImageFormat::WebP,
            MAPBOX,
        );
        let heights = image::load_from_memory(&heights.unwrap())
            .unwrap()
            .to_rgb8();
        let mut shown = 0;
        for (dx, dy) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
            let child = TileCoord::new(z + 1, parent.x() * 2 + dx, parent.y() * 2 + dy).unwrap();
            let part = hillshade(&survey, child);
            let terrain = terrain_tile(&survey, child, ImageFormat::Png);
            for (column, row, pixel) in part.enumerate_pixels() {
                let (x, y) = (dx * 256 + column, dy * 256 + row);
                assert_eq!(whole.get_pixel(x, y), pixel, "{child}: {column}, {row}");
                assert_eq!(heights.get_pixel(x, y), terrain.get_pixel(column, row));
                shown += usize::from(pixel.0[1] == 255);
            }
        }
        assert!(shown > 0, "level {z} shows the survey");
    }
}

#[test]
fn tiles_are_made_in_the_twins_own_grid_and_for_the_whole_world() {
    let town = Town::new("EPSG:3014");
    let survey = town.put_terrain("hills", &terrain(300, 1.0, hills));
    let tms = TileMatrixSet::by_id("EPSG:3014").unwrap();
    let tile = tms.tile_at(12, ORIGIN).unwrap();
    let kind = HeightKind::Surface;
    let (format, grey) = (ImageFormat::WebP, GREY);
    let bytes = hillshade_tile(&survey, kind, tms, tile, SIZE, format, grey).unwrap();
    let image = image::load_from_memory(&bytes).unwrap().to_luma_alpha8();
    assert!(image.pixels().any(|p| p.0[1] == 255));

    for z in [0, 1, 5] {
        let shown = hillshade(&survey, centre_tile(z));
        assert_eq!(shown.dimensions(), (SIZE, SIZE));
    }
    let afar = TileCoord::new(14, 0, 0).unwrap();
    let sea = terrain_tile(&survey, afar, ImageFormat::Png);
    assert!(sea.pixels().all(|p| p.0 == [1, 134, 160]));
    let bad = hillshade_tile(&survey, kind, tms, tile, 0, ImageFormat::Png, grey);
    assert!(bad.is_err());
}

#[test]
fn terrarium_tells_the_same_elevations_in_finer_steps() {
    let town = Town::new("EPSG:3014");
    let survey = town.put_terrain("hills", &terrain(300, 1.0, hills));
    let (tile, kind) = (centre_tile(17), HeightKind::Terrain);
    let mapbox = terrain_tile(&survey, tile, ImageFormat::Png);
    let encoding = ElevationEncoding::Terrarium;
    let format = ImageFormat::Png;
    let bytes = terrain_rgb_tile(&survey, kind, mercator(), tile, SIZE, format, encoding).unwrap();
    let terrarium = image::load_from_memory(&bytes).unwrap().to_rgb8();
    for (pixel, other) in terrarium.pixels().zip(mapbox.pixels()) {
        let [r, g, b] = pixel.0.map(f64::from);
        let elevation_m = r * 256.0 + g + b / 256.0 - 32_768.0;
        assert!((elevation_m - elevation(other)).abs() <= 0.05 + 0.5 / 256.0);
    }
}

/// What each kind of raster tile shows, as pixels.
fn every_kind(
    survey: &SurveyView,
    tms: &TileMatrixSet,
    tile: TileCoord,
    size: u32,
) -> Vec<image::RgbaImage> {
    let (kind, format) = (HeightKind::Terrain, ImageFormat::Png);
    let lit = Relief {
        lights: Lights::Multi { altitude_deg: 40.0 },
        shading: Shading::Overlay,
    };
    let encoding = ElevationEncoding::Terrarium;
    let mut tiles = vec![
        hillshade_tile(survey, kind, tms, tile, size, format, GREY),
        hillshade_tile(survey, kind, tms, tile, size, format, lit),
        terrain_rgb_tile(survey, kind, tms, tile, size, format, encoding),
    ];
    for theme in [Theme::Slope, Theme::Aspect, Theme::Height] {
        tiles.push(themed_tile(survey, theme, tms, tile, size, format));
    }
    let images = tiles.into_iter();
    images
        .map(|bytes| image::load_from_memory(&bytes.unwrap()).unwrap().to_rgba8())
        .collect()
}

#[test]
fn no_kind_of_tile_has_a_seam_in_any_tile_matrix_set() {
    // The pixels of a tile of 512 are those of the four tiles of 256 of the next level, in
    // each set whose levels halve: so what lies across a shared edge goes on over it.
    let town = Town::new("EPSG:3014");
    let ground = terrain(500, 1.0, hills);
    let mut surface = ground.clone();
    for (i, value) in surface.values.iter_mut().enumerate() {
        *value += (i % 37) as f32 / 3.0;
    }
    let survey = town.put_survey(fixtures::survey("hills", &ground), &ground, &surface);
    for (id, levels) in [
        ("WebMercatorQuad", [12, 17]),
        ("SWEREF99TM", [8, 12]),
        ("EPSG:3014", [9, 13]),
    ] {
        let tms = TileMatrixSet::by_id(id).unwrap();
        let way = Transform::new(&Crs::from_code("EPSG:3014").unwrap(), &tms.crs).unwrap();
        for z in levels {
            let parent = tms.tile_at(z, way.xy(ORIGIN).unwrap()).unwrap();
            let whole = every_kind(&survey, tms, parent, 512);
            for (dx, dy) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
                let (x, y) = (parent.x() * 2 + dx, parent.y() * 2 + dy);
                let child = TileCoord::new(z + 1, x, y).unwrap();
                let parts = every_kind(&survey, tms, child, 256);
                for (number, (whole, part)) in whole.iter().zip(&parts).enumerate() {
                    for (column, row, pixel) in part.enumerate_pixels() {
                        let above = whole.get_pixel(dx * 256 + column, dy * 256 + row);
                        assert_eq!(above, pixel, "{id} {child} {number}: {column}, {row}");
                    }
                }
            }
            for (number, whole) in whole.iter().enumerate() {
                let first = whole.get_pixel(0, 0);
                assert!(
                    whole.pixels().any(|pixel| pixel != first),
                    "{id} {z} {number}"
                );
            }
        }
    }
}

#[test]
fn slope_tiles_have_the_colours_of_the_slope_on_the_ground() {
    let town = Town::new("EPSG:3014");
    // 45 degrees, falling to the west, and 6 m of trees on it.
    let ground = terrain(300, 1.0, |x, _| (200.0 + x) as f32);
    let mut surface = ground.clone();
    surface.values.iter_mut().for_each(|value| *value += 10.0);
    let survey = town.put_survey(fixtures::survey("ramp", &ground), &ground, &surface);
    for (theme, value) in [
        (Theme::Slope, 45.0),
        (Theme::Aspect, 270.0),
        (Theme::Height, 10.0),
    ] {
        let format = ImageFormat::WebP;
        let bytes = themed_tile(&survey, theme, mercator(), centre_tile(18), SIZE, format);
        let image = image::load_from_memory(&bytes.unwrap()).unwrap().to_rgba8();
        let (stops, _) = theme.legend();
        let (_, colour) = stops.iter().find(|(stop, _)| *stop == value).unwrap();
        let pixel = image.get_pixel(128, 128).0;
        let off = pixel.iter().zip(colour).map(|(a, b)| a.abs_diff(*b));
        assert!(off.max().unwrap() <= 1, "{theme:?}: {pixel:?}");
    }
}
