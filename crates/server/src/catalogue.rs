//! What is in the twin together with what the operator says of it: names, order,
//! colours. Everything here starts from a view, so that nothing hidden comes in.

use model::{
    Bounds, CollectionId, Column, DataOrigin, GeometryKind, Schema, Survey, VerticalDatum,
};
use serde_json::{Map, Value, json};
use store::View;

use crate::app::App;
use crate::geojson::seven_decimals;
use crate::{CollectionSettings, Department, Settings, Text};

/// Colours for departments that were given none: Okabe and Ito's palette, which
/// survives colour blindness, without its yellow and sky blue, which have too little
/// contrast on a light map.
const PALETTE: [&str; 6] = [
    "#0072b2", "#d55e00", "#007a5a", "#a63d7c", "#7a5c00", "#5b4ea3",
];

/// Colour of what no department answers for.
pub(crate) const NEUTRAL_COLOUR: &str = "#44546a";

/// A collection or survey that the caller sees.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) id: CollectionId,
    pub(crate) title: Text,
    pub(crate) department: Option<Department>,
    pub(crate) settings: CollectionSettings,
    pub(crate) bounds: Option<Bounds>,
    pub(crate) data_origin: Option<DataOrigin>,
    pub(crate) kind: EntryKind,
}

/// What an [`Entry`] has.
#[derive(Debug, Clone)]
pub(crate) enum EntryKind {
    /// Features.
    Features { schema: Schema, count: u64 },
    /// Points.
    Survey(Box<Survey>),
}

impl Entry {
    /// Whether it can be drawn in a vector tile.
    pub(crate) fn has_geometry(&self) -> bool {
        matches!(&self.kind, EntryKind::Features { schema, .. } if schema.geometry != GeometryKind::None)
    }

    /// The colour that it is drawn in.
    pub(crate) fn colour(&self) -> &str {
        let of_department = || self.department.as_ref()?.colour.as_deref();
        self.settings
            .style
            .colour
            .as_deref()
            .or_else(of_department)
            .unwrap_or(NEUTRAL_COLOUR)
    }
}

/// Everything that the caller sees: departments in the operator's order, then by id.
pub(crate) fn entries(settings: &Settings, view: &View) -> Vec<Entry> {
    let collections = view.collections().into_iter().map(|collection| {
        let meta = collection.meta();
        let kind = EntryKind::Features {
            schema: meta.schema.clone(),
            count: meta.feature_count,
        };
        entry(
            settings,
            &meta.id,
            &meta.title,
            meta.department.as_deref(),
            meta.bounds,
            meta.data_origin,
            kind,
        )
    });
    let surveys = view.surveys().into_iter().map(|survey| {
        let meta = survey.meta();
        let kind = EntryKind::Survey(Box::new(meta.clone()));
        entry(
            settings,
            &meta.id,
            &meta.title,
            meta.department.as_deref(),
            Some(meta.bounds),
            meta.data_origin,
            kind,
        )
    });
    let mut entries: Vec<Entry> = collections.chain(surveys).collect();
    let place = |entry: &Entry| {
        let id = entry
            .department
            .as_ref()
            .map(|department| department.id.as_str());
        settings
            .departments
            .iter()
            .position(|department| Some(department.id.as_str()) == id)
            .unwrap_or(usize::MAX)
    };
    entries.sort_by(|a, b| (place(a), &a.id).cmp(&(place(b), &b.id)));
    entries
}

/// The one called `id`, if the caller sees it.
pub(crate) fn find(settings: &Settings, view: &View, id: &str) -> Option<Entry> {
    if view.collection(id).is_none() && view.survey(id).is_none() {
        return None;
    }
    entries(settings, view)
        .into_iter()
        .find(|entry| entry.id.as_str() == id)
}

fn entry(
    settings: &Settings,
    id: &CollectionId,
    title: &str,
    department: Option<&str>,
    bounds: Option<Bounds>,
    data_origin: Option<DataOrigin>,
    kind: EntryKind,
) -> Entry {
    let own = settings.collections.get(id).cloned().unwrap_or_default();
    Entry {
        id: id.clone(),
        title: own.title.clone().unwrap_or_else(|| Text {
            sv: title.to_owned(),
            en: title.to_owned(),
        }),
        department: department.map(|id| described(settings, id)),
        settings: own,
        bounds,
        data_origin,
        kind,
    }
}

