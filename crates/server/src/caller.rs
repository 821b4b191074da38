//! The one place where a caller becomes a view.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use jiff::Timestamp;
use model::Role;
use store::{CollectionView, Interval, SurveyView, View};

use crate::app::App;
use crate::class::Class;
use crate::content::{Asked, Caching, Content};
use crate::links::Base;
use crate::params::{instant, interval};
use crate::problem::Problem;
use crate::tiles::{MLT, MVT};

/// Who asks, what they may see, and how they want it.
#[derive(Clone)]
pub(crate) struct Caller {
    /// What they may see: the only way to read the twin.
    pub(crate) view: Arc<View>,
    /// Who sees the same.
    pub(crate) class: Class,
    /// In front of every link.
    pub(crate) base: Base,
    asked: Asked,
    wants_html: bool,
    wants_mlt: bool,
    /// Name and role of the key, if one was shown.
    holder: Option<(String, Role)>,
}

/// Who may edit.
#[derive(Debug, Clone)]
pub(crate) struct Author {
    /// The name of the key.
    pub(crate) name: String,
    /// Who sees the same.
    pub(crate) class: Class,
}

impl Caller {
    /// Whether a key was shown.
    pub(crate) fn is_staff(&self) -> bool {
        self.holder.is_some()
    }

    /// Refuses those without a key.
    pub(crate) fn needs_key(&self) -> Result<(), Problem> {
        if self.is_staff() {
            Ok(())
        } else {
            Err(Problem::key_needed())
        }
    }

    /// The caller as one who may edit.
    pub(crate) fn author(&self) -> Result<Author, Problem> {
        match &self.holder {
            None => Err(Problem::key_needed()),
            Some((name, Role::Editor | Role::Admin)) => Ok(Author {
                name: name.clone(),
                class: self.class,
            }),
            Some((_, Role::Reader)) => Err(Problem::may_only_read()),
        }
    }

    /// Answers with content that the caller's own request has made: also if it had the like.
    pub(crate) async fn answer_anew(
        &self,
        content: Content,
        caching: Caching,
    ) -> Result<Response, Problem> {
        self.asked
            .without_conditions()
            .answer(content, caching)
            .await
    }

    /// Answers with the content, or with 304 if the caller has it.
    pub(crate) async fn answer(
        &self,
        content: Content,
        caching: Caching,
    ) -> Result<Response, Problem> {
        self.asked.answer(content, caching).await
    }

    /// Whether the caller has the state of the content that this tag names.
    pub(crate) fn has(&self, etag: &HeaderValue) -> bool {
        self.asked.has(etag)
    }

    /// What the caller may do with an answer.
    pub(crate) fn cache_control(&self, caching: Caching) -> HeaderValue {
        self.asked.cache_control(caching)
    }

    /// Answers that a tile is there, and empty.
    pub(crate) fn empty_tile(&self) -> Response {
        self.asked.empty(Caching::Minute)
    }

    /// Whether it is a browser that wants a page rather than JSON.
    pub(crate) fn wants_html(&self) -> bool {
        self.wants_html
    }

    /// Whether it is a client that asks for MapLibre tiles by name.
    pub(crate) fn wants_mlt(&self) -> bool {
        self.wants_mlt
    }

    /// The collection of features called `id`, as far as the caller may know.
    pub(crate) fn collection(&self, id: &str) -> Result<CollectionView, Problem> {
        self.view
            .collection(id)
            .ok_or_else(|| Problem::no_collection(id))
    }

    /// The survey called `id`, as far as the caller may know.
    pub(crate) fn survey(&self, id: &str) -> Result<SurveyView, Problem> {
        let otherwise = || match self.collection(id) {
            Ok(_) => Problem::not_found("survey", id, "It is a collection of features."),
            Err(problem) => problem,
        };
        self.view.survey(id).ok_or_else(otherwise)
    }
}

impl FromRequestParts<App> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Caller, Problem> {
        let holder = holder_of(app, &parts.headers)?;
        let class = match holder {
            Some(_) => Class::Staff,
            None => Class::Public,
        };
        let (as_of, interval) = time_of(parts)?;
        let view = match as_of {
            None => app.view(class)?,
            Some(at) => {
                let own = app.clone();
                app.compute(move || own.view_as_of(class, at)).await?
            }
        };
        let view = match interval {
            None => view,
            Some(interval) => Arc::new(app.valid_in(&view, interval)),
        };
        Ok(Caller {
            view,
            holder,
            class,
            base: Base::of_request(
                app.settings().public_url.as_deref(),
                &parts.uri,
                &parts.headers,
            ),
            asked: Asked::of_headers(&parts.headers),
            wants_html: wants_html(&parts.headers),
            wants_mlt: wants_mlt(&parts.headers),
        })
    }
}

