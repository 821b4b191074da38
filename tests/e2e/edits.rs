//! Edits over HTTP by several people, beside deliveries and folding, and a `kill -9` of all of
//! it at many instants: what was acknowledged is there, and nothing that nobody asked for.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Server, command, configure, new_twin, refuse, succeed, succeed_json, text};

/// Rounds, each with a kill; more if the environment says so.
const ROUNDS: u64 = 12;

/// People who edit at once.
const EDITORS: u64 = 4;

const ITEMS: &str = "/collections/things/items";

/// What a feature may be: several states if an answer to an edit never came.
type May = BTreeMap<u64, Vec<Option<i64>>>;

fn delivery(path: &Path, count: u64, value: i64) {
    let features: Vec<Value> = (0..count)
        .map(|number| {
            json!({
                "type": "Feature",
                "id": number,
                "properties": { "value": if number % 7 == 0 { value } else { 0 } },
                "geometry": { "type": "Point", "coordinates": [17.3 + number as f64 * 1e-5, 62.39] },
            })
        })
        .collect();
    let layer = json!({ "type": "FeatureCollection", "features": features });
    std::fs::write(path, layer.to_string()).expect("a temporary file");
}

/// A twin with the collections `things`, to be edited, and `delivered`, and a key that edits.
fn twin() -> (tempfile::TempDir, std::path::PathBuf, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path().join("twin");
    new_twin(&dir, "EPSG:3006");
    configure(
        &dir,
        "[collections.things]\npublic = true\n[collections.delivered]\npublic = true\n",
    );
    let source = folder.path().join("first.geojson");
    delivery(&source, 1_000, 0);
    for id in ["things", "delivered"] {
        succeed(&["ingest", text(&dir), text(&source), "--collection", id]);
    }
    let key = succeed(&[
        "key",
        "add",
        text(&dir),
        "--name",
        "anna",
        "--role",
        "editor",
    ]);
    let key = key.trim().to_owned();
    (folder, dir, key)
}

/// The status of an answer; none if there is none.
fn send(server: &Server, method: &str, path: &str, key: &str, body: &Value) -> Option<u16> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(20)))
        .build()
        .into();
    let url = format!("{}{path}", server.base);
    let bearer = format!("Bearer {key}");
    let body = body.to_string();
    let sent = match method {
        "POST" => agent.post(url).header("authorization", bearer).send(body),
        _ => agent.patch(url).header("authorization", bearer).send(body),
    };
    sent.ok().map(|response| response.status().as_u16())
}

/// Edits until the server is gone, and tells what its features may be then.
fn edit_until_gone(server: &Server, key: &str, who: u64, round: u64, gone: &AtomicBool) -> May {
    let mut may = May::new();
    let first = 1_000_000 + (round * EDITORS + who) * 10_000;
    for number in 0..10_000 {
        let id = first + number;
        let feature = json!({
            "type": "Feature",
            "id": id,
            "properties": { "value": 1 },
            "geometry": { "type": "Point", "coordinates": [17.31, 62.391] },
        });
        match send(server, "POST", ITEMS, key, &feature) {
            Some(201) => may.insert(id, vec![Some(1)]),
            None => {
                may.insert(id, vec![None, Some(1)]);
                break;
            }
            Some(other) => panic!("{other}"),
        };
        let patch = json!({ "properties": { "value": 2 } });
        let path = format!("{ITEMS}/{id}");
        match send(server, "PATCH", &path, key, &patch) {
            Some(200) => may.insert(id, vec![Some(2)]),
            None => {
                may.insert(id, vec![Some(1), Some(2)]);
                break;
            }
            Some(other) => panic!("{other}"),
        };
        if gone.load(Ordering::Relaxed) {
            break;
        }
    }
    may
}

/// All features of a collection with their value.
fn all(server: &Server, id: &str) -> BTreeMap<u64, i64> {
    let mut found = BTreeMap::new();
    let mut path = format!("/collections/{id}/items?limit=10000");
    loop {
        let page = server.get(&path).json();
        for feature in page["features"].as_array().expect("features") {
            let id = feature["id"].as_u64().expect("an id");
            found.insert(
                id,
                feature["properties"]["value"].as_i64().expect("a value"),
            );
        }
        let links = page["links"].as_array().expect("links");
        match links.iter().find(|link| link["rel"] == "next") {
            Some(next) => {
                let href = next["href"].as_str().expect("an address");
                let rest = href.strip_prefix(&server.base).expect("ours");
                path = rest.to_owned();
            }
            None => return found,
        }
    }
}

fn start(arguments: &[&str]) -> Child {
    let mut command = command(arguments);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("tvilling runs")
}

