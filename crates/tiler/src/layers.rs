//! What the layers of a tile are made of.

use std::sync::Arc;

use model::{Column, ColumnKind, DataOrigin};
use store::CollectionView;

use crate::level::Level;
use crate::shapes::Detail;

/// A collection as the tiles of a level show it, in a layer of its name.
#[derive(Debug, Clone)]
pub struct TileLayer {
    /// Its features, in the twin's CRS or in any other.
    pub collection: CollectionView,
    /// Whether the features were made for the level (see [`generalise`](crate::generalise)).
    /// Then they are drawn as they are; others are simplified and thinned.
    pub is_level: bool,
    /// Places of the columns that tiles carry, ascending; all columns if not given.
    pub columns: Option<Arc<[usize]>>,
    /// Most bytes of a tile that shows it, before compression; that of
    /// [`VectorOptions`](crate::VectorOptions) if not given.
    pub byte_limit: Option<usize>,
}

impl TileLayer {
    /// The columns that its features carry.
    pub(crate) fn carried(&self) -> Vec<Column> {
        let meta = self.collection.meta();
        let schema = &meta.schema;
        let mut carried: Vec<Column> = match &self.columns {
            Some(places) => places
                .iter()
                .map(|&at| schema.columns[at].clone())
                .collect(),
            None => schema.columns.clone(),
        };
        // Tiles tell it of every feature of a collection that has one origin.
        if meta.data_origin.is_some() && schema.position(DataOrigin::ATTRIBUTE).is_none() {
            carried.push(Column {
                name: DataOrigin::ATTRIBUTE.to_owned(),
                kind: ColumnKind::Text,
            });
        }
        carried
    }

    /// How finely its features are drawn at a level.
    pub(crate) fn detail(&self, level: &Level) -> Detail {
        if self.is_level {
            Detail::OF_LEVEL
        } else {
            Detail::of_delivered(level.tolerance())
        }
    }
}

impl From<CollectionView> for TileLayer {
    /// The collection as it was delivered, with all of its columns.
    fn from(collection: CollectionView) -> TileLayer {
        TileLayer {
            collection,
            is_level: false,
            columns: None,
            byte_limit: None,
        }
    }
}
