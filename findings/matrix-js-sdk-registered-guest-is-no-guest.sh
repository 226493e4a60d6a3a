#!/usr/bin/env bash
# matrix-js-sdk 37.5.0: a client does not know that it is a guest's, not even the one that registered it.
#
# `registerGuest` returns the account and leaves `isGuest()` at false. A client made with the guest's
# token says the same until the program calls `setGuest(true)`. Started without that call, such a client
# asks for push rules and uploads a filter, as a user's does; neither endpoint is on the list of what a
# guest may call (specification v1.16). A server that refuses these to guests, as the list has it, keeps
# the client from its first sync. With `setGuest(true)`, the same client asks for neither.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund matrix-js-sdk@37.5.0 >/dev/null 2>&1
cat >finding.mjs <<'JS'
import http from "node:http";
import * as sdk from "matrix-js-sdk";

let calls = [];
const account = { user_id: "@1:example.org", access_token: "token", device_id: "D" };
const server = http.createServer((request, response) => {
    const path = request.url.split("?")[0];
    calls.push(`${request.method} ${decodeURIComponent(path)}`);
    response.setHeader("Content-Type", "application/json");
    const answers = { register: account, versions: { versions: ["v1.12"] }, filter: { filter_id: "1" } };
    const name = Object.keys(answers).find((name) => path.endsWith(`/${name}`));
    response.end(JSON.stringify(answers[name] ?? { next_batch: "1" }));
});
await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
const baseUrl = `http://127.0.0.1:${server.address().port}`;

const registering = sdk.createClient({ baseUrl });
await registering.registerGuest({});

async function offList(isGuest) {
    calls = [];
    const options = { baseUrl, accessToken: "token", userId: "@1:example.org", deviceId: "D" };
    const client = sdk.createClient(options);
    if (isGuest) client.setGuest(true);
    await client.startClient({ initialSyncLimit: 1 });
    while (!calls.some((call) => call.endsWith("/sync"))) await new Promise((r) => setTimeout(r, 20));
    client.stopClient();
    return ["/pushrules/", "/filter"].filter((end) => calls.some((call) => call.endsWith(end)));
}
const unsaid = await offList(false);
const said = await offList(true);
process.stdout.write(
    `SEEN isGuest ${registering.isGuest()}; started asks for ${unsaid.join(" ")}; with setGuest for [${said}]\n`,
);
process.exit(0);
JS
seen=$(node finding.mjs 2>/dev/null | sed -n 's/^SEEN //p')
expected="isGuest false; started asks for /pushrules/ /filter; with setGuest for []"
echo "matrix-js-sdk 37.5.0: $seen"
[[ $seen == "$expected" ]] || { echo "expected: $expected" >&2; exit 1; }
