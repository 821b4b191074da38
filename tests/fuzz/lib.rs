//! What the fuzz targets share: bytes become a file of a given name, and a reader gets it.
//!
//! A reader may refuse; it must not panic, hang, or take memory by a claim. `run` puts files
//! in memory where the system has such a folder, so that writing them costs little.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use fixtures::Town;
use geodesy::Crs;
use ingest::{LayerOptions, SurveyOptions, SurveyReader};
use model::{Access, Bounds, ColumnKind, FeatureId, TileCoord, Value};
use store::{Error, HeightKind, PyramidDescription, Twin};

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
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
        geoid: None,
    };
    if let Ok(reader) = SurveyReader::open(&[path], &options) {
        let Ok(blocks) = reader.partition(folder.path(), 64 << 20, &mut |_| {}) else {
            return;
        };
        let tree = blocks.octree::<(), ingest::Error>(&|_, _| Ok(()), &mut |()| Ok(()));
        assert_eq!(tree.expect("a good temporary file").points, blocks.summary().report.kept);
    }
}

/// A whole small twin, made once, whose files a target overwrites one at a time.
static TWIN: LazyLock<Town> = LazyLock::new(|| {
    let town = make_twin();
    if let Some(corpus) = std::env::var_os("FUZZ_SEEDS") {
        write_seeds(Path::new(&corpus), town.path()).expect("seeds");
    }
    town
});

/// Puts a good file of the twin in the corpus of each target that reads one.
fn write_seeds(corpus: &Path, twin: &Path) -> std::io::Result<()> {
    let files = [
        ("catalog", twin.join("catalog")),
        ("segment", file_of(&twin.join("collections/all"), ".fgb")),
        ("heights", file_of(&twin.join("surveys/flight"), "terrain.tif")),
        ("points", file_of(&twin.join("surveys/flight"), ".copc.laz")),
        ("pyramid", file_of(&twin.join("collections/all"), ".pmtiles")),
    ];
    for (target, file) in files {
        fs::create_dir_all(corpus.join(target))?;
        fs::copy(file, corpus.join(target).join("good"))?;
    }
    Ok(())
}

fn make_twin() -> Town {
    let town = Town::new("EPSG:3006");
    let columns = [("name", ColumnKind::Text), ("number", ColumnKind::Number)];
    let features = (1..40).map(|n| {
        let values = vec![Value::Text(format!("name {n}")), Value::Number(n as f64)];
        fixtures::feature(n, fixtures::point(n as f64, 2.0 * n as f64), values)
    });
    town.put(fixtures::collection("all", &columns), features);
    town.put_terrain("flight", &fixtures::hectare(0.0, 12.5));
    put_pyramid(&town).expect("a pyramid");
    town
}

/// Nothing, compressed with gzip: what tiles hold is not what is tried.
const NOTHING: [u8; 20] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/// Gives the collection a pyramid of two levels.
fn put_pyramid(town: &Town) -> Result<(), Error> {
    let mut transaction = Twin::open(town.path())?.begin()?;
    let all = town.view(Access::Everything).collection("all").expect("a collection");
    let (id, version) = (all.meta().id.clone(), all.version());
    let description = PyramidDescription::new(&[all], "WebMercatorQuad", 0, 3..=4, [17.0, 62.0, 17.5, 62.5]);
    let mut writer = transaction.begin_pyramid(&id, description)?;
    // Level 3 begins after 21 tiles, and level 4 ends before the 341st.
    for tile in (21..341).step_by(3).filter_map(TileCoord::from_pmtiles_id) {
        writer.add(tile, &NOTHING, &[])?;
    }
    transaction.put_pyramid(&id, version, writer, None)?;
    transaction.commit()
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

static PYRAMID: LazyLock<PathBuf> = LazyLock::new(|| file_of(&TWIN.path().join("collections/all"), ".pmtiles"));

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

/// Puts the bytes in the place of the pyramid, and reads the twin.
pub fn pyramid(bytes: &[u8]) {
    read_twin_with(&PYRAMID, bytes);
    let _ = store::check(TWIN.path());
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
        for pyramid in collection.pyramids() {
            for tile in (0..400).filter_map(TileCoord::from_pmtiles_id) {
                let _ = pyramid.tile(tile).map(|tile| tile.map(|tile| tile.as_ref().len()));
            }
        }
    }
    for survey in view.surveys() {
        for box_of_points in [None, Some(&world)] {
            let _ = survey.points(box_of_points, None).map(|all| all.take_while(Result::is_ok).count());
        }
        let _ = survey.elevation(HeightKind::Terrain, fixtures::ORIGIN.map(|v| v + 3.5));
        for pixel_m in [1.0, 100.0] {
            let _ = survey.window(HeightKind::Terrain, &survey.meta().bounds, pixel_m);
        }
    }
    Ok(())
}
