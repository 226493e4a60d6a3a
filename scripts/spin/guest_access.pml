/*
 * Guest access with GUESTS guests and ROOMS rooms, for SPIN: every action that changes the state.
 *
 * This model is written from spec-notes/actions.md and the rules files, and not from the decision
 * functions in Rust. So `scripts/spin/compare` can compare the two: it counts the states and the
 * state-changing transitions of both. The counts depend on the variables of the state, on the list of
 * actions, on the normal form and on the symmetry of guests, so these are taken from the Rust model.
 * Who may do what, and the next state, are not.
 *
 * Why the counts are equal:
 * - There is one process, always at the head of one loop. So a state of SPIN's is the values of the
 *   variables below and nothing else.
 * - Every action is one option of the loop: a d_step. Its guard says that the action is possible and
 *   changes the state. Its end brings the state into canonical form (`settle`), so no state in between
 *   is stored.
 * - Two actions with the same result are two options. An action that changes nothing is no option.
 * - SPIN runs with -o2: otherwise it drops `joined_later` from the state, because no guard reads it.
 *
 * The scope and the rules come in by -D. For each decision point that can affect the state,
 * OPT_<point> is the option (IS_<option>). For each endpoint by which a guest can change the state,
 * OPEN_<endpoint> says when it is open to guests. `explore` reads them from rules/revisions. The other
 * decision points affect answers only (error codes, and events that a reader is given) and do not
 * occur.
 */

mtype = {
  IS_refused, IS_guests_served, IS_open, IS_closed, IS_stored, IS_lost_at_restart, IS_plain,
  IS_administrator, IS_distinct, IS_colliding, IS_registration, IS_no_password, IS_offered,
  IS_not_offered, IS_own, IS_any_guest, IS_unchecked, IS_own_required, IS_any_accepted, IS_kept,
  IS_left, IS_served, IS_as_own_endpoint, IS_forbidden, IS_can_join, IS_unchanged, IS_ignored,
  IS_counts, IS_shared, IS_world_readable, IS_fails, IS_can_join_only, IS_none, IS_holds,
  IS_waived, IS_pass, IS_upgraded_held, IS_leave, IS_ban, IS_every_way, IS_new_event_only,
  IS_forbidden_only, IS_joined, IS_joined_and_invited, IS_joined_invited_and_knocking,
  IS_local_guests, IS_live_guests_only, IS_upgraded_too, IS_everybody, IS_revokes,
  IS_at_least_as_stranger, IS_only_its_own_time, IS_event, IS_now, IS_opens, IS_while_joined,
  IS_either, IS_before, IS_after, IS_inverted
};
#define TAKES(point, option) (OPT_##point == IS_##option)

/* ---- values ---- */

/* The account. */
#define ABSENT         0
#define GUEST          1
#define USER           2
#define GUEST_ENDED    3
#define USER_ENDED     4

/* The history visibility. UNREADABLE occurs only where malformed content makes reading fail. */
#define WORLD_READABLE 0
#define SHARED         1
#define INVITED        2
#define JOINED         3
#define UNREADABLE     4

/* The guest access. */
#define CAN_JOIN       0
#define FORBIDDEN      1

/* Join rules. */
#define PUBLIC         0
#define INVITE_ONLY    1
#define KNOCKING       2

/* Memberships. */
#define NEVER          0
#define INVITE         1
#define JOIN           2
#define KNOCK          3
#define LEAVE          4
#define BAN            5

/* A membership at the tagged event, as far as the rules distinguish it. */
#define AS_JOINED      0
#define AS_INVITED     1
#define AS_OTHER       2
#define STANDING(m) ((m) == JOIN -> AS_JOINED : ((m) == INVITE -> AS_INVITED : AS_OTHER))

/* Kinds of tagged event. */
#define NOT_TAGGED     0
#define MESSAGE        1
#define NOTE           2
#define SETTING        3
#define MEMBER         4

