//! Identifiers of rows.

/// A new id: a UUID of version 7 in lower case. Ids made one after the other in one process sort in that order.
#[must_use]
pub fn new_id() -> String {
    uuid::Uuid::now_v7().to_string()
}

/// An id that follows from these bytes: a UUID of version 8 in lower case.
#[must_use]
pub fn id_of(bytes: [u8; 16]) -> String {
    uuid::Builder::from_custom_bytes(bytes)
        .into_uuid()
        .to_string()
}
