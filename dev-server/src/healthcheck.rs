//! `orchestrator healthcheck`: asks the server of the same settings how it is, for containers that have no other client.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use axum::body::Body;
use http::{Request, StatusCode, header};
use http_body_util::BodyExt as _;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::config::Config;

/// How long an answer may take: a database that is busy is waited for, for five seconds.
const PATIENCE: Duration = Duration::from_secs(10);

/// Asks `/health` at `HOST` and `WEBSOCKET_PORT`, and prints the answer.
///
/// # Errors
/// Where there is no answer, or one that is not 200.
pub async fn healthcheck(config: &Config) -> Result<()> {
    let address = reachable(config.address);
    let (status, body) = timeout(PATIENCE, ask(address))
        .await
        .with_context(|| format!("{address} did not answer within {PATIENCE:?}"))?
        .with_context(|| format!("HOST, WEBSOCKET_PORT: cannot ask {address}"))?;
    if status != StatusCode::OK {
        bail!("{address} answers {status}: {body}");
    }
    println!("{body}");
    Ok(())
}

/// Where this machine reaches a server that listens at `address`, which may stand for every address that it has.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    address
}

async fn ask(address: SocketAddr) -> Result<(StatusCode, String)> {
    let stream = TokioIo::new(TcpStream::connect(address).await?);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(stream).await?;
    tokio::spawn(connection);
    let request = Request::get("/health")
        .header(header::HOST, address.to_string())
        .body(Body::empty())?;
    let (head, body) = sender.send_request(request).await?.into_parts();
    let body = body.collect().await?.to_bytes();
    Ok((head.status, String::from_utf8_lossy(&body).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_of_a_machine_is_reached_by_its_loopback() {
        for (served, asked) in [
            ("0.0.0.0:80", "127.0.0.1:80"),
            ("[::]:80", "[::1]:80"),
            ("127.0.0.1:8000", "127.0.0.1:8000"),
            ("192.0.2.1:8000", "192.0.2.1:8000"),
        ] {
            let served: SocketAddr = served.parse().unwrap();
            assert_eq!(reachable(served).to_string(), asked);
        }
    }
}
