"""The session of a guest in matrix-nio: python guest_session.py URL

nio has no method that registers a guest, so the script sends that request itself.
Prints each step that succeeded. Exits 1 at the first step that fails.
"""

import asyncio
import secrets
import sys

from nio import (
    AsyncClient,
    JoinError,
    JoinResponse,
    RoomCreateError,
    RoomCreateResponse,
    RoomMemberEvent,
    RoomMessagesResponse,
    RoomMessageText,
    RoomPreset,
    RoomPutStateResponse,
    RoomSendResponse,
    SyncResponse,
)


def log(step):
    print(f"matrix-nio: {step}", flush=True)


def expect(response, kind):
    if not isinstance(response, kind):
        sys.exit(f"matrix-nio: expected {kind.__name__}, got {response}")
    return response


def texts(events):
    return [event.body for event in events if isinstance(event, RoomMessageText)]


async def say(client, room, text):
    content = {"msgtype": "m.text", "body": text}
    expect(await client.room_send(room, "m.room.message", content), RoomSendResponse)


async def sync(client):
    return expect(await client.sync(timeout=10_000, full_state=False), SyncResponse)


async def main(url):
    moderator = AsyncClient(url)
    guest = AsyncClient(url)
    try:
        name = f"moderator-{secrets.token_hex(4)}"
        await moderator.register(name, secrets.token_hex(16))
        assert moderator.access_token, "the moderator has no access token"
        log("a moderator registered")

        def setting(kind, content):
            return {"type": kind, "state_key": "", "content": content}

        created = await moderator.room_create(
            preset=RoomPreset.public_chat,
            initial_state=[
                setting("m.room.history_visibility", {"history_visibility": "world_readable"}),
                setting("m.room.guest_access", {"guest_access": "can_join"}),
            ],
        )
        room = expect(created, RoomCreateResponse).room_id
        await say(moderator, room, "before the guest came")
        log("the moderator created a world_readable room and sent a message")

        answer = await guest.send("POST", "/_matrix/client/v3/register?kind=guest", "{}")
        registered = await answer.json()
        guest.restore_login(
            registered["user_id"], registered["device_id"], registered["access_token"]
        )
        assert (await guest.whoami()).is_guest is True, "whoami does not say that the account is a guest"
        log("a guest registered, and `whoami` says that the account is a guest")

        first = await sync(guest)
        assert not first.rooms.join
        log("the guest synced")

        peeked = expect(
            await guest.room_messages(room, start="", limit=10), RoomMessagesResponse
        )
        assert texts(peeked.chunk) == ["before the guest came"], peeked
        log("the guest peeked, and read the earlier message")

        refused = expect(await guest.room_create(), RoomCreateError)
        assert refused.status_code == "M_GUEST_ACCESS_FORBIDDEN", refused
        log("the guest may not create a room: M_GUEST_ACCESS_FORBIDDEN")

        expect(await guest.join(room), JoinResponse)
        joined = await sync(guest)
        assert room in joined.rooms.join and room in guest.rooms
        log("the guest joined, and the sync of the guest has the room")

        await say(guest, room, "hello from the guest")
        said = await sync(guest)
        assert texts(said.rooms.join[room].timeline.events) == ["hello from the guest"]
        log("the guest sent a message, and read the message")

        taken = await moderator.room_put_state(
            room, "m.room.guest_access", {"guest_access": "forbidden"}
        )
        expect(taken, RoomPutStateResponse)
        left = await sync(guest)
        memberships = [
            event.membership
            for event in left.rooms.leave[room].timeline.events
            if isinstance(event, RoomMemberEvent) and event.state_key == guest.user_id
        ]
        assert memberships == ["leave"], left
        log("the moderator revoked guest access, and the sync of the guest shows the membership `leave`")

        refused = expect(await guest.join(room), JoinError)
        assert refused.status_code == "M_GUEST_ACCESS_FORBIDDEN", refused
        log("the guest may not join again: M_GUEST_ACCESS_FORBIDDEN")
    finally:
        await moderator.close()
        await guest.close()


asyncio.run(main(sys.argv[1]))