/// A key that is not valid is refused rather than taken for no key: a member of staff
/// whose key was revoked should learn it, not wonder where the layers went.
fn holder_of(app: &App, headers: &HeaderMap) -> Result<Option<(String, Role)>, Problem> {
    let mut given = headers.get_all(header::AUTHORIZATION).iter();
    let Some(authorization) = given.next() else {
        return Ok(None);
    };
    let key = authorization
        .to_str()
        .ok()
        .and_then(|text| text.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, key)| key.trim())
        .filter(|key| !key.is_empty() && given.next().is_none())
        .ok_or_else(Problem::bad_key)?;
    app.holder_of(key).map(Some).ok_or_else(Problem::bad_key)
}

/// The moment that the parameter `asof` names, and the stretch that `datetime` does: what the
/// twin knew then, and what is true in the world in that time, is what there is. Routes that
/// do not take a parameter refuse it by themselves.
fn time_of(parts: &Parts) -> Result<(Option<Timestamp>, Option<Interval>), Problem> {
    let query = parts.uri.query().unwrap_or_default();
    let is_named = |pair: &str| pair.starts_with("asof=") || pair.starts_with("datetime=");
    if !query.split('&').any(is_named) {
        return Ok((None, None));
    }
    let pairs = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri);
    let pairs = pairs.map_or_else(|_| Vec::new(), |pairs| pairs.0);
    let value = |name: &str| {
        let mut given = pairs.iter().filter(|(known, _)| known == name);
        given.next().map(|(_, text)| text.as_str())
    };
    let as_of = value("asof")
        .map(|text| instant("asof", text))
        .transpose()?;
    Ok((as_of, value("datetime").map(interval).transpose()?))
}

/// Whether `text/html` is wanted at least as much as JSON, which a bare `*/*` is not.
fn wants_html(headers: &HeaderMap) -> bool {
    let html = weight_of(headers, &["text/html", "application/xhtml+xml"]);
    html > 0.0 && html >= weight_of(headers, &["application/json", "application/geo+json"])
}

/// Whether MapLibre tiles are wanted at least as much as MVT. Only their names say so: those
/// who take anything may not know them. The second is an older name.
fn wants_mlt(headers: &HeaderMap) -> bool {
    let mlt = weight_of(headers, &[MLT, "application/vnd.maplibre-vector-tile"]);
    mlt > 0.0 && mlt >= weight_of(headers, &[MVT, "application/x-protobuf"])
}

/// The largest weight that `Accept` gives one of these media types by name (RFC 9110, 12.5.1);
/// 0 if it names none.
fn weight_of(headers: &HeaderMap, wanted: &[&str]) -> f64 {
    let named = headers.get_all(header::ACCEPT).iter();
    named
        .filter_map(|value| value.to_str().ok())
        .flat_map(|accept| accept.split(','))
        .filter_map(|part| {
            let mut pieces = part.split(';').map(str::trim);
            let name = pieces.next()?.to_ascii_lowercase();
            let weight = pieces
                .find_map(|piece| piece.strip_prefix("q="))
                .map_or(1.0, |q| q.parse().unwrap_or(0.0));
            wanted.contains(&name.as_str()).then_some(weight)
        })
        .fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn a_browser_gets_a_page_and_everybody_else_json() {
        for (accept, expected) in [
            ("text/html,application/xhtml+xml,*/*;q=0.8", true),
            ("application/json", false),
            ("*/*", false),
            ("application/json, text/html;q=0.5", false),
            ("text/html;q=0", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(
                header::ACCEPT,
                HeaderValue::from_str(accept).expect("a header"),
            );
            assert_eq!(wants_html(&headers), expected, "{accept}");
        }
    }

    #[test]
    fn a_client_that_names_maplibre_tiles_gets_them_and_one_that_takes_anything_does_not() {
        for (accept, expected) in [
            ("application/vnd.maplibre-tile", true),
            ("application/vnd.maplibre-vector-tile, */*;q=0.1", true),
            (
                "application/vnd.maplibre-tile, application/vnd.mapbox-vector-tile;q=0.9",
                true,
            ),
            (
                "application/vnd.maplibre-tile;q=0.5, application/x-protobuf",
                false,
            ),
            ("application/vnd.maplibre-tile;q=0", false),
            ("application/*", false),
            ("*/*", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(
                header::ACCEPT,
                HeaderValue::from_str(accept).expect("a header"),
            );
            assert_eq!(wants_mlt(&headers), expected, "{accept}");
        }
    }
}
