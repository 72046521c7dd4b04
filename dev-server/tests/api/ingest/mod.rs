//! `/v1`: what comes in by OTLP.

mod bodies;
mod logs;
mod order;
mod support;
mod traces;