#[test]
fn a_kill_amid_edits_deliveries_and_folding_loses_nothing_that_was_acknowledged() {
    let rounds = std::env::var("TVILLING_CRASH_ROUNDS").ok();
    let rounds = rounds.and_then(|text| text.parse().ok()).unwrap_or(ROUNDS);
    let (folder, dir, key) = twin();
    let mut may = May::new();
    for round in 0..rounds {
        let server = Server::start(&dir);
        let source = folder.path().join("next.geojson");
        delivery(&source, 1_000, round as i64 + 1);
        let gone = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let editors: Vec<_> = (0..EDITORS)
                .map(|who| {
                    let (server, key, gone) = (&server, &key, &gone);
                    scope.spawn(move || edit_until_gone(server, key, who, round, gone))
                })
                .collect();
            let mut sync = start(&[
                "ingest",
                text(&dir),
                text(&source),
                "--collection",
                "delivered",
                "--sync",
            ]);
            let mut compact =
                (round % 2 == 0).then(|| start(&["compact", text(&dir), "--collection", "things"]));
            // Instants spread over what happens, the same in each run.
            std::thread::sleep(Duration::from_millis(20 + round * 61 % 400));
            server.kill();
            gone.store(true, Ordering::Relaxed);
            for child in [Some(&mut sync), compact.as_mut()].into_iter().flatten() {
                // It may be done already.
                let _ = child.kill();
                let _ = child.wait();
            }
            for editor in editors {
                may.extend(editor.join().expect("an editor"));
            }
        });
        drop(server);
        let report = succeed_json(&["check", text(&dir)]);
        assert_eq!(report["whole"], true, "round {round}: {report}");
        let server = Server::start(&dir);
        let things = all(&server, "things");
        for (id, states) in &may {
            let is = things.get(id).copied();
            assert!(
                states.contains(&is),
                "round {round}: {id} is {is:?} and not one of {states:?}"
            );
        }
        let asked_for = |id: &u64| *id < 1_000 || may.contains_key(id);
        assert!(
            things.keys().all(asked_for),
            "round {round}: what nobody made"
        );
        assert_eq!(things.keys().filter(|id| **id < 1_000).count(), 1_000);
        // A delivery is live as a whole or not at all.
        let delivered = all(&server, "delivered");
        assert_eq!(delivered.len(), 1_000);
        let sevenths = delivered.iter().filter(|(id, _)| *id % 7 == 0);
        let mut values: Vec<_> = sevenths.map(|(_, value)| *value).collect();
        values.dedup();
        assert_eq!(values.len(), 1, "round {round}: part of a delivery");
    }
    assert!(
        may.len() as u64 > rounds * EDITORS,
        "edits were made: {}",
        may.len()
    );
}

