//! Scores the classification of points and prints the tables of `docs/accuracy.md`.
//!
//! Usage: `accuracy [SHARED_DATA]`, or `accuracy --ours [SHARED_DATA]`, which runs ours alone
//! and prints for each survey a hash of all classes and the speed: what changes the one
//! has to be scored again, and what changes nothing else may only change the other.
//!
//! Against the truth of the demo town, which is made for the purpose, and against the
//! classes with which the real surveys of SHARED_DATA (else `../shared/data` beside the
//! checkout) were delivered. Beside ours, `benches/ground_peer.py` runs the filters of
//! others on the same points. Every filter is run again until [`TIMED_S`] have passed, so
//! that the clock's steps do not count. What would mislead: delivered classes are others' opinion,
//! and where a supplier left ground unclassified, only what he did call ground can be asked for.

use std::collections::HashMap;
use std::fs::File;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::{BufWriter, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;
use benches::cpu_s;
use data_samples::truth::{self, Material};
use lidar::ClassifyOptions;
use model::{Bounds, PointBatch};

// As `tvilling` has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// ASPRS classes.
const GROUND: u8 = 2;
const BUILDING: u8 = 6;

/// Side of the squares that tell the density of a survey, as in an ingest.
const SQUARE_M: f64 = 16.0;

/// Side of the cells in which terrain is scored.
const TERRAIN_CELL_M: f64 = 0.5;

/// Ground as steep as this, as rise over run, is a slope in the tables.
const SLOPE: f64 = 0.15;

/// A real survey: its files under the shared data, the metre in its units, and whether
/// what it does not call ground is not ground.
struct Delivered {
    name: &'static str,
    files: &'static [&'static str],
    unit_m: f64,
    is_complete: bool,
    how: &'static str,
}

impl Delivered {
    /// Reads it from the shared data; none, loudly, if it is not there.
    fn read(&self, shared: &Path) -> Option<anyhow::Result<Judged>> {
        let paths: Vec<PathBuf> = self.files.iter().map(|file| shared.join(file)).collect();
        if !paths.iter().all(|path| path.exists()) {
            eprintln!("SKIPPED: {} is not in {}", self.name, shared.display());
            return None;
        }
        Some(read(self.name, &paths, self.unit_m))
    }
}

/// How long a filter is run for its speed, in processor seconds, but once at least.
const TIMED_S: f64 = 1.0;

const US_FOOT_M: f64 = 1200.0 / 3937.0;

const DELIVERED: [Delivered; 9] = [
    Delivered {
        name: "Delft, AHN3",
        files: &[
            "demo-delft/lidar/ahn3_cropped_1.laz",
            "demo-delft/lidar/ahn3_cropped_2.laz",
        ],
        unit_m: 1.0,
        is_complete: true,
        how: "classes 1, 2, 6, 9, 26 (works of civil engineering: bridges here)",
    },
    Delivered {
        name: "IGN 770, LiDAR HD",
        files: &[
            "lidar/ign-770/test_data_77055_627755_LA93_IGN69.laz",
            "lidar/ign-770/test_data_77055_627760_LA93_IGN69.laz",
        ],
        unit_m: 1.0,
        is_complete: true,
        how: "all classes, of a village; 50 m × 100 m",
    },
    Delivered {
        name: "IGN 0292, LiDAR HD",
        files: &["lidar/ign-0292_6833/test_semis_2023_0292_6833_LA93_IGN69.laz"],
        unit_m: 1.0,
        is_complete: true,
        how: "all classes, thinned to 0.3 points on a square metre; halls over 100 m wide, a railway 7 m above the fields",
    },
    Delivered {
        name: "4_6_crop",
        files: &["lidar/4_6_crop.las"],
        unit_m: US_FOOT_M,
        is_complete: true,
        how: "classes 1 and 2, a wooded slope, in feet; 61 m × 61 m",
    },
    Delivered {
        name: "EPSG:6880 sample",
        files: &["lidar/file_with_both_wkt_and_geotiff_vlrs.las"],
        unit_m: US_FOOT_M,
        is_complete: true,
        how: "classes 2 to 7, single returns (photogrammetry), in feet; 18 m × 12 m",
    },
    Delivered {
        name: "sample_c",
        files: &["lidar/sample_c.las"],
        unit_m: US_FOOT_M,
        is_complete: true,
        how: "classes 2 to 6, 11, 14, 31; nearly all roof, in feet; 25 m × 23 m",
    },
    Delivered {
        name: "Norway strip",
        files: &["lidar/32-1-472-150-76.laz"],
        unit_m: 1.0,
        is_complete: true,
        how: "classes 1, 2, 7, 9; thinned to 0.3 points on a square metre of a mountain side; 800 m × 27 m",
    },
    Delivered {
        name: "Topography",
        files: &["lidar/Topography.laz"],
        unit_m: 1.0,
        is_complete: false,
        how: "a selection of the ground as 2, water 9; all else 1, much of it at the ground",
    },
    Delivered {
        name: "Autzen",
        files: &["lidar/autzen_trim.laz"],
        unit_m: US_FOOT_M,
        is_complete: false,
        how: "a selection of the ground and of a river as 2; all else 1, most of it at the ground",
    },
];

