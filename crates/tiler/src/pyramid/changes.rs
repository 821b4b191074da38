//! Which tiles have changed since a pyramid was made, and which features they show.

use std::collections::HashSet;
use std::iter::Peekable;

use geodesy::TileMatrixSet;
use model::{FeatureId, TileCoord};
use store::{FeaturePlace, PyramidTile, PyramidView};

use super::imprints::{Around, Imprint, Imprints};
use super::order::Order;
use super::sources::{Source, SourceLevel};
use super::{BuiltTile, PyramidLayer, PyramidOptions, recipe, threads};
use crate::Error;
use crate::clip::ClipBox;
use crate::level::{Level, PIXEL, Tile, Tiles};

/// Share of a pyramid's tiles from which making all of them anew is as quick.
const MOST_OF_IT: f64 = 0.5;

/// A pyramid that was made before, and what features left in it.
#[derive(Debug, Clone)]
pub struct Earlier {
    pyramid: PyramidView,
    pub(super) imprints: Imprints,
}

impl Earlier {
    /// Reads a pyramid with what [`build_pyramid`](super::build_pyramid) returned when it was
    /// made, and was kept beside it; none if nothing was, or any of it is damaged.
    pub fn of(pyramid: PyramidView) -> Option<Earlier> {
        let imprints = Imprints::from_bytes(pyramid.imprints().ok()??)?;
        // What is copied from it must not be wrong.
        pyramid
            .is_undamaged()
            .then_some(Earlier { pyramid, imprints })
    }

    /// The pyramid.
    pub fn pyramid(&self) -> &PyramidView {
        &self.pyramid
    }

    /// Whether [`build_pyramid`](super::build_pyramid) would make the same pyramid again, to
    /// the byte. Nothing is made to find out.
    pub fn is_of(
        &self,
        layers: &[PyramidLayer],
        tms: &TileMatrixSet,
        options: &PyramidOptions,
    ) -> bool {
        self.imprints.asked == recipe::asked(layers, tms, options)
    }
}

/// What is to be made anew.
pub(super) struct Changes {
    /// Numbers of the tiles that may have changed.
    pub(super) tiles: HashSet<u64>,
    /// For each source: what is known of features that have not changed, by id.
    kept: Vec<Vec<Imprint>>,
    /// For each source: features to cut, as far as they touch those tiles.
    pub(super) cut: Vec<Vec<ToCut>>,
    /// For each source: which tiles of each of its levels hold all that have changed.
    pub(super) spans: Vec<Vec<Tiles>>,
}

/// A feature to cut.
#[derive(Debug, Clone, Copy)]
pub(super) struct ToCut {
    pub(super) place: FeaturePlace,
    /// Whether nothing is known yet of what it leaves.
    pub(super) is_new: bool,
}

/// What a source holds, by id.
struct Content {
    id: FeatureId,
    content: u64,
    place: FeaturePlace,
}

/// Lists what a source holds, without reading geometries.
fn contents(source: &Source) -> Result<Vec<Content>, Error> {
    let mut contents = Vec::new();
    for place in source.collection.places()? {
        let place = place?;
        contents.push(Content {
            id: source.collection.id_at(place)?,
            content: source.collection.content_at(place)?,
            place,
        });
    }
    contents.sort_unstable_by_key(|of| of.id);
    Ok(contents)
}

impl Changes {
    /// Compares sources with what there was; none if so much has changed that all tiles are
    /// made as quickly.
    ///
    /// `box_of` returns the box of a feature of a source.
    pub(super) fn find(
        sources: &[Source],
        earlier: &Earlier,
        order: Order,
        box_of: impl Fn(&Source, FeaturePlace) -> Result<Around, Error> + Send + Sync,
    ) -> Result<Option<Changes>, Error> {
        let most = (earlier.pyramid.tiles() as f64 * MOST_OF_IT) as usize;
        let mut changes = Changes {
            tiles: HashSet::new(),
            kept: Vec::new(),
            cut: Vec::new(),
            spans: Vec::new(),
        };
        let mut unchanged: Vec<Vec<(Imprint, FeaturePlace)>> = Vec::new();
        for (source, before) in sources.iter().zip(&earlier.imprints.sources) {
            let (mut same, mut new, mut boxes) = (Vec::new(), Vec::new(), Vec::new());
            let mut before = before.iter().peekable();
            for of in contents(source)? {
                while let Some(gone) = before.next_if(|imprint| imprint.id < of.id) {
                    boxes.push(gone.around);
                }
                let was = before.next_if(|imprint| imprint.id == of.id);
                match was {
                    Some(was) if was.content == of.content => same.push((*was, of.place)),
                    _ => {
                        boxes.extend(was.map(|was| was.around));
                        new.push(of.place);
                    }
                }
            }
            boxes.extend(before.map(|gone| gone.around));
            let of_new = threads::map(new.clone(), |place| box_of(source, place));
            for around in of_new {
                boxes.push(around?);
            }
            for level in &source.levels {
                for around in &boxes {
                    let Some(touched) = touched(level, *around) else {
                        continue;
                    };
                    let count = touched.columns.len() * touched.rows.len();
                    if changes.tiles.len() + count > most {
                        return Ok(None);
                    }
                    let numbers = tiles_of(&touched).filter_map(|tile| order.id(level.z, tile));
                    changes.tiles.extend(numbers);
                }
            }
            unchanged.push(same);
            let is_new = true;
            let new = new.into_iter().map(|place| ToCut { place, is_new });
            changes.cut.push(new.collect());
        }
        for ((source, same), cut) in sources.iter().zip(unchanged).zip(&mut changes.cut) {
            let spans = source
                .levels
                .iter()
                .map(|level| changes_of(level, order, &changes.tiles));
            let spans: Vec<Tiles> = spans.collect();
            for (imprint, place) in &same {
                let mut levels = source.levels.iter().zip(&spans);
                let shows = levels.any(|(level, span)| {
                    touched_within(level, imprint.around, span).is_some_and(|touched| {
                        tiles_of(&touched).any(|tile| {
                            let number = order.id(level.z, tile);
                            number.is_some_and(|number| changes.tiles.contains(&number))
                        })
                    })
                });
                if shows {
                    cut.push(ToCut {
                        place: *place,
                        is_new: false,
                    });
                }
            }
            changes
                .kept
                .push(same.into_iter().map(|(imprint, _)| imprint).collect());
            changes.spans.push(spans);
        }
        Ok(Some(changes))
    }

