//! What an operator names as a source: files, folders, patterns and addresses.

mod http;
mod pages;

use std::io;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::kind;

/// Returns the files that a source stands for, in the order of their names.
///
/// A folder stands for the files in it whose names end as those of a kind that is read; a
/// pattern (`delivery/*.gml`, with `*` and `?` in the last part) for those that match; and
/// an address (`https://…`) for what it answers, which is put into `scratch`: all pages of
/// it, if it is that of features of an OGC API or of a WFS.
///
/// # Errors
///
/// [`Error`] if it cannot be read or fetched, or if it stands for no file.
pub fn files_of(source: &Path, scratch: &Path) -> Result<Vec<PathBuf>, Error> {
    let refuse = |what: String| Error {
        path: source.to_owned(),
        what,
    };
    if let Some(url) = source.to_str().filter(|text| is_address(text)) {
        return pages::fetch_all(url, scratch, &std::thread::sleep);
    }
    if source.is_dir() {
        let files = files_in(source, |name| kind::may_be_source(Path::new(name)))?;
        if files.is_empty() {
            return Err(refuse(
                "is a folder without a file that is read: name the files".to_owned(),
            ));
        }
        return Ok(files);
    }
    let pattern = source.file_name().and_then(|name| name.to_str());
    match pattern.filter(|name| name.contains(['*', '?'])) {
        Some(pattern) if !source.exists() => {
            let folder = match source.parent() {
                Some(folder) if folder != Path::new("") => folder,
                _ => Path::new("."),
            };
            let files = files_in(folder, |name| matches(pattern, name))?;
            if files.is_empty() {
                return Err(refuse("is a pattern that no file matches".to_owned()));
            }
            Ok(files)
        }
        _ => Ok(vec![source.to_owned()]),
    }
}

fn is_address(text: &str) -> bool {
    let scheme = text.split("://").next().unwrap_or_default();
    text.contains("://")
        && ["http", "https"]
            .iter()
            .any(|s| scheme.eq_ignore_ascii_case(s))
}

/// Files of a folder, but hidden ones and those that are part of a Shapefile.
fn files_in(folder: &Path, wanted: impl Fn(&str) -> bool) -> Result<Vec<PathBuf>, Error> {
    let cannot = |error: io::Error| Error {
        path: folder.to_owned(),
        what: format!("cannot be read: {error}"),
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(cannot)? {
        let path = entry.map_err(cannot)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let takes = !name.starts_with('.') && wanted(&name);
        if takes && path.is_file() && !kind::is_shapefile_part(&path) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Whether a name matches a pattern, where `*` stands for any letters and `?` for one.
///
/// Where it fails, it goes back to the last `*` only, so that the time is at most the
/// product of the lengths.
fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), name.chars().collect());
    let (mut p, mut n) = (0, 0);
    let mut last_star = None;
    while n < name.len() {
        if p < pattern.len() && pattern[p] == '*' {
            last_star = Some((p, n));
            p += 1;
        } else if p < pattern.len() && (pattern[p] == '?' || pattern[p] == name[n]) {
            p += 1;
            n += 1;
        } else if let Some((star, from)) = last_star {
            last_star = Some((star, from + 1));
            p = star + 1;
            n = from + 1;
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_names() {
        for (pattern, name, expected) in [
            ("*.gml", "a.gml", true),
            ("*.gml", "a.gml.bak", false),
            ("del?_*.csv", "del1_Å.csv", true),
            ("del?_*.csv", "del_1.csv", false),
            ("*", "", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("?", "å", true),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
        assert!(!matches(&"*a".repeat(2_000), &"a".repeat(1_000)));
    }

    #[test]
    fn a_folder_and_a_pattern_are_their_files_in_order() {
        let folder = tempfile::tempdir().unwrap();
        for name in [
            "b.csv",
            "a.csv",
            "c.shp",
            "c.dbf",
            "c.prj",
            "README.txt",
            ".x.csv",
        ] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        std::fs::create_dir(folder.path().join("d.csv")).unwrap();
        let names = |source: &str| -> Result<Vec<String>, String> {
            let files = files_of(&folder.path().join(source), folder.path());
            let name = |path: PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
            files
                .map(|files| files.into_iter().map(name).collect())
                .map_err(|error| error.what)
        };
        assert_eq!(names("").unwrap(), ["a.csv", "b.csv", "c.shp"]);
        assert_eq!(names("?.csv").unwrap(), ["a.csv", "b.csv"]);
        assert_eq!(names("b.csv").unwrap(), ["b.csv"]);
        assert!(names("*.gml").unwrap_err().contains("no file"));
        assert!(names("d.csv").unwrap_err().contains("without a file"));
    }
}
