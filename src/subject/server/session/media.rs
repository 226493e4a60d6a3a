//! A file for the calls that download media: without one, every download is the same 404.
//!
//! The moderator uploads the file once in a session. A caller that may download has to be given its
//! content, and a caller is refused only if the moderator is given the file.

use guest_access_rules::endpoint::EndpointId;
use ruma::OwnedMxcUri;
use serde::Deserialize;
use serde_json::Value;

use super::Session;
use crate::subject::server::call_effect::CallEffect;
use crate::subject::server::error::ServerError;
use crate::subject::server::not_run::{NotRunKind, NotRunReason};
use crate::subject::server::observation::{CallVerdict, ResponseContent};
use crate::subject::server::request::{Request, endpoint};
use crate::subject::server::response::Response;
use crate::subject::server::sample_request::SampleArguments;

/// A file that the moderator has uploaded.
#[derive(Debug, Clone)]
pub(super) struct MediaFile {
    /// The name of the server in the URI of the file.
    server: String,
    /// The id of the file in its URI.
    id: String,
    /// The content: a JSON string, as every body of a session is JSON.
    content: Value,
}

/// The answer to an upload.
#[derive(Deserialize)]
struct Uploaded {
    content_uri: OwnedMxcUri,
}

impl Session<'_> {
    /// Names the file of the session in the arguments of a call that downloads media. Other calls keep
    /// their arguments.
    ///
    /// # Errors
    /// If no response came.
    pub(super) async fn with_media(
        &mut self,
        called: EndpointId,
        arguments: SampleArguments,
    ) -> Result<SampleArguments, ServerError> {
        if !gives_media(called) {
            return Ok(arguments);
        }
        if self.media.is_none() {
            let uploaded = match self.upload().await {
                Err(error) if error.is_broken_line() => return Err(error),
                Err(error) => Err(no_file(&error)),
                Ok(file) => Ok(file),
            };
            self.media = Some(uploaded);
        }
        Ok(match &self.media {
            Some(Ok(file)) => {
                SampleArguments { server: file.server.clone(), media: file.id.clone(), ..arguments }
            }
            _ => arguments,
        })
    }

    async fn upload(&self) -> Result<MediaFile, ServerError> {
        let content = Value::from(self.names.next("media"));
        let request = Request::to(endpoint("POST /_matrix/media/v3/upload"), []);
        let response = self.send(&self.moderators(), request.body(content.clone())).await?;
        if response.is_unrecognized() {
            return Err(ServerError::NotImplemented { call: response.call.clone() });
        }
        response.accepted()?;
        let uri = response.json::<Uploaded>()?.content_uri;
        let Ok((server, id)) = uri.parts() else {
            let (call, what) = (response.call.clone(), "no URI of a file".to_owned());
            return Err(ServerError::Unfit { call, what });
        };
        Ok(MediaFile { server: server.to_string(), id: id.to_owned(), content })
    }

    /// The verdict and the content of a call that downloads media, given the `verdict` on its response.
    /// Other calls keep the verdict.
    ///
    /// # Errors
    /// If no response came.
    pub(super) async fn download(
        &self,
        called: EndpointId,
        request: Request,
        response: &Response,
        verdict: CallVerdict,
    ) -> Result<(CallVerdict, ResponseContent), ServerError> {
        let gave_nothing = |verdict| Ok((verdict, ResponseContent::Nothing));
        match (&self.media, verdict) {
            (_, verdict) if !gives_media(called) => gave_nothing(verdict),
            (
                Some(Err(reason)),
                verdict @ (CallVerdict::Allowed | CallVerdict::ParametersRejected { .. }),
            ) => Ok((verdict, ResponseContent::Unread(reason.clone()))),
            (Some(Ok(file)), CallVerdict::Allowed) if response.allows() => {
                let (effect, holds) = if called.get().path.contains("/thumbnail/") {
                    (CallEffect::ThumbnailGiven, may_be_picture(&response.body))
                } else {
                    let content = file.content.to_string();
                    (CallEffect::FileGiven, response.body == content.as_bytes())
                };
                Ok((CallVerdict::Allowed, ResponseContent::Effect { effect, holds }))
            }
            // The file is there, so the homeserver refuses the caller and not the parameters.
            (Some(Ok(_)), CallVerdict::ParametersRejected { status, errcode })
                if self.send(&self.moderators(), request).await?.allows() =>
            {
                gave_nothing(CallVerdict::Denied { status, errcode })
            }
            (_, verdict) => gave_nothing(verdict),
        }
    }
}

/// Whether a thumbnail may be a picture. The uploaded file is none, so a homeserver that gives a thumbnail of
/// it gives the file or a picture of its own: not nothing, and not a page of HTML.
fn may_be_picture(thumbnail: &[u8]) -> bool {
    !matches!(thumbnail.trim_ascii_start().first(), None | Some(b'<'))
}

/// Whether a user downloads media by this endpoint.
fn gives_media(called: EndpointId) -> bool {
    let id = &called.get().id;
    id.starts_with("GET /media/download/") || id.starts_with("GET /media/thumbnail/")
}

/// Why there is no file. A homeserver may refuse uploads.
fn no_file(error: &ServerError) -> NotRunReason {
    let kind = match error.not_run_kind() {
        NotRunKind::Refused => NotRunKind::BeyondTheRules,
        kind => kind,
    };
    NotRunReason::new(kind, format!("there is no file to download: {error}"))
}
