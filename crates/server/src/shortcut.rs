//! The short way to what maps ask for most: a tile of one public collection, from its pyramid.
//!
//! Such an answer is a search in memory and a piece of a mapped file. Routes, extractors and
//! layers cost more than that, so it is given in front of them; it is counted and logged, and
//! has all headers, as if it had come through them. Whatever is not plainly such a request, or
//! has not such an answer, goes to the routes.

use std::convert::Infallible;
use std::task::{Context, Poll};
use std::time::Instant;

use axum::body::HttpBody;
use axum::http::{Method, Request, header};
use axum::response::Response;
use axum::routing::future::RouteFuture;
use axum::{BoxError, Router};
use bytes::Bytes;
use futures_util::future::{Either, Ready, ready};
use tiler::Polygons;
use tower::Service;

use crate::app::App;
use crate::class::Class;
use crate::content::{Asked, Caching};
use crate::layers::{Dress, Watch};
use crate::tiles::{WEB_MERCATOR, XYZ_TILE, address_of, pyramid, set_of};

/// The routes, with the short way in front of them.
#[derive(Clone)]
pub(crate) struct Shortcut {
    app: App,
    routes: Router,
}

impl Shortcut {
    pub(crate) fn new(app: App, routes: Router) -> Shortcut {
        Shortcut { app, routes }
    }
}

impl<B> Service<Request<B>> for Shortcut
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Either<Ready<Result<Response, Infallible>>, RouteFuture<Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        match answer(&self.app, &request) {
            Some(response) => Either::Left(ready(Ok(response))),
            None => Either::Right(self.routes.call(request)),
        }
    }
}

/// Answers `GET /tiles/ID/Z/X/Y.mvt` without a key, if the pyramid has it.
fn answer<B>(app: &App, request: &Request<B>) -> Option<Response> {
    let headers = request.headers();
    if request.method() != Method::GET
        || request.uri().query().is_some()
        || headers.contains_key(header::AUTHORIZATION)
    {
        return None;
    }
    let mut parts = request.uri().path().strip_prefix("/tiles/")?.split('/');
    let [id, z, x, file] = [parts.next()?, parts.next()?, parts.next()?, parts.next()?];
    let y = file.strip_suffix(".mvt")?;
    if parts.next().is_some() {
        return None;
    }
    let began = Instant::now();
    let collection = app.view(Class::Public).ok()?.collection(id)?;
    let tms = set_of(app, WEB_MERCATOR).ok()?;
    let tile = address_of(&tms, z, x, y).ok()?;
    let pyramid::Known::Tile(content) =
        pyramid::look_up(app, &[collection], &tms, tile, Polygons::Areas)
    else {
        return None;
    };
    let mut response = Asked::of_headers(headers).answer_at_once(content, Caching::Minute)?;
    Dress::of(request).put_on(response.headers_mut());
    Watch::begin(began, request, XYZ_TILE).tell(&mut response);
    Some(response)
}
