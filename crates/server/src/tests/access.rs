//! What the public sees, what staff see, and who is turned away.

use axum::http::{HeaderMap, Method};

use super::{middle, tile_at, town};

/// Every route, with what to ask of it: about what is public, and about what is hidden.
fn requests() -> Vec<(&'static str, Vec<String>, Vec<String>)> {
    let ([lon, lat], xyz, rows) = middle();
    let own = |paths: &[&str]| -> Vec<String> { paths.iter().map(|p| (*p).to_owned()).collect() };
    let sweref = tile_at("SWEREF99TM", 10, [50.0, 10.0]);
    let [east, north] = super::lonlat([90.0, 90.0]);
    let section = format!("{lon},{lat};{east},{north}");
    let area = "crs=EPSG:3014&polygon=POLYGON((153010%206919010,153020%206919010,153020%206919020,153010%206919010))";
    let click = format!("/identify?lon={lon}&lat={lat}");
    vec![
        ("/", own(&["/", "/?f=html"]), vec![]),
        ("/api", own(&["/api"]), vec![]),
        ("/conformance", own(&["/conformance"]), vec![]),
        ("/collections", own(&["/collections"]), vec![]),
        (
            "/collections/{id}",
            own(&["/collections/streets", "/collections/drone"]),
            own(&["/collections/secret_pipes", "/collections/secret_drone"]),
        ),
        (
            "/collections/{id}/schema",
            own(&["/collections/streets/schema"]),
            own(&["/collections/secret_pipes/schema"]),
        ),
        (
            "/collections/{id}/items",
            own(&["/collections/streets/items", "/collections/counts/items"]),
            own(&["/collections/secret_pipes/items"]),
        ),
        (
            "/collections/{id}/items/{fid}",
            own(&["/collections/streets/items/1"]),
            own(&[
                "/collections/secret_pipes/items/1",
                "/collections/secret_pipes/items/1?asof=2099-01-01",
            ]),
        ),
        (
            "/collections/{id}/items/{fid}/history",
            own(&["/collections/streets/items/1/history"]),
            own(&["/collections/secret_pipes/items/1/history"]),
        ),
        (
            "/collections/{id}/changes",
            own(&["/collections/streets/changes?from=2026-01-01"]),
            own(&["/collections/secret_pipes/changes?from=2026-01-01"]),
        ),
        // Tests of edits ask these: they change something, need a key, or do not end.
        ("/transactions", vec![], vec![]),
        ("/changes", vec![], vec![]),
        ("/changes/{number}/undo", vec![], vec![]),
        ("/events", vec![], vec![]),
        ("/admin/sources", vec![], vec![]),
        ("/tileMatrixSets", own(&["/tileMatrixSets"]), vec![]),
        (
            "/tileMatrixSets/{tms}",
            own(&["/tileMatrixSets/SWEREF99TM"]),
            vec![],
        ),
        (
            "/collections/{id}/tiles",
            own(&["/collections/streets/tiles"]),
            own(&["/collections/secret_pipes/tiles"]),
        ),
        (
            "/collections/{id}/tiles/{tms}",
            own(&["/collections/streets/tiles/WebMercatorQuad"]),
            own(&["/collections/secret_pipes/tiles/WebMercatorQuad"]),
        ),
        (
            "/collections/{id}/tiles/{tms}/{z}/{row}/{col}",
            vec![format!("/collections/streets/tiles/WebMercatorQuad/{rows}")],
            vec![
                format!("/collections/secret_pipes/tiles/WebMercatorQuad/{rows}"),
                format!("/collections/secret_pipes/tiles/WebMercatorQuad/{rows}?f=mlt"),
            ],
        ),
        (
            "/collections/{id}/map/tiles",
            own(&["/collections/drone/map/tiles"]),
            own(&["/collections/secret_drone/map/tiles"]),
        ),
        (
            "/collections/{id}/map/tiles/{tms}",
            own(&["/collections/drone/map/tiles/SWEREF99TM"]),
            own(&["/collections/secret_drone/map/tiles/SWEREF99TM"]),
        ),
        (
            "/collections/{id}/map/tiles/{tms}/{z}/{row}/{col}",
            vec![format!(
                "/collections/drone/map/tiles/WebMercatorQuad/{rows}"
            )],
            vec![format!(
                "/collections/secret_drone/map/tiles/WebMercatorQuad/{rows}?f=webp"
            )],
        ),
        ("/tiles.json", own(&["/tiles.json"]), vec![]),
        (
            "/tiles/{file}",
            own(&[
                "/tiles/streets,signs.json",
                "/tiles/streets.json?encoding=mlt",
                "/tiles/streets.pmtiles",
            ]),
            own(&[
                "/tiles/secret_pipes.pmtiles",
                "/tiles/secret_pipes.json",
                "/tiles/streets,secret_pipes.json",
            ]),
        ),
        (
            "/tiles/{id}/{file}",
            own(&["/tiles/streets/WebMercatorQuad.pmtiles"]),
            own(&["/tiles/secret_pipes/WebMercatorQuad.pmtiles"]),
        ),
        (
            "/tiles/{ids}/{z}/{x}/{file}",
            vec![
                format!("/tiles/streets,signs/{xyz}.mvt"),
                format!("/tiles/streets,signs/{xyz}.mlt"),
                format!("/tiles/streets,signs/{xyz}"),
            ],
            vec![
                format!("/tiles/secret_pipes/{xyz}.mvt"),
                format!("/tiles/secret_pipes/{xyz}.mlt"),
                format!("/tiles/secret_pipes/{xyz}"),
                format!("/tiles/streets,secret_pipes/{xyz}.mvt"),
            ],
        ),
        (
            "/tiles/{ids}/{tms}/{z}/{x}/{file}",
            vec![
                format!("/tiles/streets/SWEREF99TM/{sweref}.mvt"),
                format!("/tiles/streets/SWEREF99TM/{sweref}.mlt"),
            ],
            vec![
                format!("/tiles/secret_pipes/SWEREF99TM/{sweref}.mvt"),
                format!("/tiles/secret_pipes/SWEREF99TM/{sweref}.mlt"),
            ],
        ),
        (
            "/terrain/{file}",
            own(&["/terrain/drone.json"]),
            own(&["/terrain/secret_drone.json"]),
        ),
        (
            "/terrain/{survey}/layer.json",
            own(&["/terrain/drone/layer.json"]),
            own(&["/terrain/secret_drone/layer.json"]),
        ),
        (
            "/terrain/{survey}/{z}/{x}/{file}",
            vec![
                format!("/terrain/drone/{xyz}.png"),
                format!("/terrain/drone/0/0/0.webp"),
                "/terrain/drone/0/1/0.terrain".to_owned(),
            ],
            vec![
                format!("/terrain/secret_drone/{xyz}.webp"),
                "/terrain/secret_drone/0/1/0.terrain".to_owned(),
            ],
        ),
        (
            "/terrain/{survey}/{tms}/{z}/{x}/{file}",
            vec![format!("/terrain/drone/SWEREF99TM/{sweref}.png")],
            vec![format!("/terrain/secret_drone/SWEREF99TM/{sweref}.png")],
        ),
        (
            "/terrain/{survey}/height",
            vec![format!("/terrain/drone/height?lon={lon}&lat={lat}")],
            vec![format!("/terrain/secret_drone/height?lon={lon}&lat={lat}")],
        ),
        (
            "/terrain/{survey}/profile",
            vec![
                format!("/terrain/drone/profile?coords={section}"),
                format!("/terrain/drone/profile?coords={section}&f=svg"),
            ],
            vec![
                format!("/terrain/secret_drone/profile?coords={section}"),
                format!("/terrain/secret_drone/profile?coords={section}&f=svg"),
            ],
        ),
        (
            "/terrain/{survey}/volume",
            vec![format!("/terrain/drone/volume?base=10&{area}")],
            vec![
                format!("/terrain/secret_drone/volume?base=10&{area}"),
                format!("/terrain/drone/volume?against=secret_drone&{area}"),
            ],
        ),
        (
            "/difference/{later}/{file}",
            own(&["/difference/drone/drone.json"]),
            own(&[
                "/difference/drone/secret_drone.json",
                "/difference/secret_drone/drone.json",
            ]),
        ),
        (
            "/difference/{later}/{earlier}/{z}/{x}/{file}",
            vec![format!("/difference/drone/drone/{xyz}.png")],
            vec![
                format!("/difference/drone/secret_drone/{xyz}.png"),
                format!("/difference/secret_drone/drone/{xyz}.webp"),
            ],
        ),
        (
            "/difference/{later}/{earlier}/{tms}/{z}/{x}/{file}",
            vec![format!("/difference/drone/drone/SWEREF99TM/{sweref}.png")],
            vec![
                format!("/difference/drone/secret_drone/SWEREF99TM/{sweref}.png"),
                format!("/difference/secret_drone/drone/SWEREF99TM/{sweref}.webp"),
            ],
        ),
        (
            "/hillshade/{file}",
            own(&["/hillshade/drone.json"]),
            own(&["/hillshade/secret_drone.json"]),
        ),
        (
            "/hillshade/{survey}/{z}/{x}/{file}",
            vec![
                format!("/hillshade/drone/{xyz}.png"),
                format!("/hillshade/drone/0/0/0.webp"),
            ],
            vec![format!("/hillshade/secret_drone/{xyz}.webp")],
        ),
        (
            "/hillshade/{survey}/{tms}/{z}/{x}/{file}",
            vec![format!("/hillshade/drone/SWEREF99TM/{sweref}.png")],
            vec![format!("/hillshade/secret_drone/SWEREF99TM/{sweref}.png")],
        ),
        (
            "/slope/{file}",
            own(&["/slope/drone.json"]),
            own(&["/slope/secret_drone.json"]),
        ),
        (
            "/slope/{survey}/{z}/{x}/{file}",
            vec![
                format!("/slope/drone/{xyz}.png"),
                format!("/slope/drone/0/0/0.webp"),
            ],
            vec![format!("/slope/secret_drone/{xyz}.webp")],
        ),
        (
            "/slope/{survey}/{tms}/{z}/{x}/{file}",
            vec![format!("/slope/drone/SWEREF99TM/{sweref}.png")],
            vec![format!("/slope/secret_drone/SWEREF99TM/{sweref}.png")],
        ),
        (
            "/aspect/{file}",
            own(&["/aspect/drone.json"]),
            own(&["/aspect/secret_drone.json"]),
        ),
        (
            "/aspect/{survey}/{z}/{x}/{file}",
            vec![
                format!("/aspect/drone/{xyz}.png"),
                format!("/aspect/drone/0/0/0.webp"),
            ],
            vec![format!("/aspect/secret_drone/{xyz}.webp")],
        ),
        (
            "/aspect/{survey}/{tms}/{z}/{x}/{file}",
            vec![format!("/aspect/drone/SWEREF99TM/{sweref}.png")],
            vec![format!("/aspect/secret_drone/SWEREF99TM/{sweref}.png")],
        ),
        (
            "/height/{file}",
            own(&["/height/drone.json"]),
            own(&["/height/secret_drone.json"]),
        ),
        (
            "/height/{survey}/{z}/{x}/{file}",
            vec![
                format!("/height/drone/{xyz}.png"),
                format!("/height/drone/0/0/0.webp"),
            ],
            vec![format!("/height/secret_drone/{xyz}.webp")],
        ),
        (
            "/height/{survey}/{tms}/{z}/{x}/{file}",
            vec![format!("/height/drone/SWEREF99TM/{sweref}.png")],
            vec![format!("/height/secret_drone/SWEREF99TM/{sweref}.png")],
        ),
        (
            "/surveys/{id}/points.copc.laz",
            own(&["/surveys/drone/points.copc.laz"]),
            own(&["/surveys/secret_drone/points.copc.laz"]),
        ),
        (
            "/surveys/{id}/ground.tif",
            own(&["/surveys/drone/ground.tif"]),
            own(&["/surveys/secret_drone/ground.tif"]),
        ),
        (
            "/surveys/{id}/surface.tif",
            own(&["/surveys/drone/surface.tif"]),
            own(&["/surveys/secret_drone/surface.tif"]),
        ),
        (
            "/surveys/{id}/distance.tif",
            own(&["/surveys/drone/distance.tif"]),
            own(&["/surveys/secret_drone/distance.tif"]),
        ),
        (
            "/surveys/{id}/height.tif",
            own(&["/surveys/drone/height.tif"]),
            own(&["/surveys/secret_drone/height.tif"]),
        ),
        (
            "/3dtiles/{survey}/tileset.json",
            own(&["/3dtiles/drone/tileset.json"]),
            own(&["/3dtiles/secret_drone/tileset.json"]),
        ),
        (
            "/3dtiles/{survey}/subtrees/{level}/{x}/{y}/{file}",
            own(&["/3dtiles/drone/subtrees/0/0/0/0.subtree"]),
            own(&["/3dtiles/secret_drone/subtrees/0/0/0/0.subtree"]),
        ),
        (
            "/3dtiles/{survey}/points/{level}/{x}/{y}/{file}",
            own(&["/3dtiles/drone/points/0/0/0/0.glb?color=class"]),
            own(&["/3dtiles/secret_drone/points/0/0/0/0.glb"]),
        ),
        (
            "/3dtiles/{survey}/1.0/tileset.json",
            own(&["/3dtiles/drone/1.0/tileset.json"]),
            own(&["/3dtiles/secret_drone/1.0/tileset.json"]),
        ),
        (
            "/3dtiles/{survey}/1.0/{level}/{x}/{y}/{file}",
            own(&[
                "/3dtiles/drone/1.0/0/0/0/0.pnts",
                "/3dtiles/drone/1.0/0/0/0/0.json",
            ]),
            own(&["/3dtiles/secret_drone/1.0/0/0/0/0.pnts"]),
        ),
        (
            "/identify",
            vec![click.clone()],
            vec![
                format!("{click}&collections=secret_pipes"),
                format!("{click}&collections=streets,secret_drone"),
            ],
        ),
        ("/styles", own(&["/styles"]), vec![]),
        (
            "/styles/{name}/style.json",
            own(&["/styles/tvilling/style.json"]),
            vec![],
        ),
        // Files of the web page, which may not have been built; nothing of the twin.
        ("/sprites/{file}", vec![], vec![]),
        ("/fonts/{stack}/{file}", vec![], vec![]),
        ("/assets/{*path}", vec![], vec![]),
        ("/icon.svg", vec![], vec![]),
        ("/healthz", own(&["/healthz"]), vec![]),
        ("/readyz", own(&["/readyz"]), vec![]),
        ("/metrics", own(&["/metrics"]), vec![]),
    ]
}

