//! The points of a survey as LAZ: LAS 1.4, point format 6, 7 or 8, in the order in
//! which they came.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use las::point::Format;

use las::{Builder, PointDataBuilder, Transform, Vector, Version, Writer};
use model::{Bounds, PointBatch};

use crate::Error;

/// Which columns the points of a survey have, and how finely they are kept.
#[derive(Debug, Clone, PartialEq)]
pub struct PointLayout {
    /// WKT of the CRS.
    pub crs_wkt: String,
    /// Steps in which coordinates are kept, in metres.
    pub scale_m: [f64; 3],
    /// Whether there is colour.
    pub has_rgb: bool,
    /// Whether there is near infrared.
    pub has_nir: bool,
}

/// Points on their way to disk.
///
/// Whatever is not given to [`crate::Transaction::put_survey`] goes when its
/// transaction does.
pub struct SurveyWriter {
    path: PathBuf,
    layout: PointLayout,
    format: Format,
    /// Made with the first batch, which tells where the survey is.
    writer: Option<Writer<BufWriter<File>>>,
    point_count: u64,
    bounds: Option<Bounds>,
}

impl std::fmt::Debug for SurveyWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SurveyWriter")
            .field("path", &self.path)
            .field("layout", &self.layout)
            .field("point_count", &self.point_count)
            .finish_non_exhaustive()
    }
}

impl SurveyWriter {
    pub(crate) fn new(path: PathBuf, layout: PointLayout) -> Result<SurveyWriter, Error> {
        if !layout.scale_m.iter().all(|s| s.is_finite() && *s > 0.0) {
            return Err(Error::Refused(format!(
                "coordinates cannot be kept in steps of {:?} m",
                layout.scale_m
            )));
        }
        // Point formats of LAS 1.4: 6 is bare, 7 has colour, 8 also near infrared.
        let number = match (layout.has_rgb, layout.has_nir) {
            (false, false) => 6,
            (true, false) => 7,
            (_, true) => 8,
        };
        let format = Format::new(number).map_err(|error| las_error(&path, error))?;
        Ok(SurveyWriter {
            path,
            layout,
            format,
            writer: None,
            point_count: 0,
            bounds: None,
        })
    }

    /// Writes a batch.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] if the columns differ in length, a coordinate is not finite
    /// or lies too far from the first for the steps of the layout; [`Error::Io`].
    pub fn write(&mut self, batch: &PointBatch) -> Result<(), Error> {
        if batch.is_empty() {
            return Ok(());
        }
        check_columns(batch)?;
        let bounds = Bounds::of_points(batch.x.iter().zip(&batch.y).map(|(&x, &y)| [x, y]));
        let bounds = bounds.ok_or_else(|| {
            Error::Refused("a point has a coordinate that is not finite".to_owned())
        })?;
        let writer = match &mut self.writer {
            Some(writer) => writer,
            None => {
                let origin = [bounds.min_x(), bounds.min_y(), 0.0];
                let writer = start(&self.path, &self.layout, self.format, origin)?;
                self.writer.insert(writer)
            }
        };
        let transforms = *writer.header().transforms();
        let records = records(batch, self.format, &transforms)?;
        PointDataBuilder::new()
            .with_format(self.format)
            .with_transforms(transforms)
            .build_from_bytes(records)
            .and_then(|points| writer.write_points(&points))
            .map_err(|error| las_error(&self.path, error))?;
        self.point_count += batch.len() as u64;
        self.bounds = Some(self.bounds.map_or(bounds, |b| b.union(&bounds)));
        Ok(())
    }

    /// Makes the file durable and returns where it is and how many points it has.
    pub(crate) fn finish(mut self) -> Result<(PathBuf, u64), Error> {
        let Some(mut writer) = self.writer.take() else {
            return Err(Error::Refused("the survey has no points".to_owned()));
        };
        writer
            .close()
            .map_err(|error| las_error(&self.path, error))?;
        drop(writer);
        let sync = || File::open(&self.path)?.sync_all();
        sync().map_err(Error::io(&self.path))?;
        Ok((self.path, self.point_count))
    }
}

