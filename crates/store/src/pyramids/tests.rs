use std::fs;
use std::path::{Path, PathBuf};

use libdeflater::{CompressionLvl, Compressor};
use model::TileCoord;
use proptest::prelude::*;

use super::read::inflate;
use super::*;
use crate::Error;
use crate::files::Mapped;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut compressor = Compressor::new(CompressionLvl::default());
    let mut out = vec![0; compressor.gzip_compress_bound(bytes.len())];
    let len = compressor.gzip_compress(bytes, &mut out).unwrap();
    out.truncate(len);
    out
}

fn described(levels: std::ops::RangeInclusive<u8>, shift: u8) -> PyramidDescription {
    PyramidDescription::new(&[], "Test", shift, levels, [17.0, 62.0, 17.5, 62.5])
}

/// Every tile of the first columns and rows of a level, in the order of PMTiles.
fn block(z: u8, side: u32, shift: u8) -> Vec<TileCoord> {
    let places = (0..side).flat_map(|x| (0..side).map(move |y| (x, y)));
    let mut tiles: Vec<_> = places
        .map(|(x, y)| TileCoord::new(z, x, y).unwrap())
        .collect();
    tiles.sort_by_key(|t| {
        let stored = TileCoord::new(t.z() + shift, t.x(), t.y()).unwrap();
        stored.pmtiles_id()
    });
    tiles
}

fn content(tile: TileCoord) -> Vec<u8> {
    gzip(format!("tile {tile} of many").as_bytes())
}

/// Writes tiles with what `content` has for each.
fn write(
    path: &Path,
    description: PyramidDescription,
    tiles: &[TileCoord],
    content: impl Fn(TileCoord) -> Vec<u8>,
) -> PyramidSummary {
    let mut writer = PyramidWriter::create(path, ArchiveFormat::PmTiles, description).unwrap();
    for tile in tiles {
        writer.add(*tile, &content(*tile), &[]).unwrap();
    }
    writer.finish().unwrap()
}

fn open(path: &Path) -> Result<Archive, Error> {
    Archive::open(Mapped::open(path)?)
}

fn file() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.pmtiles");
    (dir, path)
}

#[test]
fn an_archive_with_leaf_directories_gives_back_what_it_was_given_and_nothing_else() {
    let (_dir, path) = file();
    // Level 3 of a set that begins with 4 × 4 tiles, as SWEREF99TM does, and a level with a
    // gap before it.
    let mut tiles = block(3, 20, 2);
    tiles.extend(block(7, 150, 2));
    let summary = write(&path, described(3..=7, 2), &tiles, content);
    assert_eq!(summary.tiles, 400 + 22_500);
    assert_eq!(summary.contents, summary.tiles);
    let archive = open(&path).unwrap();
    assert_eq!(archive.header().levels, [5, 9]);
    assert_eq!(archive.check().unwrap(), summary.tiles);
    let find = |z: u8, x, y| {
        let id = TileCoord::new(z + 2, x, y).unwrap().pmtiles_id().unwrap();
        let range = archive.find(id).unwrap();
        range.map(|range| archive.bytes()[range].to_vec())
    };
    for tile in &tiles {
        assert_eq!(
            find(tile.z(), tile.x(), tile.y()),
            Some(content(*tile)),
            "{tile}"
        );
    }
    for (z, x, y) in [
        (3, 20, 0),
        (3, 0, 20),
        (7, 150, 3),
        (0, 0, 0),
        (5, 1, 1),
        (9, 0, 0),
    ] {
        assert_eq!(find(z, x, y), None, "{z}/{x}/{y}");
    }
    let header = fs::read(&path).unwrap();
    let root_len = u64::from_le_bytes(header[16..24].try_into().unwrap());
    assert!(
        root_len <= 16_384 - 127,
        "a root directory of {root_len} bytes"
    );
    let leaves_len = u64::from_le_bytes(header[48..56].try_into().unwrap());
    assert!(leaves_len > 0, "so many tiles need leaf directories");
}