#[tokio::test]
async fn every_route_hides_from_the_public_what_staff_see() {
    let town = town();
    for name in ["streets", "secret_pipes"] {
        super::pyramids::build(&town.twin, name, "WebMercatorQuad", 14..=15);
    }
    let table = requests();
    let asked: Vec<&str> = table.iter().map(|(route, ..)| *route).collect();
    let there: Vec<&str> = crate::router::routes()
        .iter()
        .map(|(path, _)| *path)
        .collect();
    assert_eq!(asked, there, "the table asks every route");
    for (route, public, hidden) in table {
        for path in public {
            for (who, got) in [
                ("public", town.get(&path).await),
                ("staff", town.get_as_staff(&path).await),
            ] {
                assert_eq!(got.status, 200, "{path} as {who}: {}", got.text());
                if who == "public" && route != "/metrics" {
                    let all = format!("{:?} {}", got.headers, got.text());
                    for word in ["secret", "hemliga", "Hemliga", "pipes"] {
                        assert!(
                            !all.contains(word),
                            "{path} tells the public of {word}: {all}"
                        );
                    }
                }
            }
        }
        for path in hidden {
            let as_staff = town.get_as_staff(&path).await;
            assert_eq!(as_staff.status, 200, "{path} as staff: {}", as_staff.text());
            // Asked for by a name that never was, the answer is the same.
            let got = town.get(&path).await;
            assert_eq!(got.status, 404, "{path}: {}", got.text());
            let missing = path.replace("secret_", "absent_");
            let never = town.get(&missing).await;
            assert_eq!(
                got.text().replace("secret_", "absent_"),
                never.text(),
                "{path}"
            );
            let quiet = |mut headers: HeaderMap| {
                headers.remove("x-request-id");
                headers
            };
            assert_eq!(quiet(got.headers), quiet(never.headers), "{path}");
        }
    }
    // Lists have what is hidden, for staff only.
    for path in ["/collections", "/tiles.json", "/styles/tvilling/style.json"] {
        let got = town.get_as_staff(path).await;
        assert!(got.text().contains("secret_pipes"), "{path}");
    }
}

