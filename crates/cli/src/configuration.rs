//! `twin.toml`: what an operator writes. `config/twin.toml` lists every key.
//!
//! Unknown keys are refused, so that a misspelt `public` is noticed. Everything is
//! converted here to the small structs of the crates that need it.

mod tiles;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use jiff::SignedDuration;
use model::CollectionId;
use serde::{Deserialize, Deserializer};

/// Name of the file in a twin's folder.
pub(crate) const FILE_NAME: &str = "twin.toml";

/// Largest configuration that is read: it is written by hand.
const MAX_BYTES: u64 = 4 << 20;

/// Related features in an answer, unless a relation says otherwise.
const DEFAULT_RELATED_LIMIT: usize = 20;

/// What `twin.toml` says.
#[derive(Debug)]
pub(crate) struct Configuration {
    /// CRS of the twin.
    pub(crate) crs: String,
    /// How it is shown, and to whom.
    pub(crate) settings: server::Settings,
    /// File of a geoid grid.
    pub(crate) geoid: Option<PathBuf>,
    /// Deliveries of the demo.
    pub(crate) sources: Vec<Source>,
}

/// A delivery.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Source {
    /// Relative to the folder of `twin.toml`.
    pub(crate) path: PathBuf,
    pub(crate) collection: String,
    pub(crate) layer: Option<String>,
    pub(crate) crs: Option<String>,
    pub(crate) vertical: Option<String>,
    pub(crate) title: Option<String>,
    pub(crate) department: Option<String>,
    pub(crate) id_property: Option<String>,
    /// How long after one delivery a server looks for the next; it never does by itself
    /// without.
    #[serde(default, deserialize_with = "interval")]
    pub(crate) every: Option<SignedDuration>,
    /// Most features that such a delivery may remove, in percent.
    #[serde(default = "max_removed")]
    pub(crate) max_removed: u8,
}

/// As `tvilling ingest --sync` has it.
fn max_removed() -> u8 {
    20
}

/// Shortest time between two deliveries of one source.
const SHORTEST_INTERVAL: SignedDuration = SignedDuration::from_secs(1);

fn interval<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SignedDuration>, D::Error> {
    let text = String::deserialize(from)?;
    let duration = text.parse::<SignedDuration>().ok();
    let duration = duration.filter(|duration| *duration >= SHORTEST_INTERVAL);
    duration.map(Some).ok_or_else(|| {
        serde::de::Error::custom(format!(
            "every = {text:?} is no length of time: give one such as \"15m\" or \"24h\""
        ))
    })
}

/// Reads the configuration of the twin in `dir`.
pub(crate) fn read(dir: &Path) -> anyhow::Result<Configuration> {
    let path = dir.join(FILE_NAME);
    let length = std::fs::metadata(&path)
        .with_context(|| format!("{}: is this the folder of a twin?", path.display()))?
        .len();
    if length > MAX_BYTES {
        bail!(
            "{}: {length} bytes are too many for a configuration",
            path.display()
        );
    }
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let mut configuration = parse(&text).with_context(|| path.display().to_string())?;
    if let Some(geoid) = &mut configuration.geoid {
        *geoid = dir.join(&geoid);
    }
    Ok(configuration)
}

/// Writes the configuration of a new twin.
pub(crate) fn write_new(dir: &Path, name: &str, crs: &str) -> anyhow::Result<()> {
    let path = dir.join(FILE_NAME);
    let text = format!(
        "# What an operator says about this twin. Every key is listed in config/twin.toml of Tvilling's sources.\n\
         name = {}\ncrs = {}\n\n\
         # A collection is for staff with a key until it is declared public:\n\
         # [collections.ID]\n# public = true\n",
        toml::Value::String(name.to_owned()),
        toml::Value::String(crs.to_owned()),
    );
    std::fs::write(&path, text).with_context(|| path.display().to_string())
}

