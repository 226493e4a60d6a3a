//! Accounts, and the access tokens with which their holders call.

use std::collections::BTreeMap;
use std::fmt;

use guest_access_rules::decision_point::KnownBy;
use ruma::{DeviceId, OwnedDeviceId, OwnedUserId, UserId};
use serde_json::Value;

use super::SERVER_NAME;

/// By what an account came to be, which is all that makes it a guest's or a user's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// By registration with `kind=guest`.
    Guest,
    /// By registration with a password, or by the upgrade of a guest.
    User,
    /// By registration without a password, as of who signs in elsewhere.
    SingleSignOn,
}

/// An access token. Its text is a secret and is not shown by `Debug`.
#[derive(Clone)]
pub struct Token {
    /// The token itself.
    pub text: String,
    /// The device that it belongs to.
    pub device: OwnedDeviceId,
    /// Whether calls with it are served.
    pub live: bool,
    /// Whether calls with it are held to a guest's limits although the account is a user's.
    pub as_guest: bool,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("device", &self.device)
            .field("live", &self.live)
            .finish_non_exhaustive()
    }
}

/// A password, kept as it is: nothing here outlives the server. It is a secret and is not shown by
/// `Debug`.
#[derive(Clone)]
pub(super) struct Password(String);

impl Password {
    pub(super) fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    pub(super) fn is(&self, text: &str) -> bool {
        self.0 == text
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

/// A device: its display name is all that there is to it.
#[derive(Debug, Clone, Default)]
pub(super) struct Device {
    pub(super) display_name: Option<String>,
}

/// An account.
#[derive(Debug, Clone)]
pub struct Account {
    /// Its user id.
    pub user_id: OwnedUserId,
    /// By what it came to be.
    pub kind: Kind,
    /// Whether it was a guest's once.
    pub was_guest: bool,
    /// Whether no allow-list binds it although it is a guest's.
    pub administrator: bool,
    /// Its password, if it can be logged in to with one.
    pub(super) password: Option<Password>,
    /// Its profile, key by key.
    pub(super) profile: BTreeMap<String, Value>,
    pub(super) devices: BTreeMap<OwnedDeviceId, Device>,
    /// Every token that it ever had, oldest first.
    pub(super) tokens: Vec<Token>,
}

impl Account {
    pub(super) fn new(user_id: OwnedUserId, kind: Kind) -> Self {
        Self {
            user_id,
            kind,
            was_guest: false,
            administrator: false,
            password: None,
            profile: BTreeMap::new(),
            devices: BTreeMap::new(),
            tokens: Vec::new(),
        }
    }

    /// Whether it is a guest's account.
    pub fn is_guest(&self) -> bool {
        self.kind == Kind::Guest
    }

    /// Whether the server takes it for a guest's, by what it knows guests by.
    pub(super) fn counts_as_guest(&self, known_by: KnownBy) -> bool {
        match known_by {
            KnownBy::Registration => self.is_guest(),
            KnownBy::NoPassword => matches!(self.kind, Kind::Guest | Kind::SingleSignOn),
        }
    }

    /// Whether its newest token is live.
    pub fn is_live(&self) -> bool {
        self.tokens.last().is_some_and(|token| token.live)
    }

    /// Ends every token of `device`, and the device.
    pub(super) fn end_device(&mut self, device: &DeviceId) {
        self.devices.remove(device);
        for token in self.tokens.iter_mut().filter(|token| token.device == device) {
            token.live = false;
        }
    }

    /// Ends every token, and every device.
    pub(super) fn end_every_device(&mut self) {
        self.devices.clear();
        self.end_tokens();
    }

    /// Ends every token.
    pub(super) fn end_tokens(&mut self) {
        for token in &mut self.tokens {
            token.live = false;
        }
    }
}

/// Every account of the server.
#[derive(Debug, Clone, Default)]
pub(super) struct Accounts {
    all: Vec<Account>,
    /// How many user ids the server has made up, and how many tokens it has issued.
    names: u64,
    tokens: u64,
}

impl Accounts {
    pub(super) fn iter(&self) -> impl Iterator<Item = &Account> {
        self.all.iter()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Account> {
        self.all.iter_mut()
    }

    pub(super) fn get(&self, user: &UserId) -> Option<&Account> {
        self.iter().find(|account| account.user_id == user)
    }

    pub(super) fn get_mut(&mut self, user: &UserId) -> Option<&mut Account> {
        self.iter_mut().find(|account| account.user_id == user)
    }

    /// The account whose token this is, live or ended, and the token.
    pub(super) fn holder(&self, text: &str) -> Option<(&Account, &Token)> {
        self.iter().find_map(|account| {
            let token = account.tokens.iter().find(|token| token.text == text)?;
            Some((account, token))
        })
    }

    pub(super) fn add(&mut self, account: Account) {
        self.all.push(account);
    }

    pub(super) fn remove(&mut self, user: &UserId) -> Option<Account> {
        let place = self.iter().position(|account| account.user_id == user)?;
        Some(self.all.remove(place))
    }

    /// A user id that the server makes up, which nobody has.
    pub(super) fn make_up_user_id(&mut self) -> OwnedUserId {
        loop {
            self.names += 1;
            let user_id = user_id(&self.names.to_string()).expect("a number is a local part");
            if self.get(&user_id).is_none() {
                return user_id;
            }
        }
    }

    /// A device id that the server makes up.
    pub(super) fn make_up_device_id(&self) -> OwnedDeviceId {
        format!("DEVICE{}", self.tokens + 1).into()
    }

    /// Gives a device a name that has none.
    pub(super) fn name_device(&mut self, user: &UserId, device: &DeviceId, name: &str) {
        if let Some(device) = self.get_mut(user).and_then(|own| own.devices.get_mut(device)) {
            device.display_name.get_or_insert_with(|| name.to_owned());
        }
    }

    /// Issues a new token of `device` to `user`.
    pub(super) fn issue(&mut self, user: &UserId, device: OwnedDeviceId) -> String {
        self.tokens += 1;
        let text = format!("token-{}", self.tokens);
        if let Some(account) = self.get_mut(user) {
            account.devices.entry(device.clone()).or_default();
            account.tokens.push(Token { text: text.clone(), device, live: true, as_guest: false });
        }
        text
    }
}

/// The user id with this local part; `None` if it cannot be one.
pub(super) fn user_id(localpart: &str) -> Option<OwnedUserId> {
    UserId::parse(format!("@{localpart}:{SERVER_NAME}")).ok()
}
