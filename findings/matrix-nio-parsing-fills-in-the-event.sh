#!/usr/bin/env bash
# matrix-nio 0.26.0: `Event.parse_event` writes the schema's default into the dictionary that it is given.
#
# A `m.room.guest_access` event without its key comes back as an event that says `forbidden`, and the
# caller's own dictionary says so too. Whoever parses an event and then stores, compares or hashes the
# dictionary that the server sent has another event than the server: an absent setting and a setting of
# `forbidden` can no longer be told apart.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet matrix-nio==0.26.0
cat >finding.py <<'PYTHON'
from nio import Event

sent = {
    "type": "m.room.guest_access", "state_key": "", "content": {}, "sender": "@moderator:example.org",
    "event_id": "$event", "origin_server_ts": 1, "room_id": "!room:example.org",
}
before = dict(sent["content"])
Event.parse_event(sent)
print(before, "->", sent["content"])
PYTHON
seen=$(venv/bin/python finding.py 2>/dev/null)
expected="{} -> {'guest_access': 'forbidden'}"
echo "matrix-nio 0.26.0: $seen"
[[ $seen == "$expected" ]] || { echo "expected: $expected" >&2; exit 1; }
