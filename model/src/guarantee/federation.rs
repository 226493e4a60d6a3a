//! What must hold of several homeservers in one room.

use super::Guarantee;

pub(super) const FEDERATED_REVOCATION: Guarantee = Guarantee::along(
    "federated_revocation",
    "once everything is delivered, no guest of an honest server is joined where guest access is not can_join",
    "a change that ends guest access reaches an honest server, not the sender's, whose guest is joined",
);

pub(super) const GUEST_BLINDNESS: Guarantee = Guarantee::along(
    "guest_blindness",
    "no server's decision depends on whether another server's user is a guest",
    "what one server sent reaches another, while there is a guest on the first",
);

pub(super) const PARTICIPATION: Guarantee = Guarantee::along(
    "participation",
    "a server gives guests access only to rooms that it takes part in",
    "a guest calls about a room that its server takes no part in",
);

pub(super) const SERVER_CONFINEMENT: Guarantee = Guarantee::along(
    "server_confinement",
    "no server, honest or not, has an event sent while none of its users was in the room, unless history visibility opens it to whoever joins later",
    "a server comes to take part in a room after an event that is not open to whoever joins later",
);

pub(super) const REVOCATION_EVERYWHERE: Guarantee = Guarantee::along(
    "revocation_everywhere",
    "once everything is delivered, no guest of any server is joined where guest access is not can_join",
    "a change that ends guest access reaches a server, not the sender's, whose guest is joined",
);

pub(super) const READ_CONFINEMENT_EVERYWHERE: Guarantee = Guarantee::along(
    "read_confinement_everywhere",
    "no guest of any server is given an event that its visibility at the event, and the guest's own membership, do not allow",
    "a guest reads a room that holds an event hidden from it",
);
