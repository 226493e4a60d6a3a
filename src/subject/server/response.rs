//! An HTTP response, whose content nothing guarantees.

use ruma::api::{IncomingResponse, IncomingResponseExt as _};
use serde::Deserialize;

use super::error::ServerError;
use super::form::form_fault;

/// A response: its status, and a body of bounded size.
#[derive(Debug, Clone)]
pub struct Response {
    /// The call that the response answers, in the notation of the specification.
    pub(super) call: String,
    /// The HTTP status.
    pub status: u16,
    pub(super) body: Vec<u8>,
}

/// The fields of the body of an error that matter here.
#[derive(Debug, Default, Deserialize)]
struct ErrorBody {
    errcode: Option<String>,
    #[serde(default)]
    retry_after_ms: Option<u64>,
}

impl Response {
    /// Whether the homeserver allowed the call.
    pub fn allows(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Whether the response says that there is no such endpoint.
    pub(super) fn is_unrecognized(&self) -> bool {
        self.status >= 400 && self.errcode().as_deref() == Some("M_UNRECOGNIZED")
    }

    /// The error code, if the response has one.
    pub fn errcode(&self) -> Option<String> {
        // An error code is a short word. A longer text is no code, and would only flood a report.
        self.error().errcode.filter(|code| code.len() <= 100 && !code.contains(char::is_control))
    }

    /// How long to wait before the call is repeated, if the response says so.
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
        Err(self.refused())
    }

    /// Turns an answer that decides nothing into an error: a redirect, a rate limit, or a failure of the
    /// homeserver.
    ///
    /// # Errors
    /// If the response is such an answer.
    pub(super) fn decides(&self) -> Result<(), ServerError> {
        match self.status {
            300..400 => Err(self.redirect_error()),
            429 | 500.. => Err(self.refused()),
            _ => Ok(()),
        }
    }

    /// The error of a response that refuses the call.
    pub(super) fn refused(&self) -> ServerError {
        let (call, answer) = (self.call.clone(), self.in_short());
        ServerError::Refused { call, status: self.status, answer }
    }

    fn redirect_error(&self) -> ServerError {
        ServerError::Redirected { call: self.call.clone(), status: self.status }
    }

    /// The response in the form that the specification says.
    ///
    /// # Errors
    /// If the response is a denial or a redirect, or has another form.
    pub fn read<T: IncomingResponse>(&self) -> Result<T, ServerError> {
        if (300..400).contains(&self.status) {
            return Err(self.redirect_error());
        }
        if !self.allows() {
            return Err(self.refused());
        }
        let answer = http::Response::builder()
            .status(self.status)
            .header(http::header::CONTENT_TYPE, "application/json")
            .body(self.body.as_slice());
        let answer = answer.map_err(|error| self.unfit_error(&error.to_string()))?;
        T::try_from_http_response(answer).map_err(|error| self.unfit_error(&error.to_string()))
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// If the body is no JSON, or has another form.
    pub fn json<'a, T: Deserialize<'a>>(&'a self) -> Result<T, ServerError> {
        serde_json::from_slice(&self.body).map_err(|error| self.unfit_error(&error.to_string()))
    }

    /// Checks the form of an allowed answer to this call. An answer that is no JSON has no form: whoever reads
    /// the answer judges it.
    ///
    /// # Errors
    /// If a value in the answer is of another kind, or a key is missing that has to be there.
    pub(super) fn has_form_of(&self, call: &str) -> Result<(), ServerError> {
        let answer = self.allows().then(|| serde_json::from_slice(&self.body).ok()).flatten();
        let fault = answer.and_then(|answer| form_fault(call, &answer));
        fault.map_or(Ok(()), |why| Err(self.unfit_error(&why)))
    }

    /// The error of a response of another form: what the body is, and what the parser says.
    fn unfit_error(&self, why: &str) -> ServerError {
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
