//! What the fuzz targets share: bytes become a file of a given name, and a reader gets it.
//!
//! A reader may refuse; it must not panic, hang, or take memory by a claim. Files lie in
//! memory where the system has such a folder, so that writing them costs little.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use geodesy::Crs;
use ingest::{LayerOptions, SurveyOptions, SurveyReader};
use model::{
    Access, Bounds, Collection, CollectionId, Column, ColumnKind, Cube, ExtraBytes, Feature, FeatureId, GeometryKind,
    Grid, PointBatch, Schema, Source, Survey, Value, VerticalDatum, VoxelKey,
};
use store::{Error, HeightKind, PointLayout, PutMode, Twin};

fn folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let parent = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    tempfile::tempdir_in(parent).expect("a temporary folder")
}

fn sweref99_tm() -> Crs {
    Crs::from_code("EPSG:3006").expect("a built-in CRS")
}

/// Reads the bytes as a layer in a file of that name.
pub fn layer(name: &str, bytes: &[u8]) {
    layer_with(name, bytes, &[]);
}

/// Reads the bytes as a layer in a file of that name, with other files beside it.
pub fn layer_with(name: &str, bytes: &[u8], beside: &[(&str, &[u8])]) {
    let folder = folder();
    for (other, content) in beside {
        std::fs::write(folder.path().join(other), content).expect("a temporary file");
    }
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).expect("a temporary file");
    let options = LayerOptions {
        target: sweref99_tm(),
        crs: Some(sweref99_tm()),
        layer: None,
        id_property: None,
    };
    let _ = ingest::source_kind(&path);
    let _ = ingest::read_layer(&path, &options);
}

/// Reads the bytes as a survey in a file of that name.
pub fn survey(name: &str, bytes: &[u8]) {
    let folder = folder();
    let path: PathBuf = folder.path().join(name);
    std::fs::write(&path, bytes).expect("a temporary file");
    let options = SurveyOptions {
        target: sweref99_tm(),
        crs: Some(sweref99_tm()),
        vertical: None,
        cell_size_m: None,
    };
    if let Ok(reader) = SurveyReader::open(&[path], &options) {
        let Ok(blocks) = reader.partition(folder.path(), 64 << 20, &mut |_| {}) else {
            return;
        };
        let tree = blocks.octree::<(), ingest::Error>(5.0, &|_| Ok(None), &|_, _| Ok(()), &mut |()| Ok(()));
        assert_eq!(tree.expect("a good temporary file").points, blocks.summary().report.kept);
    }
}

/// A whole small twin, made once, whose files a target overwrites one at a time.
static TWIN: LazyLock<tempfile::TempDir> = LazyLock::new(|| {
    let folder = folder();
    make_twin(folder.path()).expect("a small twin");
    if let Some(corpus) = std::env::var_os("FUZZ_SEEDS") {
        write_seeds(Path::new(&corpus), folder.path()).expect("seeds");
    }
    folder
});

/// Puts a good file of the twin in the corpus of each target that reads one.
fn write_seeds(corpus: &Path, twin: &Path) -> std::io::Result<()> {
    let files = [
        ("catalog", twin.join("catalog")),
        ("segment", file_of(&twin.join("collections/all"), ".fgb")),
        ("heights", file_of(&twin.join("surveys/flight"), "terrain.tif")),
        ("points", file_of(&twin.join("surveys/flight"), ".copc.laz")),
    ];
    for (target, file) in files {
        fs::create_dir_all(corpus.join(target))?;
        fs::copy(file, corpus.join(target).join("good"))?;
    }
    Ok(())
}

