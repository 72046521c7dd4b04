//! A list as a file: all its rows, as CSV (RFC 4180) or a line of JSON for each (NDJSON).
//!
//! It is read page by page, each with a short query as the list's own pages are, and the next one only once the client has
//! taken the one before. So a file of any length takes the memory of a page, keeps no read of the database open, and costs
//! nothing while nobody reads. Rows that come or go meanwhile move no other. Where a page cannot be read, the body breaks off:
//! it has no end, by which a client sees that the file is not whole.

use std::pin::Pin;
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use csv::{Terminator, WriterBuilder};
use database::{Database, Value, Window};
use domain::Words;
use futures_util::stream;
use http::{HeaderMap, HeaderValue, header};
use serde_json::value::RawValue;

use crate::fields::{Field, Input};
use crate::kind::Kind;
use crate::members::members;
use crate::{ApiError, PageOf};

/// The most rows of a page, and the most bytes of JSON but for a single row that has more.
const MOST_ROWS: usize = 1000;
const MOST_BYTES: usize = 1 << 20;
/// How many rows are read at first, before it is known how large they are.
const FIRST_ROWS: usize = 100;
/// The pause after a page, which leaves the instance to others.
const BREATH: Duration = Duration::from_millis(1);

static FORMATS: Words = Words {
    name: "Format",
    all: &["json", "csv", "ndjson"],
    synonyms: &[],
    any_case: false,
};

/// The field of every list that is given as a file.
pub(crate) const FORMAT: Field = Field::optional(
    "format",
    Kind::Word(&FORMATS),
    "`json`: a page; `csv`, `ndjson`: all rows as a file, or as many as `limit` says. Goes before `Accept`.",
);

/// What a list is given as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// A page, as a JSON array.
    Json,
    /// A file.
    Csv,
    /// A file.
    Ndjson,
}

impl Format {
    /// The one of that name.
    pub(crate) fn named(name: &str) -> Self {
        match name {
            "csv" => Self::Csv,
            "ndjson" => Self::Ndjson,
            _ => Self::Json,
        }
    }

    /// The one that `Accept` wants most: the first of those with the highest `q`. A file has to be asked for by its name.
    pub(crate) fn accepted(headers: &HeaderMap) -> Self {
        let mut best = (0.0, Self::Json);
        let values = headers.get_all(header::ACCEPT).iter();
        let ranges = values.filter_map(|value| value.to_str().ok());
        for range in ranges.flat_map(|ranges| ranges.split(',')) {
            let mut parts = range.split(';').map(str::trim);
            let kind = parts.next().unwrap_or_default().to_ascii_lowercase();
            let format = match kind.as_str() {
                "application/json" | "application/*" | "*/*" => Self::Json,
                "text/csv" => Self::Csv,
                "application/x-ndjson" => Self::Ndjson,
                _ => continue,
            };
            let quality = parts.find_map(|part| part.strip_prefix("q=")?.parse().ok());
            let quality: f32 = quality.unwrap_or(1.0);
            if quality > best.0 {
                best = (quality, format);
            }
        }
        best.1
    }
}

/// As what a list is given as a file.
pub struct ExportAs {
    /// What the file is called, without its ending.
    pub name: &'static str,
    /// The members of a row, in the order in which they are told.
    pub columns: Vec<&'static str>,
}

/// Reads a page of a list of `R` with these filters.
pub type ReadPage<R> = for<'a> fn(&'a Database, &'a Input, Window<'a>) -> Reading<'a, R>;

/// A page on its way.
pub type Reading<'a, R> = Pin<Box<dyn Future<Output = Result<PageOf<R>, ApiError>> + Send + 'a>>;

/// A file on its way.
pub(crate) struct Export<R> {
    pub(crate) database: Database,
    pub(crate) read: ReadPage<R>,
    /// How many rows are still wanted; all that there are where nobody said.
    pub(crate) wanted: Option<usize>,
    pub(crate) descending: bool,
    pub(crate) filters: Input,
    /// The position of the row before.
    pub(crate) after: Option<Vec<Value>>,
    pub(crate) request_id: Option<String>,
    pub(crate) is_csv: bool,
}

impl<R: 'static> Export<R> {
    /// Reads the first page, so that an error is an answer of its own, and answers with the file.
    ///
    /// # Errors
    /// Those of the first page.
    pub(crate) async fn start(self, file: ExportAs) -> Result<Response, ApiError> {
        let is_csv = self.is_csv;
        let mut pages = Pages {
            columns: file.columns.into_iter().map(text_field).collect(),
            export: self,
            at_once: FIRST_ROWS,
            is_done: false,
        };
        let mut first = Vec::new();
        if is_csv {
            first = csv_lines([pages.columns.iter().map(|column| column.name)]);
        }
        first.extend(pages.next().await?);
        let rest = stream::try_unfold((Some(first), pages), async |(first, mut pages)| {
            if let Some(first) = first {
                return Ok(Some((first, (None, pages))));
            }
            // A page may have no rows though more follow.
            while !pages.is_done {
                pages.export.database.sleep(BREATH).await;
                match pages.next().await {
                    Ok(page) if page.is_empty() => {}
                    Ok(page) => return Ok(Some((page, (None, pages)))),
                    Err(error) => {
                        let id = pages.export.request_id.as_deref();
                        domain::warn(id, &format!("an export breaks off: {error}"));
                        return Err(error);
                    }
                }
            }
            Ok(None)
        });
        let mut response = Body::from_stream(rest).into_response();
        let headers = response.headers_mut();
        let kind = if is_csv {
            "text/csv; charset=utf-8"
        } else {
            "application/x-ndjson; charset=utf-8"
        };
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        headers.insert(header::VARY, HeaderValue::from_static("Accept"));
        let disposition = format!("attachment; filename=\"{}.csv\"", file.name);
        let disposition = HeaderValue::try_from(disposition).ok();
        if let Some(disposition) = disposition.filter(|_| is_csv) {
            headers.insert(header::CONTENT_DISPOSITION, disposition);
        }
        Ok(response)
    }
}

