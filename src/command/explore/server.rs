//! The page of `explore` and its API over HTTP.
//!
//! | request | answer |
//! |---|---|
//! | `GET /` | the page; `GET /explore.css` and `GET /explore.js` belong to it |
//! | `GET /api/vocabulary` | the rules to choose from, what the page begins with, and the texts of the clauses |
//! | `POST /api/trace` | what one or two rules decide about a trace: [`Explorer::answer`] |
//! | `POST /api/scenario` | a trace as a scenario: [`Explorer::scenario`] |

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::TcpListener;

use crate::explore::{ExploreError, Explorer, Vocabulary};

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// What a page may load: its own style sheet and script, and answers of this server.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What the page begins with.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Start {
    /// The names of one or two rules.
    pub(super) rules: Vec<String>,
    /// The number of guests.
    pub(super) guests: u8,
    /// The number of rooms.
    pub(super) rooms: u8,
}

struct Site {
    explorer: Explorer,
    start: Start,
}

/// Serves the page until the program ends.
pub(super) async fn serve(
    listener: TcpListener,
    explorer: Explorer,
    start: Start,
) -> std::io::Result<()> {
    let file = |kind: &'static str, text: &'static str| {
        get(move || async move { answer(StatusCode::OK, kind, text.to_owned()) })
    };
    let routes = Router::new()
        .route("/", file("text/html; charset=utf-8", PAGE))
        .route("/explore.css", file("text/css; charset=utf-8", STYLE))
        .route("/explore.js", file("text/javascript; charset=utf-8", SCRIPT))
        .route("/api/vocabulary", get(vocabulary))
        .route("/api/trace", post(trace))
        .route("/api/scenario", post(scenario))
        .with_state(Arc::new(Site { explorer, start }));
    axum::serve(listener, routes).await
}

/// The vocabulary, with what the page begins with.
#[derive(Serialize)]
struct VocabularyAnswer<'a> {
    start: &'a Start,
    #[serde(flatten)]
    vocabulary: Vocabulary,
}

async fn vocabulary(State(site): State<Arc<Site>>) -> Response {
    let vocabulary = site.explorer.vocabulary();
    json(Ok(VocabularyAnswer { start: &site.start, vocabulary }))
}

async fn trace(State(site): State<Arc<Site>>, body: Bytes) -> Response {
    json(parsed(&body).and_then(|request| Ok(site.explorer.answer(&request)?)))
}

async fn scenario(State(site): State<Arc<Site>>, body: Bytes) -> Response {
    json(parsed(&body).and_then(|request| Ok(site.explorer.scenario(&request)?)))
}

/// Why a request is refused.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("the request is not the JSON that this page sends: {0}")]
    Json(#[from] serde_json::Error),
    #[error(transparent)]
    Explore(#[from] ExploreError),
}

#[derive(Serialize)]
struct ErrorAnswer {
    error: String,
}

fn parsed<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refused> {
    Ok(serde_json::from_slice(body)?)
}

fn json<T: Serialize>(result: Result<T, Refused>) -> Response {
    const KIND: &str = "application/json";
    let written = match result {
        Ok(value) => serde_json::to_string(&value).map(|text| (StatusCode::OK, text)),
        Err(error) => serde_json::to_string(&ErrorAnswer { error: error.to_string() })
            .map(|text| (StatusCode::BAD_REQUEST, text)),
    };
    match written {
        Ok((status, text)) => answer(status, KIND, text),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn answer(status: StatusCode, kind: &'static str, text: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (status, headers, text).into_response()
}
