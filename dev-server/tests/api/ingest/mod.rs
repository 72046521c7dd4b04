//! `/v1`: what comes in by OTLP.

mod bodies;
mod logs;
mod order;
mod recorded;
mod support;
mod traces;
