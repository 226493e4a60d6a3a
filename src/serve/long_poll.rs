//! Waiting for something to happen before a request is answered.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::{Server, Status};
use crate::reference::{Answer, Reference};

/// How long anybody may wait at most.
const LONGEST: Duration = Duration::from_secs(120);

impl Server {
    /// Asks again whenever something happened, until there is something to say, or a refusal, or
    /// the time is over.
    pub(super) async fn poll<T>(
        &self,
        timeout: Option<Duration>,
        ask: impl Fn(&mut Reference) -> Answer<T>,
        is_news: impl Fn(&T) -> bool,
    ) -> Answer<T> {
        let deadline = Instant::now() + timeout.unwrap_or_default().min(LONGEST);
        let mut changes = self.changes.subscribe();
        loop {
            let ending = *changes.borrow_and_update() == Status::Ending;
            let answer = self.call(&ask);
            let to_be_given = answer.as_ref().map_or(true, |granted| is_news(&granted.response));
            if to_be_given || ending || Instant::now() >= deadline {
                return answer;
            }
            // Neither the time being over nor the server ending changes what there is to do.
            let _ = timeout_at(deadline, changes.changed()).await;
        }
    }
}
