//! Tiles from pyramids, and the archives themselves.

use std::ops::RangeInclusive;

use axum::http::Method;
use fixtures::{Town, id};
use geodesy::TileMatrixSet;
use model::{Access, TileCoord};
use store::{CollectionView, PyramidDescription, PyramidWriter, Twin};
use tiler::{PyramidLayer, PyramidOptions, TileRules, VectorOptions};

use super::{ServedTown, middle, put_streets, tile_at, town};

/// A pyramid of a collection, written by `fill`.
fn stage(
    town: &Town,
    name: &str,
    tms: &TileMatrixSet,
    levels: RangeInclusive<u8>,
    fill: impl FnOnce(&[CollectionView], &mut PyramidWriter),
) {
    let twin = Twin::open(town.path()).unwrap();
    let mut transaction = twin.begin().unwrap();
    let view = twin.snapshot().unwrap().view(Access::Everything);
    let collection = view.collection(name).unwrap();
    let version = collection.version();
    let lonlat = [17.0, 62.0, 18.0, 63.0];
    let collections = [collection];
    let shift = tms.quad_shift();
    let description = PyramidDescription::new(&collections, &tms.id, shift, levels, lonlat);
    let mut writer = transaction.begin_pyramid(&id(name), description).unwrap();
    fill(&collections, &mut writer);
    transaction
        .put_pyramid(&id(name), version, writer, None)
        .unwrap();
    transaction.commit().unwrap();
}

/// Builds a pyramid as `tvilling tile` does.
pub(super) fn build(town: &Town, name: &str, tms: &str, levels: RangeInclusive<u8>) {
    let tms = TileMatrixSet::by_id(tms).unwrap();
    let options = PyramidOptions {
        levels: levels.clone(),
        tile: VectorOptions::default(),
        memory_bytes: 1 << 26,
    };
    stage(town, name, tms, levels, |collections, writer| {
        let mut sink = |built: tiler::BuiltTile| {
            writer
                .add(built.tile, &built.gzip, &built.sacrifices)
                .unwrap();
            Ok::<_, tiler::Error>(())
        };
        let folder = town.path();
        let layers = collections.iter().map(|collection| PyramidLayer {
            collection: collection.clone(),
            rules: TileRules {
                as_delivered: true,
                ..TileRules::default()
            },
        });
        let layers: Vec<PyramidLayer> = layers.collect();
        let built =
            tiler::build_pyramid(&layers, tms, &options, folder, None, &mut |_| {}, &mut sink)
                .unwrap();
        writer.describe_levels(built.shown);
    });
}

fn path_of(tms: &str, tile: TileCoord) -> String {
    format!(
        "/tiles/streets/{tms}/{}/{}/{}.mvt",
        tile.z(),
        tile.x(),
        tile.y()
    )
}

const GZIP: [(&str, &str); 1] = [("accept-encoding", "gzip")];

#[tokio::test]
async fn a_tile_is_the_same_with_a_pyramid_and_without() {
    let town = town();
    for tms in ["WebMercatorQuad", "SWEREF99TM"] {
        let mut paths = Vec::new();
        for z in [8, 12, 13, 14, 15] {
            for at in [
                [50.0, 10.0],
                [50.0, 60.0],
                [1500.0, 40.0],
                [9000.0, 40.0],
                [-90_000.0, 0.0],
            ] {
                paths.push(path_of(tms, tile_at(tms, z, at)));
            }
        }
        paths.push("/tiles/plans/15/17962/9077.mvt".to_owned());
        let mut before = Vec::new();
        for path in &paths {
            before.push((
                town.get(path).await,
                town.send(Method::GET, path, &GZIP).await,
            ));
        }
        build(&town.twin, "streets", tms, 9..=14);
        for (path, (plain, zipped)) in paths.iter().zip(before) {
            let now = town.get(path).await;
            assert_eq!(now.status, plain.status, "{path}");
            if plain.status == 404 {
                continue;
            }
            assert_eq!(now.body, plain.body, "{path}");
            let now = town.send(Method::GET, path, &GZIP).await;
            assert_eq!(now.body, zipped.body, "{path}");
            for header in [
                "content-type",
                "content-encoding",
                "cache-control",
                "vary",
                "access-control-allow-origin",
                "tvilling-sacrifices",
            ] {
                assert_eq!(now.header(header), zipped.header(header), "{path} {header}");
            }
        }
    }
}

