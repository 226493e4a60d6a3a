"""The session of a guest in matrix-nio: python guest_session.py URL

nio has no method that registers a guest or upgrades one, so the script sends these requests itself.
Prints each step that succeeded. Exits 1 at the first step that fails.
"""

import asyncio
import json
import secrets
import sys

from nio import (
    AsyncClient,
    JoinedRoomsResponse,
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


async def take_account(client, body, query=""):
    """Registers an account, which the client has from now on."""
    answer = await client.send("POST", f"/_matrix/client/v3/register{query}", json.dumps(body))
    registered = await answer.json()
    assert answer.status == 200, registered
    client.restore_login(
        registered["user_id"], registered["device_id"], registered["access_token"]
    )


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

        await take_account(guest, {}, "?kind=guest")
        user_id = guest.user_id
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

        opened = await moderator.room_put_state(
            room, "m.room.guest_access", {"guest_access": "can_join"}
        )
        expect(opened, RoomPutStateResponse)
        expect(await guest.join(room), JoinResponse)
        again = await sync(guest)
        assert room in again.rooms.join
        log("the moderator let guests in again, and the guest joined again")

        upgrade = {
            "username": user_id[1:].partition(":")[0],
            "password": secrets.token_hex(16),
            "guest_access_token": guest.access_token,
            "auth": {"type": "m.login.dummy"},
        }
        await take_account(guest, upgrade)
        assert guest.user_id == user_id
        assert expect(await guest.joined_rooms(), JoinedRoomsResponse).rooms == [room]
        expect(await guest.room_create(), RoomCreateResponse)
        log("the guest upgraded: it kept its user id and its room, and may create a room")
    finally:
        await moderator.close()
        await guest.close()


asyncio.run(main(sys.argv[1]))
