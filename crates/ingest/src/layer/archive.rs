//! A zip archive with one Shapefile inside, as portals deliver it, or with KML (KMZ).
//!
//! Nothing is ever unpacked to disk: parts are read into memory, by the bytes
//! that come out and not by what the archive claims. An entry whose name leads
//! out of the archive refuses the whole, since no honest writer makes one.

use std::collections::BTreeMap;
use std::io::{Read, Seek};
use std::path::Path;

use zip::ZipArchive;
use zip::read::ZipFile;

use super::kml;
use super::raw::{RawLayer, Refusal};
use super::shapefile::{self, Parts};

/// Entries of an archive: a delivery has tens.
const MAX_ENTRIES: usize = 10_000;

/// Bytes of one entry, unpacked: a Shapefile of two million buildings.
const MAX_ENTRY_BYTES: u64 = 1 << 30;

/// Reads the only Shapefile in the archive, or the one called `layer`.
pub(crate) fn read_archive(
    archive: impl Read + Seek,
    layer: Option<&str>,
) -> Result<RawLayer, Refusal> {
    let mut archive = ZipArchive::new(archive).map_err(|error| {
        Refusal::new(format!(
            "is a zip archive that cannot be read ({error}): it is truncated or damaged, fetch it again"
        ))
    })?;
    if archive.len() > MAX_ENTRIES {
        return Err(Refusal::new(format!(
            "is a zip archive of {} entries, at most {MAX_ENTRIES} are read",
            archive.len()
        )));
    }
    let (shapefiles, kml) = contents(&mut archive)?;
    let names = || {
        let names: Vec<_> = shapefiles.keys().map(String::as_str).collect();
        names.join(", ")
    };
    let entries = match (layer, shapefiles.len()) {
        (_, 0) => {
            if kml.is_empty() {
                return Err(Refusal::new(
                    "is a zip archive without a Shapefile or KML: unpack it and name the file in it",
                ));
            }
            let mut documents = Vec::new();
            for (name, index) in kml {
                documents.push((name, read_entry(&mut archive, index)?));
            }
            return kml::read_kmz(&documents);
        }
        (Some(wanted), _) => shapefiles
            .iter()
            .find(|(name, _)| *name == wanted || base(name) == wanted)
            .map(|(_, entries)| entries)
            .ok_or_else(|| {
                Refusal::new(format!(
                    "is a zip archive without a Shapefile {wanted:?}; it has: {}",
                    names()
                ))
            })?,
        (None, 1) => shapefiles
            .values()
            .next()
            .ok_or_else(|| Refusal::new("is a zip archive without a Shapefile"))?,
        (None, _) => {
            return Err(Refusal::new(format!(
                "is a zip archive of several Shapefiles, choose one with --layer: {}",
                names()
            )));
        }
    };
    let mut part = |ending: &str| match entries.get(ending) {
        Some(index) => read_entry(&mut archive, *index).map(Some),
        None => Ok(None),
    };
    let text = |bytes: Option<Vec<u8>>| bytes.map(|b| String::from_utf8_lossy(&b).into_owned());
    let parts = Parts {
        shp: part("shp")?.unwrap_or_default(),
        dbf: part("dbf")?,
        prj: text(part("prj")?),
        cpg: text(part("cpg")?),
    };
    shapefile::read_shapefile(&parts)
}

fn base(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// Entry numbers by ending, for every name that has a `.shp`.
type Shapefiles = BTreeMap<String, BTreeMap<String, usize>>;

/// Entry numbers of KML documents, and their names.
type Documents = Vec<(String, usize)>;

/// Returns the Shapefiles and the KML documents of an archive.
fn contents<R: Read + Seek>(
    archive: &mut ZipArchive<R>,
) -> Result<(Shapefiles, Documents), Refusal> {
    let mut found = Shapefiles::new();
    let mut kml = Documents::new();
    for index in 0..archive.len() {
        let entry = archive.by_index_raw(index).map_err(|error| {
            Refusal::new(format!(
                "is a zip archive whose entry {} cannot be read: {error}",
                index + 1
            ))
        })?;
        if entry.enclosed_name().is_none() {
            return Err(Refusal::new(format!(
                "is a zip archive with an entry that leads out of it, {:?}: it is hostile or broken and nothing of it was read",
                entry_name(&entry)
            )));
        }
        let name = entry_name(&entry).replace('\\', "/");
        // What macOS adds beside every file.
        if name.starts_with("__MACOSX/") {
            continue;
        }
        if let (Some(stem), Some(ending)) = (
            name.rfind('.').map(|dot| name[..dot].to_owned()),
            Path::new(&name).extension(),
        ) {
            let ending = ending.to_string_lossy().to_ascii_lowercase();
            if ending == "kml" {
                kml.push((name.clone(), index));
            }
            found.entry(stem).or_default().insert(ending, index);
        }
    }
    found.retain(|_, entries| entries.contains_key("shp"));
    Ok((found, kml))
}

/// The entry's name, with marks for what is no text in it.
fn entry_name<R: Read>(entry: &ZipFile<'_, R>) -> String {
    String::from_utf8_lossy(entry.name_raw()).into_owned()
}

fn read_entry<R: Read + Seek>(
    archive: &mut ZipArchive<R>,
    index: usize,
) -> Result<Vec<u8>, Refusal> {
    let entry = archive.by_index(index).map_err(|error| {
        Refusal::new(format!(
            "is a zip archive whose entry {} cannot be unpacked: {error}",
            index + 1
        ))
    })?;
    let name = entry_name(&entry);
    let mut bytes = Vec::new();
    entry
        .take(MAX_ENTRY_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| {
            Refusal::new(format!(
                "is a zip archive whose entry {name:?} cannot be unpacked ({error}): fetch it again"
            ))
        })?;
    if bytes.len() as u64 > MAX_ENTRY_BYTES {
        return Err(Refusal::new(format!(
            "is a zip archive whose entry {name:?} unpacks to more than {MAX_ENTRY_BYTES} bytes: unpack it yourself and name the .shp"
        )));
    }
    Ok(bytes)
}