/// Something that no tile of the town holds, to be recognised by.
const MARK: &[u8] = b"from the pyramid";

async fn marked() -> (ServedTown, String) {
    let town = town();
    let tms = TileMatrixSet::by_id("WebMercatorQuad").unwrap();
    let tile = tile_at("WebMercatorQuad", 15, [50.0, 10.0]);
    stage(&town.twin, "streets", tms, 14..=15, |_, writer| {
        let said = ["a line; é".to_owned(), "another".to_owned()];
        writer.add(tile, &tiler::gzip(MARK), &said).unwrap();
    });
    (town, path_of("WebMercatorQuad", tile))
}

#[tokio::test]
async fn a_tile_of_a_pyramid_is_passed_through_as_it_lies_there() {
    let (town, path) = marked().await;
    let plain = town.get(&path).await;
    assert_eq!((plain.status.as_u16(), plain.body.as_slice()), (200, MARK));
    assert_eq!(plain.header("content-encoding"), "");
    assert_eq!(
        plain.header("content-type"),
        "application/vnd.mapbox-vector-tile"
    );
    assert_eq!(plain.header("tvilling-sacrifices"), "a line; ?; another");
    let zipped = town.send(Method::GET, &path, &GZIP).await;
    assert_eq!(zipped.body, tiler::gzip(MARK));
    assert_eq!(zipped.header("content-encoding"), "gzip");
    let etag = zipped.header("etag").to_owned();
    assert!(
        etag.starts_with('"') && etag != plain.header("etag"),
        "{etag}"
    );
    let known = [GZIP[0], ("if-none-match", etag.as_str())];
    let again = town.send(Method::GET, &path, &known).await;
    assert_eq!((again.status.as_u16(), again.body.len()), (304, 0));
    assert_eq!(again.header("etag"), etag);
    let head = town.send(Method::HEAD, &path, &GZIP).await;
    assert_eq!((head.status.as_u16(), head.body.len()), (200, 0));
    assert_eq!(head.header("etag"), etag);
    let counted = town.get("/metrics").await.text();
    assert!(
        counted.contains("tvilling_pyramid_tiles_total"),
        "{counted}"
    );
    // As OGC API – Tiles addresses it, too.
    let (_, _, rows) = middle();
    let ogc = town
        .get(&format!(
            "/collections/streets/tiles/WebMercatorQuad/{rows}"
        ))
        .await;
    assert_eq!(ogc.body, MARK);
}

#[tokio::test]
async fn what_a_pyramid_does_not_show_comes_from_the_store() {
    let (town, path) = marked().await;
    let (_, xyz, _) = middle();
    // A level without, several collections, points to label.
    let deeper = tile_at("WebMercatorQuad", 16, [50.0, 10.0]);
    for other in [
        path_of("WebMercatorQuad", deeper),
        format!("/tiles/streets,signs/{xyz}.mvt"),
        format!("/tiles/streets/{xyz}.mvt?labels=true"),
        path_of("SWEREF99TM", tile_at("SWEREF99TM", 10, [50.0, 10.0])),
    ] {
        let got = town.get(&other).await;
        assert_eq!(got.status, 200, "{other}");
        assert!(got.body != MARK && !got.body.is_empty(), "{other}");
    }
    // A tile that the archive lacks is empty; one far outside is none.
    let parent = tile_at("WebMercatorQuad", 14, [50.0, 10.0]);
    let empty = town.get(&path_of("WebMercatorQuad", parent)).await;
    assert_eq!(empty.status, 204);
    let far = tile_at("WebMercatorQuad", 14, [90_000.0, 10.0]);
    let outside = town.get(&path_of("WebMercatorQuad", far)).await;
    assert_eq!(outside.status, 404);
    // A change of the collection hides it.
    put_streets(&town.twin, "Nygatan");
    let changed = town.get(&path).await;
    assert_eq!(changed.status, 200);
    assert!(changed.body != MARK);
    assert_eq!(town.get("/tiles/streets.pmtiles").await.status, 404);
}