/// The department called `id`, with a colour, whether or not the operator listed it.
pub(crate) fn described(settings: &Settings, id: &str) -> Department {
    let listed = settings.departments.iter().position(|d| d.id == id);
    let mut department = match listed {
        Some(place) => settings.departments[place].clone(),
        None => Department {
            id: id.to_owned(),
            title: Text {
                sv: id.to_owned(),
                en: id.to_owned(),
            },
            colour: None,
        },
    };
    department.colour.get_or_insert_with(|| match listed {
        Some(place) => PALETTE[place % PALETTE.len()].to_owned(),
        None => NEUTRAL_COLOUR.to_owned(),
    });
    department
}

/// `{"sv", "en"}`.
pub(crate) fn text_json(text: &Text) -> Value {
    json!({ "sv": text.sv, "en": text.en })
}

/// `{"id", "title", "colour"}`.
pub(crate) fn department_json(department: &Department) -> Value {
    json!({
        "id": department.id,
        "title": text_json(&department.title),
        "colour": department.colour,
    })
}

/// Name of a vertical datum for people, with its code.
pub(crate) fn datum_text(datum: &VerticalDatum) -> String {
    match datum {
        VerticalDatum::Known { code, name } if name.is_empty() => code.clone(),
        VerticalDatum::Known { code, name } => format!("{name} ({code})"),
        VerticalDatum::Unknown => "unknown".to_owned(),
    }
}

/// Box in longitude and latitude; none if the CRS says that there is no such place.
pub(crate) fn lonlat_bounds(app: &App, bounds: Option<&Bounds>) -> Option<[f64; 4]> {
    let bounds = app.lonlat_from_twin().bounds(bounds?).ok()?;
    Some(bounds.to_array().map(seven_decimals))
}

/// Columns in the order in which people read them, each with what the operator says.
pub(crate) fn columns_for_people<'a>(
    schema: &'a Schema,
    settings: &'a CollectionSettings,
) -> Vec<(&'a Column, Option<&'a crate::AttributeSettings>)> {
    let listed = settings.attributes.iter().filter_map(|attribute| {
        let place = schema.position(&attribute.name)?;
        Some((&schema.columns[place], Some(attribute)))
    });
    let rest = schema
        .columns
        .iter()
        .filter(|column| !settings.attributes.iter().any(|a| a.name == column.name))
        .map(|column| (column, None));
    listed.chain(rest).collect()
}

/// Our own members of a collection's description, all called `tvilling:…`.
pub(crate) fn own_members(entry: &Entry) -> Map<String, Value> {
    let mut members = Map::new();
    let mut put = |name: &str, value: Value| {
        members.insert(format!("tvilling:{name}"), value);
    };
    put("title", text_json(&entry.title));
    if let Some(department) = &entry.department {
        put("department", department_json(department));
    }
    put(
        "synthetic",
        json!(entry.data_origin == Some(DataOrigin::Synthetic)),
    );
    put(
        "data_origin",
        json!(entry.data_origin.map(DataOrigin::as_str)),
    );
    if let Some(label) = &entry.settings.label {
        put("label", json!(label));
    }
    match &entry.kind {
        EntryKind::Features { schema, count } => {
            put("kind", json!("features"));
            put("geometry", json!(geometry_name(schema.geometry)));
            put("features", json!(count));
        }
        EntryKind::Survey(survey) => {
            put("kind", json!("survey"));
            put("points", json!(survey.point_count));
            put("flown", json!(survey.flown.map(|date| date.to_string())));
            put("datum", json!(datum_text(&survey.vertical)));
            put("geoid", json!(survey.geoid));
            put("elevation_range_m", json!(survey.elevation_range_m));
        }
    }
    members
}

fn geometry_name(kind: GeometryKind) -> &'static str {
    match kind {
        GeometryKind::None => "none",
        GeometryKind::Point => "point",
        GeometryKind::Line => "line",
        GeometryKind::Polygon => "polygon",
        GeometryKind::Mixed => "mixed",
    }
}
