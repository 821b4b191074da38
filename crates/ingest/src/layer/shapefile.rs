//! Shapefiles (ESRI, July 1998) and the dBASE tables beside them.
//!
//! The format: `.shp` holds a header of 100 bytes and then one record for each
//! feature, a big-endian number and length in 16-bit words before a
//! little-endian shape. `.dbf` holds the attributes in the same order, as texts
//! of fixed width. `.prj` holds the CRS as WKT and `.cpg` the name of the
//! encoding of texts.
//!
//! Read here rather than by a library, since one broken date or ring must cost
//! one feature and not the file, and counts in the file must not be believed.

use std::path::{Path, PathBuf};

use encoding_rs::Encoding;
use geo::coordinate_position::{CoordPos, CoordinatePosition};
use geo::{Area, BoundingRect};
use geo_types::{
    Coord, Geometry, LineString, MultiLineString, MultiPoint, MultiPolygon, Point, Polygon,
};
use jiff::civil::Date;
use model::{ColumnKind, Value};

use crate::report::Outcome;

use super::raw::{FileCrs, Notes, RawColumn, RawFeature, RawGeometry, RawLayer, Refusal, Texts};

/// Largest file that is read into memory: the format itself ends at 4 GB, and
/// its usual software at half of that.
const MAX_BYTES: u64 = 4 << 30;

/// Largest `.prj` or `.cpg`.
const MAX_TEXT_BYTES: u64 = 64 << 10;

/// The files of one Shapefile.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    pub(crate) shp: Vec<u8>,
    pub(crate) dbf: Option<Vec<u8>>,
    pub(crate) prj: Option<String>,
    pub(crate) cpg: Option<String>,
}

/// Reads the Shapefile whose `.shp` is at `path`, with the files beside it.
pub(crate) fn read_beside(path: &Path) -> Result<RawLayer, Refusal> {
    if path
        .extension()
        .is_some_and(|e| e.eq_ignore_ascii_case("shx"))
    {
        return Err(Refusal::new(
            "is the index of a Shapefile: name the .shp beside it",
        ));
    }
    let text = |ending| {
        read_sibling(path, ending, MAX_TEXT_BYTES)
            .map(|bytes| bytes.map(|b| String::from_utf8_lossy(&b).into_owned()))
    };
    let parts = Parts {
        shp: read_bounded(path, MAX_BYTES)?,
        dbf: read_sibling(path, "dbf", MAX_BYTES)?,
        prj: text("prj")?,
        cpg: text("cpg")?,
    };
    read_shapefile(&parts)
}

/// Reads the file of the same name with another ending, in small or capital letters.
fn read_sibling(path: &Path, ending: &str, most: u64) -> Result<Option<Vec<u8>>, Refusal> {
    let found: Option<PathBuf> = [ending.to_owned(), ending.to_ascii_uppercase()]
        .iter()
        .map(|ending| path.with_extension(ending))
        .find(|sibling| sibling.is_file());
    found
        .map(|sibling| read_bounded(&sibling, most))
        .transpose()
}

fn read_bounded(path: &Path, most: u64) -> Result<Vec<u8>, Refusal> {
    let cannot =
        |error: std::io::Error| Refusal::new(format!("{} cannot be read: {error}", path.display()));
    let len = std::fs::metadata(path).map_err(cannot)?.len();
    if len > most {
        return Err(Refusal::new(format!(
            "{} has {len} bytes, at most {most} are read",
            path.display()
        )));
    }
    std::fs::read(path).map_err(cannot)
}