/* ---- loops over guests and rooms ---- */

/* `of` each guest, each two guests, each room; each guest in this room, this guest in each room. */
#if GUESTS == 1
#define EACH_GUEST(of, between) of(0)
#define EACH_GUEST_IN(r, of, between) of(0, r)
#define EACH_TWO_GUESTS(of)
#elif GUESTS == 2
#define EACH_GUEST(of, between) of(0) between of(1)
#define EACH_GUEST_IN(r, of, between) of(0, r) between of(1, r)
#define EACH_TWO_GUESTS(of) of(0, 1) of(1, 0)
#elif GUESTS == 3
#define EACH_GUEST(of, between) of(0) between of(1) between of(2)
#define EACH_GUEST_IN(r, of, between) of(0, r) between of(1, r) between of(2, r)
#define EACH_TWO_GUESTS(of) of(0, 1) of(0, 2) of(1, 0) of(1, 2) of(2, 0) of(2, 1)
#endif
#if ROOMS == 1
#define EACH_ROOM(of) of(0)
#define IN_EACH_ROOM(g, of, between) of(g, 0)
#elif ROOMS == 2
#define EACH_ROOM(of) of(0) of(1)
#define IN_EACH_ROOM(g, of, between) of(g, 0) between of(g, 1)
#endif

/* ---- the state ---- */

byte account[GUESTS] = ABSENT;

typedef Room {
  byte visibility = (TAKES(history_visibility_absent, world_readable) -> WORLD_READABLE : SHARED);
  byte guest_access = (TAKES(guest_access_absent, can_join) -> CAN_JOIN : FORBIDDEN);
  byte join_rule = PUBLIC;
  byte membership[GUESTS] = NEVER;
  byte users_membership = JOIN     /* no published revision ever changes it */
};
Room room[ROOMS];

/* The tagged event, one of the first room's; while there is none, all of it is 0. */
byte tag_kind = NOT_TAGGED;
byte setting_before;
byte setting_after;
/* The relation of each guest to it. */
byte standing_before[GUESTS];
byte standing_after[GUESTS];
bool joined_later[GUESTS];

/* Values before the current action; not part of the state. */
hidden byte old_setting;
hidden byte old_standing[GUESTS];
hidden byte swap;

/* While the setting cannot be read, an event is sent under `shared`, as in the Rust model. */
#define MEANING(v) ((v) == UNREADABLE -> SHARED : (v))

/* ---- the normal form ---- */

#define EXCHANGE(one, other) swap = one; one = other; other = swap

inline forget_standing(g) {
  standing_before[g] = AS_OTHER;
  standing_after[g] = AS_OTHER;
  joined_later[g] = true
}

/* An ended account has no token, and never gets one: nobody reads by it. */
#define ENDS_FOR_GOOD \
  (TAKES(authentication_ended_token, refused) && TAKES(registration_user_ids, distinct) \
   && !TAKES(upgrade_token, unchecked))
/* An event that was sent while the room was `world_readable` stays open to everyone. */
#define OPENS_FOR_GOOD \
  (TAKES(visibility_world_readable, opens) && TAKES(room_left_reader, at_least_as_stranger) \
   && TAKES(visibility_setting_change, either) && TAKES(visibility_evaluated_at, event) \
   && tag_kind != NOTE)

/* Record who is joined after the event; then take the normal form. */
inline settle_guest(g) {
  if
  :: room[0].membership[g] == JOIN -> joined_later[g] = true
  :: else
  fi;
  if /* judged by either side: which is which does not matter */
  :: (TAKES(visibility_own_membership, either) && tag_kind == MEMBER
     && standing_before[g] > standing_after[g]) ->
    EXCHANGE(standing_before[g], standing_after[g])
  :: else
  fi;
  if /* a join at the event opens what a join after it could */
  :: (TAKES(visibility_joined, opens) && TAKES(visibility_own_membership, either)
     && (standing_before[g] == AS_JOINED || standing_after[g] == AS_JOINED)) ->
    joined_later[g] = true
  :: else
  fi;
  if
  :: (ENDS_FOR_GOOD && (account[g] == GUEST_ENDED || account[g] == USER_ENDED)
     || OPENS_FOR_GOOD && setting_before == WORLD_READABLE) -> forget_standing(g)
  :: else
  fi
}

