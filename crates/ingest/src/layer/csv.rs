//! Tables as text: comma, semicolon or tab between fields, decimal point or
//! comma, UTF-8 or Windows-1252, and positions as longitude and latitude, as
//! easting and northing, or as WKT.
//!
//! The file says none of this. The separator is the one that cuts the first rows
//! into the most fields of equal number; columns of positions are known by their
//! names, in Swedish and English; types come later, from all values.

use std::borrow::Cow;

use geo_types::{Geometry, Point};
use geozero::ToGeo;
use geozero::wkt::Wkt;
use model::Value;

use crate::report::Outcome;

use super::raw::{FileCrs, Notes, RawColumn, RawFeature, RawGeometry, RawLayer, Refusal, Texts};
use super::wkb;

/// Bytes of one row: a municipality's boundary as WKT has a tenth of it.
const MAX_ROW_BYTES: usize = 64 << 20;

/// Bytes at the start by which the separator is chosen.
const SAMPLE_BYTES: usize = 64 << 10;

/// Parentheses inside parentheses in WKT; a collection of multi-polygons has five.
const MAX_WKT_DEPTH: usize = 16;

/// Reads a table of text.
pub(crate) fn read_csv(bytes: &[u8]) -> Result<RawLayer, Refusal> {
    let mut layer = RawLayer::default();
    let text = decode(bytes, &mut layer);
    let separator = separator(&text);
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(separator)
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let header = reader
        .headers()
        .map_err(|error| Refusal::new(format!("has no readable header: {error}")))?
        .clone();
    let names: Vec<String> = header
        .iter()
        .zip(1..)
        .map(|(name, nth)| {
            if name.is_empty() {
                format!("column_{nth}")
            } else {
                name.to_owned()
            }
        })
        .collect();
    let mut rows = Rows {
        reader,
        names: &names,
        record: csv::StringRecord::new(),
        number: 0,
    };
    let mut located = None;
    let mut wrong = 0_u64;
    while let Some(row) = rows.next(&mut layer)? {
        let (number, fields) = match row {
            Row::Good(number, fields) => (number, fields),
            Row::Wrong => {
                wrong += 1;
                continue;
            }
        };
        let located = match &located {
            Some(located) => located,
            None => {
                let found = Located::by_names(&names, fields);
                layer.crs = found.crs(fields);
                for (place, name) in names.iter().enumerate() {
                    if !found.uses(place) {
                        layer.push_column(column(name, separator))?;
                    }
                }
                located.insert(found)
            }
        };
        let geometry = located.geometry(fields);
        let values = fields
            .iter()
            .enumerate()
            .filter(|(place, _)| !located.uses(*place))
            .map(|(_, field)| match field {
                "" => Value::Null,
                text => Value::Text(text.to_owned()),
            })
            .collect();
        layer.push(RawFeature {
            number,
            key: None,
            geometry,
            values,
        })?;
    }
    if located.is_none() {
        for name in &names {
            layer.push_column(column(name, separator))?;
        }
    }
    if wrong > 0 && wrong as usize >= layer.features.len() {
        return Err(Refusal::new(format!(
            "is no table: {wrong} rows have more fields than its header of {}",
            names.len()
        )));
    }
    if let Some(Located::EastNorth { east, north }) = &located {
        turn_if_northing_first(&mut layer, &names[*east], &names[*north]);
    }
    Ok(layer)
}

fn column(name: &str, separator: u8) -> RawColumn {
    RawColumn {
        name: name.to_owned(),
        declared: None,
        texts: if separator == b',' {
            Texts::Anything
        } else {
            Texts::AnythingDecimalComma
        },
    }
}

/// Returns the text, read as Windows-1252 if it is not UTF-8.
fn decode<'a>(bytes: &'a [u8], layer: &mut RawLayer) -> Cow<'a, str> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(error) => {
            layer
                .report
                .count("guessed_encoding", Outcome::Noticed, || {
                    format!(
                        "not UTF-8 at byte {}: read as Windows-1252",
                        error.valid_up_to()
                    )
                });
            encoding_rs::WINDOWS_1252
                .decode_without_bom_handling(bytes)
                .0
        }
    }
}

/// Returns the separator that cuts most of the first rows into as many fields as
/// the header, and the header into the most.
fn separator(text: &str) -> u8 {
    let mut end = text.len().min(SAMPLE_BYTES);
    if end < text.len() {
        // Whole lines only.
        end = text.as_bytes()[..end]
            .iter()
            .rposition(|b| *b == b'\n')
            .map_or(end, |newline| newline + 1);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
    }
    let sample = &text[..end];
    let score = |separator: u8| {
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(separator)
            .has_headers(false)
            .flexible(true)
            .from_reader(sample.as_bytes());
        let lengths: Vec<usize> = reader.records().flatten().map(|r| r.len()).collect();
        let header = lengths.first().copied().unwrap_or(0);
        let alike = lengths.iter().filter(|len| **len == header).count();
        // More than half a row alike counts as all: a few rows may be broken.
        let mostly = header > 1 && alike * 2 > lengths.len();
        (mostly, header)
    };
    [b',', b';', b'\t']
        .into_iter()
        .rev()
        .max_by_key(|separator| score(*separator))
        .unwrap_or(b',')
}

