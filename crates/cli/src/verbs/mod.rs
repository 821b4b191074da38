//! One module for each verb.

pub(crate) mod backup;
pub(crate) mod changes;
pub(crate) mod check;
pub(crate) mod compact;
pub(crate) mod contour;
pub(crate) mod demo;
pub(crate) mod export;
pub(crate) mod ingest;
pub(crate) mod init;
pub(crate) mod key;
pub(crate) mod query;
pub(crate) mod serve;
pub(crate) mod status;
pub(crate) mod tile;

use std::path::Path;

use anyhow::bail;
use store::Twin;

use crate::configuration::{self, Configuration};

/// Opens a twin and reads its configuration; they must agree on the CRS.
fn open(dir: &Path) -> anyhow::Result<(Twin, Configuration)> {
    let configuration = configuration::read(dir)?;
    let twin = Twin::open(dir)?;
    // The twin was made with a code that is known; another way to write it has to be looked up.
    if configuration.crs != twin.crs_code()
        && let configured = geodesy::Crs::from_code(&configuration.crs)?
        && configured.code() != twin.crs_code()
    {
        bail!(
            "{}: crs is {}, but the twin was made in {}; a twin's CRS cannot be changed: \
             put {} back, or make a new twin",
            dir.join(configuration::FILE_NAME).display(),
            configured.code(),
            twin.crs_code(),
            twin.crs_code(),
        );
    }
    Ok((twin, configuration))
}
