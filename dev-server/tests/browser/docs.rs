//! Swagger UI and ReDoc, without a network.

use serde_json::json;

use crate::board::Setup;

#[tokio::test]
async fn swagger_ui_shows_the_api_and_tries_it() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    let browser = &setup.browser;
    browser.goto(&setup.url("/docs")).await;
    browser.until_text(".title", "Orchestrator").await;
    browser
        .click(".opblock-summary-path[data-path='/health']")
        .await;
    browser.click(".opblock .execute").await;
    browser
        .until_text(".live-responses-table", "\"healthy\"")
        .await;
    setup.browser.close().await;
}

#[tokio::test]
async fn swagger_ui_tries_it_with_a_token() {
    let Some(setup) = Setup::with(&[("API_TOKEN", "right")]).await else {
        return;
    };
    let browser = &setup.browser;
    browser.goto(&setup.url("/docs")).await;
    browser
        .click(".opblock-get .opblock-summary-path[data-path='/api/agents']")
        .await;
    browser.click(".opblock .execute").await;
    let status = ".live-responses-table tbody .response-col_status";
    browser.until_text(status, "401").await;
    browser.click(".auth-wrapper .btn.authorize").await;
    browser.type_into(".auth-container input", "right").await;
    browser.click(".auth-btn-wrapper .authorize").await;
    browser.click(".auth-btn-wrapper .btn-done").await;
    browser.click(".opblock .execute").await;
    browser.until_text(status, "200").await;
    setup
        .browser
        .close_but_for(&["401", "Authentication failed"])
        .await;
}

#[tokio::test]
async fn redoc_shows_the_api() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    let browser = &setup.browser;
    browser.goto(&setup.url("/redoc")).await;
    browser.until_text("h1", "Orchestrator").await;
    browser.until_text("#redoc", "/health").await;
    // The search runs in a worker.
    browser.type_into("#redoc input", "health").await;
    browser
        .until("document.querySelector('#redoc [role=search] [data-role]')")
        .await;
    setup.browser.close().await;
}

#[tokio::test]
async fn pages_lead_to_one_another() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    let browser = &setup.browser;
    browser.click("a.docs").await;
    browser.until_text(".title", "Orchestrator").await;
    browser.click("nav a[href='/dashboard']").await;
    browser.until_badge("live").await;
    assert_eq!(
        browser.run("return location.pathname").await,
        json!("/dashboard")
    );
    setup.browser.close().await;
}
