//! What comes before the tiles of a GeoTIFF: its header, a note of its layout, and its
//! directories.

use model::GridFrame;

use super::pile::Size;
use super::{Samples, TILE, kind, tag};

/// What a file of heights says of its values and where they lie.
#[derive(Debug, Clone)]
pub(super) struct Description {
    /// EPSG code of the CRS.
    pub(super) crs: Option<u16>,
    /// EPSG code of the vertical CRS, if the values are elevations.
    pub(super) vertical: Option<u16>,
    pub(super) samples: Samples,
    /// Whether tiles are compressed.
    pub(super) compressed: bool,
    /// Unit of the values.
    pub(super) unit: &'static str,
    /// What the file shows; may be empty.
    pub(super) text: String,
}

/// Where the tiles of a level lie, and how long they are; 0 and 0 for one left out.
#[derive(Debug, Clone)]
pub(super) struct Places {
    pub(super) size: Size,
    pub(super) offsets: Vec<u64>,
    pub(super) lengths: Vec<u64>,
}

impl Places {
    pub(super) fn unknown(size: Size) -> Places {
        Places {
            size,
            offsets: vec![0; size.tiles()],
            lengths: vec![0; size.tiles()],
        }
    }
}

/// Statistics of the values of the finest level.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Statistics {
    pub(super) count: u64,
    pub(super) cells: u64,
    pub(super) min: f64,
    pub(super) max: f64,
    pub(super) mean: f64,
    /// Sum of squared distances from the mean.
    pub(super) squares: f64,
}

impl Statistics {
    pub(super) fn of_none(cells: u64) -> Statistics {
        Statistics {
            count: 0,
            cells,
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
            mean: 0.0,
            squares: 0.0,
        }
    }

    /// Counts values in, of which NaN is none. Sums are of differences from a mean, and
    /// lose nothing to the size of the values (Chan, Golub and LeVeque 1979).
    pub(super) fn add(&mut self, values: impl Iterator<Item = f64> + Clone) {
        let known = || values.clone().filter(|value| !value.is_nan());
        let count = known().count() as u64;
        if count == 0 {
            return;
        }
        let mean = known().sum::<f64>() / count as f64;
        let squares = known().map(|value| (value - mean) * (value - mean)).sum();
        self.merge(&Statistics {
            count,
            cells: self.cells,
            min: known().fold(f64::INFINITY, f64::min),
            max: known().fold(f64::NEG_INFINITY, f64::max),
            mean,
            squares,
        });
    }

    /// Counts in how often each byte is there, of which 0 is none.
    pub(super) fn add_bytes(&mut self, counts: &[u64; 256]) {
        let known = || (1..256).filter(|&byte| counts[byte] > 0);
        let (Some(min), Some(max)) = (known().next(), known().next_back()) else {
            return;
        };
        let sum = |of: &dyn Fn(f64) -> f64| -> f64 {
            known()
                .map(|byte| counts[byte] as f64 * of(byte as f64))
                .sum()
        };
        let count = counts[1..].iter().sum::<u64>();
        let mean = sum(&|value| value) / count as f64;
        self.merge(&Statistics {
            count,
            cells: self.cells,
            min: min as f64,
            max: max as f64,
            mean,
            squares: sum(&|value| (value - mean) * (value - mean)),
        });
    }

    fn merge(&mut self, other: &Statistics) {
        let (own, more) = (self.count as f64, other.count as f64);
        let off = other.mean - self.mean;
        self.count += other.count;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        self.mean += off * more / (own + more);
        self.squares += other.squares + off * off * own * more / (own + more);
    }
}

/// One field of a directory.
struct Field {
    tag: u16,
    kind: u16,
    count: u64,
    bytes: Vec<u8>,
}

impl Field {
    fn shorts(tag: u16, values: &[u16]) -> Field {
        Field {
            tag,
            kind: kind::SHORT,
            count: values.len() as u64,
            bytes: values.iter().flat_map(|n| n.to_le_bytes()).collect(),
        }
    }

    fn long(tag: u16, value: usize) -> Field {
        Field {
            tag,
            kind: kind::LONG,
            count: 1,
            bytes: (value as u32).to_le_bytes().to_vec(),
        }
    }

    fn doubles(tag: u16, values: &[f64]) -> Field {
        Field {
            tag,
            kind: kind::DOUBLE,
            count: values.len() as u64,
            bytes: values.iter().flat_map(|n| n.to_le_bytes()).collect(),
        }
    }

    fn text(tag: u16, text: &str) -> Field {
        let bytes = [text.as_bytes(), b"\0"].concat();
        Field {
            tag,
            kind: kind::ASCII,
            count: bytes.len() as u64,
            bytes,
        }
    }

    fn places(tag: u16, values: &[u64], big: bool) -> Field {
        let bytes = values.iter().flat_map(|n| {
            let bytes = n.to_le_bytes();
            bytes.into_iter().take(if big { 8 } else { 4 })
        });
        Field {
            tag,
            kind: if big { kind::LONG8 } else { kind::LONG },
            count: values.len() as u64,
            bytes: bytes.collect(),
        }
    }
}

