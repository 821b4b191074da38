//! Flights over the town, and the LAS and LAZ files that the surveyor delivers.
//!
//! Flight lines run from west to east; each scan line looks to both sides. Lines are
//! flown on threads, each with its own stream of random numbers, and written in order.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use las::point::{Classification, Format, ScanDirection};
use las::{Builder, Color, GpsTimeType, Point, Transform, Vector, Version, Vlr, Writer};

use crate::Error;
use crate::random::Random;
use crate::scene::{Echo, Ray, STEEPEST, Scene, class};
use crate::town::Town;

/// SWEREF 99 17 15 + RH 2000, as LAS 1.4 wants its CRS: OGC WKT 1.
pub(crate) const WKT_5853: &str = concat!(
    r#"COMPD_CS["SWEREF99 17 15 + RH2000 height",PROJCS["SWEREF99 17 15",GEOGCS["SWEREF99",DATUM["SWEREF99","#,
    r#"SPHEROID["GRS 1980",6378137,298.257222101,AUTHORITY["EPSG","7019"]],AUTHORITY["EPSG","6619"]],"#,
    r#"PRIMEM["Greenwich",0,AUTHORITY["EPSG","8901"]],UNIT["degree",0.0174532925199433,AUTHORITY["EPSG","9122"]],"#,
    r#"AUTHORITY["EPSG","4619"]],PROJECTION["Transverse_Mercator"],PARAMETER["latitude_of_origin",0],"#,
    r#"PARAMETER["central_meridian",17.25],PARAMETER["scale_factor",1],PARAMETER["false_easting",150000],"#,
    r#"PARAMETER["false_northing",0],UNIT["metre",1,AUTHORITY["EPSG","9001"]],AUTHORITY["EPSG","3014"]],"#,
    r#"VERT_CS["RH2000 height",VERT_DATUM["Rikets hojdsystem 2000",2005,AUTHORITY["EPSG","5208"]],"#,
    r#"UNIT["metre",1,AUTHORITY["EPSG","9001"]],AXIS["Gravity-related height",UP],AUTHORITY["EPSG","5613"]],"#,
    r#"AUTHORITY["EPSG","5853"]]"#
);

/// A survey: what is flown, how, and in which format it is delivered.
#[derive(Debug, Clone)]
pub(crate) struct Survey {
    pub(crate) file: &'static str,
    /// West, south, east and north edge, from the corner of the district.
    pub(crate) area_m: [f64; 4],
    pub(crate) pulses_per_m2: f64,
    /// Elevation of the sensor.
    pub(crate) flown_at_m: f64,
    pub(crate) line_spacing_m: f64,
    pub(crate) year: i32,
    /// Day of the year on which the file was written.
    pub(crate) day: u32,
    pub(crate) point_format: u8,
    /// Standard deviation of the error of elevations.
    pub(crate) noise_m: f64,
    /// Time of the first pulse, in the time of the file.
    pub(crate) start_s: f64,
}

/// The three deliveries of a district.
pub(crate) const SURVEYS: [Survey; 3] = [
    Survey {
        file: "dron_2026.laz",
        area_m: [240.0, 140.0, 690.0, 540.0],
        pulses_per_m2: 7.7,
        flown_at_m: 110.0,
        line_spacing_m: 50.0,
        year: 2026,
        day: 139,
        point_format: 6,
        noise_m: 0.012,
        // 12 May 2026, 08:00 UTC: GPS seconds less 10^9.
        start_s: 462_608_018.0,
    },
    Survey {
        file: "dron_2026_tat.laz",
        area_m: [612.0, 158.0, 682.0, 218.0],
        pulses_per_m2: 42.0,
        flown_at_m: 70.0,
        line_spacing_m: 30.0,
        year: 2026,
        day: 139,
        point_format: 7,
        noise_m: 0.006,
        start_s: 462_615_218.0,
    },
    Survey {
        file: "flyg_2011.laz",
        area_m: [0.0, 0.0, 1200.0, 930.0],
        pulses_per_m2: 0.62,
        flown_at_m: 1700.0,
        line_spacing_m: 450.0,
        year: 2011,
        day: 120,
        point_format: 1,
        noise_m: 0.06,
        // Wednesday, 10:00 UTC, in seconds of the GPS week.
        start_s: 295_215.0,
    },
];

/// A point before it is written.
#[derive(Debug, Clone, Copy)]
struct Flown {
    at: [f64; 2],
    echo: Echo,
    return_number: u8,
    returns: u8,
    scan_angle_deg: f32,
    time_s: f64,
    left_to_right: bool,
    is_edge: bool,
}

