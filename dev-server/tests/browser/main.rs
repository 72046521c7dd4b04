//! The pages as a person sees them: a real Chromium, without a network, before a real server.
//!
//! Where Chromium or its driver is not installed, the tests are skipped and say so; where `CI` is set, they fail.
#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may fail"
)]

#[path = "../api/support/mod.rs"]
#[expect(dead_code, reason = "these tests need a part of it")]
mod support;

mod access;
mod accessibility;
mod actions;
mod board;
mod browser;
mod deletions;
mod desktop;
mod docs;
mod filter;
mod find;
mod health;
mod hosts;
mod keyboard;
mod logs;
mod needs;
mod python;
mod session;
mod views;
