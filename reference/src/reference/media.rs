//! Media: uploads, and downloads of the unchanged content.

use std::sync::Arc;

use guest_access_rules::endpoint::EndpointId;
use guest_access_rules::vocabulary::Decision;
use ruma::ServerName;
use ruma::api::client::authenticated_media::{
    get_content, get_content_as_filename, get_content_thumbnail,
};
use ruma::api::client::media::create_content;
use ruma::http_headers::{ContentDisposition, ContentDispositionType};

use super::Reference;
use super::answer::{AllowedResponse, Answer, Credentials, OPEN, Refusal};
use super::authorisation::EndpointCall;
use super::endpoints::ENDPOINTS;

/// One piece of media.
#[derive(Debug, Clone)]
pub(super) struct Media {
    content_type: String,
    file: Vec<u8>,
}

/// The beginning of the ids of media.
const ID_PREFIX: &str = "media";

/// The decision that allows a call for media.
// Reading A51: any media that the server serves to users.
// GA-48: A guest may call `GET /media/download/{serverName}/{mediaId}`, with or without a
// `{fileName}`.
// GA-49: A guest may call `GET /media/thumbnail/{serverName}/{mediaId}`.
const MEDIA: Decision = Decision::allow(&["GA-48", "GA-49"], "media are served to any user");

impl Reference {
    /// `POST /_matrix/media/v3/upload`.
    ///
    /// # Errors
    /// The refusal, if the server stores nothing.
    pub fn upload(
        &mut self,
        credentials: &Credentials<'_>,
        request: &create_content::v3::Request,
    ) -> Answer<create_content::v3::Response> {
        self.admit(credentials, EndpointCall::to(ENDPOINTS.upload))?;
        let uri = format!("mxc://{}/{ID_PREFIX}{}", self.name, self.media.len());
        let content_type = request.content_type.clone();
        Arc::make_mut(&mut self.media).push(Media {
            content_type: content_type.unwrap_or_else(|| "application/octet-stream".to_owned()),
            file: request.file.clone(),
        });
        Ok(AllowedResponse::new(OPEN, create_content::v3::Response::new(uri.into())))
    }

    /// `GET /media/download/{serverName}/{mediaId}`.
    ///
    /// # Errors
    /// The refusal, if the resource does not exist, or if the caller may not read it.
    pub fn download(
        &self,
        credentials: &Credentials<'_>,
        request: &get_content::v1::Request,
    ) -> Answer<get_content::v1::Response> {
        let Media { content_type, file } = self.find_media(
            credentials,
            ENDPOINTS.download,
            &request.server_name,
            &request.media_id,
        )?;
        let response = get_content::v1::Response::new(file, content_type, inline_disposition());
        Ok(AllowedResponse::new(MEDIA, response))
    }

    /// `GET /media/download/{serverName}/{mediaId}/{fileName}`.
    ///
    /// # Errors
    /// The refusal, if the resource does not exist, or if the caller may not read it.
    pub fn download_as(
        &self,
        credentials: &Credentials<'_>,
        request: &get_content_as_filename::v1::Request,
    ) -> Answer<get_content_as_filename::v1::Response> {
        let Media { content_type, file } = self.find_media(
            credentials,
            ENDPOINTS.download_as,
            &request.server_name,
            &request.media_id,
        )?;
        let disposition = inline_disposition().with_filename(Some(request.filename.clone()));
        let response = get_content_as_filename::v1::Response::new(file, content_type, disposition);
        Ok(AllowedResponse::new(MEDIA, response))
    }

    /// `GET /media/thumbnail/{serverName}/{mediaId}`. The thumbnail is the whole image.
    ///
    /// # Errors
    /// The refusal, if the resource does not exist, or if the caller may not read it.
    pub fn thumbnail(
        &self,
        credentials: &Credentials<'_>,
        request: &get_content_thumbnail::v1::Request,
    ) -> Answer<get_content_thumbnail::v1::Response> {
        let Media { content_type, file } = self.find_media(
            credentials,
            ENDPOINTS.thumbnail,
            &request.server_name,
            &request.media_id,
        )?;
        let response =
            get_content_thumbnail::v1::Response::new(file, content_type, inline_disposition());
        Ok(AllowedResponse::new(MEDIA, response))
    }

    fn find_media(
        &self,
        credentials: &Credentials<'_>,
        endpoint: EndpointId,
        server: &ServerName,
        id: &str,
    ) -> Result<Media, Refusal> {
        self.admit(credentials, EndpointCall::to(endpoint))?;
        let place = id.strip_prefix(ID_PREFIX).and_then(|number| number.parse().ok());
        let place = place.filter(|_: &usize| server == self.name());
        let found = place.and_then(|place| self.media.get(place)).cloned();
        found.ok_or(Refusal::not_found(&[], "there is no such media here"))
    }
}

fn inline_disposition() -> ContentDisposition {
    ContentDisposition::new(ContentDispositionType::Inline)
}
