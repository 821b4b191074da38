//! Files that are truncated, corrupt, hostile or of another type than their name says: one
//! clear sentence, status 1, and the twin as it was.

use std::path::{Path, PathBuf};

use crate::harness::{contents, new_twin, refuse, run, shared, succeed, text};

/// Address space that a refused file may cost: nothing is allocated by a header's claim.
const MEMORY_LIMIT_KB: u64 = 4 << 20;

/// Seconds of the processor after which a small file hangs: it is ended, without a status.
const PROCESSOR_LIMIT_S: u32 = 300;

/// Ingests a file in a bounded address space; returns status and standard error.
fn ingest(dir: &Path, source: &Path, more: &str) -> (Option<i32>, String) {
    let survey = source.extension().is_some_and(|e| e == "las" || e == "laz");
    let collection = if survey { "odd-points" } else { "odd" };
    let script = format!(
        "ulimit -v {MEMORY_LIMIT_KB}; ulimit -t {PROCESSOR_LIMIT_S}; exec '{}' ingest '{}' '{}' --collection {collection} --replace {more}",
        text(crate::harness::binary()),
        text(dir),
        text(source),
    );
    let output = std::process::Command::new("bash")
        .args(["-c", &script])
        .output()
        .expect("bash runs");
    (
        output.status.code(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

/// Ingests a file that must be read or refused, and nothing else; says which.
pub(crate) fn survives(dir: &Path, source: &Path, more: &str) -> bool {
    let before = contents(dir);
    let (status, error) = ingest(dir, source, more);
    let name = source.display();
    assert!(!error.contains("panicked"), "{name}: {error}");
    match status {
        Some(0) => true,
        Some(1) => {
            assert_eq!(
                error.trim_end().lines().count(),
                1,
                "{name}: not one sentence: {error}"
            );
            let file = source.file_name().expect("a name").to_string_lossy();
            assert!(error.contains(file.as_ref()), "{name}: which file? {error}");
            assert!(contents(dir) == before, "{name}: the twin changed");
            false
        }
        other => panic!("{name}: status {other:?}: {error}"),
    }
}

fn files_in(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.is_file() && path.extension().is_some_and(|e| e != "tsv"))
        .collect();
    files.sort();
    files
}

#[test]
fn files_that_broke_other_readers_are_read_or_refused_in_one_sentence() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let dir = folder.path().join("twin");
    new_twin(&dir, "EPSG:3006");
    let mut tried = 0;
    for group in ["vector-bad", "lidar-bad/made", "lidar-bad/real"] {
        let Some(bad) = shared(group) else { return };
        let crs = if group == "vector-bad" {
            ""
        } else {
            "--crs EPSG:3006"
        };
        for file in files_in(&bad) {
            survives(&dir, &file, crs);
            tried += 1;
        }
    }
    assert!(tried >= 50, "only {tried} files");
    let check = run(&["check", text(&dir)]);
    assert!(check.status.success());
}

/// Deterministic, so that a failure can be had again.
fn next_random(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

#[test]
fn truncated_and_flipped_files_of_every_format_are_read_or_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let dir = folder.path().join("twin");
    new_twin(&dir, "EPSG:3014");
    let samples = folder.path().join("samples");
    small_samples(&samples);
    let mut state = 0x5eed_u64;
    let (mut tried, mut refused) = (0, 0);
    for original in files_in(&samples) {
        assert!(
            survives(&dir, &original, "--crs EPSG:3014"),
            "{} is good",
            original.display()
        );
        let bytes = std::fs::read(&original).expect("a sample");
        let name = original
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        let broken = folder.path().join("broken").join(&name);
        std::fs::create_dir_all(broken.parent().expect("a folder")).expect("a folder");
        for step in 0..12u64 {
            let mut mutated = bytes.clone();
            if step % 2 == 0 {
                mutated.truncate((bytes.len() as u64 * step / 12) as usize);
            } else {
                for _ in 0..4 {
                    let at = next_random(&mut state) as usize % mutated.len();
                    mutated[at] ^= 1 << (next_random(&mut state) % 8);
                }
            }
            std::fs::write(&broken, &mutated).expect("a temporary file");
            refused += u32::from(!survives(&dir, &broken, "--crs EPSG:3014"));
            tried += 1;
        }
    }
    assert!(tried >= 50, "only {tried} files");
    assert!(
        refused >= tried / 3,
        "only {refused} of {tried} were refused"
    );
    succeed(&["check", text(&dir)]);
}

/// Small good files of the formats that can be written by hand.
fn small_samples(folder: &Path) {
    std::fs::create_dir_all(folder).expect("a folder");
    let write = |name: &str, text: &str| {
        std::fs::write(folder.join(name), text).expect("a temporary file");
    };
    write(
        "a.geojson",
        r#"{"type":"FeatureCollection","features":[
        {"type":"Feature","id":1,"properties":{"namn":"Å","tal":1.5},"geometry":{"type":"Polygon","coordinates":[[[150000,6900000],[150010,6900000],[150010,6900010],[150000,6900000]]]}},
        {"type":"Feature","id":2,"properties":{"namn":"Ö","tal":2},"geometry":{"type":"Point","coordinates":[150000,6900000]}}]}"#,
    );
    write(
        "b.geojsonl",
        "{\"type\":\"Feature\",\"properties\":{\"a\":1},\"geometry\":{\"type\":\"Point\",\"coordinates\":[150000,6900000]}}\n{\"type\":\"Feature\",\"properties\":{\"a\":2},\"geometry\":{\"type\":\"LineString\",\"coordinates\":[[150000,6900000],[150001,6900000]]}}\n",
    );
    write(
        "c.csv",
        "nummer;E;N\n1;150000,5;6900000,5\n2;150001,5;6900001,5\n",
    );
    write(
        "h.gml",
        "<gml:FeatureCollection xmlns:gml=\"http://www.opengis.net/gml/3.2\"><gml:featureMember><k:Punkt xmlns:k=\"k\" gml:id=\"p1\"><k:tal>1</k:tal><k:plats><gml:Point><gml:pos>150000 6900000</gml:pos></gml:Point></k:plats></k:Punkt></gml:featureMember></gml:FeatureCollection>",
    );
    write(
        "i.kml",
        "<kml><Placemark><name>a</name><Point><coordinates>15.0,60.0,3</coordinates></Point></Placemark></kml>",
    );
    write(
        "j.city.json",
        r#"{"type":"CityJSON","version":"2.0","transform":{"scale":[0.001,0.001,0.001],"translate":[150000,6900000,0]},"CityObjects":{"a":{"type":"Building","geometry":[{"type":"MultiSurface","lod":"0","boundaries":[[[0,1,2]]]}]}},"vertices":[[0,0,0],[9000,0,0],[9000,9000,0]]}"#,
    );
    for (from, to) in [
        (
            "conformance/geoparquet/test_data/data-point-encoding_wkb.parquet",
            "k.parquet",
        ),
        ("lidar/las-laz-pairs/point10.las", "d.las"),
        ("lidar/las-laz-pairs/point10.laz", "e.laz"),
        ("lidar/permutations/1.2_3.las", "f.las"),
        ("lidar/1.2-with-color.copc.laz", "g.copc.laz"),
    ] {
        if let Some(path) = shared(from) {
            std::fs::copy(path, folder.join(to)).expect("a copy");
        }
    }
}

