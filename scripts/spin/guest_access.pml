/*
 * Guest access with one guest and one room, for SPIN: every step that changes something.
 *
 * Written from spec-notes/steps.md and the rules files, not from the decision functions in Rust, so
 * that the two can be held against each other: `scripts/spin/compare` counts the states and the
 * state-changing transitions of both. What the state keeps, which steps are tried, and what is
 * forgotten are taken from the Rust model, because the counts depend on them; who may do what, and
 * what comes of it, is not.
 *
 * How the counts come out equal. There is one process, and it is always at the head of one loop, so
 * a state of SPIN's is the values of the variables below and nothing else. Every step is one option
 * of the loop: a d_step whose guard says that the step is possible and that it changes the state,
 * and whose end forgets (`settle`), so that no state in between is ever stored. Two steps with the
 * same result are two options. A step that changes nothing is no option. SPIN has to be run with -o2:
 * otherwise it leaves `tag_joined_later` out of the state, because no guard reads it.
 *
 * The rules come in by -D. For each decision point that can touch the state, OPT_<point> is the
 * option taken (IS_<option>); for each of the endpoints by which a guest can change the state,
 * OPEN_<endpoint> says when it is open to guests. `compare` reads them from model/rules. The other
 * decision points are about answers only (codes, and what a reader is given) and do not occur.
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

/* What the history visibility means. UNREADABLE is only where malformed content makes reading fail. */
#define WORLD_READABLE 0
#define SHARED         1
#define INVITED        2
#define JOINED         3
#define UNREADABLE     4

/* What the guest access means. */
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

/* What a membership counts for at the tagged event. */
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

/* ---- the state ---- */

byte account = ABSENT;
byte visibility = (TAKES(history_visibility_absent, world_readable) -> WORLD_READABLE : SHARED);
byte guest_access = (TAKES(guest_access_absent, can_join) -> CAN_JOIN : FORBIDDEN);
byte join_rule = PUBLIC;
byte membership = NEVER;           /* the guest's */
byte users_membership = JOIN;      /* the ordinary user's: no published revision ever changes it */

/* The tagged event; while there is none, all of it is 0. */
byte tag_kind = NOT_TAGGED;
byte tag_setting_before;
byte tag_setting_after;
byte tag_standing_before;
byte tag_standing_after;
bool tag_joined_later;

/* Before the present step; not part of the state. */
hidden byte old_setting;
hidden byte old_standing;
hidden byte swap;

/* While the setting cannot be read, an event is sent under `shared`: the Rust state has it so. */
#define MEANING(v) ((v) == UNREADABLE -> SHARED : (v))

/* ---- what is forgotten ---- */

inline forget_standing() {
  tag_standing_before = AS_OTHER;
  tag_standing_after = AS_OTHER;
  tag_joined_later = true
}

/* The end of every step: whoever is joined now is joined after the event, and then forget. */
inline settle() {
  if
  :: tag_kind != NOT_TAGGED ->
    if
    :: membership == JOIN -> tag_joined_later = true
    :: else
    fi;
    if /* no token, no reader */
    :: (TAKES(authentication_ended_token, refused)
       && (account == GUEST_ENDED || account == USER_ENDED)) -> forget_standing()
    :: else
    fi;
    if /* judged by either side: which is which does not matter */
    :: TAKES(visibility_setting_change, either) && tag_setting_before > tag_setting_after ->
      swap = tag_setting_before;
      tag_setting_before = tag_setting_after;
      tag_setting_after = swap
    :: else
    fi;
    if
    :: (TAKES(visibility_own_membership, either) && tag_kind == MEMBER
       && tag_standing_before > tag_standing_after) ->
      swap = tag_standing_before;
      tag_standing_before = tag_standing_after;
      tag_standing_after = swap
    :: else
    fi;
    if /* open to everyone for good */
    :: (TAKES(visibility_world_readable, opens) && TAKES(room_left_reader, at_least_as_stranger)
       && TAKES(visibility_setting_change, either) && TAKES(visibility_evaluated_at, event)
       && tag_kind != NOTE
       && (tag_setting_before == WORLD_READABLE || tag_setting_after == WORLD_READABLE)) ->
      forget_standing()
    :: else
    fi;
    if /* a join at the event opens what a join after it could */
    :: (TAKES(visibility_joined, opens) && TAKES(visibility_own_membership, either)
       && (tag_standing_before == AS_JOINED || tag_standing_after == AS_JOINED)) ->
      tag_joined_later = true
    :: else
    fi;
    swap = 0
  :: else
  fi;
  old_setting = 0;
  old_standing = 0
}

