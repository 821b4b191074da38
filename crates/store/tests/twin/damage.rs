//! Damaged files give errors that name them, and never a panic.

use std::fs;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use model::{Access, Bounds, Feature, Value};
use store::{Error, HeightKind, PutMode, Twin};

use crate::common::{
    EVERY_KIND, by_id, collection, empty_twin, every_value, id, numbered, put, put_survey, see,
};

/// Reads everything in every way, and returns the errors. Points, which take the longest,
/// only if this is their file.
fn read_everything(dir: &Path, damaged: &Path) -> Vec<Error> {
    let mut errors = Vec::new();
    let opened = Twin::open(dir).and_then(|twin| twin.snapshot());
    let view = match opened {
        Ok(snapshot) => snapshot.view(Access::Everything),
        Err(error) => return vec![error],
    };
    let world = Bounds::new(-1e9, -1e9, 1e9, 1e9).unwrap();
    for collection in view.collections() {
        match collection.all() {
            Ok(all) => errors.extend(all.filter_map(Result::err)),
            Err(error) => errors.push(error),
        }
        match collection.within(&world) {
            Ok(found) => errors.extend(found.filter_map(Result::err)),
            Err(error) => errors.push(error),
        }
        for n in 0..40 {
            errors.extend(collection.get(id(n)).err());
        }
        errors.extend(collection.page(None, None, 10).err());
        errors.extend(collection.page(Some(&world), None, 10).err());
        errors.extend(collection.report().err());
    }
    for survey in view.surveys() {
        let around = Bounds::new(150_010.0, 6_499_990.0, 150_030.0, 6_500_020.0).unwrap();
        for kind in HeightKind::ALL {
            errors.extend(survey.elevation(kind, [150_001.0, 6_500_005.0]).err());
            errors.extend(survey.window(kind, &around, 1.0).err());
            errors.extend(survey.window(kind, &around, 100.0).err());
        }
        if damaged.to_string_lossy().ends_with(".copc.laz") {
            match survey.points(None, None) {
                Ok(batches) => errors.extend(batches.filter_map(Result::err)),
                Err(error) => errors.push(error),
            }
        }
        errors.extend(survey.report().err());
    }
    errors
}

/// A twin with every kind of file.
fn make() -> (tempfile::TempDir, Vec<PathBuf>) {
    let (dir, twin) = empty_twin();
    let features = numbered(0..20, 1).into_iter().map(|feature| Feature {
        values: every_value(),
        ..feature
    });
    let mut change = twin.begin().unwrap();
    change
        .put_features(
            collection("all", &EVERY_KIND),
            features.collect(),
            PutMode::Create,
            "{}",
        )
        .unwrap();
    change.commit().unwrap();
    put_survey(&twin, "flight", PutMode::Create);
    assert!(read_everything(dir.path(), dir.path()).is_empty());
    let mut files = vec![dir.path().join("catalog")];
    for folder in ["collections/all", "surveys/flight"] {
        let entries = fs::read_dir(dir.path().join(folder)).unwrap();
        files.extend(entries.map(|entry| entry.unwrap().path()));
    }
    assert_eq!(files.len(), 10);
    (dir, files)
}

/// Asserts that `check` tells of this file.
///
/// A database has room that nothing is written in: damage there is none, if all is read
/// as before.
fn check_names(dir: &Path, file: &Path, damage: &str) {
    let problems = store::check(dir).unwrap().problems;
    if file.ends_with("catalog") && problems.is_empty() {
        let twin = Twin::open(dir).unwrap();
        assert_eq!(by_id(&see(&twin, "all")).len(), 20, "{damage}");
        return;
    }
    let name = file.display().to_string();
    assert!(
        problems.iter().any(|problem| problem.contains(&name)),
        "{name}, {damage}: {problems:?}"
    );
}

#[test]
fn a_flipped_bit_anywhere_never_panics_and_is_found_by_check() {
    let (dir, files) = make();
    for file in &files {
        let whole = fs::read(file).unwrap();
        // Headers byte by byte; what follows is long and alike.
        let places = (0..whole.len().min(260)).chain((260..whole.len().min(4000)).step_by(17));
        for (i, place) in places.enumerate() {
            // In place: writing it all anew would cost more than reading the twin.
            let mut opened = fs::File::options().write(true).open(file).unwrap();
            let mut put = |byte: u8| {
                opened.seek(SeekFrom::Start(place as u64)).unwrap();
                opened.write_all(&[byte]).unwrap();
            };
            put(whole[place] ^ 1 << (i % 8));
            read_everything(dir.path(), file);
            if i % 16 == 0 {
                check_names(dir.path(), file, &format!("bit {} of byte {place}", i % 8));
            }
            put(whole[place]);
        }
    }
    assert!(store::check(dir.path()).unwrap().problems.is_empty());
}

