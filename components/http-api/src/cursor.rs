//! Cursors: the position of a row in a list, as text that a client passes back.
//!
//! A cursor has a version and a digest of the list (its path, filters and order) and the position. The digest is no
//! secret and needs none to be: it tells a cursor of this list from one of another list, of another version or of
//! somebody's making, which would otherwise give a page that nobody can explain.

use database::Value;
use sha2::{Digest, Sha256};

const VERSION: u8 = 1;
/// How many bytes of the digest a cursor has.
const DIGEST: usize = 8;

/// The cursor of the row at `position` in `list`.
pub(crate) fn encode(list: &str, position: &[Value]) -> String {
    let position: Vec<serde_json::Value> = position
        .iter()
        .map(|value| match value {
            Value::Integer(number) => (*number).into(),
            Value::Text(text) => text.as_str().into(),
            Value::Null | Value::Real(_) | Value::Blob(_) => serde_json::Value::Null,
        })
        .collect();
    let position = serde_json::Value::Array(position).to_string();
    let mut bytes = vec![VERSION];
    bytes.extend(digest(list, position.as_bytes()));
    bytes.extend(position.as_bytes());
    base16ct::lower::encode_string(&bytes)
}

/// The position that `cursor` names; `None` where it is no cursor of `list`.
pub(crate) fn decode(list: &str, cursor: &str) -> Option<Vec<Value>> {
    let bytes = base16ct::lower::decode_vec(cursor).ok()?;
    let (version, rest) = bytes.split_first()?;
    let (found, position) = rest.split_at_checked(DIGEST)?;
    if *version != VERSION || found != digest(list, position) {
        return None;
    }
    let position: Vec<serde_json::Value> = serde_json::from_slice(position).ok()?;
    position
        .into_iter()
        .map(|value| match value {
            serde_json::Value::Number(number) => number.as_i64().map(Value::Integer),
            serde_json::Value::String(text) => Some(Value::Text(text)),
            serde_json::Value::Null => Some(Value::Null),
            _ => None,
        })
        .collect()
}

fn digest(list: &str, position: &[u8]) -> [u8; DIGEST] {
    let digest = Sha256::new()
        .chain_update(list)
        .chain_update([0])
        .chain_update(position)
        .finalize();
    std::array::from_fn(|at| digest[at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_names_its_row_in_its_list_only() {
        let position = vec![
            Value::Text("2026-02-05T10:00:00".to_owned()),
            Value::Integer(7),
        ];
        let cursor = encode("/api/agents?q=a", &position);
        assert_eq!(decode("/api/agents?q=a", &cursor), Some(position));
        assert_eq!(decode("/api/agents?q=b", &cursor), None);
        assert_eq!(decode("/api/agents?q=a", &cursor[1..]), None);
        assert_eq!(decode("/api/agents?q=a", "AQ"), None);
        assert_eq!(decode("/api/agents?q=a", "no cursor"), None);
    }
}