fn text_field(name: &'static str) -> Field {
    Field::optional(name, Kind::TEXT, "")
}

/// The pages of a file.
struct Pages<R> {
    export: Export<R>,
    columns: Vec<Field>,
    /// How many rows are read at once, so that they have about [`MOST_BYTES`].
    at_once: usize,
    is_done: bool,
}

impl<R> Pages<R> {
    /// The text of the next page.
    async fn next(&mut self) -> Result<Vec<u8>, ApiError> {
        let export = &mut self.export;
        let wanted = export.wanted.unwrap_or(usize::MAX);
        let window = Window {
            descending: export.descending,
            after: export.after.as_deref(),
            limit: self.at_once.min(wanted),
        };
        let mut page = (export.read)(&export.database, &export.filters, window).await?;
        if !page.is_empty() {
            self.at_once = (MOST_BYTES * page.count() / page.bytes()).clamp(1, MOST_ROWS);
        }
        page.cut(MOST_BYTES);
        export.after = page.next();
        export.wanted = export
            .wanted
            .map(|wanted| wanted.saturating_sub(page.count()));
        self.is_done = export.after.is_none() || export.wanted == Some(0);
        Ok(if export.is_csv {
            csv_lines(page.told().map(|row| cells(row, &self.columns)))
        } else {
            page.into_lines()
        })
    }
}

/// Lines of CSV.
fn csv_lines<C: AsRef<[u8]>>(
    rows: impl IntoIterator<Item = impl IntoIterator<Item = C>>,
) -> Vec<u8> {
    let mut writer = WriterBuilder::new()
        .terminator(Terminator::CRLF)
        .from_writer(Vec::new());
    for row in rows {
        // Writing to memory does not fail, and all rows are equally long.
        let _ = writer.write_record(row);
    }
    writer.into_inner().unwrap_or_default()
}

/// The cells of a row that is told as `json`.
fn cells(json: &str, columns: &[Field]) -> Vec<String> {
    // What we tell is an object.
    let members = members(json, columns).unwrap_or_default();
    let values = columns.iter().map(|column| members.get(column.name));
    values
        .map(|value| value.map_or_else(String::new, |value| cell(value)))
        .collect()
}

/// What a cell has: a text as it is, but harmless, nothing for null, and anything else as JSON.
fn cell(value: &RawValue) -> String {
    let json = value.get();
    match serde_json::from_str(json) {
        Ok(text) => harmless(text),
        Err(_) if json == "null" => String::new(),
        Err(_) => json.to_owned(),
    }
}

/// The text with an apostrophe before it where a spreadsheet would take it for a formula, which may call programs or send
/// cells elsewhere: by its first visible character. NDJSON has it as it is.
fn harmless(text: String) -> String {
    let is_blank = |character: char| character.is_whitespace() || character.is_control();
    let visible = text.trim_start_matches(is_blank);
    if visible.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']) {
        format!("'{text}")
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(accept: &'static str) -> Format {
        let headers = HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(accept))]);
        Format::accepted(&headers)
    }

    #[test]
    fn a_file_is_what_is_accepted_by_name_and_most() {
        assert_eq!(Format::accepted(&HeaderMap::new()), Format::Json);
        assert_eq!(accepted("*/*"), Format::Json);
        assert_eq!(accepted("text/*"), Format::Json);
        assert_eq!(accepted("text/csv"), Format::Csv);
        assert_eq!(accepted("Text/CSV; charset=utf-8, */*"), Format::Csv);
        assert_eq!(accepted("application/x-ndjson"), Format::Ndjson);
        assert_eq!(
            accepted("text/html, application/json, text/csv"),
            Format::Json
        );
        assert_eq!(
            accepted("text/csv;q=0.5, application/x-ndjson; q=0.8"),
            Format::Ndjson
        );
        assert_eq!(accepted("text/csv;q=0"), Format::Json);
    }

    #[test]
    fn a_text_is_no_formula() {
        let cell = |json: &str| cell(&RawValue::from_string(json.to_owned()).unwrap_or_default());
        for text in [
            "=1+1",
            "+1",
            "-1",
            "@SUM(1)",
            " =1",
            "\\t=1",
            "\\r\\n-1",
            "＝1",
            "\\u0000=1",
        ] {
            assert!(cell(&format!("\"{text}\"")).starts_with('\''), "{text}");
        }
        for text in ["a=1", "1-1", "'=1", ""] {
            assert_eq!(cell(&format!("\"{text}\"")), text);
        }
        assert_eq!(cell("-1.5"), "-1.5");
        assert_eq!(cell("null"), "");
        assert_eq!(cell(r#"{"a": "=1"}"#), r#"{"a": "=1"}"#);
    }
}
