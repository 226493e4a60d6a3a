//! Registration, and the user-interactive authentication that it may take.

use ruma::api::client::account::register;
use serde::Deserialize;
use serde_json::{Value, json};

use super::accounts::UserAccount;
use super::client::Client;
use super::error::ServerError;
use super::recording::Connection;
use super::request::Request;
use super::requests::registration;
use super::response::Response;
use super::token::Token;

/// The secrets that this program can show to a homeserver that asks for authentication.
#[derive(Debug, Clone, Default)]
pub struct Proof {
    /// A registration token, which the owner of the homeserver gives out.
    pub registration_token: Option<Token>,
    /// The user id and the password of the account.
    pub(super) password: Option<(String, Token)>,
}

/// The response of a homeserver that asks for user-interactive authentication.
#[derive(Debug, Deserialize)]
struct UiaaInfo {
    flows: Vec<Flow>,
    #[serde(default)]
    completed: Vec<String>,
    session: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Flow {
    #[serde(default)]
    stages: Vec<String>,
}

/// The largest number of stages that this program goes through.
const STAGES: usize = 5;

impl Proof {
    /// A proof with this registration token.
    pub fn with(registration_token: Option<Token>) -> Self {
        Self { registration_token, password: None }
    }

    /// The authentication data of this stage, if there is any to show.
    fn of(&self, stage: &str) -> Option<Value> {
        match stage {
            "m.login.dummy" => Some(json!({ "type": stage })),
            "m.login.registration_token" => {
                let token = self.registration_token.as_ref()?;
                Some(json!({ "type": stage, "token": token.reveal() }))
            }
            "m.login.password" => {
                let (user, password) = self.password.as_ref()?;
                let identifier = json!({ "type": "m.id.user", "user": user });
                let password = password.reveal();
                Some(json!({ "type": stage, "identifier": identifier, "password": password }))
            }
            _ => None,
        }
    }

    /// The authentication data of the next stage of a flow that this program can complete.
    fn next(&self, info: &UiaaInfo) -> Option<Value> {
        let remaining_stages = |flow: &Flow| -> Vec<String> {
            flow.stages.iter().filter(|stage| !info.completed.contains(stage)).cloned().collect()
        };
        let flows = info.flows.iter().map(remaining_stages);
        let mut flows = flows.filter(|stages| stages.iter().all(|stage| self.of(stage).is_some()));
        let stage = flows.next()?.into_iter().next()?;
        let mut auth = self.of(&stage)?;
        if let Some(session) = &info.session {
            auth["session"] = session.as_str().into();
        }
        Some(auth)
    }
}

/// Makes a call for which the homeserver may ask for user-interactive authentication.
///
/// 1. Make the call.
/// 2. While the homeserver asks for a stage that `proof` has, repeat the call with that stage.
/// 3. Return the last response. It asks for authentication only if `proof` does not have the stage.
///
/// # Errors
/// If no response comes.
pub(super) async fn send_with_authentication(
    connection: &Connection<'_>,
    request: Request,
    token: Option<&Token>,
    proof: &Proof,
) -> Result<Response, ServerError> {
    let body = request.body.clone().unwrap_or_else(|| json!({}));
    let mut response = connection.send(&request, token).await?;
    for _ in 0..STAGES {
        let Some(auth) = requested_authentication(&response).and_then(|info| proof.next(&info))
        else {
            break;
        };
        let mut body = body.clone();
        body["auth"] = auth;
        response = connection.send(&request.clone().body(body), token).await?;
    }
    Ok(response)
}

/// Whether the response asks for user-interactive authentication. Such a response is no denial.
pub(super) fn asks_for_authentication(response: &Response) -> bool {
    requested_authentication(response).is_some()
}

/// The flows of user-interactive authentication that the response asks for, if it asks for any.
fn requested_authentication(response: &Response) -> Option<UiaaInfo> {
    (response.status == 401).then(|| response.json().ok()).flatten()
}

/// Registers an ordinary user.
///
/// # Errors
/// If the homeserver registers nobody, or in no way that this program knows.
pub(super) async fn register(
    client: &Client,
    username: &str,
    password: Token,
    proof: &Proof,
) -> Result<UserAccount, ServerError> {
    let request = registration(username, &password);
    let response = send_with_authentication(&Connection::new(client), request, None, proof).await?;
    if asks_for_authentication(&response) {
        let why = "it asks for more than the dummy stage or a registration token".to_owned();
        return Err(ServerError::NoRegistration { why });
    }
    if matches!(response.status, 400..500) {
        response.json::<serde::de::IgnoredAny>()?;
        return Err(ServerError::NoRegistration { why: response.in_short() });
    }
    let mut account = registered_account(&response)?;
    account.password = Some(password);
    Ok(account)
}

/// Whether an allowed registration created an account and no access token.
pub(super) fn gives_no_token(response: &Response) -> bool {
    response.json::<Value>().is_ok_and(|answer| answer["access_token"].is_null())
}

/// The account that a registration created.
///
/// # Errors
/// If the response does not name the account and its token.
pub(super) fn registered_account(response: &Response) -> Result<UserAccount, ServerError> {
    let answer: register::v3::Response = response.read()?;
    let token = answer.access_token.ok_or_else(|| ServerError::Unfit {
        call: response.call.clone(),
        what: "no access token".to_owned(),
    })?;
    let device = answer.device_id.map(|device| device.to_string());
    Ok(UserAccount { device, ..UserAccount::new(answer.user_id, token.into()) })
}