/// Reads a Shapefile from its parts.
pub(crate) fn read_shapefile(parts: &Parts) -> Result<RawLayer, Refusal> {
    let mut layer = RawLayer {
        crs: match &parts.prj {
            Some(text) if !text.trim().is_empty() => FileCrs::Definition(text.trim().to_owned()),
            _ => FileCrs::Unstated,
        },
        ..RawLayer::default()
    };
    let shapes = read_shp(&parts.shp)?;
    let table = match &parts.dbf {
        Some(dbf) => Some(read_dbf(dbf, parts.cpg.as_deref(), &mut layer)?),
        None => {
            layer.report.count("no_attributes", Outcome::Noticed, || {
                "there is no .dbf: features have no attributes".to_owned()
            });
            None
        }
    };
    if let Some(rows) = &table
        && rows.len() != shapes.len()
    {
        return Err(Refusal::new(format!(
            "has {} shapes in its .shp but {} rows in its .dbf: the files do not belong together or one is truncated",
            shapes.len(),
            rows.len()
        )));
    }
    let mut rows = table.into_iter().flatten();
    for (geometry, number) in shapes.into_iter().zip(1..) {
        let values = match rows.next() {
            None => Vec::new(),
            Some(Row::Live(values)) => values,
            Some(Row::Deleted) => {
                layer.report.count("deleted_row", Outcome::LeftOut, || {
                    format!("feature {number}: marked as deleted in the .dbf")
                });
                continue;
            }
        };
        layer.push(RawFeature {
            number,
            key: None,
            geometry,
            values,
        })?;
    }
    Ok(layer)
}