#[tokio::test]
async fn a_key_that_is_not_ours_is_refused() {
    let town = town();
    let (_, xyz, _) = middle();
    let tile = format!("/tiles/streets/{xyz}.mvt");
    for path in ["/collections", &tile, "/identify?lon=1&lat=1"] {
        for bad in [
            "Bearer tvilling_0",
            "Bearer ",
            "Basic dXNlcjpwYXNz",
            "x",
            &town.key,
        ] {
            let got = town
                .send(Method::GET, path, &[("authorization", bad)])
                .await;
            assert_eq!(got.status, 401, "{path} {bad}");
            assert_eq!(got.header("content-type"), "application/problem+json");
            assert!(got.header("www-authenticate").starts_with("Bearer"));
            assert!(!got.text().contains("tvilling_0"));
        }
    }
}

#[tokio::test]
async fn pages_of_other_hosts_may_ask_with_and_without_a_key() {
    let town = town();
    let origin = ("origin", "https://annan.example");
    let open = town.send(Method::GET, "/collections", &[origin]).await;
    assert_eq!(open.header("access-control-allow-origin"), "*");
    let before = [origin, ("access-control-request-headers", "authorization")];
    let preflight = town.send(Method::OPTIONS, "/collections", &before).await;
    assert_eq!(preflight.status, 204);
    assert_eq!(preflight.header("access-control-allow-origin"), origin.1);
    assert!(
        preflight
            .header("access-control-allow-headers")
            .contains("Authorization")
    );
    let bearer = format!("Bearer {}", town.key);
    let with_key = [origin, ("authorization", bearer.as_str())];
    let staff = town.send(Method::GET, "/collections", &with_key).await;
    assert_eq!(staff.header("access-control-allow-origin"), origin.1);
    assert_eq!(staff.header("access-control-allow-credentials"), "true");
    assert!(staff.header("cache-control").starts_with("private"));
}
