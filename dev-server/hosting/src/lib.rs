//! Hosts the components as Spin does, from the same spin.toml.
//!
//! [`Manifest`] reads spin.toml, [`Host`] runs the components that it names: routes, variables, database labels. A
//! crate of its own, since whatever depends on wasmtime is slow to build.

mod compiled;
mod component;
mod folder_changes;
mod guest;
mod host;
mod manifest;
mod memory;
mod metrics;
mod pool;
mod remote;
mod shares;
mod spin;
mod sqlite;
mod storage;
mod write_lock;
mod write_queue;

pub use host::{Body, Failure, Host, is_endless};
pub use manifest::{Component, Manifest, Route};
pub use pool::Pool;
pub use remote::Remote;
pub use shares::{Client, NoPlace, Place, Places, Share, Shares};
pub use storage::{Connection, Storage};
