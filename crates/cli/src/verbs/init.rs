//! `tvilling init`: an empty twin.

use anyhow::bail;
use geodesy::Crs;
use serde_json::json;
use store::Twin;

use crate::arguments::Init;
use crate::{configuration, output};

pub(crate) fn run(options: Init, json: bool) -> anyhow::Result<()> {
    let crs = Crs::from_code(&options.crs)?;
    if crs.is_geographic() || crs.unit_m() != Some(1.0) {
        bail!(
            "{} ({}) cannot be the CRS of a twin, which measures in metres: \
             give a projected CRS such as EPSG:3006, or your zone's, EPSG:3007 to EPSG:3018",
            crs.code(),
            crs.name()
        );
    }
    let name = options.name.unwrap_or_else(|| {
        options
            .dir
            .file_name()
            .map_or("Tvilling".into(), |name| name.to_string_lossy().into())
    });
    Twin::create(&options.dir, &name, crs.code())?;
    configuration::write_new(&options.dir, &name, crs.code())?;
    let object = json!({ "dir": options.dir, "name": name, "crs": crs.code() });
    let text = format!(
        "{}: an empty twin in {} ({})",
        options.dir.display(),
        crs.code(),
        crs.name()
    );
    output::print(json, &object, &text);
    Ok(())
}
