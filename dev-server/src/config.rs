//! The settings: the environment, then `.env`, then the defaults that stand here.

use std::collections::BTreeMap;
use std::env;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};

use anyhow::{Context as _, Error, Result, anyhow, bail};
use database::libsql::Server;
use http_api::{Admission, Origins, Settings, Tokens};
use tracing_subscriber::EnvFilter;

use crate::location::Location;

/// A setting, for `--help`, `.env.sample` and the code alike.
pub struct Variable {
    /// Its name in the environment.
    pub name: &'static str,
    /// What holds where it is not set.
    pub default: &'static str,
    /// What it is, in a few words.
    pub help: &'static str,
}

/// All settings.
pub const VARIABLES: &[Variable] = &[
    Variable {
        name: "DATABASE_PATH",
        default: "./data/orchestrator.db",
        help: "the SQLite file; its folder is made",
    },
    Variable {
        name: "DATABASE_URL",
        default: "",
        help: "a libSQL server that has the database instead of the file: http://, https:// or libsql://",
    },
    Variable {
        name: "DATABASE_TOKEN",
        default: "",
        help: "the token that this server asks for",
    },
    Variable {
        name: "WEBSOCKET_PORT",
        default: "8000",
        help: "the port that is served; 0 takes a free one",
    },
    Variable {
        name: "HOST",
        default: "127.0.0.1",
        help: "the address that is served; other machines reach any but a loopback address, so that needs API_TOKEN",
    },
    Variable {
        name: "ALLOW_INSECURE",
        default: "0",
        help: "1 serves an address that other machines reach without API_TOKEN, open to everyone",
    },
    Variable {
        name: "ALLOWED_HOSTS",
        default: "",
        help: "more names under which this may be asked while no token is set, separated by commas, or * for any",
    },
    Variable {
        name: "API_TOKEN",
        default: "",
        help: "the token that a client needs under /api and /v1, for /metrics and for the feed; without one, everything is open",
    },
    Variable {
        name: "API_READ_TOKEN",
        default: "",
        help: "another token, that may only read",
    },
    Variable {
        name: "CORS_ORIGINS",
        default: "http://localhost:5173,http://127.0.0.1:5173",
        help: "whose pages may use the API: origins separated by commas, or * for any",
    },
    Variable {
        name: "MAX_BODY_BYTES",
        default: "2097152",
        help: "the largest request body, in bytes; at most 33554432",
    },
    Variable {
        name: "FEED_URL",
        default: "",
        help: "where browsers find the live feed, if not on this port: wss://feed.example/ws/agent-status",
    },
    Variable {
        name: "MAX_WS_CLIENTS",
        default: "10000",
        help: "the most WebSocket clients at once, and the most requests that wait for messages",
    },
    Variable {
        name: "CHANGE_LOG_MAX",
        default: "100000",
        help: "how many changes the change log keeps, for clients that resume",
    },
    Variable {
        name: "RETENTION_DAYS",
        default: "0",
        help: "after how many days log entries are deleted, 0 for never",
    },
    Variable {
        name: "RUST_LOG",
        default: "info",
        help: "what is logged: error, warn, info, debug or trace, also by module",
    },
    Variable {
        name: "LOG_FORMAT",
        default: "text",
        help: "how it is logged: text, or json, an object a line",
    },
];

/// How the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// An object a line.
    Json,
}

/// The settings, read.
pub struct Config {
    /// `DATABASE_PATH`, or `DATABASE_URL` with `DATABASE_TOKEN`.
    pub database: Location,
    /// `HOST` and `WEBSOCKET_PORT`.
    pub address: SocketAddr,
    /// `ALLOWED_HOSTS`, `API_TOKEN` and `API_READ_TOKEN`.
    pub admission: Admission,
    /// `CORS_ORIGINS`.
    pub cors_origins: Origins,
    /// `MAX_BODY_BYTES`.
    pub max_body_bytes: usize,
    /// `MAX_WS_CLIENTS`.
    pub max_ws_clients: usize,
    /// `CHANGE_LOG_MAX`.
    pub change_log_max: i64,
    /// `RETENTION_DAYS`; `None` keeps log entries for ever.
    pub retention_days: Option<u32>,
    /// `RUST_LOG`.
    pub rust_log: String,
    /// `LOG_FORMAT`.
    pub log_format: LogFormat,
    values: BTreeMap<&'static str, String>,
}

