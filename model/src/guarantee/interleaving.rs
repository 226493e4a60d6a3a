//! What must hold of calls that overlap, beside what must hold of each.

use super::Guarantee;

pub(super) const LINEARIZABLE: Guarantee = Guarantee::along(
    "linearizable",
    "one order of all calls, each at an instant between its start and its answer, explains every answer",
    "a call is answered that another order of the calls would have had answered otherwise, or led elsewhere",
);

pub(super) const QUIESCENT_STATE: Guarantee = Guarantee::along(
    "quiescent_state",
    "whenever nothing is in flight, the homeserver is in a state that an order which explains every answer leads to",
    "nothing is in flight any more after calls that another order would have had answered otherwise, or led elsewhere",
);

pub(super) const DEADLOCK_FREEDOM: Guarantee = Guarantee::along(
    "deadlock_freedom",
    "whenever calls are in flight, one of them can go on",
    "a call in flight is kept waiting by what another one holds",
);
