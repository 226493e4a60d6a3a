// A guest's story, told by matrix-js-sdk: node story.mjs URL
//
// Prints what the SDK saw, step by step, and exits 1 at the first step that came out otherwise.
import { strict as assert } from "node:assert";
import { randomBytes } from "node:crypto";
import * as sdk from "matrix-js-sdk";
import { logger } from "matrix-js-sdk/lib/logger.js";

const baseUrl = process.argv[2];
const patience = 20_000;
logger.setLevel?.("error");

function saw(what) {
    console.log(`matrix-js-sdk: ${what}`);
}

/** The first answer of `look` that is not undefined, looked for whenever `emitter` says `event`. */
function eventually(what, emitter, event, look) {
    return new Promise((resolve, reject) => {
        const late = setTimeout(() => reject(new Error(`never happened: ${what}`)), patience);
        const tryIt = () => {
            const found = look();
            if (found !== undefined && found !== false) {
                clearTimeout(late);
                emitter.off(event, tryIt);
                resolve(found);
            }
        };
        emitter.on(event, tryIt);
        tryIt();
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
saw("a moderator registered");

const setting = (type, content) => ({ type, state_key: "", content });
const { room_id: roomId } = await moderator.createRoom({
    preset: "public_chat",
    initial_state: [
        setting("m.room.history_visibility", { history_visibility: "world_readable" }),
        setting("m.room.guest_access", { guest_access: "can_join" }),
    ],
});
await moderator.sendTextMessage(roomId, "before the guest came");
saw("the moderator created a world_readable room and said something in it");

const guest = client(await nobody.registerGuest({ body: {} }));
guest.setGuest(true);
assert.equal((await guest.whoami()).is_guest, true);
saw("a guest registered, and is told that it is one");

await guest.startClient({ initialSyncLimit: 10 });
await eventually("the first sync", guest, "sync", () => guest.isInitialSyncComplete());
saw("the guest synced");

const texts = (room) =>
    room
        .getLiveTimeline()
        .getEvents()
        .filter((event) => event.getType() === "m.room.message")
        .map((event) => event.getContent().body);

const peeked = await guest.peekInRoom(roomId);
assert.deepEqual(texts(peeked), ["before the guest came"]);
saw("the guest peeked, and read what was said before");
// The SDK begins to follow the room a little after it has peeked, with what comes from then on.
const talk = setInterval(() => moderator.sendTextMessage(roomId, "while the guest peeks"), 500);
await eventually("a message while peeking", guest, "Room.timeline", () =>
    texts(peeked).includes("while the guest peeks"),
);
clearInterval(talk);
saw("the guest was given a new message while it peeked");
guest.stopPeeking();

await assert.rejects(guest.createRoom({}), (error) => error.errcode === "M_GUEST_ACCESS_FORBIDDEN");
saw("the guest may not create a room: M_GUEST_ACCESS_FORBIDDEN");

await guest.joinRoom(roomId);
const room = await eventually("the join", guest, "sync", () => {
    const room = guest.getRoom(roomId);
    return room?.getMyMembership() === "join" ? room : undefined;
});
saw("the guest joined, and its sync has the room");

await guest.sendTextMessage(roomId, "hello from the guest");
await eventually("the guest's own message", guest, "Room.timeline", () =>
    texts(room).includes("hello from the guest"),
);
saw("the guest said something, and read it back");

await moderator.sendStateEvent(roomId, "m.room.guest_access", { guest_access: "forbidden" }, "");
await eventually("the removal", guest, "Room.myMembership", () => room.getMyMembership() === "leave");
saw("guest access was taken away, and the guest's sync says that it left");

await assert.rejects(guest.joinRoom(roomId), (error) => error.errcode === "M_GUEST_ACCESS_FORBIDDEN");
saw("the guest may not join again: M_GUEST_ACCESS_FORBIDDEN");

guest.stopClient();
process.exit(0);