/// Counts the points of a file by reading them all.
pub(crate) fn count(path: &Path) -> Result<u64, Error> {
    let damaged = |error: las::Error| match error {
        las::Error::Io(source) => Error::Io {
            path: path.to_owned(),
            source,
        },
        other => Error::corrupt(path, other.to_string()),
    };
    let mut reader = las::Reader::from_path(path).map_err(damaged)?;
    let mut points = PointDataBuilder::new().for_header(reader.header()).build();
    let mut count = 0;
    loop {
        match reader
            .fill_points(CHECK_BATCH, &mut points)
            .map_err(damaged)?
        {
            0 => return Ok(count),
            read => count += read,
        }
    }
}

/// Points that [`count`] holds in memory: about 4 MB.
const CHECK_BATCH: u64 = 100_000;

fn start(
    path: &Path,
    layout: &PointLayout,
    format: Format,
    origin: [f64; 3],
) -> Result<Writer<BufWriter<File>>, Error> {
    // Round kilometres keep stored coordinates exact multiples of the step.
    let transform = |i: usize| Transform {
        scale: layout.scale_m[i],
        offset: (origin[i] / 1000.0).floor() * 1000.0,
    };
    let mut builder = Builder::default();
    builder.version = Version::new(1, 4);
    builder.point_format = format;
    builder.point_format.is_compressed = true;
    builder.transforms = Vector {
        x: transform(0),
        y: transform(1),
        z: transform(2),
    };
    builder.has_wkt_crs = true;
    builder.generating_software = "tvilling".to_owned();
    // The same points give the same bytes on every day.
    builder.date = None;
    let mut header = builder
        .into_header()
        .map_err(|error| las_error(path, error))?;
    header
        .set_wkt_crs(layout.crs_wkt.clone().into_bytes())
        .map_err(|error| las_error(path, error))?;
    let file = File::create_new(path).map_err(Error::io(path))?;
    Writer::new(BufWriter::new(file), header).map_err(|error| las_error(path, error))
}

fn las_error(path: &Path, error: las::Error) -> Error {
    match error {
        las::Error::Io(source) => Error::Io {
            path: path.to_owned(),
            source,
        },
        other => Error::Refused(format!("writing points: {other}")),
    }
}

fn check_columns(batch: &PointBatch) -> Result<(), Error> {
    let n = batch.len();
    let always = [
        batch.y.len(),
        batch.z.len(),
        batch.intensity.len(),
        batch.return_number.len(),
        batch.number_of_returns.len(),
        batch.classification.len(),
        batch.flags.len(),
        batch.scan_angle_deg.len(),
        batch.user_data.len(),
        batch.point_source_id.len(),
    ];
    let optional = [batch.gps_time_s.len(), batch.rgb.len(), batch.nir.len()];
    let good =
        always.iter().all(|&len| len == n) && optional.iter().all(|&len| len == n || len == 0);
    if good {
        Ok(())
    } else {
        Err(Error::Refused(
            "the columns of a batch of points differ in length".to_owned(),
        ))
    }
}