/* ---- the form of a step ---- */

#define STEP(possible, deed) \
  :: d_step { (possible) -> deed; settle() }

/* The same, with an event that is the tagged one. `possible` has to say that it is of its kind. */
#define TAGGED(kind, possible, deed) \
  :: d_step { \
    ((possible) && tag_kind == NOT_TAGGED) -> \
    old_setting = MEANING(visibility); \
    old_standing = STANDING(membership); \
    deed; \
    tag_kind = kind; \
    tag_setting_before = old_setting; \
    tag_setting_after = MEANING(visibility); \
    tag_standing_before = old_standing; \
    tag_standing_after = STANDING(membership); \
    settle() \
  }

/* ---- who may call ---- */

/* When an endpoint is open to guests: what -D OPEN_<endpoint> can be. */
#define ALWAYS true
#define NOT_EVER false
#define IN_A_WORLD_READABLE_ROOM (visibility == WORLD_READABLE)
#define WHERE_JOINED (membership == JOIN)

#define NO_LIST (TAKES(unlisted_endpoint, served) || TAKES(registration_first_guest, administrator))
#define OPEN(endpoint) (OPEN_##endpoint || NO_LIST)
/* A guest's own m.room.member by PUT state is a question of its own; where there is no list, no. */
#define OPEN_OWN_MEMBER ((OPEN_put_state && TAKES(put_state_membership, as_own_endpoint)) || NO_LIST)

#define IS_A_GUEST (account == GUEST || account == GUEST_ENDED)
#define GUEST_IS_SERVED \
  (account == GUEST || (account == GUEST_ENDED && TAKES(authentication_ended_token, guests_served)))
/* The holder of the account passes authentication and the allow-list. */
#define PASSES(is_open) (account == USER || (GUEST_IS_SERVED && (is_open)))

/* ---- joining ---- */

/* The gate is for guests; `unguarded` if it does not hold for this way in. */
#define GATE_HOLDS(unguarded) \
  (TAKES(join_gate, can_join_only) && !(unguarded) \
   && !(membership == INVITE && TAKES(join_gate_for_invited, waived)) \
   && (IS_A_GUEST || TAKES(join_gate_for_users, upgraded_held)))

/* The holder's join is allowed and makes it joined. */
#define CAN_COME_IN(is_open, unguarded) \
  (PASSES(is_open) && membership != BAN && membership != JOIN \
   && (guest_access == CAN_JOIN || !GATE_HOLDS(unguarded)) \
   && (join_rule == PUBLIC || membership == INVITE))

#define JOINS(is_open, unguarded) \
  STEP(CAN_COME_IN(is_open, unguarded), membership = JOIN) \
  TAGGED(MEMBER, CAN_COME_IN(is_open, unguarded), membership = JOIN)

/* From `knock` to `leave` means no other membership at an event, so that is never tagged. */
#define LEAVES(is_open) \
  STEP(PASSES(is_open) && (membership == JOIN || membership == INVITE || membership == KNOCK), \
       membership = LEAVE) \
  TAGGED(MEMBER, PASSES(is_open) && (membership == JOIN || membership == INVITE), \
         membership = LEAVE)

/* From `knock` it is allowed too, and changes nothing. */
#define KNOCKS(is_open) \
  STEP(PASSES(is_open) && join_rule == KNOCKING && (membership == NEVER || membership == LEAVE), \
       membership = KNOCK)

/* ---- revocation ---- */

#define REVOCABLE_ACCOUNT \
  (IS_A_GUEST && !TAKES(revocation_whom, live_guests_only) || account == GUEST \
   || account != ABSENT \
      && (TAKES(revocation_whom, upgraded_too) || TAKES(revocation_whom, everybody)))
#define REVOCABLE(m) \
  ((m) == JOIN || (m) == INVITE && !TAKES(revocation_memberships, joined) \
   || (m) == KNOCK && TAKES(revocation_memberships, joined_invited_and_knocking))
