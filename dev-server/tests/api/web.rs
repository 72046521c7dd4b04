//! `/dashboard`, `/docs`, `/redoc`, `/openapi.json`

use serde_json::Value;

use crate::app::TestApp;
use crate::support::client::{Request, Response};

on_every_host! {
    pages_are_there_with_a_policy,
    parts_have_their_types,
    the_document_is_openapi,
    what_is_known_is_not_sent_again,
    compression_is_for_those_who_take_it,
    unknown_parts_are_not_found,
}

async fn pages_are_there_with_a_policy(app: TestApp) {
    for page in ["/dashboard", "/dashboard/", "/docs", "/docs/", "/redoc"] {
        let response = app.get(page).await;
        assert_eq!(response.status, 200, "{page}");
        assert_eq!(response.header("content-type"), "text/html; charset=utf-8");
        assert!(response.text().starts_with("<!doctype html>"));
        let policy = response.header("content-security-policy");
        assert!(
            policy.starts_with("default-src 'none'; script-src 'self';"),
            "{policy}"
        );
        assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
        // ReDoc alone writes styles into its page.
        assert_eq!(
            policy.contains("unsafe-inline"),
            page == "/redoc",
            "{policy}"
        );
        assert_secure(&response);
    }
}

#[track_caller]
fn assert_secure(response: &Response) {
    assert_eq!(response.header("x-content-type-options"), "nosniff");
    assert_eq!(response.header("referrer-policy"), "no-referrer");
    assert_eq!(response.header("cache-control"), "no-cache");
}

async fn parts_have_their_types(app: TestApp) {
    for (path, content_type, start) in [
        ("/dashboard/main.js", "text/javascript; charset=utf-8", "//"),
        ("/dashboard/base.css", "text/css; charset=utf-8", "/*"),
        ("/dashboard/icon.svg", "image/svg+xml", "<svg"),
        (
            "/docs/swagger-ui.js",
            "text/javascript; charset=utf-8",
            "/*!",
        ),
        (
            "/docs/swagger-ui.css",
            "text/css; charset=utf-8",
            ".swagger-ui",
        ),
        ("/redoc/redoc.js", "text/javascript; charset=utf-8", "/*!"),
    ] {
        let response = app.get(path).await;
        assert_eq!(response.status, 200, "{path}");
        assert_eq!(response.header("content-type"), content_type, "{path}");
        let text = response.text();
        assert!(text.starts_with(start), "{path}: {}", &text[..40]);
        assert_secure(&response);
    }
}

async fn the_document_is_openapi(app: TestApp) {
    let document = app.get("/openapi.json").await.json(200);
    let version = document["openapi"].as_str().unwrap();
    assert!(version.starts_with("3.1."), "{version}");
    assert!(document["paths"]["/health"]["get"].is_object());
    let root = app.get("/").await.json(200);
    for (name, path) in root["links"].as_object().unwrap() {
        let path = path.as_str().unwrap();
        assert_eq!(app.get(path).await.status, 200, "{name}");
    }
}

async fn what_is_known_is_not_sent_again(app: TestApp) {
    for path in ["/dashboard", "/dashboard/main.js", "/openapi.json"] {
        let etag = app.get(path).await.header("etag").to_owned();
        assert!(!etag.is_empty());
        let request = || Request::new("GET", path);
        let again = app.send(request().header("if-none-match", &etag)).await;
        assert_eq!(again.status, 304, "{path}");
        assert_eq!(again.header("etag"), etag);
        assert!(again.body.is_empty());
        let other = app
            .send(request().header("if-none-match", "\"other\""))
            .await;
        assert_eq!(other.status, 200, "{path}");
        let head = app.send(Request::new("HEAD", path)).await;
        assert_eq!((head.status, head.header("etag")), (200, &*etag));
        assert!(head.body.is_empty());
    }
}

async fn compression_is_for_those_who_take_it(app: TestApp) {
    let path = "/docs/swagger-ui.js";
    let plain = app.get(path).await;
    assert_eq!(plain.header("content-encoding"), "");
    let request = Request::new("GET", path).header("accept-encoding", "br, gzip");
    let packed = app.send(request).await;
    assert_eq!(packed.header("content-encoding"), "gzip");
    assert_eq!(packed.header("etag"), plain.header("etag"));
    for response in [&plain, &packed] {
        let vary = response.headers.get_all("vary").iter();
        assert!(vary.into_iter().any(|name| name == "Accept-Encoding"));
    }
    assert!(packed.body.len() * 2 < plain.body.len());
}

async fn unknown_parts_are_not_found(app: TestApp) {
    for path in [
        "/dashboard/none.js",
        "/docs/none",
        "/redoc/a/b",
        "/openapi.yaml",
        "/dashboards",
    ] {
        let body: Value = app.get(path).await.json(404);
        assert_eq!(body["detail"], "Not Found", "{path}");
    }
}
