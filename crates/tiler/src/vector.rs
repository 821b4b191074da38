//! Vector tiles: which features and attributes a tile shows, and what it gives
//! up when it grows too large.

use geodesy::Transform;
use model::{Column, ColumnKind, DataOrigin, Feature, FeatureId, Schema, Value};
use xxhash_rust::xxh3::xxh3_64;

use crate::VectorTile;
use crate::layers::TileLayer;
use crate::level::{EXTENT, Level, PIXEL, Tile, Tiles};
use crate::mvt::{GeometryType, Layer};
use crate::parts::Parts;
use crate::shapes::{Detail, Shaper};

/// Most bytes of a tile before compression: the limit that tippecanoe made
/// customary. Phones stall on larger ones.
pub const DEFAULT_BYTE_LIMIT: usize = 500_000;

/// Most features that a layer of a tile holds at once, which bounds memory: some
/// 30 MB. A feature takes at least 10 bytes, so that twice as many as fit within
/// the usual byte limit are weighed against each other.
pub(crate) const FEATURE_LIMIT: usize = 100_000;

/// Columns that are kept for their text when most attributes must go: the first
/// of these that a collection has.
const LABEL_COLUMNS: [&str; 10] = [
    "label",
    "name",
    "namn",
    "title",
    "titel",
    "benamning",
    "beteckning",
    "adress",
    "address",
    "fastighet",
];

/// Collects what a tile shows of one collection.
pub(crate) struct LayerBuilder<'a> {
    layer: Layer,
    place: Place<'a>,
    detail: Detail,
    columns: Option<&'a [usize]>,
    parts: Parts,
    shaper: Shaper,
    /// Features below this importance are not collected.
    floor: f64,
    left_out: usize,
    /// Features that have no place in the set's CRS.
    out_of_domain: usize,
    /// Where all features share an origin that none of the columns tells.
    origin: Option<Value>,
    essential: Vec<String>,
}

/// Where a tile lies, and the way there from the twin; none if they share a CRS.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) forward: Option<&'a Transform>,
    pub(crate) level: &'a Level,
    pub(crate) tile: Tile,
}

impl<'a> LayerBuilder<'a> {
    /// Starts a layer. Of features as they were delivered lines may move by `tolerance` tile
    /// units.
    pub(crate) fn new(of: &'a TileLayer, place: Place<'a>, tolerance: f64) -> LayerBuilder<'a> {
        let meta = of.collection.meta();
        let schema = &meta.schema;
        let mut keys: Vec<String> = schema.columns.iter().map(|c| c.name.clone()).collect();
        let mut essential = vec![DataOrigin::ATTRIBUTE.to_owned()];
        essential.extend(label_column(schema).map(|column| column.name.clone()));
        let mut origin = None;
        if schema.position(DataOrigin::ATTRIBUTE).is_none() {
            origin = meta.data_origin.map(|o| Value::Text(o.as_str().to_owned()));
            keys.push(DataOrigin::ATTRIBUTE.to_owned());
        }
        LayerBuilder {
            layer: Layer::new(meta.id.as_str(), EXTENT, keys),
            place,
            detail: of.detail(tolerance),
            columns: of.columns.as_deref(),
            parts: Parts::default(),
            shaper: Shaper::default(),
            floor: 0.0,
            left_out: 0,
            out_of_domain: 0,
            origin,
            essential,
        }
    }

    /// Adds what the tile shows of a feature.
    pub(crate) fn add(&mut self, feature: &Feature) {
        let Some(geometry) = &feature.geometry else {
            return;
        };
        let Place {
            forward,
            level,
            tile,
        } = self.place;
        if self.parts.set(geometry, forward).is_err() {
            self.out_of_domain += 1;
            return;
        }
        let id = feature.id.get();
        let chance = chance(id);
        let origin_key = feature.values.len() as u32;
        let origin = self.origin.as_ref();
        let columns = self.columns;
        let (layer, floor, left_out) = (&mut self.layer, self.floor, &mut self.left_out);
        self.shaper.shape(
            &self.parts,
            chance,
            level,
            &Tiles::one(tile),
            self.detail,
            &mut |_, shown, geometry| {
                let importance = shown.pixels / chance;
                if importance < floor {
                    *left_out += 1;
                    return;
                }
                let values = chosen(&feature.values, columns);
                let values = values.chain(origin.map(|origin| (origin_key, origin)));
                layer.push(id, shown.kind, importance, geometry, values);
            },
        );
        if self.layer.len() > FEATURE_LIMIT {
            self.shed();
        }
    }

    /// Adds a feature that was shaped before, with its values.
    pub(crate) fn push(
        &mut self,
        id: FeatureId,
        kind: GeometryType,
        geometry: &[u8],
        values: &[Value],
    ) {
        let origin_key = values.len() as u32;
        let values = chosen(values, self.columns);
        let values = values.chain(self.origin.iter().map(|origin| (origin_key, origin)));
        self.layer.push(id.get(), kind, 0.0, geometry, values);
    }

    /// Appends the layer to a tile, with all that it has.
    pub(crate) fn write_all(&self, tile: &mut Vec<u8>) {
        self.layer.write(0.0, &|_| true, tile);
    }

    /// Raises the floor by doubling until the limit is kept. Where it ends up
    /// depends on the features, not on their order.
    fn shed(&mut self) {
        let before = self.layer.len();
        while self.layer.count_over(self.floor) > FEATURE_LIMIT {
            self.floor = if self.floor == 0.0 {
                2f64.powi(-10)
            } else {
                self.floor * 2.0
            };
        }
        self.layer.shed(self.floor);
        self.left_out += before - self.layer.len();
    }
}