/// The point records of a batch (ASPRS LAS 1.4 R15, tables 14 to 18).
fn records(
    batch: &PointBatch,
    format: Format,
    transforms: &Vector<Transform>,
) -> Result<Vec<u8>, Error> {
    let stored = |value: f64, transform: &Transform| {
        let steps = ((value - transform.offset) / transform.scale).round();
        // A cast would silently put what does not fit, or is no number, elsewhere.
        if steps >= f64::from(i32::MIN) && steps <= f64::from(i32::MAX) {
            Ok(steps as i32)
        } else {
            Err(Error::Refused(format!(
                "a coordinate of {value} m is too far from {} m to be kept in steps of {} m",
                transform.offset, transform.scale
            )))
        }
    };
    let mut bytes = Vec::with_capacity(batch.len() * usize::from(format.len()));
    for i in 0..batch.len() {
        bytes.extend(stored(batch.x[i], &transforms.x)?.to_le_bytes());
        bytes.extend(stored(batch.y[i], &transforms.y)?.to_le_bytes());
        bytes.extend(stored(batch.z[i], &transforms.z)?.to_le_bytes());
        bytes.extend(batch.intensity[i].to_le_bytes());
        bytes.push((batch.return_number[i] & 15) | (batch.number_of_returns[i] << 4));
        bytes.push(batch.flags[i] & 15);
        bytes.push(batch.classification[i]);
        bytes.push(batch.user_data[i]);
        // Steps of 0.006 degrees, which cover ±180.
        let angle = (batch.scan_angle_deg[i] / 0.006).round() as i16;
        bytes.extend(angle.to_le_bytes());
        bytes.extend(batch.point_source_id[i].to_le_bytes());
        bytes.extend(batch.gps_time_s.get(i).unwrap_or(&0.0).to_le_bytes());
        if format.has_color {
            let colour = batch.rgb.get(i).copied().unwrap_or_default();
            bytes.extend(colour.iter().flat_map(|band| band.to_le_bytes()));
        }
        if format.has_nir {
            bytes.extend(batch.nir.get(i).unwrap_or(&0).to_le_bytes());
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::PointFlags;

    fn batch() -> PointBatch {
        PointBatch {
            x: vec![674_000.0, 674_123.456],
            y: vec![6_580_000.0, 6_580_001.5],
            z: vec![-3.25, 812.004],
            intensity: vec![0, 65_535],
            return_number: vec![1, 15],
            number_of_returns: vec![2, 15],
            classification: vec![2, 200],
            flags: vec![0, PointFlags::WITHHELD | PointFlags::OVERLAP],
            scan_angle_deg: vec![-20.004, 30.0],
            user_data: vec![0, 255],
            point_source_id: vec![7, 65_535],
            gps_time_s: vec![0.125, 331_234_567.75],
            rgb: vec![[1, 2, 3], [65_535, 0, 9]],
            nir: vec![4, 40_000],
            extra: Vec::new(),
        }
    }

    #[test]
    fn every_attribute_of_every_format_comes_back() {
        let dir = tempfile::tempdir().unwrap();
        for (has_rgb, has_nir, format) in [(false, false, 6), (true, false, 7), (true, true, 8)] {
            let path = dir.path().join(format!("{format}.laz"));
            let layout = PointLayout {
                crs_wkt: "PROJCS[\"a\"]".to_owned(),
                scale_m: [0.001; 3],
                has_rgb,
                has_nir,
            };
            let mut writer = SurveyWriter::new(path.clone(), layout).unwrap();
            let expected = batch();
            writer.write(&expected).unwrap();
            writer.write(&PointBatch::default()).unwrap();
            let (_, written) = writer.finish().unwrap();
            assert_eq!((written, count(&path).unwrap()), (2, 2));

            let mut reader = las::Reader::from_path(&path).unwrap();
            let header = reader.header();
            assert_eq!(header.version(), Version::new(1, 4));
            assert_eq!(header.point_format().to_u8().unwrap(), format);
            assert!(header.get_wkt_crs_bytes().unwrap().starts_with(b"PROJCS"));
            assert_eq!(header.number_of_points(), 2);
            assert_eq!(header.number_of_points_by_return(1), Some(1));
            let bounds = header.bounds();
            assert!((bounds.max.z - 812.004).abs() < 1e-6, "{bounds:?}");
            let read = reader.read_points(9).unwrap();
            let points: Vec<_> = read.points().map(Result::unwrap).collect();
            for (i, point) in points.iter().enumerate() {
                for (value, wanted) in [
                    (point.x, expected.x[i]),
                    (point.y, expected.y[i]),
                    (point.z, expected.z[i]),
                ] {
                    assert!((value - wanted).abs() < 1e-6, "{value} {wanted}");
                }
                assert_eq!(point.intensity, expected.intensity[i]);
                assert_eq!(point.return_number, expected.return_number[i]);
                assert_eq!(point.number_of_returns, expected.number_of_returns[i]);
                assert_eq!(u8::from(point.classification), expected.classification[i]);
                assert_eq!(
                    point.is_withheld,
                    expected.flags[i] & PointFlags::WITHHELD != 0
                );
                assert_eq!(
                    point.is_overlap,
                    expected.flags[i] & PointFlags::OVERLAP != 0
                );
                assert!((point.scan_angle - expected.scan_angle_deg[i]).abs() < 1e-4);
                assert_eq!(point.user_data, expected.user_data[i]);
                assert_eq!(point.point_source_id, expected.point_source_id[i]);
                assert_eq!(point.gps_time, Some(expected.gps_time_s[i]));
                let rgb = point.color.map(|c| [c.red, c.green, c.blue]);
                assert_eq!(rgb, has_rgb.then_some(expected.rgb[i]));
                assert_eq!(point.nir, has_nir.then_some(expected.nir[i]));
            }
        }
    }
}
