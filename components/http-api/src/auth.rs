//! Who may do what: the tokens `API_TOKEN` and `API_READ_TOKEN`.

use std::fmt::{self, Debug, Formatter};

use http::{HeaderMap, Method, Request, header};
use subtle::{Choice, ConstantTimeEq};

use crate::{ApiError, Hosts, cors};

/// Where a token is needed: these paths and all that is below them.
const GUARDED: [&str; 4] = ["/api", "/v1", "/ws", "/metrics"];

/// The tokens that let a client in. Without any, everyone is.
#[derive(Clone, Debug, Default)]
pub struct Tokens {
    /// `API_TOKEN`: for everything.
    api: Option<Token>,
    /// `API_READ_TOKEN`: for what changes nothing.
    read: Option<Token>,
}

impl Tokens {
    /// Reads `API_TOKEN` and `API_READ_TOKEN`. Space around a token is not part of it; nothing at all is no token.
    ///
    /// # Errors
    /// A sentence that names the variable, and never says its value.
    pub fn parse(api: &str, read: &str) -> Result<Self, String> {
        let (api, read) = (api.trim(), read.trim());
        if !read.is_empty() && api.is_empty() {
            return Err("API_READ_TOKEN: set API_TOKEN too, or nobody may write".to_owned());
        }
        if !read.is_empty() && api == read {
            return Err(
                "API_READ_TOKEN: is the same as API_TOKEN, so readers could write".to_owned(),
            );
        }
        Ok(Self {
            api: Token::parse(api).map_err(|error| format!("API_TOKEN: {error}"))?,
            read: Token::parse(read).map_err(|error| format!("API_READ_TOKEN: {error}"))?,
        })
    }

    /// Whether a client needs a token.
    #[must_use]
    pub fn are_set(&self) -> bool {
        self.api.is_some()
    }

    /// Whether a client that sent `token` may do what `method` does.
    ///
    /// # Errors
    /// The answer to a client that may not.
    pub fn admit(&self, method: &Method, token: Option<&str>) -> Result<(), ApiError> {
        let Some(api) = &self.api else {
            return Ok(());
        };
        let sent = token.ok_or(ApiError::NoToken)?;
        let is_read = self.read.as_ref().is_some_and(|read| read.is(sent));
        match *method {
            _ if api.is(sent) => Ok(()),
            Method::GET | Method::HEAD | Method::OPTIONS if is_read => Ok(()),
            _ if is_read => Err(ApiError::ReadOnly),
            _ => Err(ApiError::WrongToken),
        }
    }
}

/// Who is let in, as far as a request's head tells.
#[derive(Clone, Debug, Default)]
pub struct Admission {
    /// Under which names we may be asked.
    pub hosts: Hosts,
    /// What a client has to send.
    pub tokens: Tokens,
}

impl Admission {
    /// Whether a request is let in.
    ///
    /// # Errors
    /// The answer to a client that is not.
    pub fn admit<B>(&self, request: &Request<B>) -> Result<(), ApiError> {
        self.hosts.admit(request)?;
        self.admit_token(request)
    }

    /// Whether a request brings the token that it needs, whatever name it was sent to. A browser sends none with a preflight,
    /// which is answered and does nothing.
    ///
    /// # Errors
    /// The answer to a client that does not.
    pub fn admit_token<B>(&self, request: &Request<B>) -> Result<(), ApiError> {
        let (method, headers) = (request.method(), request.headers());
        if cors::is_preflight(method, headers) || !guards(request.uri().path()) {
            return Ok(());
        }
        self.tokens.admit(method, bearer(headers))
    }
}

/// A secret text.
#[derive(Clone)]
struct Token(String);

