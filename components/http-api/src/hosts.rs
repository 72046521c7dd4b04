//! Under which names we may be asked while no token is set.
//!
//! A web page may let a name of its own mean this machine, and then ask us as its own origin, past all that CORS forbids
//! (DNS rebinding). But it cannot choose the name in `Host`: that is the one in its address.

use std::net::{Ipv4Addr, Ipv6Addr};

use http::{Request, header};

use crate::ApiError;

/// The names under which we may be asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hosts {
    /// Any name: a page has no token, so where one is needed the name proves nothing.
    any: bool,
    /// `ALLOWED_HOSTS`, besides those of this machine.
    names: Vec<String>,
}

impl Hosts {
    /// Any name.
    #[must_use]
    pub fn any() -> Self {
        Self {
            any: true,
            names: Vec::new(),
        }
    }

    /// Reads `ALLOWED_HOSTS`: names or addresses without a port, separated by commas, or `*` for any.
    ///
    /// # Errors
    /// A sentence about the first that is no name.
    pub fn parse(list: &str) -> Result<Self, String> {
        let mut hosts = Self::default();
        for name in list.split(',').map(str::trim) {
            let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._[]:".contains(&byte);
            match name {
                "" => {}
                "*" => hosts.any = true,
                _ if name.bytes().all(is_name) && without_port(name) == name => {
                    hosts.names.push(name.to_ascii_lowercase());
                }
                _ => return Err(format!("{name:?} is not a name like board.example")),
            }
        }
        Ok(hosts)
    }

    /// Whether a request that was sent to this `host`, with or without a port, is for us.
    #[must_use]
    pub fn allow(&self, host: &str) -> bool {
        self.any || self.name(host)
    }

    /// Whether `host` is a name of ours, which no web page can have as its own.
    #[must_use]
    pub fn name(&self, host: &str) -> bool {
        let name = without_port(host).to_ascii_lowercase();
        let name = name.strip_suffix('.').unwrap_or(&name);
        is_this_machine(name) || self.names.iter().any(|allowed| allowed == name)
    }

    /// Sees that a request is for us. One that names no host was sent by no browser.
    ///
    /// # Errors
    /// [`ApiError::Misdirected`] where it is not.
    pub fn admit<B>(&self, request: &Request<B>) -> Result<(), ApiError> {
        let authority = request.uri().authority().map(http::uri::Authority::as_str);
        let header = request.headers().get(header::HOST);
        let header = header.map(|host| String::from_utf8_lossy(host.as_bytes()));
        let sent_to = [authority, header.as_deref()];
        match sent_to.into_iter().flatten().find(|host| !self.allow(host)) {
            Some(host) => Err(ApiError::Misdirected(host.chars().take(255).collect())),
            None => Ok(()),
        }
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port))
            if !name.ends_with(':') && port.bytes().all(|byte| byte.is_ascii_digit()) =>
        {
            // `::1` has no port, `[::1]:8000` has.
            if name.contains(':') && !name.ends_with(']') {
                host
            } else {
                name
            }
        }
        _ => host,
    }
}

fn is_this_machine(name: &str) -> bool {
    let v6 = name.trim_start_matches('[').trim_end_matches(']');
    name == "localhost"
        || name
            .parse()
            .is_ok_and(|address: Ipv4Addr| address.is_loopback())
        || v6
            .parse()
            .is_ok_and(|address: Ipv6Addr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_its_names_with_any_port() {
        let hosts = Hosts::parse("").expect("parses");
        for host in [
            "localhost",
            "localhost:8000",
            "LOCALHOST:1",
            "localhost.",
            "127.0.0.1:8000",
            "127.0.0.1",
            "127.1.2.3",
            "[::1]",
            "[::1]:8000",
        ] {
            assert!(hosts.allow(host), "{host}");
        }
        for host in [
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "evil.example:8000",
            "",
            ":8000",
            "192.0.2.1",
            "0.0.0.0",
            "[::2]:8000",
            "localhost@evil.example",
            "localhost:8000:8000",
            "127.0.0.1:x",
        ] {
            assert!(!hosts.allow(host), "{host}");
        }
    }

    #[test]
    fn others_have_to_be_listed() {
        let hosts = Hosts::parse("board.example, 192.0.2.1,[2001:db8::1]").expect("parses");
        for host in [
            "board.example",
            "Board.Example:8000",
            "192.0.2.1:80",
            "[2001:db8::1]:80",
            "localhost",
        ] {
            assert!(hosts.allow(host), "{host}");
        }
        assert!(!hosts.allow("x.board.example"));
        assert!(Hosts::parse("*").expect("parses").allow("evil.example"));
        for wrong in [
            "http://board.example",
            "board.example:8000",
            "a b",
            "board.example/x",
        ] {
            assert!(Hosts::parse(wrong).is_err(), "{wrong}");
        }
    }
}
