//! A headless browser, for tests that look at a page as a reader does.
//!
//! The tests speak the DevTools protocol with Chromium over two pipes. Where no Chromium is installed, a
//! test says so in one line and checks nothing.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

/// The names of the program.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "chrome"];
/// The longest time that a page may take to be ready.
const PATIENCE: Duration = Duration::from_secs(90);

/// A headless browser with one page.
pub(crate) struct Browser {
    child: Child,
    requests: File,
    answers: BufReader<File>,
    session: Option<String>,
    last_id: u64,
    _folder: tempfile::TempDir,
}

/// The colours that a reader prefers.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Scheme {
    Light,
    Dark,
}

/// The browser in the search path, if there is one.
fn installed() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let folders: Vec<_> = std::env::split_paths(&path).collect();
    let candidates =
        NAMES.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    candidates.into_iter().find(|candidate| candidate.is_file())
}

impl Browser {
    /// Starts a browser. `None`, with a visible line, if no Chromium is installed.
    pub(crate) fn start(test: &str) -> Option<Self> {
        let Some(program) = installed() else {
            // The macros are captured in a test that passes; this line is not.
            let line = format!("{test}: skipped, because no Chromium is installed\n");
            std::io::stderr().write_all(line.as_bytes()).unwrap();
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let pipes = ["requests", "answers"].map(|name| folder.path().join(name));
        assert!(Command::new("mkfifo").args(&pipes).status().unwrap().success());
        // The protocol uses the file descriptors 3 and 4.
        let child = Command::new("sh")
            .args(["-c", "exec timeout 300 \"$0\" \"$@\" 3<\"$REQUESTS\" 4>\"$ANSWERS\""])
            .arg(program)
            .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"])
            .args(["--no-first-run", "--hide-scrollbars", "--remote-debugging-pipe"])
            .arg(format!("--user-data-dir={}", folder.path().join("profile").display()))
            .env("REQUESTS", &pipes[0])
            .env("ANSWERS", &pipes[1])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let requests = File::options().write(true).open(&pipes[0]).unwrap();
        let answers = BufReader::new(File::open(&pipes[1]).unwrap());
        let mut browser =
            Self { child, requests, answers, session: None, last_id: 0, _folder: folder };
        let target = browser.call("Target.createTarget", &json!({ "url": "about:blank" }));
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let session = browser.call("Target.attachToTarget", &attach);
        browser.session = Some(session["sessionId"].as_str().unwrap().to_owned());
        Some(browser)
    }

    /// Calls a method of the protocol, and waits for its result.
    fn call(&mut self, method: &str, params: &Value) -> Value {
        self.last_id += 1;
        let mut request = json!({ "id": self.last_id, "method": method, "params": params });
        if let Some(session) = &self.session {
            request["sessionId"] = session.as_str().into();
        }
        self.requests.write_all(format!("{request}\0").as_bytes()).unwrap();
        loop {
            let mut message = Vec::new();
            let length = self.answers.read_until(0, &mut message).unwrap();
            assert!(length > 0, "the browser ended before it answered {method}");
            message.pop();
            let message: Value = serde_json::from_slice(&message).unwrap();
            if message["id"] == self.last_id {
                assert!(message["error"].is_null(), "{method}: {message}");
                return message["result"].clone();
            }
        }
    }

    /// Sets the width of the window in pixels, and the colours that the reader prefers.
    pub(crate) fn look_with(&mut self, width: u32, scheme: Scheme) {
        let size =
            json!({ "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false });
        self.call("Emulation.setDeviceMetricsOverride", &size);
        let value = match scheme {
            Scheme::Light => "light",
            Scheme::Dark => "dark",
        };
        let feature = json!({ "name": "prefers-color-scheme", "value": value });
        self.call("Emulation.setEmulatedMedia", &json!({ "features": [feature] }));
    }

    /// Opens the page, and waits until the expression is true.
    pub(crate) fn open(&mut self, url: &str, ready: &str) {
        self.call("Page.navigate", &json!({ "url": url }));
        self.wait_for(&format!("document.readyState === 'complete' && ({ready})"));
    }

    /// Waits until the expression is true.
    pub(crate) fn wait_for(&mut self, expression: &str) {
        let started = Instant::now();
        while self.evaluate(expression) != Value::Bool(true) {
            assert!(started.elapsed() < PATIENCE, "never true: {expression}\n{}", self.text());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The value of an expression of the page.
    pub(crate) fn evaluate(&mut self, expression: &str) -> Value {
        let params =
            json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let result = self.call("Runtime.evaluate", &params);
        assert!(result["exceptionDetails"].is_null(), "{expression}: {result}");
        result["result"]["value"].clone()
    }

    /// The text of the page.
    pub(crate) fn text(&mut self) -> String {
        self.evaluate("document.body ? document.body.innerText : ''")
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    /// Checks that the page fits each width, in light and in dark, and that dark is dark. Writes the
    /// pictures to the folder that the variable `SCREENSHOTS` names, if it is set.
    pub(crate) fn check_looks(&mut self, name: &str) {
        for width in [400, 1200] {
            let grounds = [Scheme::Light, Scheme::Dark].map(|scheme| {
                self.look_with(width, scheme);
                let widths = "[document.documentElement.scrollWidth, innerWidth]";
                let widths = self.evaluate(widths);
                assert!(
                    widths[0].as_u64() <= widths[1].as_u64(),
                    "{name} at {width} pixels, {scheme:?}: {widths}"
                );
                let picture = self.picture();
                assert!(picture.starts_with(b"\x89PNG") && picture.len() > 10_000, "{name}");
                if let Some(folder) = std::env::var_os("SCREENSHOTS") {
                    let file = format!("{name}-{width}-{scheme:?}.png").to_lowercase();
                    std::fs::write(Path::new(&folder).join(file), picture).unwrap();
                }
                self.brightness()
            });
            assert!(grounds[0] > 200 && grounds[1] < 60, "{name}: {grounds:?}");
        }
    }

    /// The whole page as a PNG.
    fn picture(&mut self) -> Vec<u8> {
        let size = "[innerWidth, Math.min(document.documentElement.scrollHeight, 4000)]";
        let size = self.evaluate(size);
        let clip = json!({ "x": 0, "y": 0, "width": size[0], "height": size[1], "scale": 1 });
        let params = json!({ "captureBeyondViewport": true, "clip": clip });
        let picture = self.call("Page.captureScreenshot", &params);
        BASE64_STANDARD.decode(picture["data"].as_str().unwrap()).unwrap()
    }

    /// The mean of red, green and blue of the background, 0 to 255.
    fn brightness(&mut self) -> u64 {
        let colour = self.evaluate("getComputedStyle(document.body).backgroundColor");
        let colour = colour.as_str().unwrap().to_owned();
        let parts =
            colour.split(|c: char| !c.is_ascii_digit()).filter_map(|part| part.parse().ok());
        let parts: Vec<u64> = parts.take(3).collect();
        assert_eq!(parts.len(), 3, "{colour}");
        parts.iter().sum::<u64>() / 3
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The browser ends its own processes, if it still listens.
        let close = json!({ "id": self.last_id + 1, "method": "Browser.close" });
        let _ = self.requests.write_all(format!("{close}\0").as_bytes());
        let _ = self.child.wait();
    }
}
