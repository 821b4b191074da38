//! What tests of layers and of surveys both need.

use std::path::{Path, PathBuf};

use geodesy::Crs;
use ingest::{Error, SurveyReader, SurveySummary};
use model::PointBatch;

/// A file or folder of the shared data; without it, a test says that it was skipped.
pub(crate) fn shared(path: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/data")
        .join(path);
    if path.exists() {
        Some(path)
    } else {
        eprintln!("SKIPPED: {} is not there", path.display());
        None
    }
}

pub(crate) fn crs(code: &str) -> Crs {
    Crs::from_code(code).unwrap()
}

pub(crate) fn write(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

/// All points of a survey, row by row from the south-west.
pub(crate) fn all_points(reader: SurveyReader) -> Result<(PointBatch, SurveySummary), Error> {
    let scratch = tempfile::tempdir().unwrap();
    let blocks = reader.partition(scratch.path(), 64 << 20, &mut |_| {})?;
    let mut all = PointBatch::default();
    blocks.for_each_block::<_, Error>(0.0, &|block| Ok(block.points), &mut |points| {
        append(&mut all, &points, 0..points.len());
        Ok(())
    })?;
    Ok((in_order(&all), blocks.summary().clone()))
}

/// The points row by row from the south-west; those at one place by all else they have.
pub(crate) fn in_order(points: &PointBatch) -> PointBatch {
    let mut order: Vec<usize> = (0..points.len()).collect();
    let time = |i: usize| points.gps_time_s.get(i).copied().unwrap_or(0.0);
    let others = |i: usize| {
        (
            points.return_number[i],
            points.intensity[i],
            points.point_source_id[i],
            points.user_data[i],
            points.classification[i],
            points.flags[i],
            points.rgb.get(i),
        )
    };
    order.sort_by(|&a, &b| {
        points.y[a]
            .total_cmp(&points.y[b])
            .then(points.x[a].total_cmp(&points.x[b]))
            .then(points.z[a].total_cmp(&points.z[b]))
            .then(time(a).total_cmp(&time(b)))
            .then(others(a).cmp(&others(b)))
    });
    let mut sorted = PointBatch::default();
    append(&mut sorted, points, order);
    sorted
}

fn append(all: &mut PointBatch, points: &PointBatch, which: impl IntoIterator<Item = usize>) {
    let extra = points.extra.len().checked_div(points.len()).unwrap_or(0);
    for i in which {
        all.x.push(points.x[i]);
        all.y.push(points.y[i]);
        all.z.push(points.z[i]);
        all.intensity.push(points.intensity[i]);
        all.return_number.push(points.return_number[i]);
        all.number_of_returns.push(points.number_of_returns[i]);
        all.classification.push(points.classification[i]);
        all.flags.push(points.flags[i]);
        all.scan_angle_deg.push(points.scan_angle_deg[i]);
        all.user_data.push(points.user_data[i]);
        all.point_source_id.push(points.point_source_id[i]);
        all.gps_time_s.extend(points.gps_time_s.get(i));
        all.rgb.extend(points.rgb.get(i));
        all.nir.extend(points.nir.get(i));
        all.extra.extend(&points.extra[i * extra..(i + 1) * extra]);
    }
}

/// A change for [`made`]: the file says in WKT what its coordinates are.
pub(crate) fn says_wkt(wkt: &str) -> impl Fn(&mut las::Builder) {
    // The specification wants a NUL at the end.
    let data = format!("{wkt}\0").into_bytes();
    move |builder| {
        builder.has_wkt_crs = true;
        builder.vlrs.push(las::Vlr {
            user_id: "LASF_Projection".to_owned(),
            record_id: 2112,
            description: String::new(),
            data: data.clone(),
        });
    }
}

/// A LAS or LAZ file with points on a slope, made by las-rs.
pub(crate) fn made(
    format: u8,
    compressed: bool,
    points: usize,
    change: &dyn Fn(&mut las::Builder),
) -> Vec<u8> {
    let version = if format < 6 { (1, 2) } else { (1, 4) };
    let mut builder = las::Builder::from(version);
    builder.point_format = las::point::Format::new(format).unwrap();
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
    change(&mut builder);
    let header = builder.into_header().unwrap();
    let format = *header.point_format();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("made.las");
    let out = std::io::BufWriter::new(std::fs::File::create(&path).unwrap());
    let mut writer = las::Writer::new(out, header).unwrap();
    for i in 0..points {
        let x = (i % 25) as f64;
        let y = (i / 25) as f64;
        writer
            .write_point(las::Point {
                x: 600_000.0 + x,
                y: 6_600_000.0 + y,
                z: 20.0 + 0.1 * x,
                intensity: i as u16,
                return_number: 1,
                number_of_returns: 1,
                gps_time: format.has_gps_time.then_some(3e8 + i as f64),
                color: format.has_color.then(|| las::Color::new(i as u16, 2, 3)),
                nir: format.has_nir.then_some(9),
                extra_bytes: vec![i as u8; usize::from(format.extra_bytes)],
                ..Default::default()
            })
            .unwrap();
    }
    writer.close().unwrap();
    drop(writer);
    std::fs::read(&path).unwrap()
}
