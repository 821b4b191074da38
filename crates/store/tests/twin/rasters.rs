use model::{Access, Bounds, Cube, Grid, GridFrame, VoxelKey};
use store::{
    Error, HeightKind, Overviews, PointLayout, PutMode, RasterFormat, RasterWriter, Samples,
    SurveyView, Twin,
};

use crate::common::{batch, empty_twin, layout, survey, write_node};

/// Ground that rises to the east, with towers of 30 m on it, 700 cells by 500.
fn towers(twin: &Twin) -> (SurveyView, Grid, Grid) {
    let mut ground = Grid::empty(150_000.0, 6_500_500.0, 1.0, 700, 500);
    for (i, value) in ground.values.iter_mut().enumerate() {
        *value = (i % 700) as f32 * 0.25;
    }
    let mut surface = ground.clone();
    for (i, value) in surface.values.iter_mut().enumerate() {
        let (column, row) = (i % 700, i / 700);
        if column % 100 == 50 && row % 100 == 50 {
            *value += 30.0;
        }
        if column > 600 && row > 300 {
            *value = f32::NAN;
        }
    }
    let mut change = twin.begin().unwrap();
    let layout = PointLayout {
        cube: Cube {
            side_m: 800.0,
            ..layout().cube
        },
        ..layout()
    };
    let mut points = change.begin_survey(layout).unwrap();
    write_node(&mut points, VoxelKey::ROOT, &batch(1000));
    let mut heights = change.begin_heights(ground.frame()).unwrap();
    heights.put(HeightKind::Terrain, &ground).unwrap();
    heights.put(HeightKind::Surface, &surface).unwrap();
    change
        .put_survey(survey("flight"), points, heights, PutMode::Create, "{}")
        .unwrap();
    change.commit().unwrap();
    let view = twin.snapshot().unwrap().view(Access::Everything);
    (view.survey("flight").unwrap(), ground, surface)
}

#[test]
fn heights_above_ground_are_those_of_the_towers_at_every_level() {
    let (_dir, twin) = empty_twin();
    let (flight, ground, surface) = towers(&twin);
    let all = Bounds::new(150_000.5, 6_500_000.5, 150_699.5, 6_500_499.5).unwrap();
    let heights = flight.above_ground(&all, 1.0).unwrap();
    for (i, height) in heights.values.iter().enumerate() {
        let expected = surface.values[i] - ground.values[i];
        assert_eq!(height.to_bits() << 1, expected.to_bits() << 1, "{i}");
    }
    // A tower makes its wide cell high; the slope of the ground does not.
    for cell_m in [2.0, 4.0, 8.0] {
        let wide = flight.above_ground(&all, cell_m).unwrap();
        assert_eq!(
            wide.cell_size_m,
            cell_m.min(4.0),
            "700 cells have two overviews"
        );
        let known = wide.values.iter().filter(|v| !v.is_nan());
        let (low, high): (Vec<&f32>, Vec<&f32>) = known.partition(|v| **v < 15.0);
        assert_eq!(high.len(), 7 * 5 - 2, "{cell_m}");
        assert!(low.iter().all(|v| **v == 0.0));
    }
}

#[test]
fn the_file_of_heights_is_the_same_in_whatever_parts_it_is_read() {
    let (_dir, twin) = empty_twin();
    let (flight, ..) = towers(&twin);
    let file = flight.above_ground_tiff().unwrap();
    let whole = file.read(0..usize::MAX).unwrap();
    assert_eq!(whole.len(), file.len());
    assert!(whole.starts_with(b"II\x2a\0"));
    // The finest of 6 tiles, of which the surface has none in the south-east corner's
    // middle, and overviews of 2 and 1.
    assert!(whole.len() > 9 * (256 * 256 * 4 + 8) && whole.len() < 9 * 262_152 + 4000);
    for step in [100_003, 262_144] {
        let parts = (0..whole.len()).step_by(step);
        let parts: Vec<u8> = parts
            .flat_map(|at| file.read(at..at + step).unwrap())
            .collect();
        assert!(parts == whole, "in steps of {step}");
    }
    assert_ne!(
        file.checksum(),
        flight.heights_checksum(HeightKind::Terrain)
    );
    let again = flight.above_ground_tiff().unwrap();
    assert_eq!(again.checksum(), file.checksum());
}

#[test]
fn a_raster_leaves_only_its_file_and_refuses_to_overwrite_one() {
    let dir = tempfile::tempdir().unwrap();
    let frame = GridFrame {
        west: 0.0,
        north: 1000.0,
        cell_size_m: 2.0,
        columns: 300,
        rows: 500,
    };
    let format = RasterFormat {
        samples: Samples::Byte,
        overviews: Overviews::Mean,
        crs_code: "EPSG:3006".to_owned(),
        vertical_code: None,
        unit: "",
        description: "Skuggning av \u{e5}sen".to_owned(),
    };
    let out = dir.path().join("out.tif");
    let write = || {
        let mut writer = RasterWriter::new(frame, dir.path().join("scratch")).unwrap();
        let mut patch = Grid::empty(0.0, 1000.0, 2.0, 300, 500);
        patch.values.fill(77.4);
        writer.put(&patch).unwrap();
        writer.finish(&out, &format)
    };
    write().unwrap();
    let first = std::fs::read(&out).unwrap();
    // One value compresses to next to nothing.
    assert!(first.len() < 8000, "{}", first.len());
    assert!(matches!(write(), Err(Error::Io { .. })));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    std::fs::remove_file(&out).unwrap();
    write().unwrap();
    assert!(
        std::fs::read(&out).unwrap() == first,
        "equal input, equal bytes"
    );
}
