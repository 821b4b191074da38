//! Every verb and option of the command, on one page.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use jiff::Timestamp;
use model::TileCoord;

/// One live digital twin of a place from its surveys and its departments' layers.
#[derive(Debug, Parser)]
#[command(name = "tvilling", version, about)]
pub(crate) struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub(crate) verb: Verb,
    /// Print one machine-readable object on standard output.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Threads for batch work [default: one for each core].
    #[arg(long, global = true, value_name = "N")]
    pub(crate) threads: Option<NonZeroUsize>,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Build the demo twin (or reuse it) and serve it.
    Demo(Demo),
    /// Make an empty twin.
    Init(Init),
    /// Put a survey or a department's layer into a twin.
    Ingest(Ingest),
    /// Draw contours of a survey's ground as a collection.
    Contour(Contour),
    /// Build all tiles of collections in a tile matrix set, to be served as they are.
    Tile(Tile),
    /// Write a survey or a collection of a twin to a file.
    Export(Export),
    /// Serve a twin over HTTP.
    Serve(Serve),
    /// Tell everything known about a place, without a server.
    Query(Query),
    /// Tell what is in a twin.
    Status(TwinOnly),
    /// Verify every file and every reference of a twin.
    Check(TwinOnly),
    /// Fold edits and differences of deliveries into new files, which reads then find faster.
    Compact(Compact),
    /// Copy a twin to a folder while it is served, or bring the copy in it up to date.
    Backup(Backup),
    /// Make a twin of a copy in a new folder, and prove that every file of it is whole.
    Restore(Restore),
    /// Tell who changed features, when and how.
    Changes(Changes),
    /// Take a change back, as a change of its own.
    Undo(Undo),
    /// Forget what features were before a moment, for good.
    Forget(Forget),
    /// Manage the keys that staff present.
    Key {
        /// What to do with keys.
        #[command(subcommand)]
        verb: KeyVerb,
    },
}

/// Options of `demo`.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Address to listen on.
    #[arg(long, default_value = "127.0.0.1:8080", value_name = "ADDR")]
    pub(crate) listen: SocketAddr,
    /// Folder of the demo twin.
    #[arg(long, default_value = "demo-twin", value_name = "DIR")]
    pub(crate) dir: PathBuf,
    /// Build the twin, but do not serve it.
    #[arg(long)]
    pub(crate) build_only: bool,
}

/// Options of `init`.
#[derive(Debug, Args)]
pub(crate) struct Init {
    /// Folder to make.
    pub(crate) dir: PathBuf,
    /// CRS of all coordinates in the twin: projected, in metres.
    #[arg(long, default_value = "EPSG:3006", value_name = "CODE")]
    pub(crate) crs: String,
    /// Name of the twin [default: the folder's].
    #[arg(long)]
    pub(crate) name: Option<String>,
}

/// Options of `ingest`.
#[derive(Debug, Args)]
pub(crate) struct Ingest {
    /// Folder of the twin.
    pub(crate) dir: PathBuf,
    /// Files of one layer or survey; also a folder of them, a pattern such as "in/*.gml", or
    /// the address (https://…) of a file.
    #[arg(required = true)]
    pub(crate) source: Vec<PathBuf>,
    /// Name of the collection or survey, in a-z, 0-9, _ and -.
    #[arg(long, value_name = "ID")]
    pub(crate) collection: String,
    /// Which layer of a file that has several.
    #[arg(long, value_name = "NAME")]
    pub(crate) layer: Option<String>,
    /// CRS of the source, over what it says.
    #[arg(long, value_name = "CODE")]
    pub(crate) crs: Option<String>,
    /// Vertical datum of a survey, over what it says: a code such as EPSG:5613 for RH 2000,
    /// "ellipsoidal" for heights above the ellipsoid, or "unknown".
    #[arg(long, value_name = "CODE")]
    pub(crate) vertical: Option<String>,
    /// Geoid grid (GeoTIFF of PROJ) that makes elevations of heights above the ellipsoid
    /// [default: heights.geoid of twin.toml, else what PROJ's folders have].
    #[arg(long, value_name = "FILE")]
    pub(crate) geoid: Option<PathBuf>,
    /// Side of a terrain cell in metres [default: 0.5 or 1, coarser where points are sparse].
    #[arg(long, value_name = "M")]
    pub(crate) cell_size: Option<f64>,
    /// Keep the classes that points were delivered with instead of computing them.
    #[arg(long)]
    pub(crate) trust_classification: bool,
    /// Name for people [default: the collection's id].
    #[arg(long)]
    pub(crate) title: Option<String>,
    /// Who answers for it: the id of a department in twin.toml.
    #[arg(long)]
    pub(crate) department: Option<String>,
    /// Attribute that identifies a feature, so that ids stay the same when it is delivered again.
    #[arg(long, value_name = "NAME")]
    pub(crate) id_property: Option<String>,
    /// Give each row of a table the geometry of the feature of another collection whose KEY
    /// (an attribute, or "id") is the row's COLUMN, as in roads.link_id=link.
    #[arg(long, value_name = "COLLECTION.KEY=COLUMN", value_parser = join)]
    pub(crate) join: Option<Join>,
    /// Put the new in place of what the collection has.
    #[arg(long, conflicts_with_all = ["append", "sync"])]
    pub(crate) replace: bool,
    /// Add to what the collection has; a feature with a known id takes its place.
    #[arg(long, conflicts_with = "sync")]
    pub(crate) append: bool,
    /// Make the collection what the delivery is, and write the differences only; the
    /// collection is made if it is not there.
    #[arg(long)]
    pub(crate) sync: bool,
    /// Most features that --sync may remove, in percent of those that there are: a delivery
    /// that was cut short is refused.
    #[arg(long, requires = "sync", default_value = "20%", value_name = "PERCENT", value_parser = percent)]
    pub(crate) max_removed: u8,
}

