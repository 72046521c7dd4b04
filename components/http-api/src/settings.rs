//! What a component is told by its host, by Spin's variables.

use crate::{Origins, Tokens};

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
    /// What a client has to send to be let in.
    pub tokens: Tokens,
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
        Ok(Self {
            database_path: get("database_path").await.map_err(name("DATABASE_PATH"))?,
            cors_origins: get("cors_origins")
                .await
                .and_then(|list| Origins::parse(&list))
                .map_err(name("CORS_ORIGINS"))?,
            max_body_bytes: get("max_body_bytes")
                .await
                .and_then(|number| Self::parse_max_body_bytes(&number))
                .map_err(name("MAX_BODY_BYTES"))?,
            tokens: Tokens::parse(
                &get("api_token").await.map_err(name("API_TOKEN"))?,
                &get("api_read_token")
                    .await
                    .map_err(name("API_READ_TOKEN"))?,
            )?,
        })
    }

    /// Reads `MAX_BODY_BYTES`.
    ///
    /// # Errors
    /// A sentence about what is no positive number.
    pub fn parse_max_body_bytes(number: &str) -> Result<usize, String> {
        number
            .parse()
            .ok()
            .filter(|bytes| *bytes > 0)
            .ok_or_else(|| format!("{number:?} is not a number of bytes"))
    }
}