/// Flies a survey and writes its points to `laz`, and the true class of each, one
/// byte a point in the same order, to `truth`. Returns the number of points.
pub(crate) fn fly(town: &Town, survey: &Survey, laz: &Path, truth: &Path) -> Result<u64, Error> {
    let scene = Scene::new(town, survey.year);
    let [west, south, east, north] = survey.area_m;
    let lines = ((north - south) / survey.line_spacing_m).round().max(1.0) as usize;
    let mut writer = open(town, survey, laz)?;
    let mut truth_file = BufWriter::new(File::create(truth).map_err(|e| Error::io(truth, e))?);
    let mut count = 0;
    let threads = std::thread::available_parallelism()
        .map_or(1, usize::from)
        .min(8);
    for batch_start in (0..lines).step_by(threads) {
        let batch: Vec<Vec<Flown>> = std::thread::scope(|scope| {
            let flights: Vec<_> = (batch_start..lines.min(batch_start + threads))
                .map(|line| {
                    let scene = &scene;
                    let middle = south + (line as f64 + 0.5) * survey.line_spacing_m;
                    scope.spawn(move || {
                        fly_line(
                            town,
                            scene,
                            survey,
                            line,
                            middle,
                            [west, east],
                            [south, north],
                        )
                    })
                })
                .collect();
            flights
                .into_iter()
                .map(|flight| flight.join().expect("flying a line does not panic"))
                .collect()
        });
        for (line, points) in batch.into_iter().enumerate() {
            for flown in points {
                truth_file
                    .write_all(&[flown.echo.class])
                    .map_err(|e| Error::io(truth, e))?;
                let source = (batch_start + line + 1) as u16;
                writer
                    .write_point(las_point(&flown, survey, source)?)
                    .map_err(|e| Error::las(laz, e))?;
                count += 1;
            }
        }
    }
    writer.close().map_err(|e| Error::las(laz, e))?;
    truth_file.flush().map_err(|e| Error::io(truth, e))?;
    Ok(count)
}

fn fly_line(
    town: &Town,
    scene: &Scene<'_>,
    survey: &Survey,
    line: usize,
    middle: f64,
    [west, east]: [f64; 2],
    [south, north]: [f64; 2],
) -> Vec<Flown> {
    let mut random = Random::new(town.seed.wrapping_add(line as u64), survey.file);
    // Neighbouring lines overlap by a tenth on each side, so that roofs are covered too.
    let half_swath = survey.line_spacing_m * 0.6;
    let step = (1.2 / survey.pulses_per_m2).sqrt();
    let scans = ((east - west) / step) as usize;
    let pulses = (2.0 * half_swath / step) as usize;
    let mut points = Vec::new();
    let mut echoes = Vec::new();
    for scan in 0..scans {
        let left_to_right = scan % 2 == 0;
        for pulse in 0..pulses {
            let k = if left_to_right {
                pulse
            } else {
                pulses - 1 - pulse
            };
            let aim_y = middle - half_swath + (k as f64 + random.unit()) * step;
            let aim_x = west + (scan as f64 + random.between(0.2, 0.8)) * step;
            let tangent = ((aim_y - middle) / survey.flown_at_m).clamp(-STEEPEST, STEEPEST);
            if !(south..north).contains(&aim_y) {
                continue;
            }
            // The ray is aimed at the ground there.
            let aim = [
                town.terrain.origin[0] + aim_x,
                town.terrain.origin[1] + aim_y,
            ];
            let town_place = town.terrain.town_from_world(aim);
            let ground = town.terrain.ground_at(aim, town_place);
            let level = ground.elevation_m;
            let ray = Ray {
                at_datum: [aim[0], aim[1] + tangent * level],
                slope: [0.0, -tangent],
            };
            scene.shoot(ray, (ground, town_place), &mut random, &mut echoes);
            disturb(&mut echoes, survey, &mut random);
            let returns = echoes.len() as u8;
            for (i, &echo) in echoes.iter().enumerate() {
                points.push(Flown {
                    at: ray.at(echo.elevation_m),
                    echo,
                    return_number: i as u8 + 1,
                    returns,
                    scan_angle_deg: (libm::atan(tangent) * 180.0 / std::f64::consts::PI) as f32,
                    time_s: survey.start_s
                        + line as f64 * 90.0
                        + (scan * pulses + pulse) as f64 * 0.000_005,
                    left_to_right,
                    is_edge: pulse == 0 || pulse + 1 == pulses,
                });
            }
        }
    }
    points
}

