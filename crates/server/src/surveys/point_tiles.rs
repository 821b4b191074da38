//! 3D Tiles of a survey's points: 1.1 with implicit tiling and glTF, and 1.0 for clients
//! that know no newer.
//!
//! ```text
//! /3dtiles/SURVEY/tileset.json                      1.1
//! /3dtiles/SURVEY/subtrees/LEVEL/X/Y/Z.subtree      which tiles there are
//! /3dtiles/SURVEY/points/LEVEL/X/Y/Z.glb            points of a tile
//! /3dtiles/SURVEY/1.0/tileset.json                  1.0, the upper levels
//! /3dtiles/SURVEY/1.0/LEVEL/X/Y/Z.json              the levels below a tile
//! /3dtiles/SURVEY/1.0/LEVEL/X/Y/Z.pnts              points of a tile
//! ```
//!
//! Every address takes `color=rgb|class|height|intensity` and `noise=true`: clients append
//! what the first document was asked with to all that they ask next.

use axum::extract::State;
use axum::response::Response;
use model::{MAX_LEVEL, TileCoord, VoxelKey};
use store::SurveyView;
use tiler::cloud::{self, Addresses, CloudOptions, HeightNote, PointColour};

use crate::app::App;
use crate::cache::{TileKey, content_hash};
use crate::caller::Caller;
use crate::content::{Caching, Content};
use crate::params::Parameters;
use crate::problem::{Path, Problem};
use crate::surveys::ellipsoid::ellipsoidal_heights;

/// What a caller may say of how points are shown.
pub(crate) const PARAMETERS: [&str; 2] = ["color", "noise"];

const JSON: &str = "application/json";
pub(crate) const GLB: &str = "model/gltf-binary";
/// Neither subtrees nor `pnts` have a type of their own.
pub(crate) const BINARY: &str = "application/octet-stream";

/// `GET /3dtiles/SURVEY/tileset.json`.
pub(crate) async fn tileset(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    parameters: Parameters,
) -> Result<Response, Problem> {
    let asked = Asked::new(&app, &caller, id, parameters)?;
    let query = asked.query();
    let addresses = Addresses {
        content: format!("points/{{level}}/{{x}}/{{y}}/{{z}}.glb{query}"),
        subtree: format!("subtrees/{{level}}/{{x}}/{{y}}/{{z}}.subtree{query}"),
    };
    let make = move |survey: &SurveyView, options: &CloudOptions, heights: &HeightNote| {
        cloud::tileset(survey, options, &addresses, heights).map(Some)
    };
    asked.answer("tileset", JSON, VoxelKey::ROOT, make).await
}

/// `GET /3dtiles/SURVEY/subtrees/LEVEL/X/Y/Z.subtree`.
pub(crate) async fn subtree(
    State(app): State<App>,
    caller: Caller,
    Path((id, level, x, y, file)): Path<(String, String, String, String, String)>,
    parameters: Parameters,
) -> Result<Response, Problem> {
    let asked = Asked::new(&app, &caller, id, parameters)?;
    let key = key_of(&level, &x, &y, &file, ".subtree")?;
    let make = move |survey: &SurveyView, options: &CloudOptions, _: &HeightNote| {
        cloud::subtree(survey, options, key)
    };
    asked.answer("subtree", BINARY, key, make).await
}

/// `GET /3dtiles/SURVEY/points/LEVEL/X/Y/Z.glb`.
pub(crate) async fn points(
    State(app): State<App>,
    caller: Caller,
    Path((id, level, x, y, file)): Path<(String, String, String, String, String)>,
    parameters: Parameters,
) -> Result<Response, Problem> {
    let asked = Asked::new(&app, &caller, id, parameters)?;
    let key = key_of(&level, &x, &y, &file, ".glb")?;
    let make = move |survey: &SurveyView, options: &CloudOptions, _: &HeightNote| {
        cloud::glb(survey, options, key)
    };
    asked.answer("glb", GLB, key, make).await
}

/// `GET /3dtiles/SURVEY/1.0/tileset.json`.
pub(crate) async fn tileset_1_0(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    parameters: Parameters,
) -> Result<Response, Problem> {
    let asked = Asked::new(&app, &caller, id, parameters)?;
    asked.document_1_0("", VoxelKey::ROOT).await
}

/// `GET /3dtiles/SURVEY/1.0/LEVEL/X/Y/Z.json|pnts`.
pub(crate) async fn part_1_0(
    State(app): State<App>,
    caller: Caller,
    Path((id, level, x, y, file)): Path<(String, String, String, String, String)>,
    parameters: Parameters,
) -> Result<Response, Problem> {
    let asked = Asked::new(&app, &caller, id, parameters)?;
    if file.ends_with(".json") {
        let key = key_of(&level, &x, &y, &file, ".json")?;
        return asked.document_1_0("../../../", key).await;
    }
    let key = key_of(&level, &x, &y, &file, ".pnts")?;
    let make = move |survey: &SurveyView, options: &CloudOptions, _: &HeightNote| {
        cloud::pnts(survey, options, key)
    };
    asked.answer("pnts", BINARY, key, make).await
}

/// A request for a part of a survey, understood.
struct Asked<'a> {
    app: &'a App,
    caller: &'a Caller,
    id: String,
    survey: SurveyView,
    colour: Option<PointColour>,
    noise: bool,
}