impl Config {
    /// Reads the environment and, where there is one, `.env` in the current folder.
    ///
    /// # Errors
    /// A sentence that names the variable which does not parse.
    pub fn load() -> Result<Self> {
        let file = read_file()?;
        let mut environment = BTreeMap::new();
        for Variable { name, .. } in VARIABLES {
            match env::var(name) {
                Ok(value) if !value.trim().is_empty() => {
                    environment.insert(*name, value);
                }
                Ok(_) | Err(env::VarError::NotPresent) => {}
                Err(env::VarError::NotUnicode(_)) => bail!("{name}: is no UTF-8"),
            }
        }
        Self::from_lookup(|name| environment.get(name).or_else(|| file.get(name)).cloned())
    }

    /// Reads each variable with `lookup`. An empty value counts as none.
    ///
    /// # Errors
    /// A sentence that names the variable which does not parse.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let set: BTreeMap<&'static str, String> = VARIABLES
            .iter()
            .filter_map(|variable| Some((variable.name, lookup(variable.name)?)))
            .filter(|(_, value)| !value.trim().is_empty())
            .collect();
        let mut values = set.clone();
        for Variable { name, default, .. } in VARIABLES {
            values.entry(name).or_insert_with(|| (*default).to_owned());
        }
        let read = |name: &'static str| values.get(name).map_or("", |value| value.trim());

        let port: u16 = read("WEBSOCKET_PORT")
            .parse()
            .map_err(|_| anyhow!("WEBSOCKET_PORT: {:?} is not a port", read("WEBSOCKET_PORT")))?;
        let address = (read("HOST"), port)
            .to_socket_addrs()
            .ok()
            .and_then(|mut addresses| addresses.next())
            .with_context(|| format!("HOST: {:?} is not an address", read("HOST")))?;
        let allow_insecure = Settings::parse_allow_insecure(read("ALLOW_INSECURE"))
            .map_err(|error| anyhow!("ALLOW_INSECURE: {error}"))?;
        let tokens =
            Tokens::parse(read("API_TOKEN"), read("API_READ_TOKEN")).map_err(Error::msg)?;
        if !is_loopback(address.ip()) && !tokens.are_set() && !allow_insecure {
            bail!(
                "HOST: other machines reach {}, and everyone there could write; set API_TOKEN, or ALLOW_INSECURE=1 \
                 to serve it all the same",
                address.ip()
            );
        }
        let hosts = Settings::hosts(read("ALLOWED_HOSTS"), &tokens, allow_insecure)
            .map_err(|error| anyhow!("ALLOWED_HOSTS: {error}"))?;
        let cors_origins = Origins::parse(read("CORS_ORIGINS"))
            .map_err(|error| anyhow!("CORS_ORIGINS: {error}"))?;
        let max_body_bytes = Settings::parse_max_body_bytes(read("MAX_BODY_BYTES"))
            .map_err(|error| anyhow!("MAX_BODY_BYTES: {error}"))?;
        Settings::parse_feed_url(read("FEED_URL")).map_err(|error| anyhow!("FEED_URL: {error}"))?;
        EnvFilter::try_new(read("RUST_LOG")).map_err(|error| anyhow!("RUST_LOG: {error}"))?;
        let database = location(
            read("DATABASE_PATH"),
            read("DATABASE_URL"),
            read("DATABASE_TOKEN"),
        )?;
        let rust_log = read("RUST_LOG").to_owned();
        let log_format = match read("LOG_FORMAT") {
            "text" => LogFormat::Text,
            "json" => LogFormat::Json,
            other => bail!("LOG_FORMAT: {other:?} is neither text nor json"),
        };
        let max_ws_clients = positive("MAX_WS_CLIENTS", read("MAX_WS_CLIENTS"))?;
        let change_log_max = positive("CHANGE_LOG_MAX", read("CHANGE_LOG_MAX"))?;
        let retention_days = days("RETENTION_DAYS", read("RETENTION_DAYS"))?;
        // What components tell people.
        values.insert("DATABASE_PATH", database.to_string());
        Ok(Self {
            database,
            address,
            admission: Admission { hosts, tokens },
            cors_origins,
            max_body_bytes,
            max_ws_clients,
            change_log_max,
            retention_days,
            rust_log,
            log_format,
            values,
        })
    }

    /// The value of the Spin variable `name`: that of the environment variable of the same name in upper case.
    #[must_use]
    pub fn spin_variable(&self, name: &str) -> Option<String> {
        self.values.get(name.to_uppercase().as_str()).cloned()
    }

    /// Makes the folder of the database, where that is a file.
    ///
    /// # Errors
    /// A sentence that names the variable and the folder.
    pub fn make_folder(&self) -> Result<()> {
        let Location::File(path) = &self.database else {
            return Ok(());
        };
        let Some(folder) = path.parent() else {
            bail!("DATABASE_PATH: {} is no file", path.display());
        };
        if folder.as_os_str().is_empty() {
            return Ok(());
        }
        std::fs::create_dir_all(folder)
            .with_context(|| format!("DATABASE_PATH: cannot make the folder {}", folder.display()))
    }
}

