// The session of a guest in matrix-bot-sdk: node guest_session.mjs URL
//
// The SDK has no method that registers a guest or upgrades one, so the script sends these requests itself.
// Prints each step that succeeded. Exits 1 at the first step that fails.
import { strict as assert } from "node:assert";
import { randomBytes } from "node:crypto";
import { LogLevel, LogService, MatrixAuth, MatrixClient, MemoryStorageProvider } from "matrix-bot-sdk";

const url = process.argv[2];
const stepTimeout = 20_000;
LogService.setLevel(LogLevel.ERROR);
LogService.muteModule("MatrixHttpClient");

function log(step) {
    console.log(`matrix-bot-sdk: ${step}`);
}

/** Waits until the client emits `event` with arguments for which `check` holds. */
function emitted(what, client, event, check) {
    return new Promise((resolve, reject) => {
        const timeout = setTimeout(() => reject(new Error(`did not happen in time: ${what}`)), stepTimeout);
        const onEvent = (...values) => {
            if (check(...values)) {
                clearTimeout(timeout);
                client.off(event, onEvent);
                resolve(values);
            }
        };
        client.on(event, onEvent);
    });
}

const password = () => randomBytes(16).toString("hex");
const registration = new MatrixClient(url, "");
const register = (query, body) =>
    registration.doRequest("POST", "/_matrix/client/v3/register", query, body);

const name = `moderator-${randomBytes(4).toString("hex")}`;
const { accessToken } = await new MatrixAuth(url).passwordRegister(name, password());
const moderator = new MatrixClient(url, accessToken);
log("a moderator registered");

const setting = (type, content) => ({ type, state_key: "", content });
const roomId = await moderator.createRoom({
    preset: "public_chat",
    initial_state: [
        setting("m.room.history_visibility", { history_visibility: "world_readable" }),
        setting("m.room.guest_access", { guest_access: "can_join" }),
    ],
});
await moderator.sendText(roomId, "before the guest came");
log("the moderator created a world_readable room and sent a message");

const registered = await register({ kind: "guest" }, {});
const guest = new MatrixClient(url, registered.access_token, new MemoryStorageProvider());
assert.equal((await guest.getWhoAmI()).is_guest, true);
log("a guest registered, and `whoami` says that the account is a guest");

const state = await guest.getRoomState(roomId);
assert(state.some((event) => event.type === "m.room.history_visibility"));
const messages = `/_matrix/client/v3/rooms/${encodeURIComponent(roomId)}/messages`;
const { chunk } = await guest.doRequest("GET", messages, { dir: "b", limit: 10 });
const texts = chunk.filter((event) => event.type === "m.room.message").map((event) => event.content.body);
assert.deepEqual(texts, ["before the guest came"]);
log("the guest previewed the state and the messages of the room");

await assert.rejects(guest.createRoom({}), (error) => error.body?.errcode === "M_GUEST_ACCESS_FORBIDDEN");
log("the guest may not create a room: M_GUEST_ACCESS_FORBIDDEN");

// `start` first asks for the rooms that the guest is joined to, which is not among the calls of guests
// (GA-3). So the script begins the sync itself.
await assert.rejects(guest.start(), (error) => error.body?.errcode === "M_GUEST_ACCESS_FORBIDDEN");
guest.stopSyncing = false;
await guest.startSyncInternal();
log("the guest may not list its rooms, and syncs without");
const joined = emitted("the join", guest, "room.join", (room) => room === roomId);
await guest.joinRoom(roomId);
await joined;
log("the guest joined, and the sync of the guest has the room");

const said = emitted(
    "the message of the moderator",
    guest,
    "room.message",
    (room, event) => room === roomId && event.content.body === "hello, guest",
);
await moderator.sendText(roomId, "hello, guest");
await said;
const own = await guest.sendText(roomId, "hello from the guest");
assert.equal((await moderator.getEvent(roomId, own)).content.body, "hello from the guest");
log("the guest read a message, and sent a message that the moderator read");

const removed = emitted(
    "the removal",
    guest,
    "room.leave",
    (room, event) => room === roomId && event.state_key === registered.user_id,
);
await moderator.sendStateEvent(roomId, "m.room.guest_access", "", { guest_access: "forbidden" });
await removed;
log("the moderator revoked guest access, and the sync of the guest shows the membership `leave`");

await assert.rejects(guest.joinRoom(roomId), (error) => error.body?.errcode === "M_GUEST_ACCESS_FORBIDDEN");
log("the guest may not join again: M_GUEST_ACCESS_FORBIDDEN");

await moderator.sendStateEvent(roomId, "m.room.guest_access", "", { guest_access: "can_join" });
const again = emitted("the second join", guest, "room.join", (room) => room === roomId);
await guest.joinRoom(roomId);
await again;
log("the moderator let guests in again, and the guest joined again");

guest.stop();
const upgrade = await register(undefined, {
    username: registered.user_id.slice(1, registered.user_id.indexOf(":")),
    password: password(),
    guest_access_token: registered.access_token,
    auth: { type: "m.login.dummy" },
});
const upgraded = new MatrixClient(url, upgrade.access_token);
assert.equal(upgrade.user_id, registered.user_id);
assert.deepEqual(await upgraded.getJoinedRooms(), [roomId]);
await upgraded.createRoom({});
log("the guest upgraded: it kept its user id and its room, and may create a room");

process.exit(0);