/// The values of the columns that a tile carries, all if none are named, by place.
fn chosen<'v>(
    values: &'v [Value],
    columns: Option<&'v [usize]>,
) -> impl Iterator<Item = (u32, &'v Value)> {
    let all = columns.is_none().then(|| (0..).zip(values));
    let some = columns.into_iter().flatten();
    let some = some.filter_map(|&place| Some((place as u32, values.get(place)?)));
    all.into_iter().flatten().chain(some)
}

/// Returns the tile of the layers that `build` collects when lines may move by a
/// given number of tile units, within `byte_limit`.
///
/// A tile over the limit gives up, in this order and until it fits:
/// 1. detail: lines move by up to one pixel;
/// 2. attributes, but for `data_origin` and one that serves as a label;
/// 3. features, those first that paint the fewest pixels: a feature that paints n
///    pixels and has drawn the number u, over 0 and up to 1, stays while n/u is over a
///    rising floor. So of many alike a fair share stays, the same share everywhere,
///    and nothing depends on the order in which features lie in the store.
///
/// `first` is what the tile comes to before anything is given up, where that is known.
pub(crate) fn within_limit<'a, E>(
    tolerance: f64,
    byte_limit: usize,
    first: Option<Vec<u8>>,
    build: impl Fn(f64) -> Result<Vec<LayerBuilder<'a>>, E>,
) -> Result<VectorTile, E> {
    let mut sacrifices = Vec::new();
    let mut layers = Vec::new();
    let mut bytes = match first {
        Some(bytes) => bytes,
        None => {
            layers = build(tolerance)?;
            encode(&layers, 0.0, false)
        }
    };
    if bytes.len() > byte_limit {
        layers = build(PIXEL)?;
        let simpler = encode(&layers, 0.0, false);
        if simpler.len() < bytes.len() {
            sacrifices.push("lines simplified to one pixel".to_owned());
            bytes = simpler;
        }
    }
    if bytes.len() > byte_limit {
        let bare = encode(&layers, 0.0, true);
        if bare.len() < bytes.len() {
            sacrifices.push("attributes left out except data_origin and a label".to_owned());
            bytes = bare;
        }
    }
    if bytes.len() > byte_limit {
        let all: usize = layers.iter().map(|l| l.layer.len()).sum();
        let floor = lowest_floor(&layers, byte_limit);
        bytes = encode(&layers, floor, true);
        let kept: usize = layers.iter().map(|l| l.layer.count_over(floor)).sum();
        sacrifices.push(format!(
            "{} of {all} features left out, smallest first",
            all - kept
        ));
    }
    for builder in &layers {
        let name = builder.layer.name();
        let mut tell = |count: usize, what: &str| {
            if count > 0 {
                sacrifices.push(format!("{count} {what} of {name} left out"));
            }
        };
        tell(builder.left_out, "smallest features");
        tell(
            builder.out_of_domain,
            "features without a place in this grid",
        );
        tell(
            builder.shaper.unrepaired,
            "polygons that could not be made valid",
        );
    }
    Ok(VectorTile { bytes, sacrifices })
}

fn encode(layers: &[LayerBuilder], floor: f64, bare: bool) -> Vec<u8> {
    let mut tile = Vec::new();
    for builder in layers {
        let keep_key = |key: &str| !bare || builder.essential.iter().any(|e| e == key);
        builder.layer.write(floor, &keep_key, &mut tile);
    }
    tile
}

/// The lowest floor, in steps of a quarter octave, with which the tile keeps the limit.
fn lowest_floor(layers: &[LayerBuilder], byte_limit: usize) -> f64 {
    let floor_at = |step: i32| 2f64.powf(f64::from(step) / 4.0);
    let largest = layers
        .iter()
        .map(|l| l.layer.max_importance())
        .fold(1.0, f64::max);
    // Below 2⁻¹⁰ pixels nothing is shown; above the largest nothing is left.
    let (mut low, mut high) = (-40, (largest.log2() * 4.0).ceil() as i32 + 1);
    while low < high {
        let middle = low + (high - low) / 2;
        if encode(layers, floor_at(middle), true).len() <= byte_limit {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    floor_at(low)
}

/// A number over 0 and up to 1 that belongs to a feature: as if drawn, but the
/// same for ever.
pub(crate) fn chance(id: u64) -> f64 {
    const STEPS: f64 = (1_u64 << 53) as f64;
    ((xxh3_64(&id.to_le_bytes()) >> 11) as f64 + 1.0) / STEPS
}

/// The column that serves as a label where nobody named one.
pub(crate) fn label_column(schema: &Schema) -> Option<&Column> {
    LABEL_COLUMNS.iter().find_map(|label| {
        schema
            .columns
            .iter()
            .find(|c| c.kind == ColumnKind::Text && c.name.eq_ignore_ascii_case(label))
    })
}
