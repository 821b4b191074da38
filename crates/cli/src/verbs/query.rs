//! `tvilling query`: everything known about a place, without a server.

use std::time::Instant;

use anyhow::{Context, bail};
use geodesy::{Crs, Transform};
use model::{Access, CollectionId};
use query::heights::DEFAULT_RADIUS_M;
use query::{Click, Relations};
use serde_json::Value;

use crate::arguments::Query;
use crate::output;

pub(crate) fn run(options: Query, json: bool) -> anyhow::Result<()> {
    let (twin, configuration) = super::open(&options.dir)?;
    let at = parse_place(&options.at)?;
    let crs = match options.crs.as_deref() {
        Some(code) => Crs::from_code(code)?,
        // Coordinates of a projected twin are far from the ranges of degrees.
        None if at[0].abs() <= 180.0 && at[1].abs() <= 90.0 => Crs::from_code("CRS84")?,
        None => Crs::from_code(twin.crs_code())?,
    };
    let collections = options
        .collections
        .iter()
        .map(|id| CollectionId::new(id))
        .collect::<Result<Vec<_>, _>>()?;
    let collections = (!collections.is_empty()).then_some(collections);
    if !(options.radius >= 0.0 && options.radius.is_finite()) {
        bail!("--radius {}: give metres from 0", options.radius);
    }
    let began = Instant::now();
    let twin_crs = Crs::from_code(twin.crs_code())?;
    let click = Click {
        at: Transform::new(&crs, &twin_crs)?.xy(at)?,
        radius_m: options.radius,
        collections,
        limit: options.limit,
    };
    let relations = Relations::new(configuration.settings.relations.clone());
    let view = twin.snapshot()?.view(Access::Everything);
    let answer = query::identify(&view, &relations, &click);
    let lonlat = Transform::new(&twin_crs, &Crs::from_code("CRS84")?)?;
    let settings = &configuration.settings;
    let bytes = server::answer_json(
        &answer,
        &click,
        twin.crs_code(),
        settings,
        &lonlat,
        true,
        began,
    )?;
    let mut answer: Value = serde_json::from_slice(&bytes)?;
    if let Some(id) = &options.heights {
        let survey = view
            .survey(id)
            .with_context(|| format!("--heights {id}: there is no such survey"))?;
        let heights = query::heights::heights_at(&survey, click.at, DEFAULT_RADIUS_M)?;
        answer["heights"] =
            server::heights_json(&heights, survey.meta(), click.at, twin.crs_code(), &lonlat)?;
    }
    output::print(json, &answer, &as_text(&answer));
    Ok(())
}

fn parse_place(text: &str) -> anyhow::Result<[f64; 2]> {
    let parsed = text.split_once(',').and_then(|(x, y)| {
        let place = [x.trim().parse().ok()?, y.trim().parse().ok()?];
        place.iter().all(|v: &f64| v.is_finite()).then_some(place)
    });
    parsed.with_context(|| {
        format!("--at {text}: give two numbers, such as 151000.5,6921000 or 17.31,62.39")
    })
}

/// The answer for a person: one block for each collection.
fn as_text(answer: &Value) -> String {
    let mut text = String::new();
    if let Some(ground) = answer["elevation"]["ground"].as_f64() {
        text += &format!(
            "Ground {ground:.2} m ({}), survey {}\n",
            answer["elevation"]["datum"]
                .as_str()
                .unwrap_or("unknown vertical datum"),
            answer["elevation"]["survey"].as_str().unwrap_or_default(),
        );
    }
    if let Some(metres) = answer["elevation"]["height_above_ground"].as_f64() {
        text += &format!("Surface {metres:.2} m above the ground\n");
    }
    for (kind, name) in [("ground", "Ground"), ("surface", "Surface")] {
        let height = &answer["heights"][kind];
        if let Some(metres) = height["elevation_m"].as_f64() {
            let spread = height["spread_m"]
                .as_f64()
                .map_or_else(String::new, |metres| format!(", spread {metres:.3} m"));
            text += &format!(
                "{name} {metres:.2} m in {}: {} points within {} m{spread}\n",
                answer["heights"]["survey"].as_str().unwrap_or_default(),
                height["points"],
                answer["heights"]["radius_m"],
            );
        }
    }
    for collection in answer["collections"].as_array().into_iter().flatten() {
        text += &format!("\n{}", collection["title"].as_str().unwrap_or_default());
        if let Some(department) = collection["department"].as_str() {
            text += &format!(" [{department}]");
        }
        text.push('\n');
        for feature in collection["features"].as_array().into_iter().flatten() {
            let distance_m = feature["distance_m"].as_f64().unwrap_or_default();
            text += &format!("  {} at {distance_m:.1} m\n", feature["id"]);
            text += &properties(feature, "    ");
            for (relation, related) in feature["related"].as_object().into_iter().flatten() {
                for record in related.as_array().into_iter().flatten() {
                    text += &format!("    {relation} {}\n", record["id"]);
                    text += &properties(record, "      ");
                }
            }
        }
    }
    for part in answer["left_out"].as_array().into_iter().flatten() {
        text += &format!("\nLeft out: {part}\n");
    }
    if text.is_empty() {
        "Nothing is known about this place.".to_owned()
    } else {
        text
    }
}

fn properties(feature: &Value, indent: &str) -> String {
    let mut text = String::new();
    for (name, value) in feature["properties"].as_object().into_iter().flatten() {
        match value {
            Value::Null => {}
            Value::String(value) => text += &format!("{indent}{name}: {value}\n"),
            value => text += &format!("{indent}{name}: {value}\n"),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_two_finite_numbers() {
        assert_eq!(parse_place("17.31, 62.39").ok(), Some([17.31, 62.39]));
        for bad in ["", "1", "1;2", "a,b", "1,2,3", "NaN,1"] {
            assert!(parse_place(bad).is_err(), "{bad}");
        }
    }
}
