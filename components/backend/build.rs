//! Packs what the component serves: our own files in `assets/`, the OpenAPI document, and Swagger UI and ReDoc, which the
//! crate `aide` brings along. Each is compressed once, here, and is in the component in that form alone.

use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hasher as _};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use aide::redoc::Redoc;
use aide::swagger::Swagger;
use anyhow::{Context as _, Result, bail};
use flate2::Compression;
use flate2::write::GzEncoder;

/// The one thing that ReDoc would fetch from elsewhere, and the empty picture that it shows instead.
const LOGO: &str = "https://cdn.redoc.ly/redoc/logo-mini.svg";
const NO_LOGO: &str = "data:image/svg+xml,%3Csvg xmlns=%22http://www.w3.org/2000/svg%22/%3E";
/// Stands in aide's pages where they name the document; it is how we find the end of the library before it.
const MARK: &str = "address-of-the-document";

fn main() -> Result<()> {
    let root = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR")?);
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=assets");
    println!("cargo::rerun-if-changed=openapi.json");

    let mut files = Vec::new();
    collect(&root.join("assets"), "", &mut files)?;
    files.push((
        "/openapi.json".to_owned(),
        std::fs::read(root.join("openapi.json"))?,
    ));
    third_party(&mut files)?;
    files.sort();

    let mut table = "[\n".to_owned();
    for (index, (path, content)) in files.iter().enumerate() {
        let packed = format!("{index}.gz");
        std::fs::write(out.join(&packed), gzip(content)?)?;
        let mut hash = DefaultHasher::new();
        hash.write(content);
        // Weak, since it stands for the compressed form and the plain one.
        let etag = format!("W/\"{:016x}\"", hash.finish());
        let content_type = content_type(path)?;
        writeln!(
            table,
            "File {{ path: {path:?}, content_type: {content_type:?}, etag: {etag:?}, gzip: include_bytes!({packed:?}) }},"
        )?;
    }
    table.push(']');
    std::fs::write(out.join("files.rs"), table)?;
    Ok(())
}

/// The files below `folder` under their paths as a browser sees them; `index.html` is that of its folder.
fn collect(folder: &Path, path: &str, files: &mut Vec<(String, Vec<u8>)>) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_str().context("a file's name is no text")?;
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), &format!("{path}/{name}"), files)?;
            continue;
        }
        let served = match name {
            "index.html" => path.to_owned(),
            name => format!("{path}/{name}"),
        };
        files.push((served, std::fs::read(entry.path())?));
    }
    Ok(())
}

/// Takes the libraries out of the pages that aide makes, which have them inline: our policy forbids inline scripts.
fn third_party(files: &mut Vec<(String, Vec<u8>)>) -> Result<()> {
    let swagger = Swagger::new(MARK).html();
    let redoc = Redoc::new(MARK).html();
    if !redoc.contains(LOGO) {
        bail!("ReDoc has another logo");
    }
    let redoc = redoc.replace(LOGO, NO_LOGO);
    for (path, page, start, end) in [
        (
            "/docs/swagger-ui.css",
            &swagger,
            "<style>",
            "</style>\n    <title>",
        ),
        (
            "/docs/swagger-ui.js",
            &swagger,
            "<script>",
            "</script>\n<!-- `SwaggerUIBundle`",
        ),
        (
            "/redoc/redoc.js",
            &redoc,
            "<script>",
            "Redoc.init(\"address-of-the-document\"",
        ),
    ] {
        let content = page
            .split_once(start)
            .and_then(|(_, rest)| rest.rsplit_once(end))
            .with_context(|| format!("aide's page has no {path} any more"))?;
        files.push((path.to_owned(), content.0.trim().as_bytes().to_owned()));
    }
    Ok(())
}

fn gzip(content: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content)?;
    Ok(encoder.finish()?)
}

fn content_type(path: &str) -> Result<&'static str> {
    let name = path.rsplit('/').next().unwrap_or_default();
    Ok(
        match name.rsplit_once('.').map(|(_, extension)| extension) {
            None => "text/html; charset=utf-8",
            Some("css") => "text/css; charset=utf-8",
            Some("js") => "text/javascript; charset=utf-8",
            Some("json") => "application/json",
            Some("svg") => "image/svg+xml",
            Some(other) => bail!("{path}: nobody said what a .{other} is"),
        },
    )
}
