//! Several stories at once on one homeserver.

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::time::Duration;

use futures_util::future::join_all;

use crate::subject::server::{Server, ServerError, SharedFixture};

use super::story::{Story, Teller, Told};

/// How long a homeserver that did not answer is given before it is asked whether it is still there.
const BREATH: Duration = Duration::from_millis(500);

/// Tells stories, so many at once, each by helpers of its own.
#[derive(Debug)]
pub(super) struct Workers<'a> {
    teller: Teller<'a>,
    fixtures: Vec<SharedFixture>,
    /// Why the homeserver is asked no further.
    broken_off: RefCell<Option<ServerError>>,
}

impl<'a> Workers<'a> {
    pub(super) const fn new(teller: Teller<'a>, fixtures: Vec<SharedFixture>) -> Self {
        Self { teller, fixtures, broken_off: RefCell::new(None) }
    }

    pub(super) const fn teller(&self) -> &Teller<'a> {
        &self.teller
    }

    /// Tells these stories, the longest first, so that in the end nobody waits for one of them; and
    /// says of each what came of it, in the order in which they are given.
    pub(super) async fn tell_all(
        &self,
        stories: Vec<Story>,
        progress: impl Fn(usize),
    ) -> Vec<(Story, Told)> {
        let mut stories: Vec<_> = stories.into_iter().enumerate().collect();
        stories.sort_by_key(|(_, story)| Reverse(story.steps.len()));
        let places: Vec<_> = stories.iter().map(|(place, _)| *place).collect();
        let told = self.tell(stories.into_iter().map(|(_, story)| story), progress).await;
        let mut told: Vec<_> = places.into_iter().zip(told).collect();
        told.sort_by_key(|(place, _)| *place);
        told.into_iter().map(|(_, told)| told).collect()
    }

    /// Tells the stories that `stories` gives, and says of each what came of it, in their order.
    /// `progress` is told how many were told so far.
    pub(super) async fn tell(
        &self,
        stories: impl Iterator<Item = Story>,
        progress: impl Fn(usize),
    ) -> Vec<(Story, Told)> {
        let stories = RefCell::new(stories.enumerate());
        let done = Cell::new(0);
        let told = RefCell::new(Vec::new());
        let work = self.fixtures.iter().map(|fixture| async {
            while !self.is_over() {
                let Some((number, story)) = stories.borrow_mut().next() else { return };
                let came_of_it = self.teller.tell(fixture, &story).await;
                if came_of_it.broken.as_ref().is_some_and(ServerError::is_broken_line) {
                    self.see_whether_it_answers().await;
                }
                told.borrow_mut().push((number, story, came_of_it));
                done.set(done.get() + 1);
                progress(done.get());
            }
        });
        join_all(work).await;
        let mut told = told.into_inner();
        told.sort_by_key(|(number, ..)| *number);
        told.into_iter().map(|(_, story, came_of_it)| (story, came_of_it)).collect()
    }

    /// Leaves the rooms in which more stories could have been told.
    pub(super) async fn leave(&self) {
        if self.broken_off.borrow().is_none() {
            join_all(self.fixtures.iter().map(|h| self.teller.server.leave_vacant(h))).await;
        }
    }

    /// Why the homeserver is asked no further, if it is not.
    pub(super) fn broken_off(&self) -> Option<ServerError> {
        self.broken_off.borrow().clone()
    }

    /// Whether nothing more is asked: the time is up, or nobody is there.
    pub(super) fn is_over(&self) -> bool {
        self.teller.stop.now() || self.broken_off.borrow().is_some()
    }

    /// One call may fail for any reason; where the homeserver does not even say which versions it
    /// speaks, it is gone.
    async fn see_whether_it_answers(&self) {
        tokio::time::sleep(BREATH).await;
        if let Err(error) = self.teller.server.answers().await {
            self.broken_off.borrow_mut().get_or_insert(error);
        }
    }
}

/// The helpers of so many workers.
///
/// # Errors
/// If the homeserver registers nobody.
pub(super) async fn fixtures(
    server: &Server,
    jobs: usize,
    given: &[crate::subject::server::UserAccount],
) -> Result<Vec<SharedFixture>, ServerError> {
    // The first alone: what goes wrong goes wrong once.
    let mut fixtures = vec![server.fixture(given).await?];
    let others = (1..jobs).map(|_| server.fixture(given));
    for other in join_all(others).await {
        fixtures.push(other?);
    }
    Ok(fixtures)
}