#[test]
fn what_cannot_be_done_is_said_in_one_sentence_with_the_remedy() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let dir = folder.path().join("twin");
    let no_crs = folder.path().join("hydrants.csv");
    std::fs::write(&no_crs, "nummer;E;N\n1;150000,5;6900000,5\n").expect("a temporary file");
    let (dir, no_crs) = (text(&dir), text(&no_crs));

    assert!(refuse(&["init", dir, "--crs", "EPSG:4326"]).contains("projected"));
    assert!(refuse(&["status", dir]).contains("twin.toml"));
    succeed(&["init", dir, "--crs", "EPSG:3014"]);
    assert!(refuse(&["init", dir]).contains("twin"));
    let said = refuse(&["ingest", dir, no_crs, "--collection", "hydrants"]);
    assert!(
        said.contains("hydrants.csv") && said.contains("--crs"),
        "{said}"
    );
    let said = refuse(&["ingest", dir, no_crs, "--collection", "Brandposter"]);
    assert!(said.contains("a-z"), "{said}");
    succeed(&[
        "ingest",
        dir,
        no_crs,
        "--collection",
        "hydrants",
        "--crs",
        "EPSG:3014",
    ]);
    let again = [
        "ingest",
        dir,
        no_crs,
        "--collection",
        "hydrants",
        "--crs",
        "EPSG:3014",
    ];
    assert!(refuse(&again).contains("exists"));
    assert_eq!(run(&["ingest", dir]).status.code(), Some(2), "bad usage");
}
