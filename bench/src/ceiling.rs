//! The ceiling: the components' handlers as a native program, over rusqlite, with no WebAssembly and no host.
//!
//! It takes its settings from the same environment as the dev-server and sets its sockets up alike.

use anyhow::{Error, Result};
use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::serve::ListenerExt as _;
use dev_server::config::Config;
use http_api::{Api, Settings};
use tokio::net::TcpListener;

use crate::servers::READY;

/// Serves until it is killed.
pub(crate) async fn serve() -> Result<()> {
    let config = Config::load()?;
    let database = config.database.database();
    let settings = Settings::read(|name| {
        let value = config.spin_variable(name);
        async { value.ok_or_else(|| "has no value".to_owned()) }
    })
    .await
    .map_err(Error::msg)?;
    let routes = backend::routes(&database, &settings);
    let app = Router::new()
        .fallback(answer)
        .with_state(Api::new(routes, settings));

    let listener = TcpListener::bind(config.address).await?;
    eprintln!("{READY}{}", listener.local_addr()?);
    let listener = listener.tap_io(|connection| {
        if let Err(error) = connection.set_nodelay(true) {
            eprintln!("no TCP_NODELAY: {error}");
        }
    });
    axum::serve(listener, app).await?;
    Ok(())
}

async fn answer(State(api): State<Api>, request: Request) -> Response {
    api.call(request).await
}
