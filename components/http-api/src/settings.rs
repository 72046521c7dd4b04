//! What a component is told by its host, by Spin's variables.

use crate::{Admission, Hosts, Origins, Tokens};

/// The most bytes that a body may be allowed to have. An instance has 256 MB, in which a body is there up to six times: as it
/// came, unpacked, as values, as the parameter of a statement, and as the host takes that over.
pub const LARGEST_BODY: usize = 32 << 20;

/// The settings of a component. Names and defaults stand in spin.toml; the dev-server takes them from the
/// environment.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the database is, for `/health` to say.
    pub database_path: String,
    /// Whose pages may use the API.
    pub cors_origins: Origins,
    /// The largest body that is taken, in bytes.
    pub max_body_bytes: usize,
    /// Where the live feed is: an address, or a path where it is of the same origin.
    pub feed_url: String,
    /// Who is let in.
    pub admission: Admission,
}

impl Settings {
    /// Reads each variable with `get`, which gives its text.
    ///
    /// # Errors
    /// A sentence that names the variable.
    pub async fn read<F: Future<Output = Result<String, String>>>(
        get: impl Fn(&'static str) -> F,
    ) -> Result<Self, String> {
        let name = |name: &'static str| move |error: String| format!("{name}: {error}");
        let tokens = Tokens::parse(
            &get("api_token").await.map_err(name("API_TOKEN"))?,
            &get("api_read_token")
                .await
                .map_err(name("API_READ_TOKEN"))?,
        )?;
        let allowed_hosts = get("allowed_hosts").await.map_err(name("ALLOWED_HOSTS"))?;
        let allow_insecure = get("allow_insecure")
            .await
            .and_then(|value| Self::parse_allow_insecure(&value))
            .map_err(name("ALLOW_INSECURE"))?;
        let hosts =
            Self::hosts(&allowed_hosts, &tokens, allow_insecure).map_err(name("ALLOWED_HOSTS"))?;
        Ok(Self {
            admission: Admission { hosts, tokens },
            database_path: get("database_path").await.map_err(name("DATABASE_PATH"))?,
            cors_origins: get("cors_origins")
                .await
                .and_then(|list| Origins::parse(&list))
                .map_err(name("CORS_ORIGINS"))?,
            max_body_bytes: get("max_body_bytes")
                .await
                .and_then(|number| Self::parse_max_body_bytes(&number))
                .map_err(name("MAX_BODY_BYTES"))?,
            feed_url: get("feed_url")
                .await
                .and_then(|url| Self::parse_feed_url(&url))
                .map_err(name("FEED_URL"))?,
        })
    }

    /// The names under which we may be asked: those of `ALLOWED_HOSTS` while everything is open to this machine alone.
    ///
    /// # Errors
    /// A sentence about what is no name.
    pub fn hosts(list: &str, tokens: &Tokens, allow_insecure: bool) -> Result<Hosts, String> {
        let hosts = Hosts::parse(list)?;
        Ok(if tokens.are_set() || allow_insecure {
            Hosts::any()
        } else {
            hosts
        })
    }

    /// Reads `ALLOW_INSECURE`.
    ///
    /// # Errors
    /// A sentence about what is no truth value.
    pub fn parse_allow_insecure(value: &str) -> Result<bool, String> {
        match value.trim() {
            "" | "0" | "false" => Ok(false),
            "1" | "true" => Ok(true),
            other => Err(format!("{other:?} is neither 0 nor 1")),
        }
    }

    /// Reads `FEED_URL`; where it is empty, the feed is of the same origin.
    ///
    /// # Errors
    /// A sentence about what is neither a WebSocket's address nor a path.
    pub fn parse_feed_url(url: &str) -> Result<String, String> {
        let url = url.trim();
        if url.is_empty() {
            return Ok("/ws/agent-status".to_owned());
        }
        let known = ["ws://", "wss://", "/"];
        // It becomes a part of a header with a grammar of its own.
        let plain = url
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !b"\"',;".contains(&byte));
        if plain && known.iter().any(|start| url.starts_with(start)) {
            Ok(url.to_owned())
        } else {
            Err(format!(
                "{url:?} is not like wss://feed.example/ws/agent-status"
            ))
        }
    }

    /// Reads `MAX_BODY_BYTES`.
    ///
    /// # Errors
    /// A sentence about what is no positive number, or too large.
    pub fn parse_max_body_bytes(number: &str) -> Result<usize, String> {
        number
            .trim()
            .parse()
            .ok()
            .filter(|bytes| (1..=LARGEST_BODY).contains(bytes))
            .ok_or_else(|| format!("{number:?} is not a number of bytes from 1 to {LARGEST_BODY}"))
    }
}
