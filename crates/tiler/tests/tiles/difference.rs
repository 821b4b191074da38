use fixtures::{ORIGIN, Town, hectare};
use geodesy::{Crs, TileMatrixSet, Transform};
use store::HeightKind;
use tiler::{DIFFERENCE_CLASSES, ImageFormat, difference_tile};

/// The pixel over a place, in metres from the origin, of the tile at level 17 over (50, 50).
fn pixel(image: &image::RgbaImage, [east, north]: [f64; 2]) -> [u8; 4] {
    let set = TileMatrixSet::by_id("WebMercatorQuad").unwrap();
    let way = Transform::new(&Crs::from_code("EPSG:3014").unwrap(), &set.crs).unwrap();
    let at = |x: f64, y: f64| way.xy([ORIGIN[0] + x, ORIGIN[1] + y]).unwrap();
    let bounds = set
        .bounds(set.tile_at(17, at(50.0, 50.0)).unwrap())
        .unwrap();
    let [x, y] = at(east, north);
    let pixels = f64::from(image.width()) / bounds.width();
    let column = ((x - bounds.min_x()) * pixels) as u32;
    let row = ((bounds.max_y() - y) * pixels) as u32;
    image.get_pixel(column, row).0
}

#[test]
fn what_rose_is_blue_what_fell_is_red_and_the_rest_is_clear() {
    let town = Town::new("EPSG:3014");
    let before = hectare(0.0, 10.0);
    let mut after = before.clone();
    for row in 0..100 {
        for column in 0..100 {
            // West half: 3 m up in the north, 0.7 m down in the south. East half: 10 cm up,
            // which is noise, and no data in the south.
            after.values[row * 100 + column] += match (column < 50, row < 50) {
                (true, true) => 3.0,
                (true, false) => -0.7,
                (false, true) => 0.1,
                (false, false) => f32::NAN,
            };
        }
    }
    let later = town.put_terrain("after", &after);
    let earlier = town.put_terrain("before", &before);
    let set = TileMatrixSet::by_id("WebMercatorQuad").unwrap();
    let way = Transform::new(&Crs::from_code("EPSG:3014").unwrap(), &set.crs).unwrap();
    let middle = way.xy([ORIGIN[0] + 50.0, ORIGIN[1] + 50.0]).unwrap();
    let tile = set.tile_at(17, middle).unwrap();
    let draw = |one, other| {
        let kind = HeightKind::Terrain;
        let bytes = difference_tile(one, other, kind, set, tile, 256, ImageFormat::Png).unwrap();
        image::load_from_memory(&bytes).unwrap().to_rgba8()
    };
    let opaque = |[r, g, b]: [u8; 3]| [r, g, b, 255];
    let bounds = set.bounds(tile).unwrap();
    let back = Transform::new(&set.crs, &Crs::from_code("EPSG:3014").unwrap()).unwrap();
    // The tile covers the middle of the hectare, and some way in each direction.
    let [west, south] = back.xy([bounds.min_x(), bounds.min_y()]).unwrap();
    let [east, north] = back.xy([bounds.max_x(), bounds.max_y()]).unwrap();
    let inside = |[x, y]: &[f64; 2]| {
        (west - ORIGIN[0] + 1.0..east - ORIGIN[0] - 1.0).contains(x)
            && (south - ORIGIN[1] + 1.0..north - ORIGIN[1] - 1.0).contains(y)
    };
    let image = draw(&later, &earlier);
    let turned = draw(&earlier, &later);
    let places = [
        (
            [40.0, 60.0],
            opaque(DIFFERENCE_CLASSES[3].rose),
            opaque(DIFFERENCE_CLASSES[3].fell),
        ),
        (
            [40.0, 40.0],
            opaque(DIFFERENCE_CLASSES[1].fell),
            opaque(DIFFERENCE_CLASSES[1].rose),
        ),
        ([60.0, 60.0], [0; 4], [0; 4]),
        ([60.0, 40.0], [0; 4], [0; 4]),
    ];
    let seen = places.iter().filter(|(place, ..)| inside(place));
    let mut count = 0;
    for (place, expected, expected_turned) in seen {
        assert_eq!(pixel(&image, *place), *expected, "{place:?}");
        assert_eq!(pixel(&turned, *place), *expected_turned, "{place:?}");
        count += 1;
    }
    assert!(count >= 2, "the tile shows {count} of the places");
}