/// A row of the table.
enum Row<'a> {
    Good(u64, &'a csv::StringRecord),
    /// Left out, and counted.
    Wrong,
}

struct Rows<'a> {
    reader: csv::Reader<&'a [u8]>,
    names: &'a [String],
    record: csv::StringRecord,
    number: u64,
}

impl Rows<'_> {
    fn next(&mut self, layer: &mut RawLayer) -> Result<Option<Row<'_>>, Refusal> {
        let more = self.reader.read_record(&mut self.record);
        let line = self.record.position().map_or(0, csv::Position::line);
        match more {
            Ok(true) => {}
            Ok(false) => return Ok(None),
            Err(error) => {
                return Err(Refusal::new(format!(
                    "cannot be read after line {line}: {error}"
                )));
            }
        }
        self.number += 1;
        if self.record.as_slice().len() > MAX_ROW_BYTES {
            return Err(Refusal::new(format!(
                "has a row of {} bytes at line {line}, at most {MAX_ROW_BYTES} are read: a quote may be open there",
                self.record.as_slice().len()
            )));
        }
        let expected = self.names.len();
        let extra = self.record.iter().skip(expected).any(|f| !f.is_empty());
        if extra {
            layer.report.count("long_row", Outcome::LeftOut, || {
                format!(
                    "line {line}: {} fields, the header has {expected}",
                    self.record.len()
                )
            });
            return Ok(Some(Row::Wrong));
        }
        if self.record.len() < expected {
            layer.report.count("short_row", Outcome::Repaired, || {
                format!(
                    "line {line}: {} fields, the header has {expected}; the rest is empty",
                    self.record.len()
                )
            });
            while self.record.len() < expected {
                self.record.push_field("");
            }
        }
        self.record.truncate(expected);
        Ok(Some(Row::Good(self.number, &self.record)))
    }
}

/// Where the positions of a table are.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Located {
    Nowhere,
    LonLat { lon: usize, lat: usize },
    EastNorth { east: usize, north: usize },
    Wkt { place: usize },
}

const LON: &[&str] = &[
    "lon",
    "long",
    "longitude",
    "longitud",
    "lng",
    "lon_wgs84",
    "wgs84_lon",
    "lon_deg",
    "lengdgrad",
];
const LAT: &[&str] = &[
    "lat",
    "latitude",
    "latitud",
    "lat_wgs84",
    "wgs84_lat",
    "lat_deg",
    "breddgrad",
];
const EAST: &[&str] = &[
    "e",
    "east",
    "easting",
    "ost",
    "öst",
    "östlig",
    "ostkoordinat",
    "e_koord",
    "koord_e",
    "ekoord",
    "e_coord",
    "sweref_e",
    "sweref99_e",
    "sweref99tm_e",
    "easting_m",
];
const NORTH: &[&str] = &[
    "n",
    "north",
    "northing",
    "nord",
    "norr",
    "nordlig",
    "nordkoordinat",
    "n_koord",
    "koord_n",
    "nkoord",
    "n_coord",
    "sweref_n",
    "sweref99_n",
    "sweref99tm_n",
    "northing_m",
];
const X: &[&str] = &[
    "x",
    "x_koord",
    "xkoord",
    "x_coord",
    "koord_x",
    "coord_x",
    "xkoordinat",
];
const Y: &[&str] = &[
    "y",
    "y_koord",
    "ykoord",
    "y_coord",
    "koord_y",
    "coord_y",
    "ykoordinat",
];
const WKT: &[&str] = &[
    "wkt",
    "geom",
    "geometry",
    "the_geom",
    "wkt_geom",
    "wkb_geometry",
    "geometri",
    "shape",
];

impl Located {
    /// Finds the columns by their names; a column called geometry must also hold
    /// one in the first row.
    fn by_names(names: &[String], first: &csv::StringRecord) -> Located {
        let simple: Vec<String> = names
            .iter()
            .map(|name| {
                let name = name.to_lowercase();
                name.trim()
                    .chars()
                    .map(|c| if c == ' ' || c == '-' { '_' } else { c })
                    .collect()
            })
            .collect();
        let find = |words: &[&str]| {
            words
                .iter()
                .find_map(|word| simple.iter().position(|name| name == word))
        };
        if let Some(place) = find(WKT) {
            let text = first.get(place).unwrap_or_default();
            if text.is_empty() || matches!(from_text(text), RawGeometry::Some { .. }) {
                return Located::Wkt { place };
            }
        }
        if let (Some(lon), Some(lat)) = (find(LON), find(LAT)) {
            return Located::LonLat { lon, lat };
        }
        for (east, north) in [(EAST, NORTH), (X, Y)] {
            if let (Some(east), Some(north)) = (find(east), find(north)) {
                return Located::EastNorth { east, north };
            }
        }
        Located::Nowhere
    }

    fn uses(&self, column: usize) -> bool {
        match self {
            Located::Nowhere => false,
            Located::LonLat { lon: a, lat: b } | Located::EastNorth { east: a, north: b } => {
                column == *a || column == *b
            }
            Located::Wkt { place } => column == *place,
        }
    }