/* ---- the symmetry of guests ---- */

/* The state of one guest, as one number. */
#if ROOMS == 1
#define MEMBERSHIPS(g) room[0].membership[g]
#else
#define MEMBERSHIPS(g) (room[0].membership[g] * 6 + room[1].membership[g])
#endif
#define OWN(g) \
  ((((account[g] * 36 + MEMBERSHIPS(g)) * 3 + standing_before[g]) * 3 + standing_after[g]) * 2 \
   + joined_later[g])

inline put_in_order(one, other) {
  if
  :: OWN(one) > OWN(other) ->
    EXCHANGE(account[one], account[other]);
    EXCHANGE(room[0].membership[one], room[0].membership[other]);
#if ROOMS > 1
    EXCHANGE(room[1].membership[one], room[1].membership[other]);
#endif
    EXCHANGE(standing_before[one], standing_before[other]);
    EXCHANGE(standing_after[one], standing_after[other]);
    EXCHANGE(joined_later[one], joined_later[other])
  :: else
  fi
}

/* Not if the first guest is special. */
inline put_guests_in_order() {
#if GUESTS > 1
  if
  :: !TAKES(registration_first_guest, administrator) ->
    put_in_order(0, 1);
#if GUESTS > 2
    put_in_order(1, 2);
    put_in_order(0, 1);
#endif
  :: else
  fi
#else
  skip
#endif
}

/* The end of every action. */
inline settle() {
  if
  :: tag_kind != NOT_TAGGED ->
    if /* judged by either side: which is which does not matter */
    :: TAKES(visibility_setting_change, either) && setting_before > setting_after ->
      EXCHANGE(setting_before, setting_after)
    :: else
    fi;
    EACH_GUEST(settle_guest, ;)
  :: else
  fi;
  put_guests_in_order()
}

/* ---- the form of an action ---- */

#define STEP(possible, deed) \
  :: d_step { (possible) -> deed; settle() }

#define NOTE_STANDING(g) old_standing[g] = STANDING(room[0].membership[g])

inline note() {
  old_setting = MEANING(room[0].visibility);
  EACH_GUEST(NOTE_STANDING, ;)
}

inline witness(g) {
  standing_before[g] = old_standing[g];
  standing_after[g] = STANDING(room[0].membership[g])
}

inline tag(kind) {
  tag_kind = kind;
  setting_before = old_setting;
  setting_after = MEANING(room[0].visibility);
  EACH_GUEST(witness, ;)
}

/* The same, with an event that is the tagged one: an event of the first room. `possible` has to say
 * that it is of its kind. */
#define TAGGED(r, kind, possible, deed) TAGGED_IN_##r(kind, possible, deed)
#define TAGGED_IN_0(kind, possible, deed) \
  :: d_step { ((possible) && tag_kind == NOT_TAGGED) -> note(); deed; tag(kind); settle() }
#define TAGGED_IN_1(kind, possible, deed)

/* ---- who may call ---- */

/* The values of -D OPEN_<endpoint>: when an endpoint is open to this guest in this room. */
#define ALWAYS(g, r) true
#define NOT_EVER(g, r) false
#define IN_A_WORLD_READABLE_ROOM(g, r) (room[r].visibility == WORLD_READABLE)
#define WHERE_JOINED(g, r) (room[r].membership[g] == JOIN)

#define NO_LIST(g) \
  (TAKES(unlisted_endpoint, served) || (g) == 0 && TAKES(registration_first_guest, administrator))