/// Tells readers how directories and tiles lie, so that they need not look (the structural
/// metadata of GDAL's COG driver). A line with its length, then so much text that the
/// directories after it begin at a multiple of eight.
const LAYOUT: &str = "GDAL_STRUCTURAL_METADATA_SIZE=000149 bytes\n\
    LAYOUT=IFDS_BEFORE_DATA\nBLOCK_ORDER=ROW_MAJOR\nBLOCK_LEADER=SIZE_AS_UINT4\n\
    BLOCK_TRAILER=LAST_4_BYTES_REPEATED\nKNOWN_INCOMPATIBLE_EDITION=NO\n          ";

/// Bytes before a tile, its length, and after it, its last four again: what [`LAYOUT`]
/// promises. Readers learn the length without the directory, and whether somebody has
/// written over the tile.
pub(super) const AROUND_TILE: usize = 4;

/// The bytes of a tile with what belongs around it.
pub(super) fn wrapped(tile: &[u8]) -> Vec<u8> {
    let last = tile.last_chunk::<AROUND_TILE>();
    let last = last.expect("no tile is that short");
    [&(tile.len() as u32).to_le_bytes(), tile, last].concat()
}

/// Everything before the tiles. Its length depends on the sizes of the levels, on what is
/// described, on whether there are statistics, and on `big`; not on any number in them.
pub(super) fn directories(
    frame: &GridFrame,
    levels: &[Places],
    description: &Description,
    statistics: Option<&Statistics>,
    big: bool,
) -> Vec<u8> {
    let fields: Vec<_> = levels
        .iter()
        .enumerate()
        .map(|(number, level)| {
            let mut fields = layout(number, level, description, big);
            if number == 0 {
                fields.extend(meaning(frame, description, statistics));
            }
            let no_data = match description.samples {
                Samples::Float32 => "nan",
                Samples::Byte => "0",
            };
            fields.push(Field::text(tag::GDAL_NODATA, no_data));
            // TIFF 6.0 has them in ascending order.
            fields.sort_by_key(|field| field.tag);
            fields
        })
        .collect();
    let (header_len, inline) = if big { (16, 8) } else { (8, 4) };
    let directory_len = |fields: &Vec<Field>| {
        if big {
            8 + 20 * fields.len() + 8
        } else {
            2 + 12 * fields.len() + 4
        }
    };
    let start = header_len + LAYOUT.len();
    let mut bytes = if big {
        let first = (start as u64).to_le_bytes();
        [&b"II\x2b\0\x08\0\0\0"[..], &first].concat()
    } else {
        let first = (start as u32).to_le_bytes();
        [&b"II\x2a\0"[..], &first].concat()
    };
    bytes.extend(LAYOUT.as_bytes());
    let mut arrays = Vec::new();
    let arrays_start = start + fields.iter().map(directory_len).sum::<usize>();
    // Eight-byte numbers are read where they lie.
    let padding = arrays_start.next_multiple_of(8) - arrays_start;
    let arrays_start = arrays_start + padding;
    let push = |bytes: &mut Vec<u8>, place: u64| {
        bytes.extend(&place.to_le_bytes()[..inline]);
    };
    for (i, fields) in fields.iter().enumerate() {
        let end = bytes.len() + directory_len(fields);
        if big {
            bytes.extend((fields.len() as u64).to_le_bytes());
        } else {
            bytes.extend((fields.len() as u16).to_le_bytes());
        }
        for field in fields {
            bytes.extend(field.tag.to_le_bytes());
            bytes.extend(field.kind.to_le_bytes());
            push(&mut bytes, field.count);
            if field.bytes.len() <= inline {
                bytes.extend(&field.bytes);
                bytes.extend(&[0; 8][..inline - field.bytes.len()]);
            } else {
                push(&mut bytes, (arrays_start + arrays.len()) as u64);
                arrays.extend(&field.bytes);
                arrays.resize(arrays.len().next_multiple_of(8), 0);
            }
        }
        let is_last = i + 1 == levels.len();
        push(&mut bytes, if is_last { 0 } else { end as u64 });
    }
    bytes.extend(&[0; 8][..padding]);
    bytes.extend(arrays);
    bytes
}

