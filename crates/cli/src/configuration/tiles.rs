//! `[collections.ID.tiles]`: how tiles show a collection at each zoom.

use std::ops::RangeInclusive;

use anyhow::ensure;
use serde::Deserialize;
use tiler::generalise::Shaping;
use tiler::{TileRules, ZoomAttributes, ZoomBytes, ZoomRank};

/// Deepest zoom that a rule may name: that of the deepest tiles there are.
const ZOOM_MAX: u8 = 30;

/// Largest size in pixels that a rule may name: a tile is 512 wide.
const PIXELS_MAX: f64 = 512.0;

/// Fewest and most bytes that a tile may be limited to: below, one has no room for a few
/// features; above, no client gets it in time, and a server could be made to hold many.
const BYTES: RangeInclusive<usize> = 1_000..=16_000_000;

/// As it is written; what it means is said by [`TileRules`].
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Tiles {
    as_delivered: bool,
    min_zoom: Option<u8>,
    byte_limits: Vec<Bytes>,
    attributes: Vec<Attributes>,
    rank: Option<String>,
    rank_floors: Vec<Floor>,
    class: Option<Vec<String>>,
    coverage: Option<bool>,
    tolerance_px: f64,
    spacing_px: f64,
    cluster: bool,
    undirected: bool,
    min_length_px: f64,
    min_area_px: f64,
}

impl Default for Tiles {
    fn default() -> Tiles {
        let Shaping {
            tolerance_px,
            spacing_px,
            cluster,
            undirected,
            min_length_px,
            min_area_px,
        } = Shaping::default();
        Tiles {
            as_delivered: false,
            min_zoom: None,
            byte_limits: Vec::new(),
            attributes: Vec::new(),
            rank: None,
            rank_floors: Vec::new(),
            class: None,
            coverage: None,
            tolerance_px,
            spacing_px,
            cluster,
            undirected,
            min_length_px,
            min_area_px,
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Bytes {
    zooms: [u8; 2],
    bytes: usize,
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
            ensure!(
                (0.0..=PIXELS_MAX).contains(&size),
                "{of} {key} = {size}: give pixels from 0 to {PIXELS_MAX}"
            );
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
        let attributes = self
            .attributes
            .iter()
            .map(|rule| ("attributes", rule.zooms));
        let limits = self
            .byte_limits
            .iter()
            .map(|rule| ("byte_limits", rule.zooms));
        for (key, [first, last]) in attributes.chain(limits) {
            ensure!(
                first <= last && last <= ZOOM_MAX,
                "{of} {key}: zooms = [{first}, {last}] must be the first and the last, up to {ZOOM_MAX}"
            );
        }
        for Bytes { bytes, .. } in &self.byte_limits {
            ensure!(
                BYTES.contains(bytes),
                "{of} byte_limits: bytes = {bytes} must be from {} to {}",
                BYTES.start(),
                BYTES.end()
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
        let byte_limits = self.byte_limits.into_iter().map(|rule| ZoomBytes {
            zooms: rule.zooms[0]..=rule.zooms[1],
            bytes: rule.bytes,
        });
        Ok(TileRules {
            as_delivered: self.as_delivered,
            min_zoom: self.min_zoom,
            byte_limits: byte_limits.collect(),
            attributes: attributes.collect(),
            rank: self.rank,
            rank_floors: floors.collect(),
            class: self.class,
            coverage: self.coverage,
            shaping: Shaping {
                tolerance_px: self.tolerance_px,
                spacing_px: self.spacing_px,
                cluster: self.cluster,
                undirected: self.undirected,
                min_length_px: self.min_length_px,
                min_area_px: self.min_area_px,
            },
            // Other keys of the collection say these.
            drawn_by: Vec::new(),
            label: None,
        })
    }
}
