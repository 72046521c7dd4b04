//! Chromium, and short ways to look at a page.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use thirtyfour::common::log::LoggingPrefsLogLevel;
use thirtyfour::prelude::*;
use thirtyfour::session::http::{Body, HttpClient};
use tokio::sync::{Semaphore, SemaphorePermit};

/// How long a page may take to look as expected.
const PATIENCE: Duration = Duration::from_secs(30);
/// How many browsers run at once: each takes some hundred megabytes.
static PLACES: Semaphore = Semaphore::const_new(2);

/// A browser with one tab. Whoever made it calls [`Browser::close`].
pub(crate) struct Browser {
    driver: WebDriver,
    process: Process,
    _place: SemaphorePermit<'static>,
}

/// Chromium's driver. It is killed when dropped, and takes its browser along.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Browser {
    /// A browser, if there is one on this machine.
    pub(crate) async fn open() -> Option<Self> {
        let (Some(chromium), Some(chromedriver)) =
            (installed("chromium"), installed("chromedriver"))
        else {
            assert!(
                std::env::var_os("CI").is_none(),
                "chromium and chromedriver have to be installed where CI is set"
            );
            // Not by a macro: what those print is only shown for a test that fails.
            let _ = writeln!(
                std::io::stderr(),
                "SKIPPED: chromium or chromedriver is not installed; this test needs both"
            );
            return None;
        };
        let place = PLACES.acquire().await.expect("never closed");
        let (process, port) = start(&chromedriver);
        let mut capabilities = DesiredCapabilities::chrome();
        capabilities
            .set_binary(chromium.to_str().expect("text"))
            .unwrap();
        for argument in [
            "--headless=new",
            // As root it would not run otherwise. It only sees our own pages.
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--window-size=1280,900",
            // There is no network.
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        ] {
            capabilities.add_arg(argument).unwrap();
        }
        capabilities
            .set_browser_log_level(LoggingPrefsLogLevel::All)
            .unwrap();
        let driver = WebDriver::builder(format!("http://127.0.0.1:{port}"), capabilities)
            .client(Http::new())
            .connect()
            .await
            .expect("a browser");
        driver.set_script_timeout(PATIENCE).await.unwrap();
        Some(Self {
            driver,
            process,
            _place: place,
        })
    }

    /// Ends the browser, which must have had nothing to complain of.
    pub(crate) async fn close(self) {
        self.close_but_for(&[]).await;
    }

    /// The same, where complaints with one of these texts are to be expected.
    pub(crate) async fn close_but_for(self, expected: &[&str]) {
        let log = self.driver.browser_log().await.unwrap();
        let complaints: Vec<String> = log
            .into_iter()
            .filter(|entry| matches!(entry.level.as_str(), "SEVERE" | "WARNING"))
            .map(|entry| entry.message)
            .filter(|message| !expected.iter().any(|text| message.contains(text)))
            .collect();
        self.driver.quit().await.unwrap();
        drop(self.process);
        assert!(complaints.is_empty(), "{complaints:#?}");
    }

    /// Goes to a page.
    pub(crate) async fn goto(&self, url: &str) {
        self.driver.goto(url).await.expect(url);
    }

    /// Loads the page again.
    pub(crate) async fn reload(&self) {
        self.driver.refresh().await.unwrap();
    }

    /// Makes the page as narrow as a small telephone.
    pub(crate) async fn narrow(&self) {
        let metrics = serde_json::json!({"width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": true});
        self.driver
            .cdp()
            .send_raw("Emulation.setDeviceMetricsOverride", metrics)
            .await
            .unwrap();
    }

    /// What a script returns.
    pub(crate) async fn run(&self, script: &str) -> Value {
        let result = self.driver.execute(script, Vec::new()).await.expect(script);
        result.json().clone()
    }

    /// Waits until the expression is true in the page, and gives the time of its clock, in milliseconds.
    pub(crate) async fn until(&self, expression: &str) -> f64 {
        let script = format!(
            "const done = arguments[0];
             const look = () => {{
                 let found = false;
                 try {{ found = {expression}; }} catch {{}}
                 if (found) done(Date.now()); else setTimeout(look, 10);
             }};
             look();"
        );
        match self.driver.execute_async(script, Vec::new()).await {
            Ok(at) => at.json().as_f64().expect("a number"),
            Err(error) => {
                let text = self.run("return document.body.innerText").await;
                panic!("never {expression}: {error}\n{text}");
            }
        }
    }

    /// Waits until `selector` has `text` in it.
    pub(crate) async fn until_text(&self, selector: &str, text: &str) -> f64 {
        let text = Value::from(text);
        self.until(&format!(
            "document.querySelector(`{selector}`).innerText.includes({text})"
        ))
        .await
    }

    /// Waits until the badge says `state`.
    pub(crate) async fn until_badge(&self, state: &str) {
        self.until_text("#badge", state).await;
    }

    /// Clicks what is there, or will be.
    pub(crate) async fn click(&self, selector: &str) {
        self.find(selector).await.click().await.expect(selector);
    }

    /// Types into what is there, or will be.
    pub(crate) async fn type_into(&self, selector: &str, text: &str) {
        self.find(selector).await.send_keys(text).await.unwrap();
    }

    /// Presses a key where the focus is.
    pub(crate) async fn press(&self, key: impl Into<TypingData>) {
        let focused = self.driver.active_element().await.unwrap();
        focused.send_keys(key).await.unwrap();
    }

    async fn find(&self, selector: &str) -> WebElement {
        let query = self.driver.query(By::Css(selector));
        let query = query.wait(PATIENCE, Duration::from_millis(20));
        query.and_displayed().first().await.expect(selector)
    }
}

/// Where a program is.
fn installed(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}

/// Starts Chromium's driver, and gives its port.
fn start(chromedriver: &PathBuf) -> (Process, u16) {
    let mut child = Command::new(chromedriver)
        .arg("--port=0")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("chromedriver starts");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let process = Process(child);
    let port = lines
        .by_ref()
        .map_while(Result::ok)
        .find_map(|line| {
            let (_, port) = line.split_once("started successfully on port ")?;
            port.trim_end_matches('.').parse().ok()
        })
        .expect("chromedriver says its port");
    // The pipe has to be emptied.
    std::thread::spawn(move || lines.for_each(drop));
    (process, port)
}

/// The HTTP client that speaks to the driver.
struct Http(Client<HttpConnector, Full<Bytes>>);

impl Http {
    fn new() -> Self {
        Self(Client::builder(TokioExecutor::new()).build(HttpConnector::new()))
    }
}

#[async_trait]
impl HttpClient for Http {
    async fn send(
        &self,
        request: http::Request<Body<'_>>,
    ) -> WebDriverResult<http::Response<Bytes>> {
        let failed = |error: &dyn std::fmt::Display| WebDriverError::HttpError(error.to_string());
        let request = request.map(|body| match body {
            Body::Empty => Full::default(),
            Body::Json(value) => Full::from(value.to_string()),
        });
        let response = self.0.request(request).await.map_err(|e| failed(&e))?;
        let (head, body) = response.into_parts();
        let body = body.collect().await.map_err(|e| failed(&e))?.to_bytes();
        Ok(http::Response::from_parts(head, body))
    }

    async fn new(&self) -> Arc<dyn HttpClient> {
        Arc::new(Self::new())
    }
}
