//! What the tests that go over HTTP share.

pub(crate) mod client;
pub(crate) mod server;