impl<'a> Asked<'a> {
    fn new(
        app: &'a App,
        caller: &'a Caller,
        id: String,
        parameters: Parameters,
    ) -> Result<Asked<'a>, Problem> {
        let survey = caller.survey(&id)?;
        let parameters = parameters.only(&PARAMETERS)?;
        let colour = match parameters.text("color") {
            None => None,
            Some("rgb") => Some(PointColour::Rgb),
            Some("class") => Some(PointColour::Class),
            Some("height") => Some(PointColour::Height),
            Some("intensity") => Some(PointColour::Intensity),
            Some(other) => {
                let allowed = "rgb, class, height or intensity";
                return Err(Problem::bad_parameter("color", other, allowed));
            }
        };
        let noise = parameters
            .parsed("noise", "true or false")?
            .unwrap_or(false);
        Ok(Asked {
            app,
            caller,
            id,
            survey,
            colour,
            noise,
        })
    }

    /// What the addresses in a document end with: what it was asked with.
    fn query(&self) -> String {
        let colour = self.colour.map(|colour| match colour {
            PointColour::Rgb => "color=rgb",
            PointColour::Class => "color=class",
            PointColour::Height => "color=height",
            PointColour::Intensity => "color=intensity",
        });
        let noise = self.noise.then_some("noise=true");
        let said: Vec<&str> = colour.into_iter().chain(noise).collect();
        if said.is_empty() {
            String::new()
        } else {
            format!("?{}", said.join("&"))
        }
    }

    async fn document_1_0(self, up: &str, key: VoxelKey) -> Result<Response, Problem> {
        let query = self.query();
        let addresses = Addresses {
            content: format!("{up}{{level}}/{{x}}/{{y}}/{{z}}.pnts{query}"),
            subtree: format!("{up}{{level}}/{{x}}/{{y}}/{{z}}.json{query}"),
        };
        let kind = if up.is_empty() { "1.0 top" } else { "1.0" };
        let make = move |survey: &SurveyView, options: &CloudOptions, heights: &HeightNote| {
            cloud::tileset_1_0(survey, options, key, &addresses, heights)
        };
        self.answer(kind, JSON, key, make).await
    }

    /// Answers with what `make` makes, or has made before.
    async fn answer(
        self,
        kind: &'static str,
        media_type: &'static str,
        key: VoxelKey,
        make: impl FnOnce(
            &SurveyView,
            &CloudOptions,
            &HeightNote,
        ) -> Result<Option<Vec<u8>>, tiler::Error>
        + Send
        + 'static,
    ) -> Result<Response, Problem> {
        let place = [key.x, key.y, key.z].map(u64::from);
        let cached = TileKey {
            class: self.caller.class,
            content: content_hash([
                (self.id.as_str(), self.survey.version()),
                ("level", u64::from(key.level)),
                ("x", place[0]),
                ("y", place[1]),
                ("z", place[2]),
                ("colour", self.colour.map_or(0, |colour| 1 + colour as u64)),
                ("noise", u64::from(self.noise)),
            ]),
            kind,
            tms: "3D Tiles",
            tile: TileCoord::new(0, 0, 0).expect("level 0 is none too many"),
        };
        let (survey, noise) = (self.survey, self.noise);
        let colour = self.colour.unwrap_or(PointColour::Rgb);
        let geoid = self.app.settings().geoid.clone();
        let made = self.app.compute(move || {
            let heights = ellipsoidal_heights(geoid.as_ref(), &survey);
            let undulation = |lonlat: [f64; 2]| geoid.as_ref()?.separation_m(lonlat);
            let options = CloudOptions {
                colour,
                noise,
                undulation: heights.geoid.is_some().then_some(&undulation),
            };
            let bytes = make(&survey, &options, &heights)?;
            Ok(bytes.map(|bytes| Content::compressed_once(media_type, &bytes)))
        });
        match self.app.tiles().get_or_make(cached, made).await?.as_ref() {
            Some(content) => {
                let caching = match media_type {
                    JSON => Caching::Revalidate,
                    _ => Caching::Minute,
                };
                self.caller.answer(content.clone(), caching).await
            }
            None => Err(no_such_part(&format!(
                "{}/{}/{}/{}",
                key.level, key.x, key.y, key.z
            ))),
        }
    }
}

fn key_of(level: &str, x: &str, y: &str, file: &str, ending: &str) -> Result<VoxelKey, Problem> {
    let wrong = || no_such_part(&format!("{level}/{x}/{y}/{file}"));
    let z = file.strip_suffix(ending).ok_or_else(wrong)?;
    let level = level
        .parse()
        .ok()
        .filter(|level: &u8| *level <= MAX_LEVEL)
        .ok_or_else(wrong)?;
    let place = |text: &str| {
        text.parse()
            .ok()
            .filter(|place: &u32| *place < 1_u32 << level)
            .ok_or_else(wrong)
    };
    Ok(VoxelKey {
        level,
        x: place(x)?,
        y: place(y)?,
        z: place(z)?,
    })
}

fn no_such_part(name: &str) -> Problem {
    Problem::not_found("tile", name, "The tileset tells which there are.")
}
