//! Long polling: a call waits for news before the server answers.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::server::{Server, Status};
use crate::reference::{Answer, Reference};

/// The longest time that a call may wait.
const MAX_TIMEOUT: Duration = Duration::from_secs(120);

impl Server {
    /// Calls the reference again after each change, until the answer is news or a refusal, or the
    /// timeout is over, or the server ends.
    pub(super) async fn poll<T>(
        &self,
        timeout: Option<Duration>,
        call: impl Fn(&mut Reference) -> Answer<T>,
        is_news: impl Fn(&T) -> bool,
    ) -> Answer<T> {
        let deadline = Instant::now() + timeout.unwrap_or_default().min(MAX_TIMEOUT);
        let mut changes = self.subscribe();
        loop {
            let ending = *changes.borrow_and_update() == Status::Ending;
            let answer = self.call(&call);
            let is_final = answer.as_ref().map_or(true, |granted| is_news(&granted.response));
            if is_final || ending || Instant::now() >= deadline {
                return answer;
            }
            // After a timeout, or at the end of the server, the next round gives the answer.
            let _ = timeout_at(deadline, changes.changed()).await;
        }
    }
}
