//! Accounts, with their devices and access tokens.

use std::collections::BTreeMap;
use std::fmt;

use guest_access_rules::decision_point::KnownBy;
use ruma::{DeviceId, OwnedDeviceId, OwnedUserId, ServerName, UserId};
use serde_json::Value;

/// How an account was made. This alone decides whether the account is a guest's or a user's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountKind {
    /// Registered with `kind=guest`.
    Guest,
    /// Registered with a password, or upgraded from a guest.
    User,
    /// Registered without a password, for a user who signs in with an identity provider.
    SingleSignOn,
}

/// An access token. The text is secret, so `Debug` does not show the text.
#[derive(Clone)]
pub struct Token {
    /// The text of the token.
    pub text: String,
    /// The device of the token.
    pub device: OwnedDeviceId,
    /// Whether the server accepts the token.
    pub live: bool,
    /// Whether calls with this token have the limits of a guest although the account is a user's.
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

/// A password in plain text: nothing outlives the server. The password is secret, so `Debug` does not
/// show the password.
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

/// A device. It has a display name only.
#[derive(Debug, Clone, Default)]
pub(super) struct Device {
    pub(super) display_name: Option<String>,
}

/// An account.
#[derive(Debug, Clone)]
pub struct Account {
    /// The user id.
    pub user_id: OwnedUserId,
    /// How the account was made.
    pub kind: AccountKind,
    /// Whether the account was a guest's before an upgrade.
    pub was_guest: bool,
    /// Whether a guest's account has no allow-list, because the guest is an administrator.
    pub administrator: bool,
    /// The password, if the account has one.
    pub(super) password: Option<Password>,
    /// The number of the server's clock when the account was erased, if it was.
    pub(super) erased: Option<u64>,
    /// The profile, key by key.
    pub(super) profile: BTreeMap<String, Value>,
    pub(super) devices: BTreeMap<OwnedDeviceId, Device>,
    /// All tokens, live and ended, oldest first.
    pub(super) tokens: Vec<Token>,
}

impl Account {
    pub(super) fn new(user_id: OwnedUserId, kind: AccountKind) -> Self {
        Self {
            user_id,
            kind,
            was_guest: false,
            administrator: false,
            password: None,
            erased: None,
            profile: BTreeMap::new(),
            devices: BTreeMap::new(),
            tokens: Vec::new(),
        }
    }

    /// Whether the account is a guest's.
    pub fn is_guest(&self) -> bool {
        self.kind == AccountKind::Guest
    }

    /// Whether the server treats the account as a guest's, given how the server recognises guests.
    pub(super) fn counts_as_guest(&self, known_by: KnownBy) -> bool {
        match known_by {
            KnownBy::Registration => self.is_guest(),
            KnownBy::NoPassword => {
                matches!(self.kind, AccountKind::Guest | AccountKind::SingleSignOn)
            }
        }
    }

    /// Whether the newest token is live.
    pub fn is_live(&self) -> bool {
        self.tokens.last().is_some_and(|token| token.live)
    }

    /// Ends every token of `device`, and removes the device.
    pub(super) fn end_device(&mut self, device: &DeviceId) {
        self.devices.remove(device);
        for token in self.tokens.iter_mut().filter(|token| token.device == device) {
            token.live = false;
        }
    }

    /// Ends every token, and removes every device.
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
    /// How many user ids the server has generated, and how many tokens it has issued.
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

    /// The account with this token, live or ended, and the token.
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

    /// A generated user id that no account has.
    pub(super) fn generate_user_id(&mut self, server: &ServerName) -> OwnedUserId {
        loop {
            self.names += 1;
            let user_id = user_id(&self.names.to_string(), server);
            let user_id = user_id.expect("a number is a local part");
            if self.get(&user_id).is_none() {
                return user_id;
            }
        }
    }

    /// A generated device id.
    pub(super) fn generate_device_id(&self) -> OwnedDeviceId {
        format!("DEVICE{}", self.tokens + 1).into()
    }

    /// Sets the display name of a device, if the device has none.
    pub(super) fn name_device(&mut self, user: &UserId, device: &DeviceId, name: &str) {
        if let Some(device) = self.get_mut(user).and_then(|own| own.devices.get_mut(device)) {
            device.display_name.get_or_insert_with(|| name.to_owned());
        }
    }

    /// Issues a new token to `user` for `device`.
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

/// The user id with this local part on this server; `None` if the local part is invalid.
pub(super) fn user_id(localpart: &str, server: &ServerName) -> Option<OwnedUserId> {
    UserId::parse(format!("@{localpart}:{server}")).ok()
}