#define REVOKES_THE_GUEST \
  (!TAKES(revocation_effect, none) && REVOCABLE_ACCOUNT && REVOCABLE(membership))
#define REVOKES_THE_USER \
  (!TAKES(revocation_effect, none) && REVOCABLE(users_membership) \
   && (TAKES(revocation_whom, everybody) || TAKES(registration_known_by, no_password)))
#define REVOKED (TAKES(revocation_effect, ban) -> BAN : LEAVE)

inline revoke() {
  if
  :: REVOKES_THE_GUEST -> membership = REVOKED
  :: else
  fi;
  if
  :: REVOKES_THE_USER -> users_membership = REVOKED
  :: else
  fi
}

/* Guest access comes to mean `meaning`; `counts`: if that ends it, it is a way that revokes. */
inline set_guest_access(meaning, counts) {
  if
  :: guest_access == CAN_JOIN && meaning != CAN_JOIN && (counts) -> revoke()
  :: else
  fi;
  guest_access = meaning
}

/* ---- settings ---- */

#define SENDS_VISIBILITY(meaning) \
  STEP(visibility != (meaning), visibility = (meaning)) \
  TAGGED(SETTING, MEANING(visibility) != MEANING(meaning), visibility = (meaning))
#define SENDS_GUEST_ACCESS(meaning, counts) \
  STEP(guest_access != (meaning), set_guest_access((meaning), (counts)))

#define UNKNOWN_VISIBILITY \
  (TAKES(history_visibility_unknown, unchanged) -> visibility \
   : (TAKES(history_visibility_unknown, world_readable) -> WORLD_READABLE : SHARED))
#define MALFORMED_VISIBILITY \
  (TAKES(history_visibility_malformed, fails) -> UNREADABLE \
   : (TAKES(history_visibility_malformed, world_readable) -> WORLD_READABLE : SHARED))
#define UNKNOWN_GUEST_ACCESS (TAKES(guest_access_unknown, can_join) -> CAN_JOIN : FORBIDDEN)
#define MALFORMED_GUEST_ACCESS (TAKES(guest_access_malformed, can_join) -> CAN_JOIN : FORBIDDEN)

/* Under another state key, or as a message event: never tagged. */
#define STRAYS \
  STEP(TAKES(history_visibility_stray, counts) && visibility != WORLD_READABLE, \
       visibility = WORLD_READABLE) \
  STEP(TAKES(guest_access_stray, counts) && guest_access != CAN_JOIN, \
       set_guest_access(CAN_JOIN, true)) \
  STEP(TAKES(guest_access_stray, counts) && guest_access != FORBIDDEN, \
       set_guest_access(FORBIDDEN, true))

/* ---- upgrade ---- */

#define UPGRADES (TAKES(upgrade_offered, offered))
#define ANY_TOKEN (TAKES(upgrade_token, unchecked))

inline upgrade() {
  account = USER;
  if
  :: (TAKES(upgrade_memberships, left)
     && (membership == JOIN || membership == INVITE || membership == KNOCK)) -> membership = LEAVE
  :: else
  fi
}

/* The upgrade makes another user in the guest's place, who is in no room and never was. */
inline start_anew() {
  account = USER;
  membership = NEVER;
  if
  :: tag_kind != NOT_TAGGED ->
    tag_standing_before = AS_OTHER;
    tag_standing_after = AS_OTHER;
    tag_joined_later = false
  :: else
  fi
}

