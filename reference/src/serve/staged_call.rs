//! Calls in stages, for a server with a concurrency defect.
//!
//! Without a defect the server performs each call in one instant, under one lock: each answer is the
//! answer of the reference at that instant. With a defect, the server splits some calls into stages:
//!
//! 1. The first stage checks the call on a copy of the reference, or performs a part of the call.
//! 2. The server pauses and holds no lock. Other calls run in the meantime.
//! 3. The last stage performs the rest of the call, under a profile without the checks of stage 1.
//!
//! A server that receives one call after the other answers as without the defect. So only overlapping
//! calls can show the defect.

use std::sync::Arc;
use std::time::Duration;

use axum::http::{Method, StatusCode};
use axum::response::Response;
use guest_access_rules::decision_point::{
    JoinGate, OldToken, RevocationEffect, RoomRule, SendMembership,
};

use super::concurrency_defect::ConcurrencyDefect;
use super::failure::Failure;
use super::handler::Handler;
use super::request::BufferedRequest;
use super::server::Server;

/// The shortest and the longest pause between two stages, in milliseconds.
const PAUSE: std::ops::RangeInclusive<u64> = 2..=20;

/// Answers a request: in stages, if the server has a defect that concerns the request.
pub(super) async fn answer(
    server: Server,
    request: BufferedRequest,
    handler: &Handler,
) -> Result<Response, Failure> {
    let reads = request.method() == Method::GET;
    let changes_a_room = request.path().contains("/rooms/") && !reads;
    match server.concurrency_defect() {
        Some(ConcurrencyDefect::CheckThenAct) if changes_a_room => {
            check_then_act(server, request, handler).await
        }
        Some(ConcurrencyDefect::TokenAtStart)
            if !request.path().ends_with("/logout")
                && caller_is_or_was_a_guest(&server, &request) =>
        {
            token_at_start(server, request, handler).await
        }
        Some(ConcurrencyDefect::LateAnswer) if reads => late_answer(server, request, handler).await,
        Some(ConcurrencyDefect::LateSweep) if changes_a_room => {
            late_sweep(server, request, handler).await
        }
        Some(ConcurrencyDefect::UpgradeInStages) => match request.guest_token() {
            Some(guest_token) => upgrade_in_stages(server, request, handler, &guest_token).await,
            None => handler(server, request).await,
        },
        _ => handler(server, request).await,
    }
}

/// Checks the call on a copy of the server; then performs the call without checking membership,
/// guest access or visibility again.
async fn check_then_act(
    server: Server,
    request: BufferedRequest,
    handler: &Handler,
) -> Result<Response, Failure> {
    let checked = handler(server.copy(), request.clone()).await?;
    if !checked.status().is_success() {
        return Ok(checked);
    }
    pause(&server).await;
    let unchecked = server.with_changed_profile(|profile| {
        let choices = &mut profile.choices;
        choices.join_gate = JoinGate::None;
        choices.send_membership = SendMembership::NotRequired;
        choices.room_rule = RoomRule::Unchecked;
    });
    handler(unchecked, request).await
}

/// Checks the token on a copy of the server; then performs the call as if the token were live.
async fn token_at_start(
    server: Server,
    request: BufferedRequest,
    handler: &Handler,
) -> Result<Response, Failure> {
    let checked = handler(server.copy(), request.clone()).await;
    if refuses_the_token(&checked) {
        return checked;
    }
    pause(&server).await;
    let token = request.credentials.as_reference_credentials().token.map(Arc::from);
    handler(server.with_token_taken_as_live(token), request).await
}

/// Copies the server; then adds the messages that were sent since to the copy, and answers from the
/// copy.
async fn late_answer(
    server: Server,
    request: BufferedRequest,
    handler: &Handler,
) -> Result<Response, Failure> {
    let earlier = server.copy();
    let checked = handler(earlier.copy(), request.clone()).await?;
    if !checked.status().is_success() {
        return Ok(checked);
    }
    pause(&server).await;
    let later = server.call(|reference| reference.clone());
    earlier.call(|reference| reference.receive_messages_of(&later));
    handler(earlier, request).await
}

/// Performs the call without a revocation; then removes the members that the revocation should have
/// removed, one by one, after the answer.
async fn late_sweep(
    server: Server,
    request: BufferedRequest,
    handler: &Handler,
) -> Result<Response, Failure> {
    let before = server.call(|reference| reference.revoked_members());
    let without_revocation = server
        .with_changed_profile(|profile| profile.choices.revocation_effect = RevocationEffect::None);
    let answer = handler(without_revocation, request).await;
    let mut members = server.call(|reference| reference.revoked_members());
    members.retain(|member| !before.contains(member));
    tokio::spawn(async move {
        for (room, user) in members {
            pause(&server).await;
            server.call(|reference| reference.remove_member(&room, &user));
        }
    });
    answer
}

/// Upgrades the account and leaves the guest's token live; then ends the token.
async fn upgrade_in_stages(
    server: Server,
    request: BufferedRequest,
    handler: &Handler,
    guest_token: &str,
) -> Result<Response, Failure> {
    let with_token_kept =
        server.with_changed_profile(|profile| profile.choices.old_token = OldToken::KeptAsUser);
    let answer = handler(with_token_kept, request).await?;
    if answer.status().is_success() {
        pause(&server).await;
        server.call(|reference| reference.end_token(guest_token));
    }
    Ok(answer)
}

fn refuses_the_token(answer: &Result<Response, Failure>) -> bool {
    match answer {
        Ok(response) => response.status() == StatusCode::UNAUTHORIZED,
        Err(failure) => matches!(failure, Failure::Refused(decision) if decision.status == 401),
    }
}

/// Whether the request has the token of a guest or of a former guest. By most revisions, only a former
/// guest may log out.
fn caller_is_or_was_a_guest(server: &Server, request: &BufferedRequest) -> bool {
    let Some(token) = request.credentials.as_reference_credentials().token else { return false };
    server.call(|reference| {
        let account = reference.holder(token).and_then(|user| reference.account(user));
        account.is_some_and(|account| account.is_guest() || account.was_guest)
    })
}

/// Lets other calls run for a while.
async fn pause(server: &Server) {
    tokio::time::sleep(Duration::from_millis(server.random(PAUSE))).await;
}
