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
    CityJson,
    Sqlite,
    Shapefile,
    Zip,
    FlatGeobuf,
    Gml,
    Kml,
    Gpx,
    Parquet,
    Csv,
}

impl Format {
    /// Its name in sentences.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Format::Las => "a LAS or LAZ point cloud",
            Format::GeoJson => "JSON",
            Format::CityJson => "CityJSON",
            Format::Sqlite => "an SQLite database",
            Format::Shapefile => "a Shapefile",
            Format::Zip => "a zip archive",
            Format::FlatGeobuf => "FlatGeobuf",
            Format::Gml => "GML",
            Format::Kml => "KML",
            Format::Gpx => "GPX",
            Format::Parquet => "Parquet",
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
            Format::CityJson => &["json", "cityjson", "jsonl", "cityjsonl"],
            Format::Sqlite => &["gpkg", "sqlite", "db", "sqlite3"],
            Format::Shapefile => &["shp"],
            Format::Zip => &["zip", "shz", "kmz"],
            Format::FlatGeobuf => &["fgb"],
            Format::Gml => &["gml", "xml"],
            Format::Kml => &["kml", "xml"],
            Format::Gpx => &["gpx", "xml"],
            Format::Parquet => &["parquet", "geoparquet", "pq"],
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
    if is_shapefile_part(path) {
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

/// Whether a file is one part of a Shapefile that lies beside it.
pub(crate) fn is_shapefile_part(path: &Path) -> bool {
    SHAPEFILE_PARTS.contains(&ending(path).as_str()) && path.with_extension("shp").exists()
}

/// Whether a file of a folder may be a source by its name. Texts, XML without a better name
/// and databases may be anything, and lie in many folders.
pub(crate) fn may_be_source(path: &Path) -> bool {
    let ending = ending(path);
    let any = [
        Format::Las,
        Format::GeoJson,
        Format::CityJson,
        Format::Sqlite,
        Format::Shapefile,
        Format::Zip,
        Format::FlatGeobuf,
        Format::Gml,
        Format::Kml,
        Format::Gpx,
        Format::Parquet,
        Format::Csv,
    ];
    !["", "txt", "xml", "db"].contains(&ending.as_str())
        && any.iter().any(|format| format.fits_ending(&ending))
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
        return Ok(Format::Parquet);
    }
    if is(b"PARE") {
        return refused("is encrypted Parquet: export it without encryption");
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
        Some(b'{') if is_cityjson(text) => Ok(Format::CityJson),
        Some(b'{' | b'[') => Ok(Format::GeoJson),
        Some(b'<') => of_xml(&String::from_utf8_lossy(text)),
        Some(_) if head.contains(&0) => Err(format!(
            "is of no type that is read, it starts with {}: use GeoPackage, GeoJSON, FlatGeobuf, GeoParquet, Shapefile, GML, KML, GPX, CityJSON, CSV, LAS or LAZ",
            start(head)
        )),
        Some(_) => Ok(Format::Csv),
    }
}

/// Whether JSON that starts so is CityJSON: its words come early, in whatever order.
fn is_cityjson(text: &[u8]) -> bool {
    let has = |word: &[u8]| text.windows(word.len()).any(|at| at == word);
    has(b"\"CityJSON\"") || has(b"\"CityObjects\"")
}

/// Returns the format of XML that starts so, by its first element.
fn of_xml(text: &str) -> Result<Format, String> {
    let refused = |what: &str| Err(what.to_owned());
    let lower = text.to_ascii_lowercase();
    if lower.contains("<html") || lower.contains("<!doctype html") {
        return refused(
            "is an HTML page, probably an error page of the server that it was fetched from: fetch it again",
        );
    }
    let root = root_element(text).unwrap_or_default();
    match root.rsplit(':').next().unwrap_or_default() {
        "ExceptionReport" | "ServiceExceptionReport" => Err(format!(
            "is an error report of the server that it was fetched from: {}",
            words_of(text)
        )),
        "kml" => Ok(Format::Kml),
        "gpx" => Ok(Format::Gpx),
        "CityModel" => refused("is CityGML, which is not read: convert it to CityJSON"),
        name if name.ends_with("FeatureCollection") || text.contains("opengis.net/gml") => {
            Ok(Format::Gml)
        }
        name => Err(format!(
            "is XML of a kind that is not read, it starts with <{}>: export it as GML, GeoPackage or GeoJSON",
            name.chars().take(40).collect::<String>()
        )),
    }
}

/// The name of the first element, with its prefix, past declarations and comments.
fn root_element(text: &str) -> Option<&str> {
    let mut rest = text;
    loop {
        rest = &rest[rest.find('<')? + 1..];
        if let Some(comment) = rest.strip_prefix("!--") {
            rest = &comment[comment.find("-->")?..];
        } else if !rest.starts_with(['?', '!']) {
            return rest
                .split(|c: char| c.is_whitespace() || matches!(c, '>' | '/'))
                .next();
        }
    }
}

/// The words between the tags, as far as a sentence can hold them.
fn words_of(text: &str) -> String {
    let outside = text
        .split('<')
        .skip(1)
        .filter_map(|tag| tag.split_once('>'));
    let words: Vec<&str> = outside
        .flat_map(|(_, words)| words.split_whitespace())
        .collect();
    words.join(" ").chars().take(200).collect()
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
    fn xml_is_told_by_its_first_element() {
        let gml = r#"<?xml version="1.0"?><!-- <kml> --><ogr:FeatureCollection xmlns:gml="x">"#;
        assert_eq!(of_head(gml.as_bytes()), Ok(Format::Gml));
        assert_eq!(of_head(b"<kml xmlns='x'>"), Ok(Format::Kml));
        assert_eq!(of_head(b"\xef\xbb\xbf<gpx\n>"), Ok(Format::Gpx));
        let report = "<ows:ExceptionReport><ows:Exception><ows:ExceptionText>No such\ntype</ows:ExceptionText>";
        let said = of_head(report.as_bytes()).expect_err("no layer");
        assert!(said.ends_with("fetched from: No such type"), "{said}");
        let said = of_head(b"<core:CityModel xmlns:gml='http://www.opengis.net/gml'>");
        assert!(said.expect_err("no layer").contains("CityJSON"));
        let said = of_head(b"<!DOCTYPE html><p>404").expect_err("no layer");
        assert!(said.contains("HTML"), "{said}");
        for broken in ["<", "<!--", "<?xml", "<>"] {
            assert!(of_head(broken.as_bytes()).is_err());
        }
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