#[tokio::test]
async fn an_archive_comes_whole_or_by_range_of_bytes() {
    let town = town();
    let missing = town.get("/tiles/streets.pmtiles").await;
    assert_eq!(missing.status, 404);
    assert!(
        missing
            .text()
            .contains("tiles are made when they are asked for"),
        "{}",
        missing.text()
    );
    let json = town.get("/tiles/streets.json").await.json();
    assert_eq!(json["pmtiles"], serde_json::Value::Null);

    build(&town.twin, "streets", "WebMercatorQuad", 10..=15);
    build(&town.twin, "streets", "SWEREF99TM", 8..=11);
    let json = town.get("/tiles/streets.json").await.json();
    let link = json["pmtiles"].as_str().unwrap();
    assert!(link.ends_with("/tiles/streets.pmtiles"), "{link}");
    assert_eq!(json["maxzoom"], 16);
    for path in [
        "/tiles/streets.pmtiles",
        "/tiles/streets/SWEREF99TM.pmtiles",
    ] {
        let whole = town.get(path).await;
        assert_eq!(whole.status, 200, "{path}");
        assert!(whole.body.starts_with(b"PMTiles\x03"), "{path}");
        assert_eq!(whole.header("content-type"), "application/vnd.pmtiles");
        assert_eq!(whole.header("accept-ranges"), "bytes");
        let len = whole.body.len();
        let origin = ("origin", "https://annan.example");
        let part = town
            .send(
                Method::GET,
                path,
                &[("range", "bytes=0-126"), origin, GZIP[0]],
            )
            .await;
        assert_eq!(part.status, 206, "{path}");
        assert_eq!(part.body, &whole.body[..127]);
        assert_eq!(part.header("content-range"), format!("bytes 0-126/{len}"));
        assert_eq!(part.header("access-control-allow-origin"), "*");
        assert!(
            part.header("access-control-expose-headers")
                .to_lowercase()
                .contains("content-range")
        );
        assert_eq!(part.header("etag"), whole.header("etag"));
        let head = town.send(Method::HEAD, path, &[]).await;
        assert_eq!(head.header("content-length"), len.to_string());
        let etag = whole.header("etag").to_owned();
        let again = town
            .send(Method::GET, path, &[("if-none-match", &etag)])
            .await;
        assert_eq!(again.status, 304);
    }
    // The set that XYZ addresses mean may be named, too.
    let named = town.get("/tiles/streets/WebMercatorQuad.pmtiles").await;
    assert_eq!(named.status, 200);
    for wrong in [
        "/tiles/streets,signs.pmtiles",
        "/tiles/streets/SWEREF991200.pmtiles",
        "/tiles/streets/Nowhere.pmtiles",
        "/tiles/streets/SWEREF99TM.zip",
        "/tiles/counts.pmtiles",
    ] {
        assert_eq!(town.get(wrong).await.status, 404, "{wrong}");
    }
}

/// Relation and path of each link to an archive in a document.
async fn archives_linked(town: &ServedTown, path: &str) -> Vec<(String, String)> {
    let json = town.get(path).await.json();
    let links = json["links"].as_array().unwrap().iter();
    let archives = links.filter(|link| link["type"] == "application/vnd.pmtiles");
    let text = |link: &serde_json::Value, name: &str| link[name].as_str().unwrap().to_owned();
    archives
        .map(|link| {
            let href = text(link, "href").replace("http://localhost", "");
            (text(link, "rel"), href)
        })
        .collect()
}

