// The session of a guest in matrix-js-sdk: node guest_session.mjs URL
//
// The environment variable QUIET_SECONDS is the time in which nothing happens in the room that the guest
// previews (60 if unset).
//
// Prints each step that succeeded. Exits 1 at the first step that fails.
import { strict as assert } from "node:assert";
import { randomBytes } from "node:crypto";
import * as sdk from "matrix-js-sdk";
import { logger } from "matrix-js-sdk/lib/logger.js";

const baseUrl = process.argv[2];
const stepTimeout = 20_000;
const quietSeconds = Number(process.env.QUIET_SECONDS ?? 60);

// The SDK and its cryptography write many lines, with keys in them.
logger.setLevel?.("silent");
for (const method of ["debug", "error", "info", "log", "trace", "warn"]) {
    console[method] = () => {};
}

function log(step) {
    process.stdout.write(`matrix-js-sdk: ${step}\n`);
}

/** The first result of `check` that is neither undefined nor false; runs `check` at each `event`. */
function eventually(what, emitter, event, check) {
    return new Promise((resolve, reject) => {
        const timeout = setTimeout(() => reject(new Error(`did not happen in time: ${what}`)), stepTimeout);
        const onEvent = () => {
            const result = check();
            if (result !== undefined && result !== false) {
                clearTimeout(timeout);
                emitter.off(event, onEvent);
                resolve(result);
            }
        };
        emitter.on(event, onEvent);
        onEvent();
    });
}

function client(registered) {
    return sdk.createClient({
        baseUrl,
        userId: registered.user_id,
        accessToken: registered.access_token,
        deviceId: registered.device_id,
    });
}

const nobody = sdk.createClient({ baseUrl });
const moderator = client(
    await nobody.registerRequest({
        username: `moderator-${randomBytes(4).toString("hex")}`,
        password: randomBytes(16).toString("hex"),
        auth: { type: "m.login.dummy" },
    }),
);
log("a moderator registered");

const setting = (type, content) => ({ type, state_key: "", content });
const { room_id: roomId } = await moderator.createRoom({
    preset: "public_chat",
    initial_state: [
        setting("m.room.history_visibility", { history_visibility: "world_readable" }),
        setting("m.room.guest_access", { guest_access: "can_join" }),
    ],
});
await moderator.sendTextMessage(roomId, "before the guest came");
log("the moderator created a world_readable room and sent a message");

const guest = client(await nobody.registerGuest({ body: {} }));
guest.setGuest(true);
assert.equal((await guest.whoami()).is_guest, true);
log("a guest registered, and `whoami` says that the account is a guest");

for (const each of [moderator, guest]) {
    await each.initRustCrypto({ useIndexedDB: false });
}
await guest.startClient({ initialSyncLimit: 10 });
await eventually("the first sync", guest, "sync", () => guest.isInitialSyncComplete());
log("the guest synced");

const texts = (room) =>
    room
        .getLiveTimeline()
        .getEvents()
        .filter((event) => event.getType() === "m.room.message")
        .map((event) => event.getContent().body);

const peeked = await guest.peekInRoom(roomId);
assert.deepEqual(texts(peeked), ["before the guest came"]);
log("the guest peeked, and read the earlier message");
// The SDK starts to follow the room some time after the peek, and shows later events only.
const talk = setInterval(() => moderator.sendTextMessage(roomId, "while the guest peeks"), 500);
await eventually("a message while peeking", guest, "Room.timeline", () =>
    texts(peeked).includes("while the guest peeks"),
);
clearInterval(talk);
log("the guest received a new message while peeking");

// Long polls end without an event, and the SDK has to follow the room all the same.
await new Promise((resolve) => setTimeout(resolve, quietSeconds * 1000));
await moderator.sendTextMessage(roomId, "after the quiet time");
await eventually("a message after the quiet time", guest, "Room.timeline", () =>
    texts(peeked).includes("after the quiet time"),
);
log(`the guest received a new message after ${quietSeconds} quiet seconds of peeking`);
guest.stopPeeking();

await assert.rejects(guest.createRoom({}), (error) => error.errcode === "M_GUEST_ACCESS_FORBIDDEN");
log("the guest may not create a room: M_GUEST_ACCESS_FORBIDDEN");

await guest.joinRoom(roomId);
const room = await eventually("the join", guest, "sync", () => {
    const room = guest.getRoom(roomId);
    return room?.getMyMembership() === "join" ? room : undefined;
});
log("the guest joined, and the sync of the guest has the room");

await guest.sendTextMessage(roomId, "hello from the guest");
await eventually("the guest's own message", guest, "Room.timeline", () =>
    texts(room).includes("hello from the guest"),
);
log("the guest sent a message, and read the message");

await moderator.sendStateEvent(roomId, "m.room.guest_access", { guest_access: "forbidden" }, "");
await eventually("the removal", guest, "Room.myMembership", () => room.getMyMembership() === "leave");
log("the moderator revoked guest access, and the sync of the guest shows the membership `leave`");

await assert.rejects(guest.joinRoom(roomId), (error) => error.errcode === "M_GUEST_ACCESS_FORBIDDEN");
log("the guest may not join again: M_GUEST_ACCESS_FORBIDDEN");

await moderator.sendStateEvent(roomId, "m.room.guest_access", { guest_access: "can_join" }, "");
await guest.joinRoom(roomId);
await eventually("the second join", guest, "sync", () => room.getMyMembership() === "join");
log("the moderator let guests in again, and the guest joined again");

// An encrypted room: each side sends a message, and the other side decrypts the message.
await moderator.startClient({ initialSyncLimit: 10 });
await eventually("the moderator's first sync", moderator, "sync", () => moderator.isInitialSyncComplete());
const { room_id: secretId } = await moderator.createRoom({
    preset: "public_chat",
    initial_state: [
        setting("m.room.guest_access", { guest_access: "can_join" }),
        setting("m.room.encryption", { algorithm: "m.megolm.v1.aes-sha2" }),
    ],
});
await guest.joinRoom(secretId);
const secretRoom = (client) =>
    eventually("the encrypted room", client, "sync", () => {
        const room = client.getRoom(secretId);
        const joined = room?.getJoinedMembers().length === 2;
        return joined && room.hasEncryptionStateEvent() ? room : undefined;
    });
for (const [sender, receiver, text] of [
    [moderator, guest, "a secret of the moderator"],
    [guest, moderator, "a secret of the guest"],
]) {
    await secretRoom(sender);
    const received = await secretRoom(receiver);
    const { event_id: sent } = await sender.sendTextMessage(secretId, text);
    await eventually(text, receiver, "Event.decrypted", () => texts(received).includes(text));
    const raw = await receiver.fetchRoomEvent(secretId, sent);
    assert.equal(raw.type, "m.room.encrypted");
}
log("the guest and the moderator read each other's messages in an encrypted room");
moderator.stopClient();

guest.stopClient();
const upgraded = client(
    await nobody.registerRequest({
        username: guest.getUserIdLocalpart(),
        password: randomBytes(16).toString("hex"),
        guest_access_token: guest.getAccessToken(),
        auth: { type: "m.login.dummy" },
    }),
);
assert.equal(upgraded.getUserId(), guest.getUserId());
assert.notEqual((await upgraded.whoami()).is_guest, true);
const { joined_rooms: kept } = await upgraded.getJoinedRooms();
assert.deepEqual(kept.sort(), [roomId, secretId].sort());
await upgraded.createRoom({});
log("the guest upgraded: it kept its user id and its rooms, and may create a room");

process.exit(0);
