//! The schema of a resource in the API's document.

use std::borrow::Cow;

use domain::Words;
use http_api::Kind;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::{Column, Resource, Row};

impl<R: Resource> JsonSchema for Row<R> {
    fn schema_name() -> Cow<'static, str> {
        R::DECLARATION.name.into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let columns = R::DECLARATION.columns;
        let properties: Map<String, Value> = columns
            .iter()
            .map(|column| (column.name.to_owned(), property(column, generator)))
            .collect();
        let names: Vec<&str> = columns.iter().map(|column| column.name).collect();
        let example: Map<String, Value> = columns
            .iter()
            .map(|column| {
                let example = serde_json::from_str(column.example).unwrap_or_default();
                (column.name.to_owned(), example)
            })
            .collect();
        schemars::json_schema!({
            "type": "object", "properties": properties, "required": names, "examples": [example],
        })
    }
}

fn property(column: &Column, generator: &mut SchemaGenerator) -> Value {
    let mut schema = match column.kind {
        Kind::Text { .. } | Kind::Cursor => json!({"type": "string"}),
        Kind::Word(words) | Kind::WordList(words) => word(words, generator),
        Kind::Boolean => json!({"type": "boolean"}),
        Kind::Integer { .. } => json!({"type": "integer"}),
        Kind::Amount => json!({"type": "number"}),
        // Other writers store any JSON, also where we take objects only.
        Kind::Json | Kind::Object | Kind::Texts => json!({}),
        Kind::Time => json!({"type": "string", "format": "date-time"}),
    };
    if column.nullable && !matches!(column.kind, Kind::Json | Kind::Object | Kind::Texts) {
        schema = json!({"anyOf": [schema, {"type": "null"}]});
    }
    schema["description"] = column.doc.into();
    schema
}

/// A reference to a closed set of words, which is a schema of its own.
pub(crate) fn word(words: &Words, generator: &mut SchemaGenerator) -> Value {
    let schema = json!({"type": "string", "enum": words.all});
    generator
        .definitions_mut()
        .insert(words.name.to_owned(), schema);
    json!({"$ref": format!("#/components/schemas/{}", words.name)})
}
