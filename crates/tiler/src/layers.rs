//! What the layers of a tile are made of.

use std::sync::Arc;

use store::CollectionView;

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
}

impl TileLayer {
    /// How finely features are drawn, if those that were delivered may move by `tolerance`.
    pub(crate) fn detail(&self, tolerance: f64) -> Detail {
        if self.is_level {
            Detail::OF_LEVEL
        } else {
            Detail::of_delivered(tolerance)
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
        }
    }
}