#[test]
fn a_truncated_lengthened_or_missing_file_is_an_error_that_names_it() {
    let (dir, files) = make();
    for file in &files {
        let whole = fs::read(file).unwrap();
        let lengths = [
            0,
            1,
            7,
            8,
            12,
            whole.len() / 3,
            whole.len() / 2,
            whole.len() - 1,
        ];
        for length in lengths {
            fs::write(file, &whole[..length.min(whole.len() - 1)]).unwrap();
            let errors = read_everything(dir.path(), file);
            // The last page of a database may end in room that nothing is written in.
            let harmless = file.ends_with("catalog") && length == whole.len() - 1;
            assert!(
                harmless || !errors.is_empty(),
                "{} cut to {length}",
                file.display()
            );
            check_names(dir.path(), file, &format!("cut to {length} bytes"));
        }
        fs::write(file, [&whole[..], b"more"].concat()).unwrap();
        check_names(dir.path(), file, "lengthened");
        fs::remove_file(file).unwrap();
        let errors = read_everything(dir.path(), file);
        assert!(!errors.is_empty(), "{} removed", file.display());
        fs::write(file, &whole).unwrap();
    }
}

#[test]
fn one_damaged_collection_leaves_the_others_readable() {
    let (dir, twin) = empty_twin();
    put(&twin, "bad", numbered(0..9, 1), PutMode::Create);
    put(&twin, "good", numbered(0..9, 1), PutMode::Create);
    drop(twin);
    let file = dir.path().join("collections/bad/g00000001-1.fgb");
    fs::write(&file, b"torn").unwrap();
    let twin = Twin::open(dir.path()).unwrap();
    let error = see(&twin, "bad").all().err().unwrap();
    assert!(error.to_string().contains("g00000001-1.fgb"), "{error}");
    assert!(see(&twin, "bad").get(id(1)).is_err());
    assert_eq!(see(&twin, "good").all().unwrap().count(), 9);
    // And it can be put right.
    put(&twin, "bad", numbered(0..9, 2), PutMode::Replace);
    assert_eq!(
        see(&twin, "bad").get(id(1)).unwrap().unwrap().values,
        [Value::Integer(2)]
    );
}

#[test]
fn a_catalog_cannot_point_out_of_its_twin() {
    let (dir, twin) = empty_twin();
    put(&twin, "things", numbered(0..3, 1), PutMode::Create);
    drop(twin);
    let path = dir.path().join("catalog");
    let catalog = rusqlite::Connection::open(&path).unwrap();
    let ask = "SELECT content FROM catalog";
    let text: String = catalog.query_row(ask, (), |row| row.get(0)).unwrap();
    for name in [
        "../../../etc/passwd",
        "/etc/passwd",
        "collections/../g00000001-1.fgb",
        "keys",
    ] {
        let changed = text.replace("collections/things/g00000001-1.fgb", name);
        // With the checksum that whoever made it would give it.
        let (first, rest) = changed.split_once('\n').unwrap();
        let rest = format!("\n{rest}");
        let sum = xxhash_rust::xxh3::xxh3_128(rest.as_bytes());
        let (start, _) = first.split_once("\"xxh3_128\"").unwrap();
        let text = format!("{start}\"xxh3_128\": \"{sum:032x}\",{rest}");
        catalog
            .execute("UPDATE catalog SET content = ?1", [text])
            .unwrap();
        let error = Twin::open(dir.path()).unwrap_err().to_string();
        assert!(error.contains("is no file of a twin"), "{error}");
    }
}

#[test]
fn a_folder_without_a_twin_and_one_with_a_twin_are_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    let error = Twin::open(dir.path()).unwrap_err();
    assert!(error.to_string().contains("tvilling init"), "{error}");
    assert!(matches!(store::check(dir.path()), Err(Error::Twin { .. })));
    Twin::create(&dir.path().join("new/deep"), "a", "EPSG:3006").unwrap();
    let error = Twin::create(&dir.path().join("new/deep"), "b", "EPSG:3006").unwrap_err();
    assert!(
        error.to_string().contains("already holds a twin"),
        "{error}"
    );
}
