//! Good surveys with one thing wrong: cut off, with bits flipped in every part, and with
//! counts, lengths and places that lie. Each is read, or refused in one sentence, and a twin
//! that has other things keeps them.

use std::path::{Path, PathBuf};

use crate::harness::{configure, new_twin, succeed, succeed_json, text};
use crate::hostile::survives;

/// Fields of the header of LAS 1.4 that say how many, how long or where (ASPRS LAS 1.4 R15,
/// table 2), as place and length. A file of an older version has points where it ends.
const CLAIMS: [(usize, usize); 10] = [
    (94, 2),  // length of the header
    (96, 4),  // place of the points
    (100, 4), // number of variable length records
    (104, 1), // point format
    (105, 2), // length of a point
    (107, 4), // number of points, up to LAS 1.3
    (131, 8), // scale of x
    (235, 8), // place of the extended records
    (243, 4), // their number
    (247, 8), // number of points, of LAS 1.4
];

/// Where a file has what.
struct Parts {
    header_len: usize,
    points_at: usize,
    /// Where the chunk table lies, if points are compressed.
    chunk_table_at: Option<usize>,
}

impl Parts {
    fn of(bytes: &[u8]) -> Parts {
        let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four"));
        let points_at = word(96) as usize;
        let compressed = bytes[104] & 0x80 != 0;
        Parts {
            header_len: usize::from(u16::from_le_bytes([bytes[94], bytes[95]])),
            points_at,
            chunk_table_at: compressed.then(|| word(points_at) as usize),
        }
    }
}

/// A file of 25 × 20 points a metre apart, on a slope.
fn made(version: (u8, u8), format: u8, compressed: bool) -> Vec<u8> {
    let mut builder = las::Builder::from(version);
    builder.point_format = las::point::Format::new(format).expect("a format of LAS");
    builder.point_format.is_compressed = compressed;
    let transform = |offset| las::Transform {
        scale: 0.01,
        offset,
    };
    builder.transforms = las::Vector {
        x: transform(600_000.0),
        y: transform(6_600_000.0),
        z: transform(0.0),
    };
    let header = builder.into_header().expect("a good header");
    let format = *header.point_format();
    let out = std::io::Cursor::new(Vec::new());
    let mut writer = las::Writer::new(out, header).expect("a writer");
    for i in 0..500_u16 {
        let (x, y) = (f64::from(i % 25), f64::from(i / 25));
        let point = las::Point {
            x: 600_000.0 + x,
            y: 6_600_000.0 + y,
            z: 20.0 + 0.1 * x,
            intensity: i,
            return_number: 1,
            number_of_returns: 1,
            gps_time: format.has_gps_time.then_some(3e8 + f64::from(i)),
            color: format.has_color.then(|| las::Color::new(i, 2, 3)),
            ..Default::default()
        };
        writer.write_point(point).expect("a point of the format");
    }
    writer.close().expect("the end");
    let out = writer.into_inner().expect("what was written");
    out.into_inner()
}

