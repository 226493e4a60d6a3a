#!/usr/bin/env bash
# Synapse 1.163.2: the first sync of a room gives the whole timeline, says that nothing was left out
# (`limited` is false), and names as `prev_batch` a place after the timeline, not before it. Whoever pages
# backwards from `prev_batch`, as the specification describes, is given every event a second time.
#
# Seen: prev_batch is next_batch, and GET messages from there (dir=b) repeats the events of the sync.
# Expected by the specification (GET /sync, `prev_batch`): a token to retrieve the events before those that
# the timeline gives. A sync with a smaller limit names that place.
#
# Exits with 0 while this is so, and with 1 if it changed.
set -euo pipefail

work=$(mktemp -d)
server=
stop() {
    [[ -z $server ]] || kill "$server" 2>/dev/null || true
    [[ -z $server ]] || wait "$server" 2>/dev/null || true
    rm -rf "$work"
}
trap stop EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet matrix-synapse==1.163.2
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cat >"$work/homeserver.yaml" <<YAML
server_name: localhost
signing_key_path: $work/signing.key
media_store_path: $work/media
report_stats: false
enable_registration: true
enable_registration_without_verification: true
trusted_key_servers: []
database: { name: sqlite3, args: { database: ":memory:" } }
listeners:
  - { port: $port, bind_addresses: ["127.0.0.1"], type: http, resources: [{ names: [client] }] }
YAML
"$work/venv/bin/python" -m synapse.app.homeserver -c "$work/homeserver.yaml" --generate-keys
"$work/venv/bin/python" -m synapse.app.homeserver -c "$work/homeserver.yaml" >"$work/log" 2>&1 &
server=$!

python3 - "http://127.0.0.1:$port/_matrix/client" <<'PYTHON'
import json
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

BASE = sys.argv[1]


def call(method, path, token=None, body=None, **query):
    url = f"{BASE}{path}?{urllib.parse.urlencode(query)}"
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, headers, method=method)
    with urllib.request.urlopen(request) as response:
        return json.load(response)


for _ in range(300):
    try:
        call("GET", "/versions")
        break
    except (urllib.error.URLError, ConnectionError):
        time.sleep(0.1)


def register(name):
    auth = {"type": "m.login.dummy"}
    body = {"username": name, "password": "a long password", "auth": auth}
    return call("POST", "/v3/register", body=body)["access_token"]


owner, member = register("owner"), register("member")
room = call("POST", "/v3/createRoom", owner, {"preset": "public_chat"})["room_id"]
quoted = urllib.parse.quote(room, safe="")
call("POST", f"/v3/join/{quoted}", member, {})


def sync(limit):
    room_filter = json.dumps({"room": {"timeline": {"limit": limit}}})
    answer = call("GET", "/v3/sync", member, filter=room_filter, timeout=0)
    return answer["next_batch"], answer["rooms"]["join"][room]["timeline"]


def again(timeline):
    """How many events of the timeline a page backwards from its `prev_batch` repeats."""
    path = f"/v3/rooms/{quoted}/messages"
    page = call("GET", path, member, dir="b", limit=100, **{"from": timeline["prev_batch"]})
    given = {event["event_id"] for event in timeline["events"]}
    return sum(event["event_id"] in given for event in page["chunk"])


seen = []
for limit in (100, 1):
    next_batch, timeline = sync(limit)
    is_end = timeline["prev_batch"] == next_batch
    seen.append((limit, timeline["limited"], is_end, again(timeline) == len(timeline["events"])))
for limit, limited, is_end, repeats in seen:
    print(f"Synapse 1.163.2, limit {limit}: limited {limited}, prev_batch is next_batch: {is_end}, all events again: {repeats}")
if seen != [(100, False, True, True), (1, True, False, False)]:
    sys.exit("this has changed")
PYTHON
