//! Department layers: any supported vector file to features in the twin's CRS.

use std::path::Path;

use geodesy::Crs;
use model::{Feature, Schema};

use crate::error::Error;
use crate::report::Report;

/// How to read a layer.
#[derive(Debug, Clone)]
pub struct LayerOptions {
    /// The CRS to put it in: the twin's.
    pub target: Crs,
    /// The CRS of the file; over what the file says.
    pub crs: Option<Crs>,
    /// Which layer of a file that has several.
    pub layer: Option<String>,
    /// The attribute that identifies a feature.
    pub id_property: Option<String>,
}

/// A department layer, read and put in the twin's CRS.
#[derive(Debug, Clone, PartialEq)]
pub struct Layer {
    /// Inferred over the whole file.
    pub schema: Schema,
    /// With ids unique in the layer.
    pub features: Vec<Feature>,
    /// What was repaired or left out.
    pub report: Report,
}

/// Reads a layer: GeoJSON, line-delimited GeoJSON, GeoPackage, Shapefile,
/// FlatGeobuf or CSV, told apart by content.
pub fn read_layer(_path: &Path, _options: &LayerOptions) -> Result<Layer, Error> {
    todo!()
}
