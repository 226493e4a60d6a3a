#!/usr/bin/env bash
# matrix-nio 0.26.0: a room stays open to guests in the client when its guest access takes a value that
# is neither `can_join` nor `forbidden`, or is redacted.
#
# Servers let a guest join only while the value is `can_join`, so both changes close the room. nio
# refuses the unknown value as a bad event, reads the redacted one as an event without a setting, and
# `MatrixRoom` keeps `can_join` in both cases.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet matrix-nio==0.26.0
cat >finding.py <<'PYTHON'
from nio import Event, MatrixRoom

def guest_access(content, **more):
    return Event.parse_event({
        "type": "m.room.guest_access", "state_key": "", "content": content, "sender": "@moderator:example.org",
        "event_id": "$event", "origin_server_ts": 1, "room_id": "!room:example.org", **more,
    })

def after(event):
    room = MatrixRoom("!room:example.org", "@user:example.org")
    room.handle_event(guest_access({"guest_access": "can_join"}))
    room.handle_event(event)
    return f"{type(event).__name__} leaves {room.guest_access}"

redaction = {"redacted_because": {
    "type": "m.room.redaction", "content": {}, "sender": "@moderator:example.org", "event_id": "$redaction",
    "origin_server_ts": 2, "room_id": "!room:example.org", "redacts": "$event",
}}
print(after(guest_access({"guest_access": "org.example.members_of_the_club"})), end="; ")
print(after(guest_access({}, unsigned=redaction)))
PYTHON
seen=$(venv/bin/python finding.py 2>/dev/null)
expected="BadEvent leaves can_join; RedactedEvent leaves can_join"
echo "matrix-nio 0.26.0: $seen"
[[ $seen == "$expected" ]] || { echo "expected: $expected" >&2; exit 1; }