/// What is done to a file: in words, and the file.
fn mutations(whole: &[u8]) -> Vec<(String, Vec<u8>)> {
    let parts = Parts::of(whole);
    let mut all = Vec::new();
    let ends = (0..10).map(|tenth| whole.len() * tenth / 10);
    let at_seams = [
        parts.header_len - 1,
        parts.points_at - 1,
        parts.points_at + 4,
        whole.len() - 1,
    ];
    for end in ends.chain(at_seams) {
        all.push((format!("cut off at {end}"), whole[..end].to_vec()));
    }
    let mut put = |what: String, at: usize, with: &[u8]| {
        let mut bytes = whole.to_vec();
        bytes[at..at + with.len()].copy_from_slice(with);
        all.push((what, bytes));
    };
    for (at, len) in CLAIMS {
        if at + len <= parts.header_len {
            for byte in [0, 0xFF] {
                put(format!("{byte} in byte {at} and on"), at, &vec![byte; len]);
            }
        }
    }
    // The length of the first record, and what the record of LASzip says of chunks and items.
    if parts.points_at > parts.header_len + 54 {
        let record = parts.header_len;
        put(
            "a record of 65,535 bytes".to_owned(),
            record + 20,
            &[0xFF; 2],
        );
        for at in (record..parts.points_at - 8).step_by(41) {
            let flipped = whole[at] ^ 1 << (at % 8);
            put(format!("a bit of the records at {at}"), at, &[flipped]);
        }
    }
    if let Some(table) = parts.chunk_table_at {
        for byte in [0, 0x7F, 0xFF] {
            put(
                format!("{byte} as place of the chunk table"),
                parts.points_at,
                &[byte; 8],
            );
            put(format!("{byte} as count of chunks"), table + 4, &[byte; 4]);
        }
        for (at, byte) in whole.iter().enumerate().skip(table).take(12) {
            put(
                format!("a bit of the chunk table at {at}"),
                at,
                &[byte ^ 0x10],
            );
        }
    }
    let points_end = parts.chunk_table_at.unwrap_or(whole.len());
    for step in 0..12 {
        let at = parts.points_at + 8 + (points_end - parts.points_at - 8) * step / 12;
        put(
            format!("a bit of the points at {at}"),
            at,
            &[whole[at] ^ 1 << (step % 8)],
        );
    }
    for at in (0..parts.header_len).step_by(29) {
        put(
            format!("a bit of the header at {at}"),
            at,
            &[whole[at] ^ 1 << (at % 8)],
        );
    }
    all
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, bytes).expect("a temporary file");
    path
}

#[test]
fn mutations_of_good_surveys_are_read_or_refused_and_leave_the_twin_whole() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let dir = folder.path().join("twin");
    new_twin(&dir, "EPSG:3006");
    configure(&dir, "[collections.flight]\npublic = true\n");
    let las = made((1, 2), 1, false);
    let laz = made((1, 4), 7, true);
    let source = write(folder.path(), "flight.laz", &laz);
    let trees = write(
        folder.path(),
        "trees.csv",
        b"number;E;N\n1;600001;6600001\n2;600002;6600002\n",
    );
    for (path, id) in [(&source, "flight"), (&trees, "trees")] {
        let ingest = ["ingest", text(&dir), text(path), "--collection", id];
        succeed(&[&ingest[..], &["--crs", "EPSG:3006"]].concat());
    }
    let out = folder.path().join("good.copc.laz");
    succeed(&["export", text(&dir), "--collection", "flight", text(&out)]);
    let copc = std::fs::read(&out).expect("the export");

    let (mut tried, mut refused) = (0, 0);
    for (name, whole) in [("a.las", &las), ("b.laz", &laz), ("c.copc.laz", &copc)] {
        let path = write(folder.path(), name, whole);
        assert!(survives(&dir, &path, "--crs EPSG:3006"), "{name} is good");
        for (what, bytes) in mutations(whole) {
            std::fs::write(&path, &bytes).expect("a temporary file");
            let read = survives(&dir, &path, "--crs EPSG:3006");
            assert!(!(read && what.starts_with("cut off")), "{name}, {what}");
            tried += 1;
            refused += u32::from(!read);
        }
    }
    eprintln!("{tried} mutations, of which {refused} were refused");
    assert!(tried >= 150 && refused >= tried / 3, "{refused} of {tried}");

    assert_eq!(succeed_json(&["check", text(&dir)])["whole"], true);
    let status = succeed_json(&["status", text(&dir)]);
    let counts = |kind: &str, count: &str, id: &str| {
        let all = status[kind].as_array().expect("a list").iter();
        let mut of_id = all.filter(|one| one["id"] == id);
        of_id.next().map(|one| one[count].clone())
    };
    assert_eq!(counts("surveys", "points", "flight"), Some(500.into()));
    assert_eq!(counts("collections", "features", "trees"), Some(2.into()));
    let again = folder.path().join("again.copc.laz");
    succeed(&["export", text(&dir), "--collection", "flight", text(&again)]);
    assert!(std::fs::read(&again).expect("the export") == copc);
}