/// Where rows of a table get their geometry from.
#[derive(Debug, Clone)]
pub(crate) struct Join {
    /// The collection that has it.
    pub(crate) collection: String,
    /// The attribute of that collection.
    pub(crate) key: String,
    /// The column of the table.
    pub(crate) column: String,
}

/// Options of `contour`.
#[derive(Debug, Args)]
pub(crate) struct Contour {
    /// Folder of the twin.
    pub(crate) dir: PathBuf,
    /// Name of the survey.
    #[arg(long, value_name = "ID")]
    pub(crate) survey: String,
    /// Name of the collection to make, in a-z, 0-9, _ and -.
    #[arg(long, value_name = "ID")]
    pub(crate) collection: String,
    /// Metres from one contour to the next; every fifth is an index contour.
    #[arg(long, default_value_t = 1.0, value_name = "M")]
    pub(crate) interval: f64,
    /// Side of the cells to draw from: the coarsest of the survey that are not larger.
    #[arg(long, default_value_t = 1.0, value_name = "M")]
    pub(crate) cell_size: f64,
    /// Standard deviation of the bell that the ground is smoothed with; 0 for none.
    #[arg(long, default_value_t = 2.0, value_name = "M")]
    pub(crate) smooth: f64,
    /// How far a line may pass from where it was found, to save vertices; 0 to keep all
    /// [default: a quarter of a cell].
    #[arg(long, value_name = "M")]
    pub(crate) tolerance: Option<f64>,
    /// Leave out lines and rings that are shorter.
    #[arg(long, default_value_t = 10.0, value_name = "M")]
    pub(crate) min_length: f64,
    /// Name for people [default: the collection's id].
    #[arg(long)]
    pub(crate) title: Option<String>,
    /// Who answers for it: the id of a department in twin.toml [default: the survey's].
    #[arg(long)]
    pub(crate) department: Option<String>,
    /// Put the new in place of what the collection has.
    #[arg(long)]
    pub(crate) replace: bool,
}

/// Options of `tile`.
#[derive(Debug, Args)]
pub(crate) struct Tile {
    /// Folder of the twin.
    pub(crate) dir: PathBuf,
    /// A collection; more than once for several [default: all that can be drawn].
    #[arg(long, value_name = "ID")]
    pub(crate) collection: Vec<String>,
    /// Tile matrix set.
    #[arg(long, default_value = "WebMercatorQuad", value_name = "ID")]
    pub(crate) tms: String,
    /// First level [default: the set's].
    #[arg(long, value_name = "N")]
    pub(crate) min_zoom: Option<u8>,
    /// Last level [default: as deep as the data are fine, from 4 to 16].
    #[arg(long, value_name = "N")]
    pub(crate) max_zoom: Option<u8>,
    /// Write one archive of the collections, *.pmtiles or *.mbtiles, instead of keeping one
    /// for each in the twin.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Overwrite the file if it exists.
    #[arg(long, requires = "out")]
    pub(crate) force: bool,
    /// Make all tiles anew, also those that cannot have changed since the twin's pyramid was
    /// made.
    #[arg(long, conflicts_with = "out")]
    pub(crate) rebuild: bool,
    /// Build nothing, but say what the pyramid's tile at this address shows of each collection,
    /// what was merged and left out, and why.
    #[arg(long, value_name = "Z/X/Y", conflicts_with = "out", value_parser = tile_address)]
    pub(crate) explain: Option<TileCoord>,
}