#[test]
fn what_repeats_is_stored_once_and_told_by_one_entry_where_it_follows_itself() {
    let (_dir, path) = file();
    let tiles = block(4, 16, 0);
    let long: Vec<u8> = (0..40_000_u32)
        .flat_map(|n| (n * n).to_le_bytes())
        .collect();
    let (fill, long) = (gzip(b"a fill"), gzip(&long));
    assert!(long.len() > 1024);
    let summary = write(&path, described(4..=4, 0), &tiles, |tile| {
        match (tile.x() < 8, tile.y()) {
            (true, _) => fill.clone(),
            (false, 0) => long.clone(),
            (false, _) => content(tile),
        }
    });
    assert_eq!(summary.tiles, 256);
    // Long ones are not compared.
    assert_eq!(summary.contents, 1 + 8 + 120);
    let archive = open(&path).unwrap();
    assert_eq!(archive.check().unwrap(), 256);
    assert_eq!(archive.header().contents, summary.contents);
    // The curve leaves the west half once and comes back once at most.
    assert!(
        archive.header().entries <= 128 + 2,
        "{:?}",
        archive.header()
    );
    for tile in tiles.iter().filter(|tile| tile.x() < 8) {
        let range = archive.find(tile.pmtiles_id().unwrap()).unwrap().unwrap();
        assert_eq!(archive.bytes()[range], fill);
    }
}

#[test]
fn equal_tiles_make_equal_archives_and_the_metadata_tells_what_they_are() {
    let (dir, path) = file();
    let again = dir.path().join("b.pmtiles");
    let tiles = block(6, 64, 0);
    write(&path, described(6..=6, 0), &tiles, content);
    write(&again, described(6..=6, 0), &tiles, content);
    assert_eq!(fs::read(&path).unwrap(), fs::read(&again).unwrap());

    let given_up = ["lines simplified to one pixel".to_owned()];
    fs::remove_file(&path).unwrap();
    let format = ArchiveFormat::PmTiles;
    let mut writer = PyramidWriter::create(&path, format, described(6..=6, 2)).unwrap();
    writer.add(tiles[0], &content(tiles[0]), &given_up).unwrap();
    writer.finish().unwrap();
    let metadata = open(&path).unwrap().metadata().unwrap();
    assert_eq!(metadata["tvilling"]["tile_matrix_set"], "Test");
    assert_eq!(metadata["tvilling"]["zoom_shift"], 2);
    assert_eq!(metadata["tvilling"]["levels"], serde_json::json!([6, 6]));
    assert_eq!(metadata["tvilling"]["tiles_with_sacrifices"], 1);
    assert_eq!(metadata["tvilling"]["sacrifices"]["6/0/0"][0], given_up[0]);
}

#[test]
fn tiles_out_of_order_or_without_a_place_are_refused() {
    let (dir, path) = file();
    let format = ArchiveFormat::PmTiles;
    let mut writer = PyramidWriter::create(&path, format, described(1..=3, 0)).unwrap();
    let tile = |z, x, y| TileCoord::new(z, x, y).unwrap();
    writer.add(tile(2, 1, 1), b"x", &[]).unwrap();
    for (bad, what) in [
        (tile(2, 1, 1), "comes after one that follows it"),
        (tile(1, 1, 0), "comes after one that follows it"),
        (tile(2, 4, 0), "has no place"),
        (tile(4, 0, 0), "has no place"),
        (tile(0, 0, 0), "has no place"),
    ] {
        let error = writer.add(bad, b"x", &[]).unwrap_err().to_string();
        assert!(error.contains(what), "{bad}: {error}");
    }
    let error = writer.add(tile(3, 0, 0), b"", &[]).unwrap_err().to_string();
    assert!(error.contains("is empty"), "{error}");
    let refused = |levels, shift| {
        let path = dir.path().join("c.pmtiles");
        let created = PyramidWriter::create(&path, format, described(levels, shift));
        created.map(|_| ()).unwrap_err().to_string()
    };
    assert!(refused(0..=25, 2).contains("readers of PMTiles end at 26"));
    #[expect(clippy::reversed_empty_ranges, reason = "that is what is refused")]
    let none = refused(5..=4, 0);
    assert!(none.contains("has none"), "{none}");
    let path = dir.path().join("d.pmtiles");
    let empty = PyramidWriter::create(&path, format, described(0..=1, 0)).unwrap();
    assert!(empty.finish().unwrap_err().to_string().contains("no tile"));
}

