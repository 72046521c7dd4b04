//! Identifiers of rows.

/// A new id: a UUID of version 7 in lower case. Ids made one after the other in one process sort in that order.
#[must_use]
pub fn new_id() -> String {
    uuid::Uuid::now_v7().to_string()
}
