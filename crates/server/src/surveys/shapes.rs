//! Lines and polygons as callers write them: WKT (OGC 06-103r4), pairs with semicolons
//! between, and GeoJSON (RFC 7946). Numbers stay in the order and the CRS that they are in.

use geodesy::{Crs, Transform};
use serde::Deserialize;

use crate::app::App;
use crate::identify::east_first;
use crate::problem::Problem;

/// Rings of one polygon, the outer first.
pub(crate) type Rings = Vec<Vec<[f64; 2]>>;

/// Deepest nesting of parentheses: that of a multipolygon.
const MAX_DEPTH: usize = 3;

/// Reads `LINESTRING (x y, x y)` or `x,y;x,y`.
pub(crate) fn line(text: &str) -> Option<Vec<[f64; 2]>> {
    if let Some(body) = wkt_body(text, "LINESTRING") {
        return match nested(body)? {
            Nested::Places(places) => Some(places),
            Nested::Lists(_) => None,
        };
    }
    text.split(';')
        .map(|pair| {
            let (x, y) = pair.split_once(',')?;
            Some([number(x)?, number(y)?])
        })
        .collect()
}

/// Reads `POLYGON ((x y, …), (…))` or `MULTIPOLYGON (((x y, …)), …)`.
pub(crate) fn polygons(text: &str) -> Option<Vec<Rings>> {
    let rings = |list: Nested| -> Option<Rings> {
        let Nested::Lists(rings) = list else {
            return None;
        };
        let places = rings.into_iter().map(|ring| match ring {
            Nested::Places(places) => Some(places),
            Nested::Lists(_) => None,
        });
        places.collect()
    };
    if let Some(body) = wkt_body(text, "MULTIPOLYGON") {
        let Nested::Lists(polygons) = nested(body)? else {
            return None;
        };
        return polygons.into_iter().map(rings).collect();
    }
    Some(vec![rings(nested(wkt_body(text, "POLYGON")?)?)?])
}

/// Reads a GeoJSON polygon or multipolygon, or a feature that has one.
pub(crate) fn geojson_polygons(bytes: &[u8]) -> Option<Vec<Rings>> {
    #[derive(Deserialize)]
    #[serde(tag = "type")]
    enum Object {
        Polygon {
            coordinates: Vec<Vec<Position>>,
        },
        MultiPolygon {
            coordinates: Vec<Vec<Vec<Position>>>,
        },
        Feature {
            geometry: Box<Object>,
        },
    }
    /// Longitude, latitude, and a height that does not matter.
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Position {
        Flat([f64; 2]),
        High([f64; 3]),
    }
    let place = |position: Position| match position {
        Position::Flat(place) | Position::High([place @ .., _]) => place,
    };
    let rings = |rings: Vec<Vec<Position>>| -> Rings {
        rings
            .into_iter()
            .map(|ring| ring.into_iter().map(place).collect())
            .collect()
    };
    let mut object = serde_json::from_slice(bytes).ok()?;
    // A feature in a feature is nonsense; two layers are looked through and no more.
    for _ in 0..2 {
        match object {
            Object::Polygon { coordinates } => return Some(vec![rings(coordinates)]),
            Object::MultiPolygon { coordinates } => {
                return Some(coordinates.into_iter().map(rings).collect());
            }
            Object::Feature { geometry } => object = *geometry,
        }
    }
    None
}

/// Puts places into the twin's CRS; none if one of them has no place there.
pub(crate) fn into_twin(
    app: &App,
    crs: Option<&Crs>,
    places: &mut [[f64; 2]],
) -> Result<Option<()>, Problem> {
    let Some(crs) = crs else {
        return Ok(app.twin_from_lonlat().xy_in_place(places).ok());
    };
    for place in places.iter_mut() {
        *place = east_first(crs, *place);
    }
    let way = Transform::new(crs, app.twin_crs())?;
    Ok(way.xy_in_place(places).ok())
}

/// Places, or lists of what is nested deeper.
enum Nested {
    Places(Vec<[f64; 2]>),
    Lists(Vec<Nested>),
}

