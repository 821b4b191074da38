//! A writer that is killed, or a loss of power, at each step of a change. What such a
//! writer leaves is a copy of the folder at that step.

use std::fs;
use std::path::{Path, PathBuf};

use model::{Feature, Grid, VoxelKey};
use store::{PutMode, Twin};

use crate::common::{
    NUMBER, batch, by_id, collection, empty_twin, heights, layout, numbered, put, see, write_node,
};

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Asserts that a twin left like this is whole, serves `expected`, says that
/// `leftovers` files are unreferenced, and loses them with the next change.
fn check_survivor(dir: &Path, expected: &[Feature], leftovers: usize) {
    let report = store::check(dir).unwrap();
    assert_eq!(report.problems, Vec::<String>::new());
    assert_eq!(
        report.unreferenced.len(),
        leftovers,
        "{:?}",
        report.unreferenced
    );
    let twin = Twin::open(dir).unwrap();
    assert_eq!(by_id(&see(&twin, "things")), expected);
    drop(twin.begin().unwrap());
    assert_eq!(
        store::check(dir).unwrap().unreferenced,
        Vec::<PathBuf>::new()
    );
    put(&twin, "things", numbered(0..3, 9), PutMode::Replace);
    assert_eq!(by_id(&see(&twin, "things")), numbered(0..3, 9));
    let report = store::check(dir).unwrap();
    assert_eq!(report.problems, Vec::<String>::new());
    assert_eq!(report.unreferenced, Vec::<PathBuf>::new());
}

#[test]
fn a_writer_killed_at_any_step_leaves_the_old_twin_or_the_new() {
    let (dir, twin) = empty_twin();
    let room = tempfile::tempdir().unwrap();
    let (old, new) = (numbered(0..50, 1), numbered(0..60, 2));
    put(&twin, "things", old.clone(), PutMode::Create);
    let before = room.path().join("before");
    copy(dir.path(), &before);

    let mut change = twin.begin().unwrap();
    let begun = room.path().join("begun");
    copy(dir.path(), &begun);
    check_survivor(&begun, &old, 0);

    let mut points = change.begin_survey(layout()).unwrap();
    write_node(&mut points, VoxelKey::ROOT, &batch(1000));
    let streaming = room.path().join("streaming");
    copy(dir.path(), &streaming);
    check_survivor(&streaming, &old, 1);

    let heights = heights(&mut change, &Grid::empty(0.0, 0.0, 1.0, 300, 300));
    let gathering = room.path().join("gathering");
    copy(dir.path(), &gathering);
    check_survivor(&gathering, &old, 4);
    drop(heights);

    let collection = collection("things", &NUMBER);
    change
        .put_features(collection, new.clone(), PutMode::Replace, "{}")
        .unwrap();
    let staged = room.path().join("staged");
    copy(dir.path(), &staged);
    let report = store::check(&staged).unwrap();
    // Torn in the middle of being written, each in turn.
    for (i, torn) in report.unreferenced.iter().enumerate() {
        let half = room.path().join(format!("torn-{i}"));
        copy(dir.path(), &half);
        let torn = half.join(torn.strip_prefix(&staged).unwrap());
        let bytes = fs::read(&torn).unwrap();
        fs::write(&torn, &bytes[..bytes.len() / 2]).unwrap();
        check_survivor(&half, &old, report.unreferenced.len());
    }

    let ahead = |dir: &Path| fs::read(dir.join("catalog-wal")).unwrap();
    let earlier = ahead(dir.path()).len();
    change.commit().unwrap();
    let ahead = ahead(dir.path());
    let frames = earlier..ahead.len();
    assert!(frames.len() > 4096, "the commit is written ahead");
    // The commit is written in part: the last frame is what makes it one.
    let cuts = [
        0,
        1,
        frames.len() / 2,
        frames.len() - 4096,
        frames.len() - 1,
    ];
    for (number, written) in cuts.into_iter().enumerate() {
        let torn = room.path().join(format!("commit-{number}"));
        copy(&staged, &torn);
        fs::write(torn.join("catalog-wal"), &ahead[..earlier + written]).unwrap();
        check_survivor(&torn, &old, report.unreferenced.len());
    }
    // It is whole, but what only the old catalog named is still there.
    let committed = room.path().join("committed");
    copy(&staged, &committed);
    fs::write(committed.join("catalog-wal"), &ahead).unwrap();
    let old_files = fs::read_dir(before.join("collections/things"))
        .unwrap()
        .count();
    // One more for the points, which no survey was made of.
    check_survivor(&committed, &new, old_files + 1);
    check_survivor(dir.path(), &new, 0);
}

#[test]
fn files_that_are_not_ours_stay_and_are_told_of() {
    let (dir, twin) = empty_twin();
    put(&twin, "things", numbered(0..3, 1), PutMode::Create);
    let note = dir.path().join("collections/things/notes.txt");
    fs::write(&note, "mine").unwrap();
    put(&twin, "things", numbered(0..3, 2), PutMode::Replace);
    assert_eq!(fs::read_to_string(&note).unwrap(), "mine");
    assert_eq!(store::check(dir.path()).unwrap().unreferenced, [note]);
}