#define OPEN(endpoint, g, r) (OPEN_##endpoint(g, r) || NO_LIST(g))
/* For calls that name no room. `explore` passes no condition about a room for these. */
#define OPEN_ANYWHERE(endpoint, g) OPEN(endpoint, g, 0)
/* A guest's own m.room.member by PUT state is a question of its own; where there is no list, no. */
#define OPEN_OWN_MEMBER(g, r) \
  ((OPEN_put_state(g, r) && TAKES(put_state_membership, as_own_endpoint)) || NO_LIST(g))

#define IS_A_GUEST(g) (account[g] == GUEST || account[g] == GUEST_ENDED)
#define GUEST_IS_SERVED(g) \
  (account[g] == GUEST \
   || (account[g] == GUEST_ENDED && TAKES(authentication_ended_token, guests_served)))
/* The holder of the account passes authentication and the allow-list. */
#define PASSES(g, is_open) (account[g] == USER || (GUEST_IS_SERVED(g) && (is_open)))

/* ---- joining ---- */

/* The gate applies to guests; `unguarded` if it does not apply to this endpoint. */
#define GATE_HOLDS(g, r, unguarded) \
  (TAKES(join_gate, can_join_only) && !(unguarded) \
   && !(room[r].membership[g] == INVITE && TAKES(join_gate_for_invited, waived)) \
   && (IS_A_GUEST(g) || TAKES(join_gate_for_users, upgraded_held)))

/* The holder's join is allowed and makes it joined. */
#define CAN_COME_IN(g, r, is_open, unguarded) \
  (PASSES(g, is_open) && room[r].membership[g] != BAN && room[r].membership[g] != JOIN \
   && (room[r].guest_access == CAN_JOIN || !GATE_HOLDS(g, r, unguarded)) \
   && (room[r].join_rule == PUBLIC || room[r].membership[g] == INVITE))

#define JOINS(g, r, is_open, unguarded) \
  STEP(CAN_COME_IN(g, r, is_open, unguarded), room[r].membership[g] = JOIN) \
  TAGGED(r, MEMBER, CAN_COME_IN(g, r, is_open, unguarded), room[r].membership[g] = JOIN)

#define IS_PRESENT(g, r) (room[r].membership[g] == JOIN || room[r].membership[g] == INVITE)
#define CAN_LEAVE(g, r) (IS_PRESENT(g, r) || room[r].membership[g] == KNOCK)
#define CAN_BE_INVITED(g, r) \
  (account[g] != ABSENT \
   && (room[r].membership[g] == NEVER || room[r].membership[g] == LEAVE \
       || room[r].membership[g] == KNOCK))

/* `knock` and `leave` are the same membership at an event, so this leave is never tagged. */
#define LEAVES(g, r, is_open) \
  STEP(PASSES(g, is_open) && CAN_LEAVE(g, r), room[r].membership[g] = LEAVE) \
  TAGGED(r, MEMBER, PASSES(g, is_open) && IS_PRESENT(g, r), room[r].membership[g] = LEAVE)

/* A guest that knocks may knock again; that changes nothing. */
#define KNOCKS(g, r, is_open) \
  STEP(PASSES(g, is_open) && room[r].join_rule == KNOCKING \
       && (room[r].membership[g] == NEVER || room[r].membership[g] == LEAVE), \
       room[r].membership[g] = KNOCK)

/* ---- revocation ---- */

#define REVOCABLE_ACCOUNT(g) \
  (IS_A_GUEST(g) && !TAKES(revocation_whom, live_guests_only) || account[g] == GUEST \
   || account[g] != ABSENT \
      && (TAKES(revocation_whom, upgraded_too) || TAKES(revocation_whom, everybody)))
#define REVOCABLE(m) \
  ((m) == JOIN || (m) == INVITE && !TAKES(revocation_memberships, joined) \
   || (m) == KNOCK && TAKES(revocation_memberships, joined_invited_and_knocking))
