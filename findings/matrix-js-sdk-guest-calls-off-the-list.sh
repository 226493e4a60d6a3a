#!/usr/bin/env bash
# matrix-js-sdk 37.5.0: a guest that joins a room by its id calls POST /join/{roomIdOrAlias}, which is not
# on the specification's list of what a guest may call; POST /rooms/{roomId}/join is, and is never called.
#
# The list in the guest access module (v1.16) names `POST /rooms/{roomId}/join` alone. `MatrixClient`
# has one call for joining, for ids and aliases, for users and guests. A homeserver that keeps to the
# letter of the list lets no guest of this SDK join. A small server on loopback writes down what is called.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund matrix-js-sdk@37.5.0 >/dev/null 2>&1
cat >finding.mjs <<'JS'
import http from "node:http";
import * as sdk from "matrix-js-sdk";

const calls = [];
const server = http.createServer((request, response) => {
    calls.push(`${request.method} ${decodeURIComponent(request.url)}`);
    response.setHeader("Content-Type", "application/json");
    response.end(JSON.stringify({ room_id: "!room:example.org" }));
});
await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
const baseUrl = `http://127.0.0.1:${server.address().port}`;
const client = sdk.createClient({ baseUrl, accessToken: "token", userId: "@1:example.org", deviceId: "D" });
client.setGuest(true);
await client.joinRoom("!room:example.org");
process.stdout.write(`SEEN ${calls.join(", ")}\n`);
process.exit(0);
JS
seen=$(node finding.mjs 2>/dev/null | sed -n 's/^SEEN //p')
expected="POST /_matrix/client/v3/join/!room:example.org"
echo "matrix-js-sdk 37.5.0: $seen"
[[ $seen == "$expected" ]] || { echo "expected: $expected" >&2; exit 1; }