/// Options of `export`.
#[derive(Debug, Args)]
pub(crate) struct Export {
    /// Folder of the twin.
    pub(crate) dir: PathBuf,
    /// File to write: *.parquet for the features of a collection, *.copc.laz for the points of
    /// a survey, *.tif for what --product says.
    pub(crate) out: PathBuf,
    /// Name of the collection or survey.
    #[arg(long, value_name = "ID")]
    pub(crate) collection: String,
    /// What a *.tif shows [default: ground].
    #[arg(long)]
    pub(crate) product: Option<Product>,
    /// Side of a cell of a *.tif in metres [default: the survey's].
    #[arg(long, value_name = "M")]
    pub(crate) cell_size: Option<f64>,
    /// Whence the light of a hillshade comes, clockwise from north [default: four soft lights,
    /// or 315 with --altitude].
    #[arg(long, value_name = "DEG", allow_hyphen_values = true)]
    pub(crate) azimuth: Option<f32>,
    /// How high the light of a hillshade stands [default: 45].
    #[arg(long, value_name = "DEG", allow_hyphen_values = true)]
    pub(crate) altitude: Option<f32>,
    /// Light a hillshade from four sides, each slope by those that show it best.
    #[arg(long, conflicts_with = "azimuth")]
    pub(crate) multidirectional: bool,
    /// Overwrite the file if it exists.
    #[arg(long)]
    pub(crate) force: bool,
}

/// What of a survey is written as a raster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Product {
    /// Elevation of the ground.
    Ground,
    /// Elevation of the highest returns.
    Surface,
    /// Height of the highest returns above ground.
    Height,
    /// Distance from the nearest measured ground: what is over zero was filled in.
    Distance,
    /// Slope of the ground in degrees.
    Slope,
    /// Where the ground faces, in degrees clockwise from grid north.
    Aspect,
    /// Shaded relief of the ground.
    Hillshade,
}

/// Options of `serve`.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Folder of the twin.
    pub(crate) dir: PathBuf,
    /// Address to listen on.
    #[arg(long, default_value = "127.0.0.1:8080", value_name = "ADDR")]
    pub(crate) listen: SocketAddr,
    /// Where the server is reached from outside, over what twin.toml says.
    #[arg(long, value_name = "URL")]
    pub(crate) public_url: Option<String>,
}

/// Options of `query`.
#[derive(Debug, Args)]
pub(crate) struct Query {
    /// Folder of the twin.
    pub(crate) dir: PathBuf,
    /// The place: E,N in the twin's CRS, or LON,LAT; --crs says which.
    #[arg(long, value_name = "X,Y", allow_hyphen_values = true)]
    pub(crate) at: String,
    /// CRS of the place [default: longitude and latitude if the numbers can be that, else the twin's].
    #[arg(long, value_name = "CODE")]
    pub(crate) crs: Option<String>,
    /// How far from the place a feature may lie, in metres.
    #[arg(long, default_value_t = 5.0, value_name = "M")]
    pub(crate) radius: f64,
    /// Most features of one collection.
    #[arg(long, default_value_t = 20, value_name = "N")]
    pub(crate) limit: usize,
    /// Also the heights from this survey, and how well measured points support them.
    #[arg(long, value_name = "ID")]
    pub(crate) heights: Option<String>,
    /// Only these collections.
    #[arg(long, value_delimiter = ',', value_name = "ID,…")]
    pub(crate) collections: Vec<String>,
}

/// Options of `compact`.
#[derive(Debug, Args)]
pub(crate) struct Compact {
    /// Folder of the twin.
    pub(crate) dir: PathBuf,
    /// Only this collection.
    #[arg(long, value_name = "ID")]
    pub(crate) collection: Option<String>,
}

/// Options of `backup`.
#[derive(Debug, Args)]
pub(crate) struct Backup {
    /// Folder of the twin.
    pub(crate) dir: PathBuf,
    /// Folder of the copy.
    pub(crate) out: PathBuf,
}