/// How a level lies in the file.
fn layout(number: usize, level: &Places, description: &Description, big: bool) -> Vec<Field> {
    // 1 is unsigned, 3 is IEEE floating point.
    let (bits, format) = match description.samples {
        Samples::Byte => (8, 1),
        Samples::Float32 => (32, 3),
    };
    let mut fields = vec![
        Field::long(tag::NEW_SUBFILE_TYPE, usize::from(number > 0)),
        Field::long(tag::IMAGE_WIDTH, level.size.columns),
        Field::long(tag::IMAGE_LENGTH, level.size.rows),
        Field::shorts(tag::BITS_PER_SAMPLE, &[bits]),
        // 8 is zlib, 1 nothing.
        Field::shorts(
            tag::COMPRESSION,
            &[if description.compressed { 8 } else { 1 }],
        ),
        Field::shorts(tag::PHOTOMETRIC_INTERPRETATION, &[1]),
        Field::shorts(tag::SAMPLES_PER_PIXEL, &[1]),
        Field::shorts(tag::PLANAR_CONFIGURATION, &[1]),
        Field::shorts(tag::TILE_WIDTH, &[TILE as u16]),
        Field::shorts(tag::TILE_LENGTH, &[TILE as u16]),
        Field::places(tag::TILE_OFFSETS, &level.offsets, big),
        Field::places(tag::TILE_BYTE_COUNTS, &level.lengths, big),
        Field::shorts(tag::SAMPLE_FORMAT, &[format]),
    ];
    if description.compressed {
        let predictor = match description.samples {
            Samples::Byte => 2,
            Samples::Float32 => 3,
        };
        fields.push(Field::shorts(tag::PREDICTOR, &[predictor]));
    }
    fields
}

/// Where the finest level lies on the map, and what its values are.
fn meaning(
    frame: &GridFrame,
    description: &Description,
    statistics: Option<&Statistics>,
) -> Vec<Field> {
    let size = frame.cell_size_m;
    let tie = [0.0, 0.0, 0.0, frame.west, frame.north, 0.0];
    let mut fields = vec![
        Field::doubles(tag::MODEL_PIXEL_SCALE, &[size, size, 0.0]),
        Field::doubles(tag::MODEL_TIEPOINT, &tie),
        Field::shorts(tag::GEO_KEY_DIRECTORY, &geo_keys(description)),
        Field::text(tag::GDAL_METADATA, &metadata(description.unit, statistics)),
    ];
    if !description.text.is_empty() {
        fields.push(Field::text(tag::IMAGE_DESCRIPTION, &description.text));
    }
    fields
}

/// Keys of GeoTIFF 1.1: readers take a vertical CRS seriously from that version on.
fn geo_keys(description: &Description) -> Vec<u16> {
    /// EPSG's metre.
    const METRE: u16 = 9001;
    // GTModelType: projected. GTRasterType: a value stands for its cell's area.
    let mut keys = vec![(1024, 1), (1025, 1)];
    if let Some(code) = description.crs {
        keys.extend([(3072, code), (3076, METRE)]);
    }
    if let Some(code) = description.vertical {
        keys.extend([(4096, code), (4099, METRE)]);
    }
    let header = [1, 1, 1, keys.len() as u16];
    let entries = keys.into_iter().flat_map(|(key, value)| [key, 0, 1, value]);
    header.into_iter().chain(entries).collect()
}

/// Unit and statistics in GDAL's words, padded so that its length is always the same.
fn metadata(unit: &str, statistics: Option<&Statistics>) -> String {
    let mut text = format!(
        "<GDALMetadata><Item name=\"UNITTYPE\" sample=\"0\" role=\"unittype\">{unit}</Item>"
    );
    let mut len = text.len() + "</GDALMetadata>".len();
    if let Some(statistics) = statistics {
        // Five numbers of at most 50 characters (f32::MAX has 39 digits), and their names.
        len += 640;
        let count = statistics.count as f64;
        let numbers = [
            ("MAXIMUM", statistics.max),
            ("MEAN", statistics.mean),
            ("MINIMUM", statistics.min),
            ("STDDEV", (statistics.squares / count).sqrt()),
            ("VALID_PERCENT", 100.0 * count / statistics.cells as f64),
        ];
        for (name, number) in numbers.into_iter().filter(|_| statistics.count > 0) {
            text += &format!("<Item name=\"STATISTICS_{name}\" sample=\"0\">{number:.9}</Item>");
        }
    }
    text += "</GDALMetadata>";
    format!("{text:<len$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_note_of_the_layout_is_as_long_as_it_says_and_ends_where_numbers_lie_well() {
        let (first, rest) = LAYOUT.split_once('\n').unwrap();
        let said = first.trim_start_matches(|c: char| !c.is_ascii_digit());
        assert_eq!(said, format!("{:06} bytes", rest.len()));
        assert_eq!(LAYOUT.len() % 8, 0);
    }

    #[test]
    fn directories_take_as_much_room_whatever_the_statistics_are() {
        let frame = GridFrame {
            west: 1e6,
            north: 7e6,
            cell_size_m: 0.5,
            columns: 10,
            rows: 10,
        };
        let size = Size {
            columns: 10,
            rows: 10,
        };
        let description = Description {
            crs: Some(3006),
            vertical: None,
            samples: Samples::Float32,
            compressed: true,
            unit: "metre",
            text: "x".to_owned(),
        };
        let levels = [Places::unknown(size)];
        let mut statistics = Statistics::of_none(100);
        let len = |statistics: &Statistics| {
            directories(&frame, &levels, &description, Some(statistics), false).len()
        };
        let before = len(&statistics);
        for value in [f64::from(f32::MIN), f64::from(f32::MAX), 1.0 / 3.0] {
            statistics.add([value].into_iter());
            assert_eq!(len(&statistics), before);
        }
    }
}
