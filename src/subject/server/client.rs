//! HTTP calls within limits.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use guest_access_model::stop::Stop;
use reqwest::Url;
use tokio::sync::Mutex;

use crate::error_text::causes;

use super::error::ServerError;
use super::paths::Paths;
use super::request::Request;
use super::response::Response;
use super::token::Token;

/// The limits of a call.
#[derive(Debug, Clone)]
pub struct Limits {
    /// The longest time of one call.
    pub call: Duration,
    /// The largest number of bytes in one response.
    pub answer: usize,
    /// The longest time in all that one call waits for a homeserver that limits the rate (429).
    pub patience: Duration,
    /// When the run ends. Then no call waits for the rate any longer, and calls end after a short grace.
    pub stop: Stop,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            call: Duration::from_secs(30),
            answer: 8_000_000,
            patience: Duration::from_secs(120),
            stop: Stop::default(),
        }
    }
}

/// How often a waiting call asks whether the run has ended.
const POLL: Duration = Duration::from_millis(50);
/// How long a call may go on after the end of the run.
const GRACE: Duration = Duration::from_secs(2);
/// How long all calls together may go on after the end of the run: those that leave the rooms.
const WHOLE_GRACE: Duration = Duration::from_secs(10);

/// Makes calls to one homeserver. The client follows no redirect, trusts no length, and waits no longer
/// than the [`Limits`] say.
#[derive(Debug)]
pub struct Client {
    http: reqwest::Client,
    /// The address, without a slash at the end.
    base: String,
    limits: Limits,
    /// The number of calls so far.
    calls: Cell<usize>,
    /// The number of responses so far that limited the rate (429).
    waits: Cell<usize>,
    /// The paths that the homeserver knows.
    pub(super) paths: Paths,
    /// The queues of the endpoints whose rate the homeserver has limited, by call.
    queues: RefCell<BTreeMap<&'static str, Arc<Mutex<()>>>>,
    /// When a call first saw that the run has ended.
    ended: OnceCell<Instant>,
}