/// Options of `restore`.
#[derive(Debug, Args)]
pub(crate) struct Restore {
    /// Folder of the copy.
    pub(crate) copy: PathBuf,
    /// Folder of the new twin.
    pub(crate) dir: PathBuf,
}

/// Options of `changes`.
#[derive(Debug, Args)]
pub(crate) struct Changes {
    /// Folder of the twin.
    pub(crate) dir: PathBuf,
    /// Only those after this number.
    #[arg(long, default_value_t = 0, value_name = "NUMBER")]
    pub(crate) after: u64,
    /// At most so many.
    #[arg(long, default_value_t = 100, value_name = "N")]
    pub(crate) limit: usize,
}

/// Options of `undo`.
#[derive(Debug, Args)]
pub(crate) struct Undo {
    /// Folder of the twin.
    pub(crate) dir: PathBuf,
    /// Number of the change, as `changes` tells it.
    pub(crate) number: u64,
}

/// Options of `forget`.
#[derive(Debug, Args)]
pub(crate) struct Forget {
    /// Folder of the twin.
    pub(crate) dir: PathBuf,
    /// Whose features.
    #[arg(long, value_name = "ID")]
    pub(crate) collection: String,
    /// Only this feature.
    #[arg(long, value_name = "FID")]
    pub(crate) feature: Option<u64>,
    /// What was over by then is forgotten: an instant such as 2026-11-22T00:00:00Z, or "now".
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
    pub(crate) before: Timestamp,
}

/// The one option of verbs that take no other.
#[derive(Debug, Args)]
pub(crate) struct TwinOnly {
    /// Folder of the twin.
    pub(crate) dir: PathBuf,
}

/// What to do with keys.
#[derive(Debug, Subcommand)]
pub(crate) enum KeyVerb {
    /// Make a key and print it, once.
    Add {
        /// Folder of the twin.
        dir: PathBuf,
        /// Whose key it is.
        #[arg(long)]
        name: String,
        /// What its holder may do.
        #[arg(long)]
        role: Role,
    },
    /// List names and roles.
    List {
        /// Folder of the twin.
        dir: PathBuf,
    },
    /// Make a key worthless.
    Revoke {
        /// Folder of the twin.
        dir: PathBuf,
        /// Whose key it is.
        name: String,
    },
}

/// What the holder of a key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Role {
    /// Read everything.
    Reader,
    /// Read and edit.
    Editor,
    /// Everything.
    Admin,
}

/// Reads `COLLECTION.KEY=COLUMN`.
fn join(text: &str) -> Result<Join, String> {
    let parts = text
        .split_once('.')
        .and_then(|(collection, rest)| Some((collection, rest.split_once('=')?)));
    match parts {
        Some((collection, (key, column))) if ![collection, key, column].contains(&"") => Ok(Join {
            collection: collection.to_owned(),
            key: key.to_owned(),
            column: column.to_owned(),
        }),
        _ => Err("give collection, key and column, as in roads.link_id=link".to_owned()),
    }
}

/// Reads a share such as `20%` or `20`.
fn percent(text: &str) -> Result<u8, String> {
    let number = text.strip_suffix('%').unwrap_or(text).parse::<u8>().ok();
    let percent = number.filter(|percent| *percent <= 100);
    percent.ok_or_else(|| "give a share from 0% to 100%".to_owned())
}

/// Reads an instant, or `now`.
fn instant(text: &str) -> Result<Timestamp, String> {
    if text == "now" {
        return Ok(Timestamp::now());
    }
    let instant = text.parse();
    instant.map_err(|_| "give an instant such as 2026-11-22T00:00:00Z, or now".to_owned())
}

/// Reads `Z/X/Y`, the order in which the addresses of tiles have them.
fn tile_address(text: &str) -> Result<TileCoord, String> {
    let parts: Vec<&str> = text.split('/').collect();
    let [z, x, y] = parts[..] else {
        return Err("give level, column and row, as in 12/2218/1129".to_owned());
    };
    let whole = |part: &str| {
        part.parse::<u32>()
            .map_err(|_| format!("{part:?} is not a number"))
    };
    let z = u8::try_from(whole(z)?).map_err(|_| format!("there is no level {z}"))?;
    TileCoord::new(z, whole(x)?, whole(y)?).map_err(|error| error.to_string())
}