fn location(path: &str, url: &str, token: &str) -> Result<Location> {
    if url.is_empty() {
        if !token.is_empty() {
            bail!("DATABASE_TOKEN: there is no DATABASE_URL that it is for");
        }
        return Ok(Location::File(path.into()));
    }
    if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        bail!("DATABASE_TOKEN: a token is printable ASCII without spaces");
    }
    let server = Server::new(url, token).map_err(|error| anyhow!("DATABASE_URL: {error}"))?;
    Ok(Location::Server(server))
}

fn positive<T: TryFrom<u32>>(name: &str, value: &str) -> Result<T> {
    let number = value.parse().ok().filter(|number| *number > 0);
    number
        .and_then(|number: u32| T::try_from(number).ok())
        .with_context(|| format!("{name}: {value:?} is not a number above 0"))
}

/// A number of days; 0 is none.
fn days(name: &str, value: &str) -> Result<Option<u32>> {
    let days: u32 = value
        .parse()
        .map_err(|_| anyhow!("{name}: {value:?} is not a number of days"))?;
    Ok((days > 0).then_some(days))
}

/// Reads `.env`, where there is one. What does not parse is not shown, since it may be a token.
fn read_file() -> Result<BTreeMap<String, String>> {
    let mut values = BTreeMap::new();
    let lines = match dotenvy::dotenv_iter() {
        Err(error) if error.not_found() => return Ok(values),
        lines => lines.context(".env")?,
    };
    let mut place = "its beginning".to_owned();
    for line in lines {
        match line {
            Ok((name, value)) => {
                place = format!("what follows {name}");
                values.insert(name, value);
            }
            Err(dotenvy::Error::LineParse(..)) => bail!(".env: {place} does not parse"),
            Err(error) => bail!(".env: {error}"),
        }
    }
    Ok(values)
}

fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

