#!/usr/bin/env bash
# matrix-nio 0.26.0: a room's guest access and history visibility change when the event of that type
# comes under a state key of its own.
#
# The specification gives both events the empty state key, and a server looks nowhere else: an event
# under another key is somebody's own and changes no setting. `MatrixRoom` does not look at the key. So a
# client on matrix-nio shows a room as open to guests, or as world-readable, that no server treats so.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet matrix-nio==0.26.0
cat >finding.py <<'PYTHON'
from nio import Event, MatrixRoom

def state(type, key, content):
    return Event.parse_event({
        "type": type, "state_key": key, "content": content, "sender": "@moderator:example.org",
        "event_id": "$event", "origin_server_ts": 1, "room_id": "!room:example.org",
    })

room = MatrixRoom("!room:example.org", "@user:example.org")
before = room.guest_access, room.history_visibility
room.handle_event(state("m.room.guest_access", "other key", {"guest_access": "can_join"}))
room.handle_event(state("m.room.history_visibility", "other key", {"history_visibility": "world_readable"}))
print(*before, "->", room.guest_access, room.history_visibility)
PYTHON
seen=$(venv/bin/python finding.py 2>/dev/null)
expected="forbidden shared -> can_join world_readable"
echo "matrix-nio 0.26.0: $seen"
[[ $seen == "$expected" ]] || { echo "expected: $expected" >&2; exit 1; }