/// Adds what instruments add: scatter, and now and then a point far off.
fn disturb(echoes: &mut Vec<Echo>, survey: &Survey, random: &mut Random) {
    for echo in echoes.iter_mut() {
        echo.elevation_m += random.normal(survey.noise_m);
    }
    let Some(last) = echoes.last().copied() else {
        return;
    };
    if random.chance(0.000_04) {
        // A bird, or a cloud's edge.
        echoes.insert(
            0,
            Echo {
                elevation_m: last.elevation_m + random.between(30.0, 75.0),
                class: class::HIGH_NOISE,
                reflectance: 0.05,
                colour: [0.8, 0.8, 0.8],
            },
        );
        echoes.truncate(5);
    } else if random.chance(0.000_04) {
        // Light that took a longer way.
        echoes.clear();
        echoes.push(Echo {
            elevation_m: last.elevation_m - random.between(1.5, 12.0),
            class: class::LOW_NOISE,
            reflectance: 0.03,
            ..last
        });
    }
}

fn las_point(flown: &Flown, survey: &Survey, source: u16) -> Result<Point, Error> {
    let colour = (survey.point_format == 7).then(|| {
        let [red, green, blue] = flown
            .echo
            .colour
            .map(|c| (c.clamp(0.0, 1.0) * 255.0) as u16 * 257);
        Color::new(red, green, blue)
    });
    Ok(Point {
        x: flown.at[0],
        y: flown.at[1],
        z: flown.echo.elevation_m,
        intensity: (flown.echo.reflectance.clamp(0.0, 1.0) * 250.0) as u16 * 256,
        return_number: flown.return_number,
        number_of_returns: flown.returns,
        scan_direction: if flown.left_to_right {
            ScanDirection::LeftToRight
        } else {
            ScanDirection::RightToLeft
        },
        is_edge_of_flight_line: flown.is_edge,
        // Classes are for those who receive the file to find.
        classification: if survey.point_format == 1 {
            Classification::CreatedNeverClassified
        } else {
            Classification::Unclassified
        },
        scan_angle: flown.scan_angle_deg,
        point_source_id: source,
        gps_time: Some(flown.time_s),
        color: colour,
        ..Point::default()
    })
}

fn open(town: &Town, survey: &Survey, path: &Path) -> Result<Writer<BufWriter<File>>, Error> {
    let is_old = survey.point_format < 6;
    let mut format = Format::new(survey.point_format).map_err(|e| Error::las(path, e))?;
    format.is_compressed = true;
    let mut builder = Builder::default();
    builder.date = chrono::NaiveDate::from_yo_opt(survey.year, survey.day);
    builder.generating_software = crate::GENERATOR.to_owned();
    builder.system_identifier = "SYNTHETIC".to_owned();
    builder.gps_time_type = if is_old {
        GpsTimeType::Week
    } else {
        GpsTimeType::Standard
    };
    builder.has_wkt_crs = !is_old;
    builder.point_format = format;
    builder.version = if is_old {
        Version::new(1, 2)
    } else {
        Version::new(1, 4)
    };
    let steps = |offset: f64| Transform {
        scale: 0.01,
        offset,
    };
    builder.transforms = Vector {
        x: steps(town.terrain.origin[0]),
        y: steps(town.terrain.origin[1]),
        z: steps(0.0),
    };
    let projection = |record_id, description: &str, data| Vlr {
        user_id: "LASF_Projection".to_owned(),
        record_id,
        description: description.to_owned(),
        data,
    };
    if is_old {
        // GeoKeyDirectoryTag: version 1.1.0, four keys, each in its own entry.
        let keys: [u16; 20] = [
            1, 1, 0, 4, // header
            1024, 0, 1, 1, // GTModelTypeGeoKey: projected
            1025, 0, 1, 1, // GTRasterTypeGeoKey: area
            3072, 0, 1, 3014, // ProjectedCSTypeGeoKey: SWEREF 99 17 15
            4096, 0, 1, 5613, // VerticalCSTypeGeoKey: RH 2000
        ];
        let data = keys.iter().flat_map(|key| key.to_le_bytes()).collect();
        builder.vlrs.push(projection(34_735, "GeoTIFF keys", data));
    } else {
        let mut wkt = WKT_5853.as_bytes().to_vec();
        wkt.push(0);
        builder.vlrs.push(projection(2112, "OGC WKT", wkt));
    }
    let header = builder.into_header().map_err(|e| Error::las(path, e))?;
    let file = File::create(path).map_err(|e| Error::io(path, e))?;
    Writer::new(BufWriter::new(file), header).map_err(|e| Error::las(path, e))
}