#[tokio::test]
async fn a_collection_and_its_tilesets_link_to_the_archives_that_there_are() {
    let town = town();
    let pages = [
        "/collections/streets",
        "/collections/streets/tiles/WebMercatorQuad",
        "/collections/streets/tiles/SWEREF99TM",
        "/collections/streets/tiles/SWEREF991715",
        "/collections/plans",
    ];
    for page in pages {
        assert_eq!(archives_linked(&town, page).await, [], "{page}");
    }
    build(&town.twin, "streets", "WebMercatorQuad", 14..=15);
    build(&town.twin, "streets", "SWEREF99TM", 8..=9);
    let of = |rel: &str, path: &str| (rel.to_owned(), path.to_owned());
    let mercator = of("pmtiles", "/tiles/streets.pmtiles");
    let swedish = of("enclosure", "/tiles/streets/SWEREF99TM.pmtiles");
    let both = vec![swedish.clone(), mercator.clone()];
    let expected = [both, vec![mercator], vec![swedish], vec![], vec![]];
    for (page, expected) in pages.into_iter().zip(expected) {
        let links = archives_linked(&town, page).await;
        assert_eq!(links, expected, "{page}");
        for (_, path) in links {
            let archive = town.get(&path).await;
            assert_eq!(archive.status, 200, "{path}");
            assert_eq!(archive.header("content-type"), "application/vnd.pmtiles");
        }
    }
    put_streets(&town.twin, "Nygatan");
    for page in pages {
        assert_eq!(archives_linked(&town, page).await, [], "{page}");
    }
}

#[tokio::test]
async fn after_an_edit_a_pyramid_still_answers_for_tiles_that_the_edit_does_not_touch() {
    let town = town();
    let (near, far) = (
        tile_at("WebMercatorQuad", 19, [4.0, 11.0]),
        tile_at("WebMercatorQuad", 19, [100.0, 11.0]),
    );
    let tms = TileMatrixSet::by_id("WebMercatorQuad").unwrap();
    stage(&town.twin, "signs", tms, 19..=19, |_, writer| {
        // Not what would be made now, so that it can be told whence a tile comes.
        let mut marked = [near, far];
        marked.sort_by_key(|tile| tile.pmtiles_id());
        for tile in marked {
            let bytes = format!("pyramid {tile}");
            writer
                .add(tile, &tiler::gzip(bytes.as_bytes()), &[])
                .unwrap();
        }
    });
    let path = |tile: TileCoord| format!("/tiles/signs/{}/{}/{}.mvt", tile.z(), tile.x(), tile.y());
    let is_of_pyramid = async |tile: TileCoord| {
        let got = town.get(&path(tile)).await;
        assert_eq!(got.status, 200, "{}", got.text());
        got.text().starts_with("pyramid")
    };
    assert!(is_of_pyramid(near).await && is_of_pyramid(far).await);
    let twin = Twin::open(town.twin.path()).unwrap();
    let edit = |number: u64, to: Option<[f64; 2]>| {
        let view = twin.snapshot().unwrap().view(Access::Everything);
        let signs = view.collection("signs").unwrap();
        let id = model::FeatureId::from_key(&format!("S{number}"));
        let feature = signs.get(id).unwrap().unwrap();
        let moved = to.map(|[x, y]| model::Feature {
            geometry: Some(fixtures::point(x, y)),
            ..feature
        });
        let edit = store::FeatureEdit {
            collection: signs.meta().id.clone(),
            id,
            feature: moved,
            expected: store::Expected::Present,
        };
        let request = store::EditRequest {
            edits: vec![edit],
            who: "anna".to_owned(),
            kind: store::ChangeKind::Edit,
            note: "{}".to_owned(),
        };
        twin.edit(request).unwrap();
    };
    // One that lies in neither of the tiles.
    edit(12, Some([50.0, 60.0]));
    assert!(is_of_pyramid(near).await && is_of_pyramid(far).await);
    edit(25, None);
    assert!(is_of_pyramid(near).await);
    let far_now = town.get(&path(far)).await;
    assert!(!far_now.text().starts_with("pyramid"), "made anew");
    // From elsewhere into the other.
    edit(13, Some([4.0, 11.0]));
    assert!(!is_of_pyramid(near).await);
    // A new pyramid has it all.
    build(&town.twin, "signs", "WebMercatorQuad", 19..=19);
    let again = town.get(&path(near)).await;
    assert_eq!(again.status, 200);
}