/// The settings for `--help`.
#[must_use]
pub fn help() -> String {
    let mut text = "Environment (.env is read, the environment wins):\n".to_owned();
    for Variable {
        name,
        default,
        help,
    } in VARIABLES
    {
        text.push_str(&format!("  {name}\n          {help}"));
        if !default.is_empty() {
            text.push_str(&format!(" [default: {default}]"));
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: &'static str, value: &'static str) -> Result<Config> {
        Config::from_lookup(move |wanted| (wanted == name).then(|| value.to_owned()))
    }

    #[test]
    fn defaults_are_those_of_the_specification() {
        let config = with("", "").expect("defaults parse");
        assert_eq!(config.address.to_string(), "127.0.0.1:8000");
        assert_eq!(config.database.to_string(), "./data/orchestrator.db");
        assert!(config.cors_origins.allow("http://localhost:5173"));
        assert_eq!(
            config.spin_variable("max_body_bytes").as_deref(),
            Some("2097152")
        );
    }

    #[test]
    fn what_does_not_parse_is_named() {
        for (name, value) in [
            ("WEBSOCKET_PORT", "80000"),
            ("HOST", "not a host"),
            ("HOST", "0.0.0.0"),
            ("ALLOW_INSECURE", "perhaps"),
            ("ALLOWED_HOSTS", "http://board.example"),
            ("FEED_URL", "feed.example"),
            ("DATABASE_URL", "data.db"),
            ("DATABASE_TOKEN", "alone"),
            ("API_TOKEN", "two words"),
            ("API_TOKEN", "schlüssel"),
            ("API_READ_TOKEN", "alone"),
            ("CORS_ORIGINS", "localhost"),
            ("MAX_BODY_BYTES", "-1"),
            ("MAX_BODY_BYTES", "33554433"),
            ("MAX_WS_CLIENTS", "0"),
            ("CHANGE_LOG_MAX", "many"),
            ("RETENTION_DAYS", "-1"),
            ("RUST_LOG", "a=b=c"),
            ("LOG_FORMAT", "xml"),
        ] {
            let error = with(name, value).err().expect(value).to_string();
            assert!(error.starts_with(&format!("{name}: ")), "{error}");
            assert!(!error.contains('\n'), "{error}");
            assert!(
                !name.ends_with("TOKEN") || !error.contains(value),
                "{error}"
            );
        }
    }

    #[test]
    fn a_token_opens_any_address() {
        for host in ["0.0.0.0", "::", "192.0.2.1"] {
            let load = |name: &'static str, value: &'static str| {
                Config::from_lookup(move |wanted| match wanted {
                    "HOST" => Some(host.to_owned()),
                    _ => (wanted == name).then(|| value.to_owned()),
                })
            };
            let taken = load("API_TOKEN", "secret").expect("parses");
            assert!(taken.admission.tokens.are_set());
            assert_eq!(taken.spin_variable("api_token").as_deref(), Some("secret"));
            assert!(load("ALLOW_INSECURE", "1").is_ok());
            let refused = load("API_TOKEN", " ").err().expect(host).to_string();
            assert!(refused.starts_with("HOST: "), "{refused}");
            assert!(
                refused.contains("API_TOKEN") && refused.contains("ALLOW_INSECURE=1"),
                "{refused}"
            );
        }
    }

    #[test]
    fn a_server_has_the_database_instead_of_the_file() {
        let config = with("DATABASE_URL", "libsql://a.example").expect("parses");
        assert_eq!(config.database.to_string(), "https://a.example");
        assert_eq!(
            config.spin_variable("database_path").as_deref(),
            Some("https://a.example")
        );
    }

    #[test]
    fn an_empty_value_counts_as_none() {
        assert_eq!(
            with("WEBSOCKET_PORT", " ").expect("parses").address.port(),
            8000
        );
    }

    #[test]
    fn the_sample_lists_every_variable_with_its_default() {
        let sample = include_str!("../../.env.sample");
        let lines: Vec<&str> = sample.lines().filter(|line| line.contains('=')).collect();
        let expected: Vec<String> = VARIABLES
            .iter()
            .map(|variable| format!("#{}={}", variable.name, variable.default))
            .collect();
        assert_eq!(lines, expected);
    }
}
