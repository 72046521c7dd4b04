//! Ids that follow from what is sent, so that what is sent again has the same.

use sha2::{Digest, Sha256};

/// The id of what a span is. The first half follows from its trace alone, so that the spans of a trace lie side by side in
/// an index.
pub(crate) fn span(trace_id: &[u8], span_id: &[u8]) -> String {
    let mut bytes = [0; 16];
    let trace = Sha256::digest(trace_id);
    let span = Sha256::new()
        .chain_update(trace_id)
        .chain_update(span_id)
        .finalize();
    bytes[..8].copy_from_slice(&trace[..8]);
    bytes[8..].copy_from_slice(&span[..8]);
    domain::id_of(bytes)
}

/// The id of something without one: what it says, and how many of its request were the same before.
pub(crate) fn content(content: &[u8], number: usize) -> String {
    let digest = Sha256::new()
        .chain_update(content)
        .chain_update(number.to_le_bytes())
        .finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    domain::id_of(bytes)
}
