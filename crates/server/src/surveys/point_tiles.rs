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
use axum::routing::{MethodRouter, get};
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

/// What there is of a survey in 3D Tiles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// The document of 1.1.
    Tileset,
    /// Which tiles there are, in 1.1.
    Subtree,
    /// Points of a tile, in 1.1.
    Glb,
    /// The document of 1.0: the upper levels.
    Tileset1x0,
    /// Levels below a tile, in 1.0.
    Below1x0,
    /// Points of a tile, in 1.0.
    Pnts,
}

impl Part {
    /// Its name in the cache.
    fn name(self) -> &'static str {
        match self {
            Part::Tileset => "tileset",
            Part::Subtree => "subtree",
            Part::Glb => "glb",
            Part::Tileset1x0 => "1.0 top",
            Part::Below1x0 => "1.0",
            Part::Pnts => "pnts",
        }
    }

    /// What its address ends with.
    fn ending(self) -> &'static str {
        match self {
            Part::Tileset | Part::Tileset1x0 | Part::Below1x0 => ".json",
            Part::Subtree => ".subtree",
            Part::Glb => ".glb",
            Part::Pnts => ".pnts",
        }
    }

    fn media_type(self) -> &'static str {
        match self {
            Part::Tileset | Part::Tileset1x0 | Part::Below1x0 => JSON,
            Part::Glb => GLB,
            Part::Subtree | Part::Pnts => BINARY,
        }
    }

    /// The bytes, if there is such a tile; `query` goes on into the addresses of a document.
    fn make(
        self,
        survey: &SurveyView,
        options: &CloudOptions,
        heights: &HeightNote,
        key: VoxelKey,
        query: &str,
    ) -> Result<Option<Vec<u8>>, tiler::Error> {
        let addresses = |content: &str, subtree: &str| Addresses {
            content: format!("{content}{query}"),
            subtree: format!("{subtree}{query}"),
        };
        match self {
            Part::Tileset => {
                let addresses = addresses(
                    "points/{level}/{x}/{y}/{z}.glb",
                    "subtrees/{level}/{x}/{y}/{z}.subtree",
                );
                cloud::tileset(survey, options, &addresses, heights).map(Some)
            }
            Part::Subtree => cloud::subtree(survey, options, key),
            Part::Glb => cloud::glb(survey, options, key),
            Part::Tileset1x0 => {
                let addresses = addresses("{level}/{x}/{y}/{z}.pnts", "{level}/{x}/{y}/{z}.json");
                cloud::tileset_1_0(survey, options, key, &addresses, heights)
            }
            Part::Below1x0 => {
                let addresses = addresses(
                    "../../../{level}/{x}/{y}/{z}.pnts",
                    "../../../{level}/{x}/{y}/{z}.json",
                );
                cloud::tileset_1_0(survey, options, key, &addresses, heights)
            }
            Part::Pnts => cloud::pnts(survey, options, key),
        }
    }
}

/// `GET /3dtiles/SURVEY/tileset.json` and `/3dtiles/SURVEY/1.0/tileset.json`.
pub(crate) fn whole(part: Part) -> MethodRouter<App> {
    get(
        async move |State(app): State<App>,
                    caller: Caller,
                    Path(id): Path<String>,
                    parameters: Parameters| {
            let asked = Asked::new(&app, &caller, id, parameters)?;
            asked.answer(part, VoxelKey::ROOT).await
        },
    )
}

/// `GET /3dtiles/SURVEY/…/LEVEL/X/Y/Z.ENDING`: the part with that ending.
pub(crate) fn one_of(parts: &'static [Part]) -> MethodRouter<App> {
    get(
        async move |State(app): State<App>,
                    caller: Caller,
                    Path((id, level, x, y, file)): Path<(
            String,
            String,
            String,
            String,
            String,
        )>,
                    parameters: Parameters| {
            let asked = Asked::new(&app, &caller, id, parameters)?;
            let found = parts
                .iter()
                .find_map(|part| Some((*part, file.strip_suffix(part.ending())?)));
            let key = found.and_then(|(part, z)| Some((part, key_of(&level, &x, &y, z)?)));
            match key {
                Some((part, key)) => asked.answer(part, key).await,
                None => Err(no_such_part(&format!("{level}/{x}/{y}/{file}"))),
            }
        },
    )
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

    /// Answers with a part, made now or before.
    async fn answer(self, part: Part, key: VoxelKey) -> Result<Response, Problem> {
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
            kind: part.name(),
            tms: "3D Tiles".into(),
            tile: TileCoord::new(0, 0, 0).expect("level 0 is none too many"),
        };
        let query = self.query();
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
            let bytes = part.make(&survey, &options, &heights, key, &query)?;
            Ok(bytes.map(|bytes| Content::compressed_once(part.media_type(), &bytes)))
        });
        match self.app.tiles().get_or_make(cached, made).await?.as_ref() {
            Some(content) => {
                let caching = match part.media_type() {
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

fn key_of(level: &str, x: &str, y: &str, z: &str) -> Option<VoxelKey> {
    let level = level.parse().ok().filter(|level| *level <= MAX_LEVEL)?;
    let place = |text: &str| {
        let place = text.parse::<u32>().ok()?;
        (place < 1_u32 << level).then_some(place)
    };
    Some(VoxelKey {
        level,
        x: place(x)?,
        y: place(y)?,
        z: place(z)?,
    })
}

fn no_such_part(name: &str) -> Problem {
    Problem::not_found("tile", name, "The tileset tells which there are.")
}