active proctype homeserver() {
  do

  /* ---- accounts ---- */

  /* Register as guest, with and without a wish for a name. */
  STEP(account == ABSENT && TAKES(registration_guests, open), account = GUEST)
  STEP(account == ABSENT && TAKES(registration_guests, open), account = GUEST)
  /* Register over a guest. */
  STEP(IS_A_GUEST && TAKES(registration_user_ids, colliding), account = USER)
  /* Upgrade: own; other name; made-up token. (Another guest's token takes another guest.) */
  STEP(UPGRADES && (account == GUEST || account == GUEST_ENDED && ANY_TOKEN), upgrade())
  STEP(UPGRADES && account == GUEST && TAKES(upgrade_username, any_accepted), start_anew())
  STEP(UPGRADES && account == GUEST && ANY_TOKEN, upgrade())
  /* Log out; deactivate. (An ended token that is served is ended already.) */
  STEP(account == USER, account = USER_ENDED)
  STEP(account == GUEST && OPEN(logout), account = GUEST_ENDED)
  STEP(account == USER, account = USER_ENDED)
  STEP(account == GUEST && OPEN(deactivate), account = GUEST_ENDED)
  /* The server ends a token. */
  STEP(account == GUEST, account = GUEST_ENDED)
  STEP(account == USER, account = USER_ENDED)
  /* Restart. */
  STEP(account == GUEST && TAKES(registration_flag, lost_at_restart), account = USER)
  STEP(account == GUEST_ENDED && TAKES(registration_flag, lost_at_restart), account = USER_ENDED)

  /* ---- the moderator ---- */

  /* A message, a note: they change nothing unless they are tagged. */
  TAGGED(MESSAGE, true, skip)
  TAGGED(NOTE, true, skip)
  /* History visibility: each value, one that is none, malformed content. */
  SENDS_VISIBILITY(WORLD_READABLE)
  SENDS_VISIBILITY(SHARED)
  SENDS_VISIBILITY(INVITED)
  SENDS_VISIBILITY(JOINED)
  SENDS_VISIBILITY(UNKNOWN_VISIBILITY)
  SENDS_VISIBILITY(MALFORMED_VISIBILITY)
  /* Guest access: likewise. */
  SENDS_GUEST_ACCESS(CAN_JOIN, true)
  SENDS_GUEST_ACCESS(FORBIDDEN, true)
  SENDS_GUEST_ACCESS(UNKNOWN_GUEST_ACCESS, !TAKES(revocation_trigger, forbidden_only))
  SENDS_GUEST_ACCESS(MALFORMED_GUEST_ACCESS, !TAKES(revocation_trigger, forbidden_only))
  /* Where they mean nothing: under a wrong key, and as a message event. */
  STRAYS
  STRAYS
  /* Redactions. */
  STEP(TAKES(history_visibility_redacted, shared) && visibility != SHARED, visibility = SHARED)
  STEP(guest_access == CAN_JOIN && TAKES(guest_access_redacted, forbidden),
       set_guest_access(FORBIDDEN, TAKES(revocation_trigger, every_way)))
  /* The join rule. */
  STEP(join_rule != PUBLIC, join_rule = PUBLIC)
  STEP(join_rule != INVITE_ONLY, join_rule = INVITE_ONLY)
  STEP(join_rule != KNOCKING, join_rule = KNOCKING)
  /* Invite, kick, ban, unban. Only the first two are taggable: a ban is to readers as a kick is. */
  STEP(account != ABSENT && (membership == NEVER || membership == LEAVE || membership == KNOCK),
       membership = INVITE)
  TAGGED(MEMBER,
         account != ABSENT && (membership == NEVER || membership == LEAVE || membership == KNOCK),
         membership = INVITE)
  STEP(account != ABSENT && (membership == JOIN || membership == INVITE || membership == KNOCK),
       membership = LEAVE)
  TAGGED(MEMBER, account != ABSENT && (membership == JOIN || membership == INVITE),
         membership = LEAVE)
  STEP(account != ABSENT && membership != BAN, membership = BAN)
  STEP(account != ABSENT && membership == BAN, membership = LEAVE)

  /* ---- the ordinary user and the account's holder ---- */

  /* Without power, guest access is refused; that the event revokes all the same is a mistake. */
  STEP(TAKES(revocation_rejected_event, revokes)
       && (!TAKES(registration_known_by, no_password) || OPEN(put_state))
       && (REVOKES_THE_GUEST || REVOKES_THE_USER),
       revoke())
  STEP(TAKES(revocation_rejected_event, revokes) && PASSES(OPEN(put_state))
       && (REVOKES_THE_GUEST || REVOKES_THE_USER),
       revoke())
  /* The holder's own membership: by its own endpoint, by alias (joins), by PUT state. */
  JOINS(OPEN(join), false)
  JOINS(OPEN(join_by_alias), TAKES(join_gate_by_alias, waived))
  JOINS(OPEN_OWN_MEMBER, TAKES(join_gate_by_state_event, waived))
  LEAVES(OPEN(leave))
  LEAVES(OPEN_OWN_MEMBER)
  KNOCKS(OPEN(knock))
  KNOCKS(OPEN_OWN_MEMBER)
  od
}