fn wkt_body<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let text = text.trim();
    let start = text.get(..word.len())?;
    let rest = text.get(word.len()..)?.trim();
    (start.eq_ignore_ascii_case(word) && rest.starts_with('(')).then_some(rest)
}

/// Reads one pair of parentheses and what is in it, and nothing after.
fn nested(text: &str) -> Option<Nested> {
    let (read, rest) = parentheses(text, MAX_DEPTH)?;
    rest.trim().is_empty().then_some(read)
}

fn parentheses(text: &str, depth: usize) -> Option<(Nested, &str)> {
    let inner = text.trim_start().strip_prefix('(')?;
    if !inner.trim_start().starts_with('(') {
        let (body, rest) = inner.split_once(')')?;
        let places = body.split(',').map(|place| {
            let mut numbers = place.split_whitespace();
            let pair = [number(numbers.next()?)?, number(numbers.next()?)?];
            // A third number is a height, which does not matter; a fourth is a measure.
            (numbers.count() <= 2).then_some(pair)
        });
        return Some((Nested::Places(places.collect::<Option<_>>()?), rest));
    }
    let mut lists = Vec::new();
    let mut rest = inner;
    loop {
        let (list, after) = parentheses(rest, depth.checked_sub(1)?)?;
        lists.push(list);
        let after = after.trim_start();
        if let Some(end) = after.strip_prefix(')') {
            return Some((Nested::Lists(lists), end));
        }
        rest = after.strip_prefix(',')?;
    }
}

fn number(text: &str) -> Option<f64> {
    text.trim().parse().ok().filter(|n: &f64| n.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_as_wkt_or_as_pairs() {
        let expected = Some(vec![[17.0, 62.5], [17.25, 62.0]]);
        for text in [
            "LINESTRING (17 62.5, 17.25 62)",
            "linestring(17 62.5 3,17.25 62 4)",
            "17,62.5;17.25,62",
            " 17 , 62.5 ; 17.25 , 62 ",
        ] {
            assert_eq!(line(text), expected, "{text}");
        }
        for bad in [
            "",
            "17",
            "17,62;",
            "LINESTRING EMPTY",
            "LINESTRING (17 62",
            "LINESTRING ((17 62))",
            "LINESTRING (17 NaN, 1 2)",
            "LINESTRING (17 62, 1 2) x",
            "LINESTRING (å ä)",
        ] {
            assert_eq!(line(bad), None, "{bad}");
        }
    }

    #[test]
    fn polygons_are_read_with_their_holes() {
        let ring = vec![[0., 0.], [1., 0.], [1., 1.], [0., 0.]];
        let text = "POLYGON ((0 0, 1 0, 1 1, 0 0), (0 0,1 0,1 1,0 0))";
        let one = vec![vec![ring.clone(), ring.clone()]];
        assert_eq!(polygons(text), Some(one));
        let text = "MultiPolygon (((0 0,1 0,1 1,0 0)), ((0 0,1 0,1 1,0 0)))";
        let two = vec![vec![ring.clone()], vec![ring.clone()]];
        assert_eq!(polygons(text), Some(two.clone()));
        let json = r#"{"type":"Feature","properties":{},"geometry":{"type":"MultiPolygon",
            "coordinates":[[[[0,0],[1,0],[1,1],[0,0]]],[[[0,0,9],[1,0,9],[1,1,9],[0,0,9]]]]}}"#;
        assert_eq!(geojson_polygons(json.as_bytes()), Some(two));
        for bad in [
            "POLYGON (0 0, 1 1)",
            "POINT (1 2)",
            "POLYGON ((((0 0))))",
            "POLYGON (",
        ] {
            assert_eq!(polygons(bad), None, "{bad}");
        }
        let deep = format!("POLYGON {}", "(".repeat(100_000));
        assert_eq!(polygons(&deep), None);
        for bad in ["", "{}", r#"{"type":"Point","coordinates":[1,2]}"#] {
            assert_eq!(geojson_polygons(bad.as_bytes()), None, "{bad}");
        }
    }
}
