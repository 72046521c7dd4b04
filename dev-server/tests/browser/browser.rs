//! Chromium, and short ways to look at a page.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{self, Child, Stdio};
use std::time::Duration;

use fantoccini::elements::Element;
use fantoccini::key::Key;
use fantoccini::wd::{TimeoutConfiguration, WebDriverCompatibleCommand, WindowHandle};
use fantoccini::{Client, ClientBuilder, Locator};
use http::Method;
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, sleep};

/// How long a page may take to look as expected.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often Tab is pressed until there is no way to something.
const MOST_TABS: usize = 150;
/// How many browsers run at once: each takes some hundred megabytes.
static PLACES: Semaphore = Semaphore::const_new(2);

/// A browser with one tab. Whoever made it calls [`Browser::close`].
pub(crate) struct Browser {
    client: Client,
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
        let capabilities = json!({
            "browserName": "chrome",
            "goog:chromeOptions": {
                "binary": chromium,
                "args": [
                    "--headless=new",
                    // As root it would not run otherwise. It only sees our own pages.
                    "--no-sandbox",
                    "--disable-gpu",
                    "--disable-dev-shm-usage",
                    "--window-size=1280,900",
                    // There is no network.
                    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
                ],
            },
            "goog:loggingPrefs": {"browser": "ALL"},
        });
        let Value::Object(capabilities) = capabilities else {
            unreachable!("it is an object");
        };
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities)
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .expect("a browser");
        let timeouts = TimeoutConfiguration::new(Some(PATIENCE), None, None);
        client.update_timeouts(timeouts).await.unwrap();
        Some(Self {
            client,
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
        let log = self.ask("se/log", json!({"type": "browser"})).await;
        let complaints: Vec<&str> = log
            .as_array()
            .expect("a list")
            .iter()
            .filter(|entry| entry["level"] == "SEVERE" || entry["level"] == "WARNING")
            .map(|entry| entry["message"].as_str().expect("text"))
            .filter(|message| !expected.iter().any(|text| message.contains(text)))
            .collect();
        self.client.close().await.unwrap();
        drop(self.process);
        assert!(complaints.is_empty(), "{complaints:#?}");
    }

    /// Goes to a page.
    pub(crate) async fn goto(&self, url: &str) {
        self.client.goto(url).await.expect(url);
    }

    /// Loads the page again.
    pub(crate) async fn reload(&self) {
        self.client.refresh().await.unwrap();
    }

    /// Makes the page as narrow as a small telephone.
    pub(crate) async fn narrow(&self) {
        self.sized(360, 740).await;
    }

    /// Gives the page a size.
    pub(crate) async fn sized(&self, width: u32, height: u32) {
        let metrics = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 700});
        let command = json!({"cmd": "Emulation.setDeviceMetricsOverride", "params": metrics});
        self.ask("goog/cdp/execute", command).await;
    }

    /// Shows the page as on paper (`print`).
    pub(crate) async fn media(&self, media: &str) {
        let command = json!({"cmd": "Emulation.setEmulatedMedia", "params": {"media": media}});
        self.ask("goog/cdp/execute", command).await;
    }

    /// Lets a page of that origin notify, or not (`granted`, `denied`).
    pub(crate) async fn notifications(&self, origin: &str, setting: &str) {
        let params =
            json!({"permission": {"name": "notifications"}, "setting": setting, "origin": origin});
        let command = json!({"cmd": "Browser.setPermission", "params": params});
        self.ask("goog/cdp/execute", command).await;
    }

    /// The window that commands are for.
    pub(crate) async fn window(&self) -> WindowHandle {
        self.client.window().await.unwrap()
    }

    /// Opens another window, and goes on there.
    pub(crate) async fn open_window(&self) -> WindowHandle {
        let window = self.client.new_window(false).await.unwrap().handle;
        self.go_to_window(&window).await;
        window
    }

    /// Goes on in another window.
    pub(crate) async fn go_to_window(&self, window: &WindowHandle) {
        self.client.switch_to_window(window.clone()).await.unwrap();
    }

    /// Takes the window out of view.
    pub(crate) async fn minimize(&self) {
        let command = json!({"cmd": "Browser.getWindowForTarget", "params": {}});
        let window = self.ask("goog/cdp/execute", command).await;
        let params =
            json!({"windowId": window["windowId"], "bounds": {"windowState": "minimized"}});
        let command = json!({"cmd": "Browser.setWindowBounds", "params": params});
        self.ask("goog/cdp/execute", command).await;
        self.until("document.hidden").await;
    }

    /// What a script returns.
    pub(crate) async fn run(&self, script: &str) -> Value {
        self.client.execute(script, Vec::new()).await.expect(script)
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
        match self.client.execute_async(&script, Vec::new()).await {
            Ok(at) => at.as_f64().expect("a number"),
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
    pub(crate) async fn press(&self, key: Key) {
        let focused = self.client.active_element().await.unwrap();
        if let Err(error) = focused.send_keys(&char::from(key).to_string()).await {
            let html = self
                .run("return document.activeElement.outerHTML.slice(0, 400)")
                .await;
            panic!("{key:?} at {html}: {error}");
        }
    }

    /// Types where the focus is.
    pub(crate) async fn keys(&self, text: &str) {
        let focused = self.client.active_element().await.unwrap();
        focused.send_keys(text).await.unwrap();
    }

    /// Goes by Tab alone to what is there, or will be.
    pub(crate) async fn tab_to(&self, selector: &str) {
        self.until(&format!("document.querySelector(`{selector}`)"))
            .await;
        let there = format!("return document.activeElement.matches(`{selector}`)");
        for _ in 0..MOST_TABS {
            self.press(Key::Tab).await;
            if self.run(&there).await == json!(true) {
                return;
            }
        }
        panic!("no Tab leads to {selector}");
    }

    /// Types a letter while an element has the focus.
    pub(crate) async fn press_on(&self, selector: &str, letter: char) {
        self.run(&format!("document.querySelector(`{selector}`).focus()"))
            .await;
        let focused = self.client.active_element().await.unwrap();
        focused.send_keys(&letter.to_string()).await.unwrap();
    }

    /// The first that can be seen of what there is, or will be.
    async fn find(&self, selector: &str) -> Element {
        let until = Instant::now() + PATIENCE;
        loop {
            let found = self.client.find_all(Locator::Css(selector)).await.unwrap();
            for element in found {
                // One that is gone meanwhile cannot be seen.
                if element.is_displayed().await.unwrap_or(false) {
                    return element;
                }
            }
            assert!(Instant::now() < until, "never {selector}");
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// What Chromium's driver answers to a command of its own.
    async fn ask(&self, path: &'static str, body: Value) -> Value {
        let command = Command { path, body };
        self.client.issue_cmd(command).await.expect(path)
    }
}

/// A command that only Chromium's driver knows.
#[derive(Debug)]
struct Command {
    path: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for Command {
    fn endpoint(
        &self,
        base: &url::Url,
        session: Option<&str>,
    ) -> Result<url::Url, url::ParseError> {
        let session = session.expect("there is a session");
        base.join(&format!("session/{session}/{}", self.path))
    }

    fn method_and_body(&self, _: &url::Url) -> (Method, Option<String>) {
        (Method::POST, Some(self.body.to_string()))
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
    let mut child = process::Command::new(chromedriver)
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
