//! A walk through a whole list, page by page.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use hyper::header::LINK;
use serde::Deserialize;

use crate::client::Client;

/// What a walk saw.
pub(crate) struct Walk {
    /// How many rows there were, each once.
    pub(crate) rows: usize,
    /// How many pages.
    pub(crate) pages: usize,
    /// How long it took.
    pub(crate) time: Duration,
    /// The path of the last page.
    pub(crate) last: String,
}

#[derive(Deserialize)]
struct Row {
    id: i64,
}

/// Follows `Link` from `first` to the end.
pub(crate) async fn walk(address: &str, first: &str) -> Result<Walk> {
    let mut client = Client::connect(address).await?;
    let mut seen = HashSet::new();
    let mut path = first.to_owned();
    let start = Instant::now();
    for pages in 1.. {
        let response = client.get(&path).await?;
        let rows: Vec<Row> = serde_json::from_slice(response.body())?;
        for Row { id } in rows {
            if !seen.insert(id) {
                bail!("{path}: row {id} came before");
            }
        }
        let Some(link) = response.headers().get(LINK) else {
            return Ok(Walk {
                rows: seen.len(),
                pages,
                time: start.elapsed(),
                last: path,
            });
        };
        let target = link.to_str()?.split(['<', '>']).nth(1);
        path = String::from(target.context("a Link without a target")?);
    }
    unreachable!("the walk ends or fails")
}