    /// What features have left now, given what the new ones of each source did.
    pub(super) fn imprints(self, recipes: [u128; 2], new: Vec<Vec<Imprint>>) -> Imprints {
        let sources = self.kept.into_iter().zip(new).map(|(mut all, new)| {
            all.extend(new);
            all
        });
        Imprints::new(recipes, sources.collect())
    }
}

/// Tiles that are taken as they were, in their order.
pub(super) struct Unchanged<'a> {
    tiles: Peekable<Box<dyn Iterator<Item = Result<Numbered, store::Error>> + 'a>>,
    /// How many were taken.
    pub(super) count: u64,
}

type Numbered = (u64, TileCoord, PyramidTile);

impl<'a> Unchanged<'a> {
    pub(super) fn new(
        earlier: &'a Earlier,
        changes: &'a Changes,
        order: Order,
    ) -> Result<Unchanged<'a>, Error> {
        let tiles = earlier
            .pyramid
            .all_tiles()?
            .filter_map(move |tile| match tile {
                Ok((address, tile)) => {
                    let number = order.id(address.z(), [address.x(), address.y()])?;
                    (!changes.tiles.contains(&number)).then_some(Ok((number, address, tile)))
                }
                Err(error) => Some(Err(error)),
            });
        let tiles: Box<dyn Iterator<Item = _>> = Box::new(tiles);
        Ok(Unchanged {
            tiles: tiles.peekable(),
            count: 0,
        })
    }

    /// Gives all that come before a tile, or all that are left, to `sink`.
    pub(super) fn before<E: From<Error>>(
        &mut self,
        number: Option<u64>,
        sink: &mut dyn FnMut(BuiltTile) -> Result<(), E>,
    ) -> Result<(), E> {
        let comes_before = |tile: &Result<Numbered, store::Error>| match (tile, number) {
            (Ok((own, ..)), Some(number)) => *own < number,
            _ => true,
        };
        while let Some(tile) = self.tiles.next_if(comes_before) {
            let (_, tile, content) = tile.map_err(Error::from)?;
            self.count += 1;
            sink(BuiltTile {
                tile,
                gzip: content.as_ref().to_vec(),
                sacrifices: content.sacrifices,
            })?;
        }
        Ok(())
    }
}

/// The tiles of a level in which a feature may show something.
fn touched(of: &SourceLevel, around: Around) -> Option<Tiles> {
    touched_within(of, around, &of.level.tiles())
}

fn touched_within(of: &SourceLevel, around: Around, within: &Tiles) -> Option<Tiles> {
    let [low, high] = around.corners()?;
    let [west, south] = of.level.world(low);
    let [east, north] = of.level.world(high);
    // What is drawn of a feature too small to be seen is as wide as a pixel.
    let around = ClipBox {
        min: [west - PIXEL, north - PIXEL],
        max: [east + PIXEL, south + PIXEL],
    };
    Some(of.level.touching(&around, within))
}

fn tiles_of(tiles: &Tiles) -> impl Iterator<Item = Tile> + '_ {
    let columns = tiles.columns.clone();
    columns.flat_map(|column| tiles.rows.clone().map(move |row| [column, row]))
}

/// The least span of columns and rows that holds all changed tiles of a level.
fn changes_of(of: &SourceLevel, order: Order, changed: &HashSet<u64>) -> Tiles {
    let level: &Level = &of.level;
    let all = level.tiles();
    let mut span = Tiles {
        columns: all.columns.end..0,
        rows: all.rows.end..0,
    };
    for tile in changed.iter().filter_map(|number| order.tile(*number)) {
        if tile.z() == of.z {
            span.columns = span.columns.start.min(tile.x())..span.columns.end.max(tile.x() + 1);
            span.rows = span.rows.start.min(tile.y())..span.rows.end.max(tile.y() + 1);
        }
    }
    if span.columns.is_empty() {
        span = Tiles {
            columns: 0..0,
            rows: 0..0,
        };
    }
    span
}