#[test]
fn the_library_that_writes_counts_tiles_as_we_do() {
    for id in (0..(1 << 18)).chain((20..60).map(|bits| (1 << bits) - 1)) {
        let ours = TileCoord::from_pmtiles_id(id).unwrap();
        let theirs = pmtiles::TileCoord::new(ours.z(), ours.x(), ours.y()).unwrap();
        assert_eq!(pmtiles::TileId::from(theirs).value(), id);
    }
}

/// Asks an archive everything that can be asked.
fn ask(path: &Path) -> Result<(), Error> {
    let archive = open(path)?;
    let mut first = Ok(());
    for id in (0..2000).chain([u64::MAX, u64::MAX / 2]) {
        if let Err(error) = archive.find(id) {
            first = Err(error);
            break;
        }
    }
    first
        .and(archive.metadata().map(|_| ()))
        .and(archive.check().map(|_| ()))
}

/// A small archive of three levels.
fn small(path: &Path) {
    let mut tiles = block(3, 4, 0);
    tiles.extend(block(4, 8, 0));
    write(path, described(3..=4, 0), &tiles, |tile| {
        match tile.x() % 2 {
            0 => gzip(b"fill"),
            _ => content(tile),
        }
    });
    ask(path).unwrap();
}

#[test]
fn an_archive_that_is_cut_short_is_damaged_wherever_the_cut_is() {
    let (_dir, path) = file();
    small(&path);
    let whole = fs::read(&path).unwrap();
    // Between the root directory and the tiles lies room that nothing refers to.
    for cut in (0..200).chain((200..whole.len()).step_by(37)) {
        fs::write(&path, &whole[..cut]).unwrap();
        let error = ask(&path).unwrap_err();
        assert!(
            matches!(error, Error::Corrupt { .. }),
            "cut at {cut}: {error}"
        );
        assert!(error.to_string().contains("a.pmtiles"), "{error}");
    }
}

#[test]
fn a_changed_byte_gives_an_error_or_another_answer_but_never_a_panic() {
    let (_dir, path) = file();
    small(&path);
    let whole = fs::read(&path).unwrap();
    // The header, the root directory, and of the tiles and the metadata every third byte.
    let used = (0..300).chain((16_384..whole.len()).step_by(3));
    let mut refused = 0;
    for at in used {
        let mut bytes = whole.clone();
        bytes[at] ^= [0x01, 0x80, 0xff][at % 3];
        fs::write(&path, &bytes).unwrap();
        refused += usize::from(ask(&path).is_err());
    }
    // What is not noticed are bounds, the middle, and the tiles that no one is led to.
    assert!(refused > 300, "only {refused} changes were noticed");
}

/// An archive whose root directory says `directory`, before it is compressed.
fn with_root(directory: &[u8]) -> Vec<u8> {
    let (_dir, path) = file();
    small(&path);
    let mut bytes = fs::read(&path).unwrap();
    let root = gzip(directory);
    assert!(root.len() < 16_000);
    bytes[127..127 + root.len()].copy_from_slice(&root);
    bytes[16..24].copy_from_slice(&(root.len() as u64).to_le_bytes());
    bytes
}

#[test]
fn a_directory_that_makes_no_sense_is_refused_with_a_reason() {
    let (_dir, path) = file();
    for (directory, what) in [
        (&[][..], "ends within a number"),
        (&[0], "0 entries do not fit"),
        (
            &[0xff, 0xff, 0xff, 0xff, 0x0f],
            "entries do not fit its 0 bytes",
        ),
        (&[1, 21, 1, 4], "do not fit"),
        (&[1, 21, 1, 4, 0], "entry 0 has no offset"),
        (&[1, 21, 1, 0, 1], "entry 0 is empty"),
        (&[2, 21, 0, 1, 1, 4, 4, 1, 0], "entry 1 does not follow"),
        (
            &[2, 21, 1, 5, 1, 4, 4, 1, 0],
            "entry 0 reaches over the next",
        ),
        (&[1, 21, 1, 4, 0xff, 0xff, 0x7f], "leads beyond the end"),
        (&[1, 21, 0, 4, 1], "leads beyond the end"),
        (&[1, 21, 1, 4, 1, 9], "1 bytes follow its last entry"),
        (
            &[
                1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 1, 1, 1,
            ],
            "over 64 bits",
        ),
        (
            &[1, 1, 0xff, 0xff, 0xff, 0xff, 0x7f, 1, 1],
            "32 bits are most",
        ),
    ] {
        fs::write(&path, with_root(directory)).unwrap();
        let error = open(&path).unwrap().find(21).unwrap_err().to_string();
        assert!(
            error.contains("root directory") && error.contains(what),
            "{error}"
        );
    }
}