#define REVOKES_THE_GUEST(g, r) \
  (!TAKES(revocation_effect, none) && REVOCABLE_ACCOUNT(g) && REVOCABLE(room[r].membership[g]))
#define REVOKES_THE_USER(r) \
  (!TAKES(revocation_effect, none) && REVOCABLE(room[r].users_membership) \
   && (TAKES(revocation_whom, everybody) || TAKES(registration_known_by, no_password)))
#define REVOKED (TAKES(revocation_effect, ban) -> BAN : LEAVE)

inline revoke_guest(g, r) {
  if
  :: REVOKES_THE_GUEST(g, r) -> room[r].membership[g] = REVOKED
  :: else
  fi
}

inline revoke(r) {
  EACH_GUEST_IN(r, revoke_guest, ;);
  if
  :: REVOKES_THE_USER(r) -> room[r].users_membership = REVOKED
  :: else
  fi
}

/* Guest access becomes `meaning`. `counts`: if that ends guest access, this event revokes. */
inline set_guest_access(r, meaning, counts) {
  if
  :: room[r].guest_access == CAN_JOIN && meaning != CAN_JOIN && (counts) -> revoke(r)
  :: else
  fi;
  room[r].guest_access = meaning
}

/* ---- settings ---- */

#define SENDS_VISIBILITY(r, meaning) \
  STEP(room[r].visibility != (meaning), room[r].visibility = (meaning)) \
  TAGGED(r, SETTING, MEANING(room[r].visibility) != MEANING(meaning), room[r].visibility = (meaning))
#define SENDS_GUEST_ACCESS(r, meaning, counts) \
  STEP(room[r].guest_access != (meaning), set_guest_access(r, (meaning), (counts)))

#define UNKNOWN_VISIBILITY(r) \
  (TAKES(history_visibility_unknown, unchanged) -> room[r].visibility \
   : (TAKES(history_visibility_unknown, world_readable) -> WORLD_READABLE : SHARED))
#define MALFORMED_VISIBILITY \
  (TAKES(history_visibility_malformed, fails) -> UNREADABLE \
   : (TAKES(history_visibility_malformed, world_readable) -> WORLD_READABLE : SHARED))
#define UNKNOWN_GUEST_ACCESS (TAKES(guest_access_unknown, can_join) -> CAN_JOIN : FORBIDDEN)
#define MALFORMED_GUEST_ACCESS (TAKES(guest_access_malformed, can_join) -> CAN_JOIN : FORBIDDEN)

/* Under another state key, or as a message event: never tagged. */
#define STRAYS(r) \
  STEP(TAKES(history_visibility_stray, counts) && room[r].visibility != WORLD_READABLE, \
       room[r].visibility = WORLD_READABLE) \
  STEP(TAKES(guest_access_stray, counts) && room[r].guest_access != CAN_JOIN, \
       set_guest_access(r, CAN_JOIN, true)) \
  STEP(TAKES(guest_access_stray, counts) && room[r].guest_access != FORBIDDEN, \
       set_guest_access(r, FORBIDDEN, true))

/* ---- accounts ---- */

#define UPGRADES (TAKES(upgrade_offered, offered))
#define ANY_TOKEN (TAKES(upgrade_token, unchecked))

inline leave_room(g, r) {
  if
  :: CAN_LEAVE(g, r) -> room[r].membership[g] = LEAVE
  :: else
  fi
}

inline upgrade(g) {
  account[g] = USER;
  if
  :: TAKES(upgrade_memberships, left) -> IN_EACH_ROOM(g, leave_room, ;)
  :: else
  fi
}

#define NEVER_IN_ROOM(g, r) room[r].membership[g] = NEVER

/* The upgrade replaces the guest by another user, who never was in any room. */
inline start_anew(g) {
  account[g] = USER;
  IN_EACH_ROOM(g, NEVER_IN_ROOM, ;);
  if
  :: tag_kind != NOT_TAGGED ->
    standing_before[g] = AS_OTHER;
    standing_after[g] = AS_OTHER;
    joined_later[g] = false
  :: else
  fi
}