impl Token {
    fn parse(text: &str) -> Result<Option<Self>, &'static str> {
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("has a character that is not printable ASCII, or a space");
        }
        Ok((!text.is_empty()).then(|| Self(text.to_owned())))
    }

    /// Whether `sent` is this token. How long that takes depends on `sent` alone.
    fn is(&self, sent: &str) -> bool {
        let ours = self.0.bytes().cycle();
        let same_length = self.0.len().ct_eq(&sent.len());
        let equal: Choice = sent
            .bytes()
            .zip(ours)
            .fold(same_length, |equal, (sent, ours)| equal & sent.ct_eq(&ours));
        equal.into()
    }
}

impl Debug for Token {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str("[secret]")
    }
}

/// Whether a token is needed for `path`. To be asked with the path that goes to the router: it compares paths letter
/// by letter, as they were sent, so no other way to write one of these leads to a route.
fn guards(path: &str) -> bool {
    GUARDED.iter().any(|guarded| {
        path.strip_prefix(guarded)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

/// The token of `Authorization: Bearer <token>`.
#[must_use]
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admit(tokens: &Tokens, method: &Method, token: &str) -> Option<ApiError> {
        tokens.admit(method, Some(token)).err()
    }

    #[test]
    fn each_token_lets_in_as_far_as_it_goes() {
        let tokens = Tokens::parse("whole", "part\n").expect("parses");
        assert!(tokens.are_set());
        for method in [Method::GET, Method::POST, Method::DELETE] {
            assert!(admit(&tokens, &method, "whole").is_none());
            for wrong in ["", "w", "whol", "wholewhole", "Whole", "whole ", "partpart"] {
                let refused = admit(&tokens, &method, wrong);
                assert!(matches!(refused, Some(ApiError::WrongToken)), "{wrong}");
            }
            let refused = tokens.admit(&method, None);
            assert!(matches!(refused, Err(ApiError::NoToken)));
        }
        for method in [Method::GET, Method::HEAD, Method::OPTIONS] {
            assert!(admit(&tokens, &method, "part").is_none());
        }
        for method in [Method::POST, Method::PUT, Method::PATCH, Method::TRACE] {
            let refused = admit(&tokens, &method, "part");
            assert!(matches!(refused, Some(ApiError::ReadOnly)));
        }
    }

    #[test]
    fn without_tokens_everyone_is_let_in() {
        for tokens in [Tokens::default(), Tokens::parse(" ", "").expect("parses")] {
            assert!(!tokens.are_set());
            assert!(tokens.admit(&Method::DELETE, None).is_ok());
            assert!(admit(&tokens, &Method::DELETE, "any").is_none());
        }
    }

    #[test]
    fn what_cannot_be_is_named_and_not_shown() {
        for (api, read, name) in [
            ("top secret", "", "API_TOKEN: "),
            ("secret\u{1}", "", "API_TOKEN: "),
            ("geheimn\u{ef}secret", "", "API_TOKEN: "),
            ("whole", "top\tsecret", "API_READ_TOKEN: "),
            ("", "secret", "API_READ_TOKEN: "),
            ("secret", "secret", "API_READ_TOKEN: "),
        ] {
            let error = Tokens::parse(api, read).expect_err(api);
            assert!(error.starts_with(name), "{error}");
            assert!(!error.contains("secret"), "{error}");
        }
        let tokens = Tokens::parse("whole", "part").expect("parses");
        let shown = format!("{tokens:?}");
        assert!(
            !shown.contains("whole") && !shown.contains("part"),
            "{shown}"
        );
    }

    #[test]
    fn only_what_is_below_is_guarded() {
        for path in [
            "/api",
            "/api/",
            "/api//agents",
            "/api/nowhere",
            "/ws/agent-status",
            "/metrics",
            "/v1/traces",
        ] {
            assert!(guards(path), "{path}");
        }
        for path in [
            "",
            "/",
            "*",
            "/health",
            "/apis",
            "/v1x",
            "/metrics.txt",
            "/API/agents",
            "//api/agents",
            "/api%2Fagents",
        ] {
            assert!(!guards(path), "{path}");
        }
    }
}