#[test]
fn what_inflates_beyond_all_measure_is_refused() {
    let bomb = gzip(&vec![0; 5 << 20]);
    assert!(bomb.len() < 10_000);
    assert_eq!(inflate(&bomb, 5 << 20).unwrap().len(), 5 << 20);
    let error = inflate(&bomb, 4 << 20).unwrap_err();
    assert!(error.contains("over 4194304 bytes"), "{error}");
    assert!(inflate(b"", 100).is_err());
    assert!(inflate(b"not gzip", 1 << 20).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_root_directory_makes_the_reader_panic(directory in prop::collection::vec(any::<u8>(), 0..64)) {
        let (_dir, path) = file();
        fs::write(&path, with_root(&directory)).unwrap();
        let _ = ask(&path);
    }

    #[test]
    fn no_directory_of_small_numbers_makes_the_reader_panic(directory in prop::collection::vec(0_u8..6, 5..40)) {
        let (_dir, path) = file();
        fs::write(&path, with_root(&directory)).unwrap();
        let _ = ask(&path);
    }

    #[test]
    fn no_header_makes_the_reader_panic(header in prop::collection::vec(any::<u8>(), 119), nought in any::<u64>()) {
        let (_dir, path) = file();
        small(&path);
        let mut bytes = fs::read(&path).unwrap();
        for (at, byte) in header.into_iter().enumerate() {
            // Half of it as it was, so that more than the first number is looked at.
            if nought >> (at / 2) & 1 == 1 {
                bytes[8 + at] = byte;
            }
        }
        fs::write(&path, bytes).unwrap();
        let _ = ask(&path);
    }
}

#[test]
fn mbtiles_has_rows_from_the_south_and_its_metadata() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.mbtiles");
    let mut description = described(3..=3, 0);
    let format = ArchiveFormat::MbTiles;
    let refused = PyramidWriter::create(&path, format, description.clone()).unwrap_err();
    assert!(
        refused.to_string().contains("write *.pmtiles instead"),
        "{refused}"
    );
    assert!(!path.exists());
    description.tms = "WebMercatorQuad".to_owned();
    let mut writer = PyramidWriter::create(&path, format, description).unwrap();
    let tile = TileCoord::new(3, 5, 1).unwrap();
    writer.add(tile, &content(tile), &[]).unwrap();
    assert_eq!(writer.finish().unwrap().tiles, 1);
    let read = rusqlite::Connection::open(&path).unwrap();
    let query = "SELECT tile_column, tile_row, tile_data FROM tiles WHERE zoom_level = 3";
    let row = read.query_row(query, (), |row| {
        Ok((
            row.get::<_, u32>(0)?,
            row.get::<_, u32>(1)?,
            row.get::<_, Vec<u8>>(2)?,
        ))
    });
    assert_eq!(row.unwrap(), (5, 6, content(tile)));
    let value = |name: &str| -> String {
        let query = "SELECT value FROM metadata WHERE name = ?1";
        read.query_row(query, [name], |row| row.get(0)).unwrap()
    };
    assert_eq!(value("format"), "pbf");
    assert_eq!(
        (value("minzoom"), value("maxzoom")),
        ("3".to_owned(), "3".to_owned())
    );
    assert_eq!(value("bounds"), "17,62,17.5,62.5");
    let json: serde_json::Value = serde_json::from_str(&value("json")).unwrap();
    assert!(json["vector_layers"].is_array());
}
