//! Which kind of source a file is, told by its content and never by its name.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::error::Error;

/// What kind of source a file is, by its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceKind {
    /// LAS, LAZ or COPC.
    Survey,
    /// Anything that [`read_layer`](crate::read_layer) reads.
    Layer,
}

/// Tells surveys from layers by the first bytes.
pub fn source_kind(path: &Path) -> Result<SourceKind, Error> {
    Ok(match format(path)? {
        Format::Las => SourceKind::Survey,
        _ => SourceKind::Layer,
    })
}

/// A format that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Las,
    GeoJson,
    Sqlite,
    Shapefile,
    Zip,
    FlatGeobuf,
    Csv,
}

impl Format {
    /// Its name in sentences.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Format::Las => "a LAS or LAZ point cloud",
            Format::GeoJson => "JSON",
            Format::Sqlite => "an SQLite database",
            Format::Shapefile => "a Shapefile",
            Format::Zip => "a zip archive",
            Format::FlatGeobuf => "FlatGeobuf",
            Format::Csv => "text",
        }
    }

    /// Whether a file whose name ends so may be expected to have the format.
    pub(crate) fn fits_ending(self, ending: &str) -> bool {
        let endings: &[&str] = match self {
            Format::Las => &["las", "laz"],
            Format::GeoJson => &[
                "json",
                "geojson",
                "geojsonl",
                "ndjson",
                "jsonl",
                "geojsons",
                "ndgeojson",
            ],
            Format::Sqlite => &["gpkg", "sqlite", "db", "sqlite3"],
            Format::Shapefile => &["shp"],
            Format::Zip => &["zip", "shz"],
            Format::FlatGeobuf => &["fgb"],
            Format::Csv => &["csv", "tsv", "txt"],
        };
        ending.is_empty() || endings.contains(&ending)
    }
}

/// Endings of what lies beside a Shapefile.
const SHAPEFILE_PARTS: [&str; 6] = ["dbf", "shx", "prj", "cpg", "sbn", "sbx"];

/// Bytes looked at: enough for every signature and for a look at a text.
const HEAD_BYTES: u64 = 4096;

/// Returns the format of the file, or refuses it with a sentence that says what
/// it looks like.
pub(crate) fn format(path: &Path) -> Result<Format, Error> {
    let refuse = |what: String| Error {
        path: path.to_owned(),
        what,
    };
    let cannot = |error: std::io::Error| refuse(format!("cannot be read: {error}"));
    let file = File::open(path).map_err(cannot)?;
    if file.metadata().map_err(cannot)?.is_dir() {
        return Err(refuse("is a folder: name a file in it".to_owned()));
    }
    let mut head = Vec::new();
    file.take(HEAD_BYTES)
        .read_to_end(&mut head)
        .map_err(cannot)?;
    let ending = ending(path);
    if SHAPEFILE_PARTS.contains(&ending.as_str()) && path.with_extension("shp").exists() {
        return Err(refuse(
            "is one part of a Shapefile: name the .shp file".to_owned(),
        ));
    }
    let found = of_head(&head).map_err(refuse)?;
    if found == Format::Csv && !found.fits_ending(&ending) && ending != "dat" && ending != "asc" {
        return Err(refuse(format!(
            "is called .{ending}, but is text that starts with {}: look at it, or name it .csv if it is a table",
            start(&head)
        )));
    }
    Ok(found)
}

/// The ending of the file's name, in small letters.
pub(crate) fn ending(path: &Path) -> String {
    path.extension()
        .map(|e| e.to_string_lossy().to_ascii_lowercase())
        .unwrap_or_default()
}

/// Returns the format that starts with these bytes, or says what they look like.
pub(crate) fn of_head(head: &[u8]) -> Result<Format, String> {
    let is = |signature: &[u8]| head.starts_with(signature);
    let refused = |what: &str| Err(what.to_owned());
    if head.is_empty() {
        return refused("is empty: fetch or export it again");
    }
    if is(b"LASF") {
        return Ok(Format::Las);
    }
    if is(b"fgb") {
        return Ok(Format::FlatGeobuf);
    }
    if is(b"SQLite format 3\0") {
        return Ok(Format::Sqlite);
    }
    if is(&9994_u32.to_be_bytes()) {
        return Ok(Format::Shapefile);
    }
    if is(b"PK\x03\x04") {
        return Ok(Format::Zip);
    }
    if is(b"PAR1") {
        return refused("is Parquet, which is not read: export it as GeoPackage or FlatGeobuf");
    }
    if is(b"\x1f\x8b") {
        return refused("is gzip: unpack it first");
    }
    if is(b"%PDF") {
        return refused("is a PDF document, not a layer or survey");
    }
    if is(b"\x89PNG") || is(b"\xff\xd8\xff") {
        return refused("is a picture, not a layer or survey");
    }
    if is(b"II*\0") || is(b"MM\0*") || is(b"II+\0") {
        return refused("is a TIFF raster, not a layer or survey");
    }
    if is(b"\xff\xfe") || is(b"\xfe\xff") {
        return refused("is text in UTF-16: save it as UTF-8");
    }
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    let first = text
        .iter()
        .find(|b| !b.is_ascii_whitespace() && **b != 0x1e);
    match first {
        None => refused("holds nothing but white space: fetch or export it again"),
        Some(b'{' | b'[') => Ok(Format::GeoJson),
        Some(b'<') => {
            let lower = String::from_utf8_lossy(text).to_ascii_lowercase();
            if lower.contains("<html") || lower.contains("<!doctype html") {
                refused(
                    "is an HTML page, probably an error page of the server that it was fetched from: fetch it again",
                )
            } else {
                refused("is XML, which is not read: export it as GeoPackage or GeoJSON")
            }
        }
        Some(_) if head.contains(&0) => Err(format!(
            "is of no type that is read, it starts with {}: use GeoPackage, GeoJSON, FlatGeobuf, Shapefile, CSV, LAS or LAZ",
            start(head)
        )),
        Some(_) => Ok(Format::Csv),
    }
}

/// The start of a file, for a sentence: its first characters, or its bytes if those are none
/// that anybody could read.
fn start(head: &[u8]) -> String {
    let head = &head[..head.len().min(16)];
    let readable = |c: char| !c.is_control() || c.is_whitespace();
    // The last character may be cut in two.
    match String::from_utf8_lossy(head).trim_end_matches('\u{fffd}') {
        text if text.chars().all(readable) && !text.contains('\u{fffd}') => format!("{text:?}"),
        _ => {
            let bytes: Vec<String> = head[..head.len().min(8)]
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            format!("the bytes {}", bytes.join(" "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_of_a_file_is_shown_as_text_or_as_bytes() {
        assert_eq!(start("Åäö och mer än så".as_bytes()), "\"Åäö och mer \"");
        assert_eq!(start(b"\x03~\x05\0\0"), "the bytes 03 7e 05 00 00");
    }

    #[test]
    fn a_part_of_a_shapefile_is_told_from_the_whole() {
        let dir = tempfile::tempdir().expect("a folder");
        for name in ["a.shp", "a.dbf"] {
            std::fs::write(dir.path().join(name), b"\x03~\x05\0").expect("a file");
        }
        let said = format(&dir.path().join("a.dbf")).expect_err("no layer");
        assert!(said.to_string().contains("name the .shp"), "{said}");
    }
}