impl Client {
    /// A client of the homeserver at `url`.
    ///
    /// # Errors
    /// If `url` is no address of a homeserver.
    pub fn new(url: &str, limits: Limits) -> Result<Self, ServerError> {
        let wrong = |why: String| ServerError::Address { url: without_secrets(url), why };
        let parsed = Url::parse(url).map_err(|error| wrong(error.to_string()))?;
        if !matches!(parsed.scheme(), "http" | "https") || !parsed.has_host() {
            return Err(wrong(
                "it has to begin with `http://` or `https://` and a host".to_owned(),
            ));
        }
        if !parsed.username().is_empty() || parsed.password().is_some() {
            return Err(wrong("it must not hold a user or a password".to_owned()));
        }
        if parsed.query().is_some() || parsed.fragment().is_some() {
            return Err(wrong("it must not have a query or a fragment".to_owned()));
        }
        // An error means that a provider is installed already, which serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(limits.call)
            .user_agent(concat!("guest-access/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(unreachable)?;
        let base = parsed.as_str().trim_end_matches('/').to_owned();
        let (calls, waits) = (Cell::new(0), Cell::new(0));
        let (paths, queues) = (Paths::default(), RefCell::default());
        let ended = OnceCell::new();
        Ok(Self { http, base, limits, calls, waits, paths, queues, ended })
    }

    /// The address of the homeserver.
    pub fn url(&self) -> &str {
        &self.base
    }

    /// The number of calls so far.
    pub fn calls(&self) -> usize {
        self.calls.get()
    }

    /// The number of responses so far that limited the rate (429).
    pub fn waits(&self) -> usize {
        self.waits.get()
    }

    /// Makes a call with this token, under the path that the homeserver knows, and repeats the call while
    /// the homeserver limits the rate.
    ///
    /// # Errors
    /// If no response comes, or the response is too large.
    pub async fn send(
        &self,
        request: &Request,
        token: Option<&Token>,
    ) -> Result<Response, ServerError> {
        let sent = self.paths.spell(request);
        let response = self.send_patiently(&sent, token).await?;
        if !Paths::has_other_spelling(&sent, &response) {
            return Ok(response);
        }
        self.paths.leave_out_slash(true);
        let other = self.send_patiently(&self.paths.spell(request), token).await?;
        let is_known = !other.is_unrecognized();
        self.paths.leave_out_slash(is_known);
        Ok(if is_known { other } else { response })
    }

    /// Makes a call, and repeats the call while the homeserver limits the rate:
    /// 1. Make the call.
    /// 2. If the homeserver limits the rate, wait in the queue of the endpoint. The first call of the queue
    ///    waits as long as the homeserver says and is repeated, until the homeserver serves the call.
    /// 3. Each later call of the endpoint waits in the queue first.
    ///
    /// So a call waits for the homeserver only while no other call of the endpoint does, and no call takes
    /// the turn of another one. All waits end with the run.
    async fn send_patiently(
        &self,
        request: &Request,
        token: Option<&Token>,
    ) -> Result<Response, ServerError> {
        let mut patience = self.limits.patience;
        let queue = self.queues.borrow().get(request.call).cloned();
        let mut turn = match queue {
            Some(queue) => Some(self.unless_ended(request, queue.lock_owned()).await?),
            None => None,
        };
        loop {
            let (response, retry_after) = self.send_in_time(request, token).await?;
            if response.status != 429 {
                return Ok(response);
            }
            self.waits.set(self.waits.get() + 1);
            if turn.is_none() {
                let queue = Arc::clone(self.queues.borrow_mut().entry(request.call).or_default());
                if let Ok(first) = Arc::clone(&queue).try_lock_owned() {
                    turn = Some(first);
                } else {
                    // The calls before this one have waited as the homeserver said.
                    turn = Some(self.unless_ended(request, queue.lock_owned()).await?);
                    continue;
                }
            }
            let requested = response.retry_after_ms().map(Duration::from_millis).or(retry_after);
            let wait = requested.unwrap_or(Duration::from_secs(1)).max(Duration::from_millis(10));
            if wait > patience {
                return Ok(response);
            }
            patience -= wait;
            self.unless_ended(request, tokio::time::sleep(wait)).await?;
        }
    }

    /// Makes a call that ends soon after the end of the run.
    async fn send_in_time(
        &self,
        request: &Request,
        token: Option<&Token>,
    ) -> Result<(Response, Option<Duration>), ServerError> {
        let too_late = async {
            let ended = self.end_of_run().await;
            let rest = WHOLE_GRACE.saturating_sub(ended.elapsed());
            tokio::time::sleep(rest.min(GRACE)).await;
        };
        tokio::select! {
            biased;
            response = self.send_once(request, token) => response,
            () = too_late => Err(ServerError::Stopped { call: request.to_string() }),
        }
    }

    /// The value that a call waits for, unless the run ends before.
    async fn unless_ended<T>(
        &self,
        request: &Request,
        waiting: impl Future<Output = T>,
    ) -> Result<T, ServerError> {
        tokio::select! {
            biased;
            value = waiting => Ok(value),
            _ = self.end_of_run() => Err(ServerError::Stopped { call: request.to_string() }),
        }
    }

    /// Waits for the end of the run, and returns when a call first saw it.
    async fn end_of_run(&self) -> Instant {
        while !self.limits.stop.now() {
            tokio::time::sleep(POLL).await;
        }
        *self.ended.get_or_init(Instant::now)
    }

    async fn send_once(
        &self,
        request: &Request,
        token: Option<&Token>,
    ) -> Result<(Response, Option<Duration>), ServerError> {
        let call = || request.to_string();
        let method = reqwest::Method::from_bytes(request.method.as_bytes());
        let method = method.map_err(|error| ServerError::Unreachable { why: error.to_string() })?;
        let mut builder = self.http.request(method, format!("{}{}", self.base, request.target()));
        if let Some(token) = token {
            let mut header = http::HeaderValue::from_str(&format!("Bearer {}", token.reveal()))
                .map_err(|_| ServerError::Unfit {
                    call: call(),
                    what: "an access token that no header can hold".to_owned(),
                })?;
            header.set_sensitive(true);
            builder = builder.header(http::header::AUTHORIZATION, header);
        }
        if let Some(body) = &request.body {
            builder = builder
                .header(http::header::CONTENT_TYPE, "application/json")
                .body(body.to_string());
        }
        self.calls.set(self.calls.get() + 1);
        let explained = |error| self.explain(error, call());
        let mut answer = builder.send().await.map_err(explained)?;
        let status = answer.status().as_u16();
        let retry_after = answer
            .headers()
            .get(http::header::RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.parse().ok())
            .map(Duration::from_secs);
        let mut body = Vec::new();
        while let Some(part) = answer.chunk().await.map_err(explained)? {
            if body.len() + part.len() > self.limits.answer {
                return Err(ServerError::TooLarge { call: call(), limit: self.limits.answer });
            }
            body.extend_from_slice(&part);
        }
        Ok((Response { call: call(), status, body }, retry_after))
    }

    fn explain(&self, error: reqwest::Error, call: String) -> ServerError {
        if error.is_connect() {
            unreachable(error)
        } else if error.is_timeout() {
            ServerError::Silent { call, after: self.limits.call }
        } else {
            ServerError::BrokeOff { call, why: causes(&error.without_url()) }
        }
    }
}

/// The error without the address, which may hold secrets.
fn unreachable(error: reqwest::Error) -> ServerError {
    ServerError::Unreachable { why: causes(&error.without_url()) }
}

/// An address without its user, its password and its query.
fn without_secrets(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.split(['?', '#']).next().unwrap_or_default().to_owned();
    };
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let host = authority.rsplit('@').next().unwrap_or_default();
    let path = path.split(['?', '#']).next().unwrap_or_default();
    format!("{scheme}://{host}{path}")
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn a_message_about_a_wrong_address_hides_its_secrets() {
        for url in ["nonsense", "ftp://host", "http://me:secret@host", "http://host?token=secret"] {
            let error = Client::new(url, Limits::default()).unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
            assert!(error.contains("http://127.0.0.1:8008"), "{error}");
        }
    }

    #[test]
    fn an_address_loses_the_slash_at_its_end() {
        let client = Client::new("http://host/", Limits::default()).unwrap();
        assert_eq!(client.url(), "http://host");
    }

    /// A homeserver that limits the rate of its first call, and notes how many calls it has at once.
    fn limiting() -> (String, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (calls, now) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let most = Arc::new(AtomicUsize::new(0));
        let noted = Arc::clone(&most);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let (calls, now, most) = (Arc::clone(&calls), Arc::clone(&now), Arc::clone(&noted));
                std::thread::spawn(move || {
                    let mut read = [0; 4096];
                    let _ = stream.read(&mut read).unwrap();
                    most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    std::thread::sleep(Duration::from_millis(5));
                    now.fetch_sub(1, Ordering::SeqCst);
                    let (status, body) = match calls.fetch_add(1, Ordering::SeqCst) {
                        0 => ("429 Wait", r#"{"retry_after_ms":1}"#),
                        _ => ("200 OK", "{}"),
                    };
                    let length = body.len();
                    let head = format!(
                        "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n"
                    );
                    stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
                });
            }
        });
        (url, most)
    }

    #[test]
    fn no_call_waits_for_the_rate_after_the_end_of_the_run() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        // Each call is asked to wait for a minute.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let _ = stream.read(&mut [0; 4096]).unwrap();
                let body = r#"{"retry_after_ms":60000}"#;
                let length = body.len();
                let head = format!(
                    "HTTP/1.1 429 Wait\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n"
                );
                stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
            }
        });
        let stop = Stop::default().after(Duration::from_millis(200));
        let client = Client::new(&url, Limits { stop, ..Limits::default() }).unwrap();
        let register = Request::to(guest_access_rules::endpoint::KNOWN.register, []);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let began = Instant::now();
        runtime.block_on(async {
            let all = (0..4).map(|_| client.send(&register, None));
            for response in futures_util::future::join_all(all).await {
                assert!(response.unwrap_err().is_stop());
            }
        });
        assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
        assert!(client.waits() >= 1);
    }

    #[test]
    fn calls_of_a_limited_endpoint_wait_for_each_other() {
        let (url, most) = limiting();
        let client = Client::new(&url, Limits::default()).unwrap();
        let register = Request::to(guest_access_rules::endpoint::KNOWN.register, []);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            assert_eq!(client.send(&register, None).await.unwrap().status, 200);
            let all = (0..12).map(|_| client.send(&register, None));
            for response in futures_util::future::join_all(all).await {
                assert_eq!(response.unwrap().status, 200);
            }
        });
        assert_eq!((client.calls(), client.waits()), (14, 1));
        assert_eq!(most.load(Ordering::SeqCst), 1);
    }
}
