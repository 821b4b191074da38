//! The tile matrix sets of a twin: those built in, and an operator's own.

use std::sync::Arc;

use super::TileMatrixSet;
use crate::Error;

/// Tile matrix sets by name: those built in first, then an operator's own.
///
/// Its default is those built in.
#[derive(Debug, Clone, PartialEq)]
pub struct TileMatrixSets(Vec<Arc<TileMatrixSet>>);

impl Default for TileMatrixSets {
    fn default() -> TileMatrixSets {
        TileMatrixSets(TileMatrixSet::all().iter().cloned().map(Arc::new).collect())
    }
}

impl TileMatrixSets {
    /// No sets, for those who need none: those built in take time to look up.
    pub fn none() -> TileMatrixSets {
        TileMatrixSets(Vec::new())
    }

    /// Adds an operator's own.
    ///
    /// # Errors
    ///
    /// [`Error::BadTileMatrixSet`] if there is one of that name, or with that name for an
    /// alias.
    pub fn add(&mut self, set: TileMatrixSet) -> Result<(), Error> {
        if let Some(known) = self.get(&set.id) {
            let reason = match &known.id {
                id if *id == set.id => "there is one of that id: give it another".to_owned(),
                id => format!("its id is another name of {id}: give it another"),
            };
            return Err(Error::BadTileMatrixSet { id: set.id, reason });
        }
        self.0.push(Arc::new(set));
        Ok(())
    }

    /// The set that goes by this name, or by this alias of one built in (see
    /// [`TileMatrixSet::by_id`]).
    pub fn get(&self, id: &str) -> Option<&Arc<TileMatrixSet>> {
        let named = |id: &str| self.0.iter().find(|set| set.id == id);
        named(id).or_else(|| named(&TileMatrixSet::by_id(id)?.id))
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<TileMatrixSet>> {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn renamed(id: &str) -> TileMatrixSet {
        let mut set = TileMatrixSet::by_id("SWEREF99TM").unwrap().clone();
        set.id = id.to_owned();
        set
    }

    #[test]
    fn an_own_set_stands_beside_those_built_in_and_in_place_of_none() {
        let mut sets = TileMatrixSets::default();
        sets.add(renamed("kommun")).unwrap();
        assert_eq!(sets.iter().count(), TileMatrixSet::all().len() + 1);
        assert_eq!(sets.get("kommun").unwrap().id, "kommun");
        assert_eq!(sets.get("EPSG:3006").unwrap().id, "SWEREF99TM");
        assert_eq!(sets.get("Kommun"), None);
        for (taken, why) in [
            ("kommun", "there is one of that id"),
            ("SWEREF99TM", "there is one of that id"),
            ("3006", "another name of SWEREF99TM"),
        ] {
            let error = sets.add(renamed(taken)).unwrap_err().to_string();
            assert!(error.contains(taken) && error.contains(why), "{error}");
        }
    }
}