fn make_twin(folder: &Path) -> Result<(), Error> {
    let twin = Twin::create(folder, "Fuzz", "EPSG:3006")?;
    let source = || Source { files: Vec::new(), delivered: "2026-11-22T12:00:00Z".parse().expect("an instant") };
    let id = |text: &str| CollectionId::new(text).expect("an id");
    let column = |name: &str, kind| Column { name: name.to_owned(), kind };
    let all = Collection {
        id: id("all"),
        title: "All".to_owned(),
        department: None,
        schema: Schema {
            columns: vec![column("name", ColumnKind::Text), column("number", ColumnKind::Number)],
            geometry: GeometryKind::Mixed,
        },
        feature_count: 0,
        bounds: None,
        source: source(),
        data_origin: None,
    };
    let features = (1..40).map(|n| Feature {
        id: FeatureId::new(n).expect("a small id"),
        geometry: Some(geo_types::Geometry::Point(geo_types::Point::new(n as f64, 2.0 * n as f64))),
        values: vec![Value::Text(format!("name {n}")), Value::Number(n as f64)],
    });
    let mut change = twin.begin()?;
    change.put_features(all, features.collect(), PutMode::Create, "{}")?;
    let layout = PointLayout {
        crs_wkt: "PROJCS[\"none\"]".to_owned(),
        scale_m: [0.01; 3],
        offset_m: [0.0; 3],
        has_rgb: false,
        has_nir: false,
        extra: ExtraBytes::default(),
        cube: Cube { min: [0.0; 3], side_m: 16.0 },
        spacing_m: 0.5,
    };
    let mut points = change.begin_survey(layout)?;
    let batch = PointBatch {
        x: vec![1.0, 2.0],
        y: vec![1.0, 2.0],
        z: vec![1.0, 2.0],
        intensity: vec![1; 2],
        return_number: vec![1; 2],
        number_of_returns: vec![1; 2],
        classification: vec![2; 2],
        flags: vec![0; 2],
        scan_angle_deg: vec![0.0; 2],
        user_data: vec![0; 2],
        point_source_id: vec![0; 2],
        gps_time_s: vec![0.0; 2],
        rgb: Vec::new(),
        nir: Vec::new(),
        extra: Vec::new(),
    };
    for key in [VoxelKey::ROOT, VoxelKey::ROOT.children()[0]] {
        points.write(points.encoder().encode(key, &batch)?)?;
    }
    let survey = Survey {
        id: id("flight"),
        title: "Flight".to_owned(),
        department: None,
        point_count: 0,
        bounds: bounds([0.0, 0.0, 20.0, 10.0]),
        elevation_range_m: [1.0, 2.0],
        vertical: VerticalDatum::Unknown,
        flown: None,
        source: source(),
        data_origin: None,
    };
    let mut grid = Grid::empty(0.0, 10.0, 1.0, 20, 10);
    grid.values[..150].fill(12.5);
    change.put_survey(survey, points, &grid, &grid, PutMode::Create, "{}")?;
    change.commit()
}

fn bounds([west, south, east, north]: [f64; 4]) -> Bounds {
    Bounds::new(west, south, east, north).expect("a box")
}

/// The one file of a folder whose name ends so.
fn file_of(folder: &Path, ending: &str) -> PathBuf {
    let entries = fs::read_dir(folder).expect("a folder of the twin");
    let mut paths = entries.map(|entry| entry.expect("an entry").path());
    paths.find(|path| path.to_string_lossy().ends_with(ending)).expect("a file of that kind")
}

static CATALOG: LazyLock<PathBuf> = LazyLock::new(|| TWIN.path().join("catalog"));
static SEGMENT: LazyLock<PathBuf> = LazyLock::new(|| file_of(&TWIN.path().join("collections/all"), ".fgb"));
static TERRAIN: LazyLock<PathBuf> = LazyLock::new(|| file_of(&TWIN.path().join("surveys/flight"), "terrain.tif"));
static POINTS: LazyLock<PathBuf> = LazyLock::new(|| file_of(&TWIN.path().join("surveys/flight"), ".copc.laz"));

/// Puts the bytes in the place of the catalog, and reads the twin.
pub fn catalog(bytes: &[u8]) {
    read_twin_with(&CATALOG, bytes);
}

/// Puts the bytes in the place of a segment, and reads the twin.
pub fn segment(bytes: &[u8]) {
    read_twin_with(&SEGMENT, bytes);
}

/// Puts the bytes in the place of the terrain, and reads the twin.
pub fn heights(bytes: &[u8]) {
    read_twin_with(&TERRAIN, bytes);
}

/// Puts the bytes in the place of the points, and reads the twin.
pub fn points(bytes: &[u8]) {
    read_twin_with(&POINTS, bytes);
}

fn read_twin_with(file: &Path, bytes: &[u8]) {
    fs::write(file, bytes).expect("a file of the twin");
    let _ = read_twin(TWIN.path());
}

fn read_twin(folder: &Path) -> Result<(), Error> {
    let view = Twin::open(folder)?.snapshot()?.view(Access::Everything);
    let world = bounds([-1e9, -1e9, 1e9, 1e9]);
    for collection in view.collections() {
        let _ = collection.all().map(|all| all.take_while(Result::is_ok).count());
        let _ = collection.within(&world).map(|found| found.take_while(Result::is_ok).count());
        let _ = collection.get(FeatureId::new(7).expect("a small id"));
        let _ = collection.page(Some(&world), None, 10);
    }
    for survey in view.surveys() {
        for box_of_points in [None, Some(&world)] {
            let _ = survey.points(box_of_points, None).map(|all| all.take_while(Result::is_ok).count());
        }
        let _ = survey.elevation(HeightKind::Terrain, [3.5, 3.5]);
        for pixel_m in [1.0, 100.0] {
            let _ = survey.window(HeightKind::Terrain, &bounds([0.0, 0.0, 20.0, 10.0]), pixel_m);
        }
    }
    Ok(())
}
