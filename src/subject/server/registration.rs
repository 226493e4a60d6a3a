//! Registration, and all else for which a homeserver first asks who one is (interactive
//! authentication).

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

/// What can be shown to a homeserver that does not register just anybody.
#[derive(Debug, Clone, Default)]
pub struct Proof {
    /// A registration token, which the homeserver's owner gives out.
    pub registration_token: Option<Token>,
    /// The account's password.
    pub(super) password: Option<(String, Token)>,
}

/// What a homeserver asks for.
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

/// The most stages that a homeserver may ask for.
const STAGES: usize = 5;

impl Proof {
    /// This registration token, if there is one.
    pub fn with(registration_token: Option<Token>) -> Self {
        Self { registration_token, password: None }
    }

    /// What is shown at this stage, if there is anything to show.
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

    /// The next stage of a way that can be gone to its end.
    fn next(&self, asked: &UiaaInfo) -> Option<Value> {
        let left = |flow: &Flow| -> Vec<String> {
            flow.stages.iter().filter(|stage| !asked.completed.contains(stage)).cloned().collect()
        };
        let ways = asked.flows.iter().map(left);
        let mut ways = ways.filter(|left| left.iter().all(|stage| self.of(stage).is_some()));
        let stage = ways.next()?.into_iter().next()?;
        let mut auth = self.of(&stage)?;
        if let Some(session) = &asked.session {
            auth["session"] = session.as_str().into();
        }
        Some(auth)
    }
}

/// Makes a call for which the homeserver may first ask who one is, and shows what it asks for. The
/// answer is one to the call itself, unless the homeserver asks for what there is not.
///
/// # Errors
/// If no answer comes.
pub(super) async fn interactively(
    connection: &Connection<'_>,
    request: Request,
    token: Option<&Token>,
    proof: &Proof,
) -> Result<Response, ServerError> {
    let body = request.body.clone().unwrap_or_else(|| json!({}));
    let mut response = connection.send(&request, token).await?;
    for _ in 0..STAGES {
        let Some(auth) = asks(&response).and_then(|asked| proof.next(&asked)) else { break };
        let mut body = body.clone();
        body["auth"] = auth;
        response = connection.send(&request.clone().body(body), token).await?;
    }
    Ok(response)
}

/// Whether the answer is no refusal but the question who one is.
pub(super) fn asks_who_one_is(response: &Response) -> bool {
    asks(response).is_some()
}

fn asks(response: &Response) -> Option<UiaaInfo> {
    (response.status == 401).then(|| response.json().ok()).flatten()
}

/// Registers an ordinary user.
///
/// # Errors
/// If the homeserver registers nobody, or not in a way that is known here.
pub(super) async fn register(
    client: &Client,
    username: &str,
    password: Token,
    proof: &Proof,
) -> Result<UserAccount, ServerError> {
    let request = registration(username, &password);
    let response = interactively(&Connection::new(client), request, None, proof).await?;
    if asks_who_one_is(&response) {
        let why = "it asks for more than the dummy stage or a registration token".to_owned();
        return Err(ServerError::NoRegistration { why });
    }
    if matches!(response.status, 400..500) {
        response.json::<serde::de::IgnoredAny>()?;
        return Err(ServerError::NoRegistration { why: response.in_short() });
    }
    let mut person = registered(&response)?;
    person.password = Some(password);
    Ok(person)
}

/// Who has just registered.
///
/// # Errors
/// If the answer does not say so.
pub(super) fn registered(response: &Response) -> Result<UserAccount, ServerError> {
    let answer: register::v3::Response = response.read()?;
    let token = answer.access_token.ok_or_else(|| ServerError::Unfit {
        call: response.call.clone(),
        what: "no access token".to_owned(),
    })?;
    Ok(UserAccount::new(answer.user_id, token.into()))
}
