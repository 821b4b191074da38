//! `tvilling serve`: a twin over HTTP.

use std::io::Write;

use anyhow::Context;
use serde_json::json;
use server::App;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::arguments::Serve;
use crate::{output, schedule, tile_matrix_sets};

pub(crate) fn run(options: Serve, json: bool) -> anyhow::Result<()> {
    let (_, mut configuration) = super::open(&options.dir)?;
    if options.public_url.is_some() {
        configuration.settings.public_url = options.public_url;
    }
    configuration.settings.geoid = match &configuration.geoid {
        Some(path) => Some(geodesy::Geoid::open(path)?),
        // Without one heights are served as elevations, and say so.
        None => geodesy::Geoid::find().ok(),
    };
    configuration.settings.tile_matrix_sets =
        tile_matrix_sets::read(&options.dir, &configuration.crs)?;
    let name = configuration.settings.name.clone();
    let board = configuration.settings.sources.clone();
    let app = App::open(&options.dir, configuration.settings.clone())?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(options.listen).await.with_context(|| {
            format!(
                "cannot listen on {}: is another server there?",
                options.listen
            )
        })?;
        if !server::has_map_page() {
            eprintln!(
                "The map page is not in this binary, since Node was missing when it was built; \
                 everything else is served."
            );
        }
        let url = format!("http://{}", listener.local_addr()?);
        let object = json!({ "url": url, "name": name });
        output::print(json, &object, &format!("{name} is served on {url}"));
        schedule::start(&options.dir, &configuration, board)?;
        // Whoever started us may be waiting for that line behind a pipe.
        let _ = std::io::stdout().flush();
        let mut terminate = signal(SignalKind::terminate())?;
        let shutdown = async move {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
        };
        server::serve(listener, app, shutdown).await?;
        Ok(())
    })
}