inline end_token(g) {
  account[g] = (account[g] == USER -> USER_ENDED : GUEST_ENDED)
}

/* An ended token cannot be ended again, even if it is served. */
#define LEAVES_BY_DEACTIVATION(g, r) (TAKES(deactivation_memberships, left) && CAN_LEAVE(g, r))
inline deactivate(g) {
  if
  :: TAKES(deactivation_memberships, left) -> IN_EACH_ROOM(g, leave_room, ;)
  :: else
  fi;
  if
  :: account[g] == USER || account[g] == GUEST -> end_token(g)
  :: else
  fi
}

inline becomes_a_user(g) {
  if
  :: IS_A_GUEST(g) -> account[g] = (account[g] == GUEST -> USER : USER_ENDED)
  :: else
  fi
}

/* ---- the actions ---- */

#define STEPS_ABOUT_ACCOUNT(g) \
  /* Register as guest, with and without a wish for a name. */ \
  STEP(account[g] == ABSENT && TAKES(registration_guests, open), account[g] = GUEST) \
  STEP(account[g] == ABSENT && TAKES(registration_guests, open), account[g] = GUEST) \
  /* Register over a guest. */ \
  STEP(IS_A_GUEST(g) && TAKES(registration_user_ids, colliding), account[g] = USER) \
  /* Upgrade: own; other name; made-up token. */ \
  STEP(UPGRADES && (account[g] == GUEST || account[g] == GUEST_ENDED && ANY_TOKEN), upgrade(g)) \
  STEP(UPGRADES && account[g] == GUEST && TAKES(upgrade_username, any_accepted), start_anew(g)) \
  STEP(UPGRADES && account[g] == GUEST && ANY_TOKEN, upgrade(g)) \
  /* Log out; deactivate. */ \
  STEP(account[g] == USER || account[g] == GUEST && OPEN_ANYWHERE(logout, g), end_token(g)) \
  STEP(PASSES(g, OPEN_ANYWHERE(deactivate, g)) \
       && (account[g] != GUEST_ENDED || (IN_EACH_ROOM(g, LEAVES_BY_DEACTIVATION, ||))), \
       deactivate(g)) \
  /* The server ends a token. */ \
  STEP(account[g] == GUEST || account[g] == USER, end_token(g))

/* Upgrade with the token of another guest. */
#define STEPS_OF_TWO_GUESTS(g, other) \
  STEP(UPGRADES && (ANY_TOKEN || TAKES(upgrade_token, any_guest)) \
       && account[g] == GUEST && account[other] == GUEST, \
       upgrade(g))

#define REVOKES_ANYONE(r) (EACH_GUEST_IN(r, REVOKES_THE_GUEST, ||) || REVOKES_THE_USER(r))

