//! Bodies that come compressed.

use std::io::Read as _;

use flate2::read::MultiGzDecoder;
use http::{HeaderMap, header};

use crate::ApiError;

/// Whether the body is gzip. No other encoding is decoded.
///
/// # Errors
/// [`ApiError::UnknownEncoding`] for any other.
pub(crate) fn is_gzip(headers: &HeaderMap) -> Result<bool, ApiError> {
    let values = headers.get_all(header::CONTENT_ENCODING).iter();
    let encodings: Vec<String> = values
        .flat_map(|value| {
            let value = String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase();
            let names = value.split(',').map(|name| name.trim().to_owned());
            names.collect::<Vec<_>>()
        })
        .filter(|name| !name.is_empty() && name != "identity")
        .collect();
    match encodings.as_slice() {
        [] => Ok(false),
        [one] if one == "gzip" || one == "x-gzip" => Ok(true),
        several => Err(ApiError::UnknownEncoding(several.join(", "))),
    }
}

/// The bytes that `packed` is of, at most `limit` of them.
///
/// # Errors
/// [`ApiError::TooLarge`] for more, [`ApiError::Incomplete`] for what is no gzip.
pub(crate) fn unpack(packed: &[u8], limit: usize) -> Result<Vec<u8>, ApiError> {
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Vec::new();
    MultiGzDecoder::new(packed)
        .take(most)
        .read_to_end(&mut bytes)
        .map_err(|_| ApiError::Incomplete)?;
    if bytes.len() > limit {
        return Err(ApiError::TooLarge { limit });
    }
    Ok(bytes)
}
