//! `[collections.ID.tiles]`: how tiles show a collection at each zoom.

use anyhow::{bail, ensure};
use serde::Deserialize;
use tiler::{TileRules, ZoomAttributes, ZoomRank};

/// Deepest zoom that a rule may name: that of the deepest tiles there are.
const ZOOM_MAX: u8 = 30;

/// Largest size in pixels that a rule may name: a tile is 512 wide.
const PIXELS_MAX: f64 = 512.0;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tiles {
    #[serde(default)]
    as_delivered: bool,
    min_zoom: Option<u8>,
    rank: Option<String>,
    #[serde(default)]
    rank_floors: Vec<Floor>,
    class: Option<Vec<String>>,
    tolerance_px: Option<f64>,
    spacing_px: Option<f64>,
    #[serde(default)]
    cluster: bool,
    #[serde(default)]
    undirected: bool,
    min_length_px: Option<f64>,
    min_area_px: Option<f64>,
    coverage: Option<bool>,
    #[serde(default)]
    attributes: Vec<Attributes>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Floor {
    below_zoom: u8,
    rank: f64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Attributes {
    zooms: [u8; 2],
    columns: Vec<String>,
}

impl Tiles {
    /// The rules of the tiles of a collection.
    ///
    /// # Errors
    ///
    /// Names the key whose value makes no sense.
    pub(super) fn rules(self, id: &str) -> anyhow::Result<TileRules> {
        let of = format!("[collections.{id}.tiles]");
        let sizes = [
            ("tolerance_px", self.tolerance_px),
            ("spacing_px", self.spacing_px),
            ("min_length_px", self.min_length_px),
            ("min_area_px", self.min_area_px),
        ];
        for (key, size) in sizes {
            if let Some(size) = size.filter(|size| !(0.0..=PIXELS_MAX).contains(size)) {
                bail!("{of} {key} = {size}: give pixels from 0 to {PIXELS_MAX}");
            }
        }
        ensure!(
            self.rank_floors.is_empty() || self.rank.is_some(),
            "{of} rank_floors: name the column with the ranks, rank = \"…\""
        );
        for floor in &self.rank_floors {
            ensure!(
                floor.rank.is_finite() && floor.below_zoom <= ZOOM_MAX,
                "{of} rank_floors: give a number and a zoom up to {ZOOM_MAX}"
            );
        }
        for rule in &self.attributes {
            let [first, last] = rule.zooms;
            ensure!(
                first <= last && last <= ZOOM_MAX,
                "{of} attributes: zooms = [{first}, {last}] must be the first and the last, up to {ZOOM_MAX}"
            );
        }
        let floors = self.rank_floors.into_iter().map(|floor| ZoomRank {
            below_zoom: floor.below_zoom,
            rank: floor.rank,
        });
        let attributes = self.attributes.into_iter().map(|rule| ZoomAttributes {
            zooms: rule.zooms[0]..=rule.zooms[1],
            columns: rule.columns,
        });
        Ok(TileRules {
            as_delivered: self.as_delivered,
            min_zoom: self.min_zoom,
            rank: self.rank,
            rank_floors: floors.collect(),
            class: self.class,
            tolerance_px: self.tolerance_px,
            spacing_px: self.spacing_px,
            cluster: self.cluster,
            undirected: self.undirected,
            min_length_px: self.min_length_px,
            min_area_px: self.min_area_px,
            coverage: self.coverage,
            attributes: attributes.collect(),
            ..TileRules::default()
        })
    }
}