#define STEPS_ABOUT_ROOM(r) \
  /* A message, a note: they change nothing unless they are tagged. */ \
  TAGGED(r, MESSAGE, true, skip) \
  TAGGED(r, NOTE, true, skip) \
  /* History visibility: each value, one that is none, malformed content. */ \
  SENDS_VISIBILITY(r, WORLD_READABLE) \
  SENDS_VISIBILITY(r, SHARED) \
  SENDS_VISIBILITY(r, INVITED) \
  SENDS_VISIBILITY(r, JOINED) \
  SENDS_VISIBILITY(r, UNKNOWN_VISIBILITY(r)) \
  SENDS_VISIBILITY(r, MALFORMED_VISIBILITY) \
  /* Guest access: likewise. */ \
  SENDS_GUEST_ACCESS(r, CAN_JOIN, true) \
  SENDS_GUEST_ACCESS(r, FORBIDDEN, true) \
  SENDS_GUEST_ACCESS(r, UNKNOWN_GUEST_ACCESS, !TAKES(revocation_trigger, forbidden_only)) \
  SENDS_GUEST_ACCESS(r, MALFORMED_GUEST_ACCESS, !TAKES(revocation_trigger, forbidden_only)) \
  /* Where they mean nothing: under a wrong key, and as a message event. */ \
  STRAYS(r) \
  STRAYS(r) \
  /* Redactions. */ \
  STEP(TAKES(history_visibility_redacted, shared) && room[r].visibility != SHARED, \
       room[r].visibility = SHARED) \
  STEP(room[r].guest_access == CAN_JOIN && TAKES(guest_access_redacted, forbidden), \
       set_guest_access(r, FORBIDDEN, TAKES(revocation_trigger, every_way))) \
  /* The join rule. */ \
  STEP(room[r].join_rule != PUBLIC, room[r].join_rule = PUBLIC) \
  STEP(room[r].join_rule != INVITE_ONLY, room[r].join_rule = INVITE_ONLY) \
  STEP(room[r].join_rule != KNOCKING, room[r].join_rule = KNOCKING) \
  /* By the ordinary user, without power: refused; that it revokes all the same is a mistake. */ \
  STEP(TAKES(revocation_rejected_event, revokes) \
       && (!TAKES(registration_known_by, no_password) || OPEN(put_state, 0, r)) \
       && REVOKES_ANYONE(r), \
       revoke(r))

#define STEPS_OF_GUEST_IN(g, r) \
  /* Invite, kick, ban, unban. Only the first two are taggable: a ban is to readers as a kick is. */ \
  STEP(CAN_BE_INVITED(g, r), room[r].membership[g] = INVITE) \
  TAGGED(r, MEMBER, CAN_BE_INVITED(g, r), room[r].membership[g] = INVITE) \
  STEP(account[g] != ABSENT && CAN_LEAVE(g, r), room[r].membership[g] = LEAVE) \
  TAGGED(r, MEMBER, account[g] != ABSENT && IS_PRESENT(g, r), room[r].membership[g] = LEAVE) \
  STEP(account[g] != ABSENT && room[r].membership[g] != BAN, room[r].membership[g] = BAN) \
  STEP(account[g] != ABSENT && room[r].membership[g] == BAN, room[r].membership[g] = LEAVE) \
  /* By the holder, without power: refused; that it revokes all the same is a mistake. */ \
  STEP(TAKES(revocation_rejected_event, revokes) && PASSES(g, OPEN(put_state, g, r)) \
       && REVOKES_ANYONE(r), \
       revoke(r)) \
  /* The holder's own membership: by its own endpoint, by alias (joins), by PUT state. */ \
  JOINS(g, r, OPEN(join, g, r), false) \
  JOINS(g, r, OPEN(join_by_alias, g, r), TAKES(join_gate_by_alias, waived)) \
  JOINS(g, r, OPEN_OWN_MEMBER(g, r), TAKES(join_gate_by_state_event, waived)) \
  LEAVES(g, r, OPEN(leave, g, r)) \
  LEAVES(g, r, OPEN_OWN_MEMBER(g, r)) \
  KNOCKS(g, r, OPEN(knock, g, r)) \
  KNOCKS(g, r, OPEN_OWN_MEMBER(g, r))

#define STEPS_OF_GUEST(g) IN_EACH_ROOM(g, STEPS_OF_GUEST_IN, )

active proctype homeserver() {
  do
  EACH_GUEST(STEPS_ABOUT_ACCOUNT, )
  EACH_TWO_GUESTS(STEPS_OF_TWO_GUESTS)
  /* Restart: every guest at once. */
  STEP(TAKES(registration_flag, lost_at_restart) && (EACH_GUEST(IS_A_GUEST, ||)),
       EACH_GUEST(becomes_a_user, ;))
  EACH_ROOM(STEPS_ABOUT_ROOM)
  EACH_GUEST(STEPS_OF_GUEST, )
  od
}