fn parse(text: &str) -> anyhow::Result<Configuration> {
    let file: File = toml::from_str(text)?;
    let mut collections = BTreeMap::new();
    for (id, collection) in file.collections {
        let settings = collection.settings(&id)?;
        collections.insert(CollectionId::new(&id)?, settings);
    }
    let relations = file
        .relation
        .into_iter()
        .map(relation)
        .collect::<anyhow::Result<_>>()?;
    Ok(Configuration {
        crs: file.crs,
        settings: server::Settings {
            name: file.name,
            departments: file.department.into_iter().map(Into::into).collect(),
            collections,
            relations,
            public_url: file.server.public_url,
            geoid: None,
            sources: server::SourceBoard::default(),
            // Read by the verbs that make or serve tiles.
            tile_matrix_sets: geodesy::TileMatrixSets::none(),
        },
        geoid: file.heights.geoid,
        sources: file.source,
    })
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: String,
    crs: String,
    #[serde(default)]
    server: Server,
    #[serde(default)]
    heights: Heights,
    #[serde(default)]
    department: Vec<Department>,
    #[serde(default)]
    collections: BTreeMap<String, Collection>,
    #[serde(default)]
    relation: Vec<Relation>,
    #[serde(default)]
    source: Vec<Source>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Server {
    public_url: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Heights {
    /// Relative to the folder of `twin.toml`.
    geoid: Option<PathBuf>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    sv: String,
    en: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Department {
    id: String,
    title: Text,
    colour: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Collection {
    #[serde(default)]
    public: bool,
    title: Option<Text>,
    label: Option<String>,
    #[serde(default)]
    attributes: Vec<Attribute>,
    time: Option<Vec<String>>,
    #[serde(default)]
    style: Style,
    #[serde(default)]
    tiles: tiles::Tiles,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Attribute {
    name: String,
    title: Text,
    unit: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Style {
    role: Option<String>,
    colour: Option<String>,
    #[serde(default)]
    shown: bool,
    min_zoom: Option<u8>,
    ramp: Option<Ramp>,
    icon: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ramp {
    attribute: String,
    worst: f64,
    best: f64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Relation {
    name: String,
    from: String,
    to: String,
    from_key: Option<String>,
    to_key: Option<String>,
    within_m: Option<f64>,
    limit: Option<usize>,
}

impl From<Text> for server::Text {
    fn from(text: Text) -> server::Text {
        server::Text {
            sv: text.sv,
            en: text.en,
        }
    }
}

impl From<Department> for server::Department {
    fn from(department: Department) -> server::Department {
        server::Department {
            id: department.id,
            title: department.title.into(),
            colour: department.colour,
        }
    }
}

impl Collection {
    fn settings(self, id: &str) -> anyhow::Result<server::CollectionSettings> {
        if self.time.as_ref().is_some_and(|names| names.len() > 2) {
            bail!("collections.{id}: time names one attribute or two, the first and the last");
        }
        let attributes = self
            .attributes
            .into_iter()
            .map(|attribute| server::AttributeSettings {
                name: attribute.name,
                title: attribute.title.into(),
                unit: attribute.unit.filter(|unit| !unit.is_empty()),
            });
        let style = self.style;
        let mut tiles = self.tiles.rules(id)?;
        tiles.drawn_by = style
            .ramp
            .iter()
            .map(|ramp| ramp.attribute.clone())
            .collect();
        tiles.label = self.label.clone();
        Ok(server::CollectionSettings {
            public: self.public,
            title: self.title.map(Into::into),
            attributes: attributes.collect(),
            label: self.label,
            time: self.time,
            tiles,
            style: server::Style {
                role: style.role,
                colour: style.colour,
                shown: style.shown,
                min_zoom: style.min_zoom,
                ramp: style.ramp.map(|ramp| server::Ramp {
                    attribute: ramp.attribute,
                    worst: ramp.worst,
                    best: ramp.best,
                }),
                icon: style.icon,
            },
        })
    }
}

fn relation(relation: Relation) -> anyhow::Result<query::Relation> {
    let by = match (relation.from_key, relation.to_key, relation.within_m) {
        (Some(from), Some(to), None) => query::RelationBy::Key { from, to },
        (None, None, Some(distance_m)) if distance_m >= 0.0 && distance_m.is_finite() => {
            query::RelationBy::Within { distance_m }
        }
        _ => bail!(
            "relation {:?}: give from_key and to_key, or within_m in metres from 0",
            relation.name
        ),
    };
    Ok(query::Relation {
        name: relation.name,
        from: CollectionId::new(&relation.from)?,
        to: CollectionId::new(&relation.to)?,
        by,
        limit: relation.limit.unwrap_or(DEFAULT_RELATED_LIMIT),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_configuration_is_read() {
        let configuration = parse(include_str!("../../../config/twin.toml")).unwrap();
        assert_eq!(configuration.crs, "EPSG:3014");
        assert_eq!(configuration.settings.relations.len(), 2);
        assert_eq!(configuration.sources.len(), 1);
        let roads = &configuration.settings.collections["road_links"];
        assert!(roads.public);
        assert_eq!(roads.attributes[0].unit, None);
    }

    #[test]
    fn a_misspelt_key_is_refused_by_name() {
        let error =
            parse("name = 'a'\ncrs = 'EPSG:3006'\n[collections.x]\npubic = true").unwrap_err();
        assert!(format!("{error:#}").contains("pubic"), "{error:#}");
    }

    #[test]
    fn rules_of_tiles_that_make_no_sense_are_refused_by_key() {
        let head = "name = 'a'\ncrs = 'EPSG:3006'\n[collections.trees.tiles]\n";
        let rules = "rank = 'h'\nrank_floors = [{ below_zoom = 12, rank = 9 }]\nspacing_px = 4\n\
            attributes = [{ zooms = [0, 9], columns = ['h'] }]\n\
            byte_limits = [{ zooms = [0, 9], bytes = 200_000 }]";
        let read = parse(&format!("{head}{rules}")).unwrap();
        let tiles = &read.settings.collections["trees"].tiles;
        assert_eq!(tiles.rank_floors[0].below_zoom, 12);
        assert_eq!(tiles.attributes[0].zooms, 0..=9);
        assert_eq!(tiles.byte_limits[0].bytes, 200_000);
        for (bad, key) in [
            ("spacing_px = -1", "spacing_px"),
            ("tolerance_px = nan", "tolerance_px"),
            (
                "rank_floors = [{ below_zoom = 12, rank = 9 }]",
                "rank_floors",
            ),
            ("attributes = [{ zooms = [9, 3], columns = [] }]", "[9, 3]"),
            (
                "byte_limits = [{ zooms = [0, 31], bytes = 5000 }]",
                "[0, 31]",
            ),
            (
                "byte_limits = [{ zooms = [0, 9], bytes = 5 }]",
                "bytes = 5 ",
            ),
            ("clusters = true", "clusters"),
        ] {
            let error = parse(&format!("{head}{bad}")).unwrap_err();
            assert!(format!("{error:#}").contains(key), "{error:#}");
        }
    }

    #[test]
    fn a_relation_is_by_key_or_by_place_but_not_both() {
        let head = "name = 'a'\ncrs = 'EPSG:3006'\n[[relation]]\nname='r'\nfrom='a'\nto='b'\n";
        assert!(parse(&format!("{head}within_m = 3.0")).is_ok());
        for bad in [
            "",
            "from_key = 'k'",
            "within_m = -1.0",
            "from_key='a'\nto_key='b'\nwithin_m=1.0",
        ] {
            assert!(parse(&format!("{head}{bad}")).is_err(), "{bad}");
        }
    }
}
