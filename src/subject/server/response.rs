//! An answer, which nobody vouches for.

use ruma::api::{IncomingResponse, IncomingResponseExt as _};
use serde::Deserialize;

use super::error::ServerError;

/// An answer: its status, and a body of bounded size.
#[derive(Debug, Clone)]
pub struct Response {
    /// The call that it answers, in the specification's notation.
    pub(super) call: String,
    /// The HTTP status.
    pub status: u16,
    pub(super) body: Vec<u8>,
}

/// What of an error's body matters here.
#[derive(Debug, Default, Deserialize)]
struct ErrorBody {
    errcode: Option<String>,
    #[serde(default)]
    retry_after_ms: Option<u64>,
}

impl Response {
    /// Whether the call was allowed.
    pub fn allows(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The error code, if there is one.
    pub fn errcode(&self) -> Option<String> {
        // An error code is a short word; what is not is no code, and would only flood a report.
        self.error().errcode.filter(|code| code.len() <= 100 && !code.contains(char::is_control))
    }

    /// How long to wait before the call is made again, if the answer says so.
    pub(super) fn retry_after_ms(&self) -> Option<u64> {
        self.error().retry_after_ms
    }

    fn error(&self) -> ErrorBody {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// Turns a refusal into an error, for a call that every session needs.
    ///
    /// # Errors
    /// If the call was refused.
    pub(super) fn accepted(&self) -> Result<(), ServerError> {
        if self.allows() {
            return Ok(());
        }
        Err(ServerError::Refused { call: self.call.clone(), answer: self.in_short() })
    }

    /// The answer as the specification describes it.
    ///
    /// # Errors
    /// If it is a refusal, or does not fit.
    pub fn read<T: IncomingResponse>(&self) -> Result<T, ServerError> {
        if (300..400).contains(&self.status) {
            return Err(ServerError::Redirected { call: self.call.clone(), status: self.status });
        }
        if !self.allows() {
            return Err(ServerError::Refused { call: self.call.clone(), answer: self.in_short() });
        }
        let answer = http::Response::builder()
            .status(self.status)
            .header(http::header::CONTENT_TYPE, "application/json")
            .body(self.body.as_slice());
        let answer = answer.map_err(|error| self.unfit(&error.to_string()))?;
        T::try_from_http_response(answer).map_err(|error| self.unfit(&error.to_string()))
    }

    /// The answer as JSON.
    ///
    /// # Errors
    /// If it is none, or not of this form.
    pub fn json<'a, T: Deserialize<'a>>(&'a self) -> Result<T, ServerError> {
        serde_json::from_slice(&self.body).map_err(|error| self.unfit(&error.to_string()))
    }

    /// What is wrong with the answer: what it is, and what the reader says of it.
    fn unfit(&self, why: &str) -> ServerError {
        let text = String::from_utf8_lossy(&self.body[..self.body.len().min(200)]);
        let what = if text.trim_start().starts_with('<') {
            "a page of HTML, as if no homeserver were there".to_owned()
        } else if serde_json::from_slice::<serde::de::IgnoredAny>(&self.body).is_err() {
            format!("{} bytes that are no JSON ({why})", self.body.len())
        } else {
            format!("JSON of another form than the specification's ({why})")
        };
        ServerError::Unfit { call: self.call.clone(), what }
    }

    /// The status and the error code.
    pub fn in_short(&self) -> String {
        match self.errcode() {
            Some(errcode) => format!("{} {errcode}", self.status),
            None => self.status.to_string(),
        }
    }
}
