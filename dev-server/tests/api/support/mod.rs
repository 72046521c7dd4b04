//! What the tests that go over HTTP share.

pub(crate) mod client;
pub(crate) mod server;
#[path = "../../support/sqld.rs"]
pub(crate) mod sqld;
