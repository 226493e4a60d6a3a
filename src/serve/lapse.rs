//! Lapses: mistakes that a homeserver makes only when several calls are under way at once.
//!
//! The server takes one call at a time, in one instant, which is the safe discipline: each answer is
//! the reference's at that instant. A lapse takes a call in stages instead, with nothing held in
//! between. One by one its calls are answered as ever, so no other check meets it.
//!
//! What a stage does is the reference's own doing: on a copy of it, where a call is only checked; and
//! under a profile that does not ask again, where it was checked before.

use std::sync::Arc;
use std::time::Duration;

use axum::http::{Method, StatusCode};
use axum::response::Response;
use guest_access_rules::decision_point::{
    JoinGate, OldToken, RevocationEffect, RoomRule, SendMembership,
};
use guest_access_rules::profile::Profile;

use super::Server;
use super::answer::{Arrived, Failure};
use super::router::Handle;

/// A mistake that a homeserver makes only when several calls are under way at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lapse {
    /// A call to a room is checked, and done a little later without being checked again: a guest joins
    /// after the revocation that should have kept it out.
    CheckThenAct,
    /// Whose token it is, is looked up when a call begins, and not again when it is done: a call in
    /// flight outlives the log-out.
    TokenAtStart,
    /// Who may read what is looked up when a call begins, and what there is to read a little later: a
    /// message that was sent to a room closed by then is given.
    LateAnswer,
    /// A revocation is answered first, and the guests are removed one by one afterwards, as they were
    /// listed.
    LateSweep,
    /// An upgrade changes the account first, and ends the guest's token a little later.
    UpgradeInStages,
}

impl Lapse {
    /// Every lapse.
    pub const ALL: [Self; 5] = [
        Self::CheckThenAct,
        Self::TokenAtStart,
        Self::LateAnswer,
        Self::LateSweep,
        Self::UpgradeInStages,
    ];

    /// Its id, by which it is switched on.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CheckThenAct => "concurrency.check_then_act",
            Self::TokenAtStart => "concurrency.token_at_start",
            Self::LateAnswer => "concurrency.late_answer",
            Self::LateSweep => "concurrency.late_sweep",
            Self::UpgradeInStages => "concurrency.upgrade_in_stages",
        }
    }

    /// The lapse with this id.
    pub fn find(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|lapse| lapse.as_str() == id)
    }
}

/// The shortest and the longest time between two stages, in milliseconds.
const PAUSE: std::ops::RangeInclusive<u64> = 2..=20;

impl Lapse {
    /// Answers a request in stages.
    pub(super) async fn answer(
        self,
        server: Server,
        arrived: Arrived,
        handle: &Handle,
    ) -> Result<Response, Failure> {
        let reads = arrived.method() == Method::GET;
        let is_about_a_room = arrived.path().contains("/rooms/");
        match self {
            Self::CheckThenAct if is_about_a_room && !reads => {
                let checked = handle(server.copy(), arrived.clone()).await?;
                if !checked.status().is_success() {
                    return Ok(checked);
                }
                server.pause().await;
                let unasked = server.under(|profile| {
                    let choices = &mut profile.choices;
                    choices.join_gate = JoinGate::None;
                    choices.send_membership = SendMembership::NotRequired;
                    choices.room_rule = RoomRule::Unchecked;
                });
                handle(unasked, arrived).await
            }
            Self::TokenAtStart
                if !arrived.path().ends_with("/logout")
                    && server.is_called_by_who_was_a_guest(&arrived) =>
            {
                let checked = handle(server.copy(), arrived.clone()).await;
                if refuses_the_token(&checked) {
                    return checked;
                }
                server.pause().await;
                let looked_up = arrived.shown.credentials().token.map(Arc::from);
                handle(Server { looked_up, ..server }, arrived).await
            }
            Self::LateAnswer if reads => {
                let then = server.copy();
                let checked = handle(then.copy(), arrived.clone()).await?;
                if !checked.status().is_success() {
                    return Ok(checked);
                }
                server.pause().await;
                let later = server.call(|reference| reference.clone());
                then.call(|reference| reference.receive_messages_of(&later));
                handle(then, arrived).await
            }
            Self::LateSweep if is_about_a_room && !reads => {
                let before = server.call(|reference| reference.revoked_members());
                let unswept = server
                    .under(|profile| profile.choices.revocation_effect = RevocationEffect::None);
                let answer = handle(unswept, arrived).await;
                let mut listed = server.call(|reference| reference.revoked_members());
                listed.retain(|listed| !before.contains(listed));
                tokio::spawn(async move {
                    for (room, user) in listed {
                        server.pause().await;
                        server.call(|reference| reference.remove_member(&room, &user));
                    }
                });
                answer
            }
            Self::UpgradeInStages => match arrived.guest_token() {
                Some(token) => {
                    let kept =
                        server.under(|profile| profile.choices.old_token = OldToken::KeptAsUser);
                    let answer = handle(kept, arrived).await?;
                    if answer.status().is_success() {
                        server.pause().await;
                        server.call(|reference| reference.end_token(&token));
                    }
                    Ok(answer)
                }
                None => handle(server, arrived).await,
            },
            _ => handle(server, arrived).await,
        }
    }
}

fn refuses_the_token(answer: &Result<Response, Failure>) -> bool {
    match answer {
        Ok(response) => response.status() == StatusCode::UNAUTHORIZED,
        Err(failure) => matches!(failure, Failure::Refused(decision) if decision.status == 401),
    }
}

impl Server {
    /// A server of its own that is as this one is now.
    fn copy(&self) -> Self {
        let reference = self.lock().clone();
        Self { reference: Arc::new(std::sync::Mutex::new(reference)), ..self.clone() }
    }

    /// The same server, whose calls are decided by its profile with this change.
    fn under(&self, change: impl FnOnce(&mut Profile)) -> Self {
        let mut profile = self.lock().profile().clone();
        change(&mut profile);
        Self { profile: Some(Arc::new(profile)), ..self.clone() }
    }

    /// Whether a request shows the token of a guest, or of who was one: by most revisions only the
    /// latter may log out.
    fn is_called_by_who_was_a_guest(&self, arrived: &Arrived) -> bool {
        let Some(token) = arrived.shown.credentials().token else { return false };
        self.call(|reference| {
            let account = reference.holder(token).and_then(|user| reference.account(user));
            account.is_some_and(|account| account.is_guest() || account.was_guest)
        })
    }

    /// Lets others go on for a while.
    async fn pause(&self) {
        let time = self.pauses.lock().unwrap_or_else(std::sync::PoisonError::into_inner).u64(PAUSE);
        tokio::time::sleep(Duration::from_millis(time)).await;
    }
}