fn le_u32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn be_u32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn f64_at(bytes: &[u8], at: usize) -> Option<f64> {
    Some(f64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

const SHP_HEADER_BYTES: usize = 100;

/// Reads all records of a `.shp`.
fn read_shp(shp: &[u8]) -> Result<Vec<RawGeometry>, Refusal> {
    if shp.len() < SHP_HEADER_BYTES || be_u32(shp, 0) != Some(9994) {
        return Err(Refusal::new(
            "has a .shp that is truncated or no Shapefile: it lacks its header of 100 bytes",
        ));
    }
    let claimed = be_u32(shp, 24).map_or(0, |words| u64::from(words) * 2);
    if claimed > shp.len() as u64 {
        return Err(Refusal::new(format!(
            "has a .shp of {} bytes that should have {claimed}: it is truncated, fetch it again",
            shp.len()
        )));
    }
    // Some writers leave the length at zero; what follows the records is no record.
    let end = match usize::try_from(claimed) {
        Ok(end) if end >= SHP_HEADER_BYTES => end,
        _ => shp.len(),
    };
    let mut shapes = Vec::new();
    let mut at = SHP_HEADER_BYTES;
    while at < end {
        let record = be_u32(shp, at + 4)
            .map(|words| words as usize * 2)
            .and_then(|len| shp[..end].get(at + 8..at + 8 + len))
            .ok_or_else(|| {
                Refusal::new(format!(
                    "has a .shp that breaks off in record {} at byte {at}: it is truncated or damaged, fetch it again",
                    shapes.len() + 1
                ))
            })?;
        shapes.push(shape(record));
        at += 8 + record.len();
    }
    Ok(shapes)
}

/// Reads one shape.
fn shape(record: &[u8]) -> RawGeometry {
    let Some(code) = le_u32(record, 0) else {
        return RawGeometry::unusable("bad_geometry", "a record too short for a shape");
    };
    let mut notes = Notes {
        flattened: matches!(code, 11 | 13 | 15 | 18 | 21 | 23 | 25 | 28),
        closed_ring: false,
    };
    let geometry = match code {
        0 => return RawGeometry::None,
        1 | 11 | 21 => point(record),
        8 | 18 | 28 => multi_point(record),
        3 | 13 | 23 => parts(record).map(|parts| {
            let mut lines: Vec<_> = parts.into_iter().map(LineString).collect();
            if lines.len() == 1 {
                Geometry::LineString(lines.remove(0))
            } else {
                Geometry::MultiLineString(MultiLineString(lines))
            }
        }),
        5 | 15 | 25 => parts(record)
            .map(|parts| polygons(parts.into_iter().map(|path| notes.ring(path)).collect())),
        31 => {
            return RawGeometry::unusable(
                "unsupported_geometry",
                "a MultiPatch: 3D surfaces are not read",
            );
        }
        other => {
            return RawGeometry::unusable(
                "bad_geometry",
                format!("shape type {other}, which is not defined"),
            );
        }
    };
    match geometry {
        Some(geometry) => RawGeometry::Some { geometry, notes },
        None => RawGeometry::unusable(
            "bad_geometry",
            format!(
                "shape type {code} whose counts do not fit its record of {} bytes",
                record.len()
            ),
        ),
    }
}

fn coord(record: &[u8], at: usize) -> Option<Coord<f64>> {
    Some(Coord {
        x: f64_at(record, at)?,
        y: f64_at(record, at + 8)?,
    })
}

fn point(record: &[u8]) -> Option<Geometry<f64>> {
    Some(Geometry::Point(Point(coord(record, 4)?)))
}

fn multi_point(record: &[u8]) -> Option<Geometry<f64>> {
    let count = le_u32(record, 36)? as usize;
    let points = coords(record, 40, count)?;
    Some(Geometry::MultiPoint(MultiPoint(
        points.into_iter().map(Point).collect(),
    )))
}

/// Reads `count` positions, or nothing if they are not there.
fn coords(record: &[u8], at: usize, count: usize) -> Option<Vec<Coord<f64>>> {
    let bytes = record.get(at..at.checked_add(count.checked_mul(16)?)?)?;
    (0..count).map(|i| coord(bytes, i * 16)).collect()
}

/// Reads the parts of a line or polygon.
fn parts(record: &[u8]) -> Option<Vec<Vec<Coord<f64>>>> {
    let part_count = le_u32(record, 36)? as usize;
    let point_count = le_u32(record, 40)? as usize;
    let points_at = 44_usize.checked_add(part_count.checked_mul(4)?)?;
    if points_at > record.len() {
        return None;
    }
    let points = coords(record, points_at, point_count)?;
    (0..part_count)
        .map(|part| {
            let start = le_u32(record, 44 + part * 4)? as usize;
            let end = if part + 1 < part_count {
                le_u32(record, 48 + part * 4)? as usize
            } else {
                point_count
            };
            points.get(start..end).map(<[_]>::to_vec)
        })
        .collect()
}

/// Puts rings together: clockwise ones are shells, the others holes of the
/// smallest shell around them. A hole outside every shell is taken as a shell,
/// as writers who do not know the rule mean it.
fn polygons(rings: Vec<LineString<f64>>) -> Geometry<f64> {
    let area = |ring: &LineString<f64>| Polygon::new(ring.clone(), Vec::new()).signed_area();
    let mut shells = Vec::new();
    let mut others = Vec::new();
    for ring in rings {
        let area = area(&ring);
        if area < 0.0 {
            shells.push(Shell::new(ring, area));
        } else {
            others.push((ring, area));
        }
    }
    others.sort_by(|a, b| b.1.total_cmp(&a.1));
    for (ring, area) in others {
        let around = shells
            .iter_mut()
            .filter(|shell| shell.area > area && shell.holds(&ring))
            .min_by(|a, b| a.area.total_cmp(&b.area));
        match around {
            Some(shell) => shell.holes.push(ring),
            None => shells.push(Shell::new(ring, area)),
        }
    }
    let mut polygons: Vec<_> = shells
        .into_iter()
        .map(|shell| Polygon::new(shell.polygon.into_inner().0, shell.holes))
        .collect();
    if polygons.len() == 1 {
        Geometry::Polygon(polygons.remove(0))
    } else {
        Geometry::MultiPolygon(MultiPolygon(polygons))
    }
}

struct Shell {
    polygon: Polygon<f64>,
    area: f64,
    holes: Vec<LineString<f64>>,
}

impl Shell {
    fn new(ring: LineString<f64>, area: f64) -> Shell {
        Shell {
            polygon: Polygon::new(ring, Vec::new()),
            area: area.abs(),
            holes: Vec::new(),
        }
    }

    /// Returns whether the ring lies inside, judged by its first point that is
    /// not on the edge.
    fn holds(&self, ring: &LineString<f64>) -> bool {
        let (Some(own), Some(other)) = (self.polygon.bounding_rect(), ring.bounding_rect()) else {
            return false;
        };
        let inside_box = own.min().x <= other.min().x
            && own.min().y <= other.min().y
            && other.max().x <= own.max().x
            && other.max().y <= own.max().y;
        inside_box
            && ring
                .0
                .iter()
                .map(|c| self.polygon.coordinate_position(c))
                .find(|position| *position != CoordPos::OnBoundary)
                .is_none_or(|position| position == CoordPos::Inside)
    }
}

/// A row of a `.dbf`.
enum Row {
    Live(Vec<Value>),
    Deleted,
}

struct Field {
    name: Vec<u8>,
    kind: u8,
    at: usize,
    width: usize,
    decimals: u8,
}

impl Field {
    fn declared(&self) -> Option<ColumnKind> {
        Some(match self.kind {
            b'C' => ColumnKind::Text,
            b'N' if self.decimals == 0 => ColumnKind::Integer,
            b'N' | b'F' | b'O' | b'B' => ColumnKind::Number,
            b'I' | b'+' => ColumnKind::Integer,
            b'L' => ColumnKind::Boolean,
            b'D' => ColumnKind::Date,
            _ => return None,
        })
    }
}

/// Reads the table into columns of `layer` and returns its rows.
fn read_dbf(dbf: &[u8], cpg: Option<&str>, layer: &mut RawLayer) -> Result<Vec<Row>, Refusal> {
    let short = || Refusal::new("has a .dbf that is truncated or no dBASE table: fetch it again");
    let count = le_u32(dbf, 4).ok_or_else(short)? as usize;
    let u16_at = |at: usize| {
        let bytes = dbf.get(at..at + 2)?;
        Some(usize::from(u16::from_le_bytes(bytes.try_into().ok()?)))
    };
    let header_len = u16_at(8).ok_or_else(short)?;
    let row_len = u16_at(10).filter(|len| *len > 0).ok_or_else(short)?;
    let header = dbf.get(32..header_len).ok_or_else(short)?;
    let language = dbf[29];

    let mut fields = Vec::new();
    let mut at = 1;
    for descriptor in header.chunks_exact(32) {
        if descriptor[0] == 0x0d {
            break;
        }
        let name = descriptor[..11].split(|b| *b == 0).next();
        let field = Field {
            name: name.unwrap_or_default().to_vec(),
            kind: descriptor[11].to_ascii_uppercase(),
            at,
            width: usize::from(descriptor[16]),
            decimals: descriptor[17],
        };
        at += field.width;
        fields.push(field);
    }
    if at > row_len {
        return Err(Refusal::new(format!(
            "has a .dbf whose rows of {row_len} bytes cannot hold its fields of {at}: it is damaged"
        )));
    }
    let body = &dbf[header_len..];
    if body.len() / row_len < count {
        return Err(Refusal::new(format!(
            "has a .dbf that breaks off after {} of {count} rows: it is truncated, fetch it again",
            body.len() / row_len
        )));
    }
    let body = &body[..count * row_len];

    let texts: Vec<&Field> = fields.iter().filter(|f| f.kind == b'C').collect();
    let encoding = encoding(cpg, language, layer, || {
        let names = fields.iter().flat_map(|f| f.name.iter().copied());
        let cells = body.chunks_exact(row_len).flat_map(|row| {
            texts
                .iter()
                .flat_map(|f| row[f.at..f.at + f.width].iter().copied())
        });
        names.chain(cells).collect()
    });
    let decode = |bytes: &[u8]| encoding.decode_without_bom_handling(bytes).0.into_owned();

    let mut columns = Vec::new();
    for field in &fields {
        let name = decode(&field.name).trim().to_owned();
        match field.declared() {
            Some(kind) => {
                layer.push_column(RawColumn {
                    name,
                    declared: Some(kind),
                    texts: Texts::Only,
                })?;
                columns.push(field);
            }
            None => layer.report.count("unread_column", Outcome::LeftOut, || {
                format!(
                    "column {name:?}: type {:?} is not read",
                    char::from(field.kind)
                )
            }),
        }
    }
    Ok(body
        .chunks_exact(row_len)
        .map(|row| {
            if row[0] == b'*' {
                return Row::Deleted;
            }
            Row::Live(
                columns
                    .iter()
                    .map(|field| value_of(&row[field.at..field.at + field.width], field, &decode))
                    .collect(),
            )
        })
        .collect())
}

fn value_of(cell: &[u8], field: &Field, decode: &impl Fn(&[u8]) -> String) -> Value {
    match (field.kind, cell) {
        (b'I' | b'+', &[a, b, c, d]) => {
            return Value::Integer(i64::from(i32::from_le_bytes([a, b, c, d])));
        }
        (b'O' | b'B', cell) if cell.len() == 8 => {
            return f64_at(cell, 0).map_or(Value::Null, Value::Number);
        }
        _ => {}
    }
    let text = decode(cell);
    let text = text.trim_end_matches(['\0', ' ']);
    let trimmed = text.trim();
    // Stars are how dBASE writes a number that does not fit.
    if trimmed.is_empty() || (field.kind != b'C' && trimmed.bytes().all(|b| b == b'*' || b == b'?'))
    {
        return Value::Null;
    }
    let typed = match field.kind {
        b'N' if field.decimals == 0 => match trimmed.parse() {
            Ok(whole) => Some(Value::Integer(whole)),
            Err(_) => trimmed.parse().ok().map(Value::Number),
        },
        b'N' | b'F' => trimmed.parse().ok().map(Value::Number),
        b'L' => match trimmed {
            "Y" | "y" | "T" | "t" => Some(Value::Boolean(true)),
            "N" | "n" | "F" | "f" => Some(Value::Boolean(false)),
            _ => None,
        },
        b'D' if trimmed.bytes().all(|b| b == b'0') => Some(Value::Null),
        b'D' => day(trimmed).map(Value::Date),
        _ => None,
    };
    typed.unwrap_or_else(|| Value::Text(text.to_owned()))
}

/// The day that `20260503` names.
fn day(text: &str) -> Option<Date> {
    if text.len() != 8 || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Date::new(
        text[..4].parse().ok()?,
        text[4..6].parse().ok()?,
        text[6..].parse().ok()?,
    )
    .ok()
}

/// Returns the encoding that the `.cpg` names, else the language byte of the
/// table, else UTF-8 if all texts are valid UTF-8, else Windows-1252.
fn encoding(
    cpg: Option<&str>,
    language: u8,
    layer: &mut RawLayer,
    texts: impl Fn() -> Vec<u8>,
) -> &'static Encoding {
    if let Some(encoding) = cpg.and_then(encoding_of_name) {
        return encoding;
    }
    // The code pages in which municipal software writes; 0x57 is "ANSI".
    match language {
        0x03 | 0x57 | 0x58 | 0x59 => return encoding_rs::WINDOWS_1252,
        0xc8 => return encoding_rs::WINDOWS_1250,
        0xc9 => return encoding_rs::WINDOWS_1251,
        _ => {}
    }
    let texts = texts();
    if texts.is_ascii() || std::str::from_utf8(&texts).is_ok() {
        return encoding_rs::UTF_8;
    }
    layer
        .report
        .count("guessed_encoding", Outcome::Noticed, || {
            "texts were read as Windows-1252: put a .cpg beside the file to name another".to_owned()
        });
    encoding_rs::WINDOWS_1252
}

/// Understands `UTF-8`, `1252`, `ANSI 1252`, `ISO 88591` and the labels of the web.
fn encoding_of_name(name: &str) -> Option<&'static Encoding> {
    let name = name.trim().to_ascii_lowercase();
    let digits: String = name.chars().filter(char::is_ascii_digit).collect();
    let label = match digits.as_str() {
        "88591" => "iso-8859-1".to_owned(),
        "885915" => "iso-8859-15".to_owned(),
        "65001" => "utf-8".to_owned(),
        "1250" | "1251" | "1252" | "1257" => format!("windows-{digits}"),
        _ => name,
    };
    Encoding::for_label(label.as_bytes())
}
