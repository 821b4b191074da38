//! What a survey offers over HTTP: files to download, pictures as tiles, 3D for clients that
//! draw the Earth, and answers about heights.
//!
//! Files:
//!
//! - `downloads`: points as COPC and grids as GeoTIFF, by range of bytes.
//!
//! Raster tiles:
//!
//! - `drawing`: what can be drawn, and the parameters that say how.
//! - `raster_tiles`: tiles of one survey, with their TileJSON.
//! - `difference_tiles`: what rose and fell between two.
//!
//! 3D, with heights above the ellipsoid where a geoid allows (`ellipsoid`):
//!
//! - `point_tiles`: points as 3D Tiles.
//! - `quantized_mesh`: the ground for CesiumJS.
//!
//! Answers, which share the words of `answers`:
//!
//! - `place`: how high a place is.
//! - `profile`: a section along a line, drawn by `profile_svg` in a `language`.
//! - `volume`: cut and fill in a polygon.
//! - `shapes`: lines and polygons as callers write them.
//!
//! `offers` links to all that from the survey's page among the collections.
//!
//! Which surveys a caller may see is for `caller`; tile matrix sets are in `tiles`; what
//! heights mean and how they are drawn is for the crates `query` and `tiler`.

mod answers;
pub(crate) mod difference_tiles;
pub(crate) mod downloads;
pub(crate) mod drawing;
mod ellipsoid;
mod language;
mod offers;
pub(crate) mod place;
pub(crate) mod point_tiles;
pub(crate) mod profile;
mod profile_svg;
pub(crate) mod quantized_mesh;
pub(crate) mod raster_tiles;
mod shapes;
pub(crate) mod volume;

pub(crate) use offers::offers;
