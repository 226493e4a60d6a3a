//! Which events a mistaken homeserver takes for a revocation.

use guest_access_rules::federation::FederationMistake;

use super::scenario::{Content, Standing};

/// Whether the mistake removes guests for an event of this standing that changes no setting.
pub(super) const fn revokes_for(
    mistake: FederationMistake,
    standing: Standing,
    what: Content,
) -> bool {
    match (mistake, standing) {
        (FederationMistake::RevokesForTheRejected, Standing::Rejected)
        | (FederationMistake::RevokesForTheSoftFailed, Standing::SoftFailed)
        | (FederationMistake::RevokesForTheLoser, Standing::LosesTo(_)) => true,
        (FederationMistake::RevokesForAnyStateKey, Standing::NoSetting) => {
            matches!(what, Content::GuestAccessElsewhere(_))
        }
        (FederationMistake::RevokesForMessages, Standing::NoSetting) => {
            matches!(what, Content::GuestAccessMessage(_))
        }
        _ => false,
    }
}
