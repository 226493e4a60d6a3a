//! Concurrency defects: mistakes that a homeserver makes only while calls overlap.

/// A mistake that a homeserver makes only while calls overlap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConcurrencyDefect {
    /// The server checks a call to a room, and performs the call later without a second check. A guest
    /// joins after the revocation that should have kept the guest out.
    CheckThenAct,
    /// The server looks up the access token when a call begins, and not again when it performs the
    /// call. A call in flight outlives the log-out.
    TokenAtStart,
    /// The server looks up who may read when a call begins, and the messages later. The answer holds a
    /// message that was sent after the room was closed to the reader.
    LateAnswer,
    /// The server answers the change that revokes guest access. Then it lists the guests, and removes
    /// each of them.
    LateSweep,
    /// An upgrade changes the account first, and ends the guest's token later.
    UpgradeInStages,
}

impl ConcurrencyDefect {
    /// Every concurrency defect.
    pub const ALL: [Self; 5] = [
        Self::CheckThenAct,
        Self::TokenAtStart,
        Self::LateAnswer,
        Self::LateSweep,
        Self::UpgradeInStages,
    ];

    /// The id of the defect, as `--defect` takes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CheckThenAct => "concurrency.check_then_act",
            Self::TokenAtStart => "concurrency.token_at_start",
            Self::LateAnswer => "concurrency.late_answer",
            Self::LateSweep => "concurrency.late_sweep",
            Self::UpgradeInStages => "concurrency.upgrade_in_stages",
        }
    }

    /// The defect with this id.
    pub fn find(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|defect| defect.as_str() == id)
    }
}