#[test]
fn a_night_and_a_day_can_be_asked_for_taken_back_copied_and_restored() {
    let (folder, dir, key) = twin();
    let yesterday = now();
    // The night: one delivery is good, one was cut short.
    let (good, cut) = (
        folder.path().join("good.geojson"),
        folder.path().join("cut.geojson"),
    );
    delivery(&good, 1_000, 5);
    delivery(&cut, 100, 5);
    let sync = |source: &Path, id: &str| {
        vec![
            "ingest".to_owned(),
            text(&dir).to_owned(),
            text(source).to_owned(),
            "--collection".to_owned(),
            id.to_owned(),
            "--sync".to_owned(),
        ]
    };
    let arguments = sync(&good, "delivered");
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let told = succeed_json(&arguments);
    assert_eq!(
        told["differences"],
        json!({ "added": 0, "changed": 143, "removed": 0, "unchanged": 857 })
    );
    let arguments = sync(&cut, "things");
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let sentence = refuse(&arguments);
    assert!(
        sentence.contains("would remove 900 of 1000 features of things"),
        "{sentence}"
    );

    // The day: edits while readers read; each sees a whole state.
    let server = Server::start(&dir);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut last = 0;
                while !done.load(Ordering::Relaxed) {
                    let page = server.get(&format!("{ITEMS}?limit=10000")).json();
                    let matched = page["numberMatched"].as_u64().expect("a number");
                    let features = page["features"].as_array().expect("features");
                    assert_eq!(features.len() as u64, matched);
                    // Each transaction makes two.
                    assert!(
                        matched >= last && matched.is_multiple_of(2),
                        "{matched} after {last}"
                    );
                    last = matched;
                }
            });
        }
        let make = |id: u64| {
            json!({ "action": "create", "collection": "things", "feature": {
                "type": "Feature", "id": id, "properties": { "value": 9 },
                "geometry": { "type": "Point", "coordinates": [17.32, 62.392] } } })
        };
        for number in 0..50 {
            let sheet = json!({ "edits": [make(5_000 + 2 * number), make(5_001 + 2 * number)] });
            let status = send(&server, "POST", "/transactions", &key, &sheet);
            assert_eq!(status, Some(200));
        }
        done.store(true, Ordering::Relaxed);
    });
    assert_eq!(all(&server, "things").len(), 1_100);
    let copy = folder.path().join("copy");
    let told = succeed_json(&["backup", text(&dir), text(&copy)]);
    assert_eq!(told["copied"], 6, "{told}");
    server.kill();
    drop(server);

    // The morning after: the disk is gone, the copy is not.
    std::fs::remove_dir_all(&dir).expect("the twin goes");
    let told = succeed_json(&["restore", text(&copy), text(&dir)]);
    assert_eq!(told["whole"], true);
    let server = Server::start(&dir);
    assert_eq!(all(&server, "things").len(), 1_100);
    assert_eq!(all(&server, "delivered")[&7], 5);
    let asof = format!("/collections/delivered/items/7?asof={yesterday}");
    assert_eq!(server.get(&asof).json()["properties"]["value"], 0);
    let history = server.get("/collections/delivered/items/7/history").json();
    assert_eq!(history["versions"].as_array().map(Vec::len), Some(2));

    // And what was delivered is taken back by command, and seen by the server.
    let changes = succeed_json(&["changes", text(&dir)]);
    let syncs = changes["changes"].as_array().expect("changes").iter();
    let sync = syncs
        .clone()
        .find(|change| change["note"]["mode"] == "sync");
    let number = sync.expect("a delivery")["number"].to_string();
    assert_eq!(
        succeed_json(&["undo", text(&dir), &number])["features"],
        143
    );
    assert_eq!(all(&server, "delivered")[&7], 0);
    let folded = succeed_json(&["compact", text(&dir)]);
    assert!(
        folded["collections"][0]["folded"].as_u64() > Some(0),
        "{folded}"
    );
    assert_eq!(all(&server, "things").len(), 1_100);
    let forgotten = succeed_json(&[
        "forget",
        text(&dir),
        "--collection",
        "delivered",
        "--before",
        "now",
    ]);
    assert!(forgotten["versions"].as_u64() >= Some(143), "{forgotten}");
    let history = server.get("/collections/delivered/items/7/history").json();
    assert_eq!(history["versions"].as_array().map(Vec::len), Some(1));
    assert!(server.stop(), "it stops cleanly");
}

#[test]
fn a_server_runs_deliveries_by_itself_and_says_loudly_which_fail() {
    let (folder, dir, key) = twin();
    let incoming = folder.path().join("in");
    std::fs::create_dir(&incoming).expect("a folder");
    let good = incoming.join("good.geojson");
    delivery(&good, 1_000, 3);
    let sources = format!(
        "[[source]]\npath = {:?}\ncollection = \"things\"\nevery = \"1s\"\n\
         [[source]]\npath = \"missing.geojson\"\ncollection = \"delivered\"\nevery = \"1s\"\n",
        text(&good)
    );
    configure(&dir, &sources);
    let server = Server::start(&dir);
    let bearer = format!("Bearer {key}");
    let told = || {
        let answer = server.get_with("/admin/sources", &[("authorization", &bearer)]);
        assert_eq!(answer.status, 200);
        answer.json()["sources"].clone()
    };
    let wait = |what: &dyn Fn() -> bool| {
        let began = std::time::Instant::now();
        while !what() {
            assert!(began.elapsed() < Duration::from_secs(60), "{}", told());
            std::thread::sleep(Duration::from_millis(50));
        }
    };
    let value =
        |id: u64| server.get(&format!("{ITEMS}/{id}")).json()["properties"]["value"].clone();
    wait(&|| value(7) == 3);
    wait(&|| told()[1]["failures"].as_u64() > Some(0));
    let sources = told();
    assert_eq!(sources[0]["report"]["differences"]["changed"], 143);
    assert_eq!(sources[0]["failures"], 0);
    let error = sources[1]["error"].as_str().expect("a reason");
    assert!(error.contains("missing.geojson"), "{error}");
    assert_ne!(sources[1]["next"], Value::Null);
    assert_eq!(all(&server, "delivered").len(), 1_000, "as it was");
    // The next one comes.
    delivery(&good, 1_000, 4);
    wait(&|| value(7) == 4);
    assert!(server.stop(), "it stops cleanly");
    let status = succeed_json(&["status", text(&dir)]);
    assert_ne!(status["sources"][0]["last_success"], Value::Null);
    assert!(status["sources"][1]["failures"].as_u64() > Some(0));
}

/// The time, as a parameter has it.
fn now() -> String {
    // Later than whatever was committed before.
    std::thread::sleep(Duration::from_millis(2));
    jiff::Timestamp::now().to_string()
}