    fn crs(&self, first: &csv::StringRecord) -> FileCrs {
        match self {
            Located::LonLat { .. } => FileCrs::Code("EPSG:4326".to_owned()),
            Located::Wkt { place } => match split_srid(first.get(*place).unwrap_or_default()) {
                (Some(srid), _) => FileCrs::Code(format!("EPSG:{srid}")),
                (None, _) => FileCrs::Unstated,
            },
            _ => FileCrs::Unstated,
        }
    }

    fn geometry(&self, fields: &csv::StringRecord) -> RawGeometry {
        let text = |place: usize| fields.get(place).unwrap_or_default();
        match self {
            Located::Nowhere => RawGeometry::None,
            Located::LonLat { lon: x, lat: y } | Located::EastNorth { east: x, north: y } => {
                match (text(*x), text(*y)) {
                    ("", "") => RawGeometry::None,
                    (x, y) => match (coordinate(x), coordinate(y)) {
                        (Some(x), Some(y)) => RawGeometry::Some {
                            geometry: Geometry::Point(Point::new(x, y)),
                            notes: Notes::default(),
                        },
                        _ => RawGeometry::unusable(
                            "bad_geometry",
                            format!("{x:?} and {y:?} are no position"),
                        ),
                    },
                }
            }
            Located::Wkt { place } => match text(*place) {
                "" => RawGeometry::None,
                text => from_text(text),
            },
        }
    }
}

/// A coordinate with a decimal point or comma, and perhaps spaces between thousands.
fn coordinate(text: &str) -> Option<f64> {
    let plain: String = text
        .chars()
        .filter(|c| !matches!(c, ' ' | '\u{a0}' | '\u{202f}'))
        .map(|c| if c == ',' { '.' } else { c })
        .collect();
    let number: f64 = plain.parse().ok()?;
    number.is_finite().then_some(number)
}

/// Cuts `SRID=3006;` of extended WKT off.
fn split_srid(text: &str) -> (Option<u32>, &str) {
    let parts = text
        .get(..5)
        .filter(|start| start.eq_ignore_ascii_case("SRID="))
        .and_then(|_| text[5..].split_once(';'));
    match parts {
        Some((srid, wkt)) => (srid.trim().parse().ok(), wkt.trim_start()),
        None => (None, text),
    }
}

/// Reads WKT, extended WKT or WKB in hexadecimal digits.
fn from_text(text: &str) -> RawGeometry {
    let (_, text) = split_srid(text);
    if text.len() >= 10 && text.bytes().all(|b| b.is_ascii_hexdigit()) && text.len() % 2 == 0 {
        let bytes: Option<Vec<u8>> = (0..text.len())
            .step_by(2)
            .map(|i| u8::from_str_radix(&text[i..i + 2], 16).ok())
            .collect();
        return wkb::read_wkb(&bytes.unwrap_or_default());
    }
    let mut depth = 0_usize;
    let mut deepest = 0;
    for byte in text.bytes() {
        match byte {
            b'(' => depth += 1,
            b')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    if deepest > MAX_WKT_DEPTH {
        return RawGeometry::unusable("bad_geometry", "WKT that nests too deep");
    }
    let head: Vec<&str> = text
        .split('(')
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    let word = |w: &str| head.iter().skip(1).any(|h| h.eq_ignore_ascii_case(w));
    if word("EMPTY") {
        return RawGeometry::Some {
            geometry: Geometry::MultiPoint(geo_types::MultiPoint(Vec::new())),
            notes: Notes::default(),
        };
    }
    match Wkt(text).to_geo() {
        Ok(geometry) => RawGeometry::Some {
            geometry,
            notes: Notes {
                flattened: word("Z") || word("M") || word("ZM"),
                closed_ring: false,
            },
        },
        Err(error) => RawGeometry::unusable("bad_geometry", format!("no WKT: {error}")),
    }
}

/// Turns positions whose "x" is northing, as Swedish surveyors write it.
///
/// Northings in Sweden lie between 6.1 and 7.7 million metres and eastings below
/// 1.9 million in every system of the country, so the two cannot be confused.
fn turn_if_northing_first(layer: &mut RawLayer, x: &str, y: &str) {
    let mut any = false;
    let all = layer
        .features
        .iter()
        .all(|feature| match &feature.geometry {
            RawGeometry::Some {
                geometry: Geometry::Point(point),
                ..
            } => {
                any = true;
                (6_000_000.0..7_800_000.0).contains(&point.x())
                    && (0.0..1_900_000.0).contains(&point.y())
            }
            _ => true,
        });
    if !(any && all) {
        return;
    }
    for feature in &mut layer.features {
        if let RawGeometry::Some {
            geometry: Geometry::Point(point),
            ..
        } = &mut feature.geometry
        {
            *point = Point::new(point.y(), point.x());
        }
    }
    layer.report.count("axes_swapped", Outcome::Noticed, || {
        format!("{x:?} was read as northing and {y:?} as easting, as Swedish surveyors write them")
    });
}