/// Points with the class that they should have.
struct Judged {
    name: String,
    points: PointBatch,
    truth: Vec<u8>,
}

/// What a filter made of a survey.
struct Made {
    who: &'static str,
    classes: Vec<u8>,
    cpu_s: f64,
}

fn main() -> anyhow::Result<()> {
    let one = NonZeroUsize::new(1).context("one is not zero")?;
    ingest::limit_threads(one).map_err(anyhow::Error::msg)?;
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .context("a root")?;
    let mut arguments = std::env::args().skip(1).peekable();
    let ours_alone = arguments.next_if(|argument| argument == "--ours").is_some();
    let shared = arguments
        .next()
        .map_or_else(|| root.join("../shared/data"), PathBuf::from);
    let folder = std::env::temp_dir().join(format!("tvilling-accuracy-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let result = if ours_alone {
        time_ours(&shared, &folder)
    } else {
        score(root, &shared, &folder)
    };
    std::fs::remove_dir_all(&folder)?;
    result
}

fn time_ours(shared: &Path, folder: &Path) -> anyhow::Result<()> {
    println!(
        "| survey | points | hash of the classes | points per CPU-s |\n| --- | ---: | --- | ---: |"
    );
    let delivered = DELIVERED.iter().filter_map(|survey| survey.read(shared));
    for judged in town(folder)?.into_iter().map(Ok).chain(delivered) {
        let judged = judged?;
        let made = ours(&judged.points)?;
        let mut hasher = DefaultHasher::new();
        made.classes.hash(&mut hasher);
        println!(
            "| {} | {} | {:016x} | {:.2} M |",
            judged.name,
            judged.points.len(),
            hasher.finish(),
            judged.points.len() as f64 / made.cpu_s / 1e6
        );
    }
    Ok(())
}

/// The surveys of the demo town, with what is true of their points.
fn town(folder: &Path) -> anyhow::Result<Vec<Judged>> {
    data_samples::generate(&folder.join("samples"), &data_samples::Options::default())?;
    let survey = |name: &&str| {
        let of = |kind: &str, end: &str| {
            let folder = folder.join("samples").join(kind);
            folder.join(name).with_extension(end)
        };
        let mut judged = read(name, &[of("lidar", "laz")], 1.0)?;
        judged.truth = std::fs::read(of("truth", "classes"))?;
        Ok(judged)
    };
    ["dron_2026", "dron_2026_tat", "flyg_2011"]
        .iter()
        .map(survey)
        .collect()
}

fn score(root: &Path, shared: &Path, folder: &Path) -> anyhow::Result<()> {
    let peers = Peers::new(root, folder);
    let mut town_made = Vec::new();
    for judged in town(folder)? {
        let made = peers.all(&judged)?;
        town_made.push((judged, made));
    }
    let town = town_made;
    println!("### The demo town: is it ground?\n");
    ground_header();
    for (judged, made) in &town {
        made.iter().for_each(|made| ground_row(judged, made));
    }
    println!("\n### The demo town: the other classes, ours\n");
    println!(
        "| survey | class | points | found | of what we call it, it is |\n| --- | --- | ---: | ---: | ---: |"
    );
    for (judged, made) in &town {
        made.iter()
            .filter(|made| made.who == OURS)
            .for_each(|made| class_rows(judged, made));
    }
    println!("\n### The demo town: terrain from the ground points, RMSE in metres\n");
    println!(
        "Bias in brackets; cells of {TERRAIN_CELL_M} m, with the share of cells in percent that differ by over half a metre.\n"
    );
    println!(
        "| survey | filter | {} |\n| --- | --- |{}",
        COVERS.join(" | "),
        " ---: |".repeat(COVERS.len())
    );
    for (judged, made) in &town {
        for made in made {
            terrain_row(judged, made)?;
        }
    }
    println!("\n### Real surveys: agreement with the delivered ground\n");
    ground_header();
    let mut notes = Vec::new();
    for survey in &DELIVERED {
        let Some(judged) = survey.read(shared) else {
            continue;
        };
        let mut judged = judged?;
        if !survey.is_complete {
            // Class 0 is passed over: only what is called ground can be asked for.
            judged
                .truth
                .iter_mut()
                .filter(|class| **class != GROUND)
                .for_each(|class| *class = 0);
        }
        peers
            .all(&judged)?
            .iter()
            .for_each(|made| ground_row(&judged, made));
        notes.push(format!("- {}: {}.", survey.name, survey.how));
    }
    println!("\n{}", notes.join("\n"));
    Ok(())
}

/// Reads points in metres, with the class that the file gives them as their truth.
fn read(name: &str, paths: &[PathBuf], unit_m: f64) -> anyhow::Result<Judged> {
    let mut points = PointBatch::default();
    for path in paths {
        for point in las::Reader::from_path(path)?.read_all()?.points() {
            let point = point?;
            points.x.push(point.x * unit_m);
            points.y.push(point.y * unit_m);
            points.z.push(point.z * unit_m);
            points.intensity.push(point.intensity);
            points.return_number.push(point.return_number);
            points.number_of_returns.push(point.number_of_returns);
            points.classification.push(u8::from(point.classification));
            points.flags.push(u8::from(point.is_withheld) << 2);
        }
    }
    let truth = points.classification.clone();
    Ok(Judged {
        name: name.to_owned(),
        points,
        truth,
    })
}

const OURS: &str = "ours";

/// Classifies points, at once as an ingest does with a survey of one block, until it is known
/// how long that takes.
fn ours(points: &PointBatch) -> anyhow::Result<Made> {
    let options = options_for(points);
    let start = cpu_s()?;
    let mut runs = 0.0;
    loop {
        let classes = lidar::classify_whole(points, &options);
        runs += 1.0;
        let spent = cpu_s()? - start;
        if spent >= TIMED_S {
            return Ok(Made {
                who: OURS,
                classes,
                cpu_s: spent / runs,
            });
        }
    }
}

/// The filters, ours first.
struct Peers {
    script: PathBuf,
    folder: PathBuf,
}

impl Peers {
    fn new(root: &Path, folder: &Path) -> Peers {
        Peers {
            script: root.join("benches/ground_peer.py"),
            folder: folder.to_owned(),
        }
    }

    fn all(&self, judged: &Judged) -> anyhow::Result<Vec<Made>> {
        let mut made = vec![ours(&judged.points)?];
        for (who, filter) in [("CSF", "csf"), ("SMRF", "smrf")] {
            match self.run(filter, &judged.points) {
                Ok((classes, cpu_s)) => made.push(Made {
                    who,
                    classes,
                    cpu_s,
                }),
                Err(error) => eprintln!("SKIPPED: {who} on {}: {error}", judged.name),
            }
        }
        Ok(made)
    }

    fn run(&self, filter: &str, points: &PointBatch) -> anyhow::Result<(Vec<u8>, f64)> {
        let (source, out) = (self.folder.join("points"), self.folder.join("ground"));
        let mut file = BufWriter::new(File::create(&source)?);
        for i in 0..points.len() {
            for value in [points.x[i], points.y[i], points.z[i]] {
                file.write_all(&value.to_le_bytes())?;
            }
            file.write_all(&[points.return_number[i], points.number_of_returns[i]])?;
        }
        file.flush()?;
        let run = Command::new("python3")
            .arg(&self.script)
            .arg(filter)
            .args([&source, &out])
            .arg(TIMED_S.to_string())
            .env("OMP_NUM_THREADS", "1")
            .output()?;
        anyhow::ensure!(
            run.status.success(),
            "{}",
            String::from_utf8_lossy(&run.stderr).trim()
        );
        let said = String::from_utf8_lossy(&run.stdout);
        let seconds = said.lines().last().and_then(|line| line.split(' ').next());
        let classes = std::fs::read(out)?
            .into_iter()
            .map(|is_ground| 1 + is_ground)
            .collect();
        Ok((classes, seconds.context("no time was said")?.parse()?))
    }
}

/// Returns what suits a survey, as an ingest finds it.
fn options_for(points: &PointBatch) -> ClassifyOptions {
    let mut squares: HashMap<(i64, i64), u32> = HashMap::new();
    for (x, y) in points.x.iter().zip(&points.y) {
        let square = ((x / SQUARE_M).floor() as i64, (y / SQUARE_M).floor() as i64);
        *squares.entry(square).or_default() += 1;
    }
    ClassifyOptions::for_counts(squares.into_values().collect(), SQUARE_M * SQUARE_M)
}

/// Whether a delivered class says something: not noise, overlap, or a supplier's own.
fn is_judged(class: u8) -> bool {
    !matches!(class, 0 | 7 | 12 | 18) && class < 64
}

fn ground_header() {
    println!(
        "| survey | points | filter | total error | type I | type II | kappa | points per CPU-s |\n| --- | ---: | --- | ---: | ---: | ---: | ---: | ---: |"
    );
}

fn ground_row(judged: &Judged, made: &Made) {
    let mut counts = [[0.0_f64; 2]; 2];
    for (truth, found) in judged.truth.iter().zip(&made.classes) {
        if is_judged(*truth) {
            counts[usize::from(*truth == GROUND)][usize::from(*found == GROUND)] += 1.0;
        }
    }
    let [[right_other, type_2], [type_1, right_ground]] = counts;
    let (ground, other) = (type_1 + right_ground, type_2 + right_other);
    let all = ground + other;
    let error = (type_1 + type_2) / all;
    let chance = (ground * (right_ground + type_2) + other * (right_other + type_1)) / (all * all);
    let percent = |part: f64, of: f64| {
        if of > 0.0 {
            format!("{:.2} %", 100.0 * part / of)
        } else {
            "–".to_owned()
        }
    };
    let kappa = if other > 0.0 {
        format!("{:.3}", (1.0 - error - chance) / (1.0 - chance))
    } else {
        "–".to_owned()
    };
    println!(
        "| {} | {} | {} | {} | {} | {} | {kappa} | {:.2} M |",
        judged.name,
        judged.points.len(),
        made.who,
        if other > 0.0 {
            percent(type_1 + type_2, all)
        } else {
            "–".to_owned()
        },
        percent(type_1, ground),
        percent(type_2, other),
        judged.points.len() as f64 / made.cpu_s / 1e6,
    );
}

fn class_rows(judged: &Judged, made: &Made) {
    let classes: [(&str, &[u8]); 8] = [
        ("3 low vegetation", &[3]),
        ("4 medium vegetation", &[4]),
        ("5 high vegetation", &[5]),
        ("3–5 vegetation", &[3, 4, 5]),
        ("6 building", &[BUILDING]),
        ("9 water", &[9]),
        ("17 bridge deck", &[17]),
        ("7 and 18 noise", &[7, 18]),
    ];
    for (name, classes) in classes {
        let (mut of_truth, mut called, mut both) = (0.0, 0.0, 0.0);
        for (truth, found) in judged.truth.iter().zip(&made.classes) {
            let (is, says) = (classes.contains(truth), classes.contains(found));
            of_truth += f64::from(u8::from(is));
            called += f64::from(u8::from(says));
            both += f64::from(u8::from(is && says));
        }
        if of_truth > 0.0 {
            let right = if called > 0.0 {
                format!("{:.1} %", 100.0 * both / called)
            } else {
                "–".to_owned()
            };
            println!(
                "| {} | {name} | {of_truth} | {:.1} % | {right} |",
                judged.name,
                100.0 * both / of_truth
            );
        }
    }
}

/// Land covers, in the order of [`cover`].
const COVERS: [&str; 6] = [
    "road and quay",
    "grass",
    "other open",
    "slope",
    "forest",
    "under buildings",
];

/// Returns which land cover a place has; none on water.
fn cover(place: [f64; 2], under_building: bool) -> Option<usize> {
    let [x, y] = place;
    let at = |dx: f64, dy: f64| truth::ground_elevation_m(x + dx, y + dy);
    let material = truth::ground(x, y).material;
    if material == Material::Water {
        return None;
    }
    if under_building {
        return Some(5);
    }
    let slope =
        ((at(0.5, 0.0) - at(-0.5, 0.0)).powi(2) + (at(0.0, 0.5) - at(0.0, -0.5)).powi(2)).sqrt();
    Some(match material {
        Material::Wood => 4,
        _ if slope > SLOPE => 3,
        Material::Asphalt | Material::Concrete => 0,
        Material::Grass => 1,
        _ => 2,
    })
}

fn terrain_row(judged: &Judged, made: &Made) -> anyhow::Result<()> {
    let mut points = judged.points.clone();
    points.classification.clone_from(&made.classes);
    let places = points.x.iter().zip(&points.y).map(|(&x, &y)| [x, y]);
    let square = Bounds::of_points(places).context("no points")?;
    let heights = lidar::heights(&points, &square, TERRAIN_CELL_M);
    let terrain = heights.context("no terrain")?.terrain;
    let mut buildings: HashMap<(i64, i64), ()> = HashMap::new();
    let cell_of = |[x, y]: [f64; 2]| {
        (
            (x / TERRAIN_CELL_M).floor() as i64,
            (y / TERRAIN_CELL_M).floor() as i64,
        )
    };
    for building in truth::buildings() {
        let reach = building.half_length_m + building.half_width_m + building.wing_length_m;
        let steps = (reach / TERRAIN_CELL_M).ceil() as i64;
        let (c, r) = cell_of(building.centre);
        for (c, r) in
            (-steps..=steps).flat_map(|dc| (-steps..=steps).map(move |dr| (c + dc, r + dr)))
        {
            let place = [
                (c as f64 + 0.5) * TERRAIN_CELL_M,
                (r as f64 + 0.5) * TERRAIN_CELL_M,
            ];
            if building.roof_elevation_m(place).is_some() {
                buildings.insert((c, r), ());
            }
        }
    }
    let mut sums = [[0.0_f64; 4]; COVERS.len()];
    for row in 0..terrain.rows {
        for column in 0..terrain.columns {
            let value = terrain.values[row * terrain.columns + column];
            let place = terrain.centre_of(column, row);
            if value.is_nan() {
                continue;
            }
            if let Some(cover) = cover(place, buildings.contains_key(&cell_of(place))) {
                let off = f64::from(value) - truth::ground_elevation_m(place[0], place[1]);
                let far = f64::from(u8::from(off.abs() > 0.5));
                for (sum, value) in sums[cover].iter_mut().zip([1.0, off, off * off, far]) {
                    *sum += value;
                }
            }
        }
    }
    let of_covers = sums.map(|[n, sum, squares, far]| {
        if n == 0.0 {
            "–".to_owned()
        } else {
            format!(
                "{:.3} ({:+.3}; {:.1} %)",
                (squares / n).sqrt(),
                sum / n,
                100.0 * far / n
            )
        }
    });
    println!(
        "| {} | {} | {} |",
        judged.name,
        made.who,
        of_covers.join(" | ")
    );
    Ok(())
}
