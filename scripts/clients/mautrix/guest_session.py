"""The session of a guest in mautrix: python guest_session.py URL

mautrix has no method that registers a guest or upgrades one, so the script sends these requests itself.
Prints each step that succeeded. Exits 1 at the first step that fails.
"""

import asyncio
import logging
import secrets
import sys

from mautrix.api import HTTPAPI, Method, Path
from mautrix.client import Client
from mautrix.client.state_store import MemoryStateStore, MemorySyncStore
from mautrix.errors import MatrixRequestError
from mautrix.types import (
    EventType,
    Membership,
    PaginationDirection,
    RoomCreatePreset,
    StrippedStateEvent,
)

STEP_TIMEOUT = 20


def log(step):
    print(f"mautrix: {step}", flush=True)


def setting(kind, content):
    return {"type": kind, "state_key": "", "content": content}


class Waiting:
    """Waits for events of a client that syncs."""

    def __init__(self, client):
        self.events = asyncio.Queue()
        for kind in [EventType.ROOM_MESSAGE, EventType.ROOM_MEMBER]:
            client.add_event_handler(kind, self.events.put)

    async def until(self, what, check):
        async def look():
            while not check(await self.events.get()):
                pass

        try:
            await asyncio.wait_for(look(), STEP_TIMEOUT)
        except asyncio.TimeoutError:
            sys.exit(f"mautrix: did not happen in time: {what}")


async def refused(call):
    try:
        await call
    except MatrixRequestError as error:
        assert error.errcode == "M_GUEST_ACCESS_FORBIDDEN", error
    else:
        sys.exit("mautrix: the homeserver refused nothing")


async def register(api, body, **query):
    return await api.request(Method.POST, Path.v3.register, body, query_params=query)


def client(url, registered):
    # With a store of rooms, the client decides by its sync whether a join is necessary.
    return Client(
        registered["user_id"],
        device_id=registered["device_id"],
        base_url=url,
        token=registered["access_token"],
        sync_store=MemorySyncStore(),
        state_store=MemoryStateStore(),
    )


async def main(url):
    nobody = HTTPAPI(url)
    dummy = {"type": "m.login.dummy"}
    name = f"moderator-{secrets.token_hex(4)}"
    account = {"username": name, "password": secrets.token_hex(16), "auth": dummy}
    moderator = client(url, await register(nobody, account))
    log("a moderator registered")

    room = await moderator.create_room(
        preset=RoomCreatePreset.PUBLIC,
        initial_state=[
            setting("m.room.history_visibility", {"history_visibility": "world_readable"}),
            setting("m.room.guest_access", {"guest_access": "can_join"}),
        ],
    )
    await moderator.send_text(room, "before the guest came")
    log("the moderator created a world_readable room and sent a message")

    registered = await register(nobody, {}, kind="guest")
    guest = client(url, registered)
    whoami = await guest.api.request(Method.GET, Path.v3.account.whoami)
    assert whoami["is_guest"] is True, whoami
    log("a guest registered, and `whoami` says that the account is a guest")

    previewed = await guest.get_messages(room, direction=PaginationDirection.BACKWARD, limit=10)
    texts = [event.content.body for event in previewed.events if event.type == EventType.ROOM_MESSAGE]
    assert texts == ["before the guest came"], texts
    log("the guest previewed the messages of the room")

    await refused(guest.create_room())
    log("the guest may not create a room: M_GUEST_ACCESS_FORBIDDEN")

    waiting = Waiting(guest)
    syncing = guest.start(None)

    def own(membership):
        def check(event):
            is_own = event.type == EventType.ROOM_MEMBER and event.state_key == guest.mxid
            is_whole = not isinstance(event, StrippedStateEvent)
            return is_own and is_whole and event.room_id == room and event.content.membership == membership

        return check

    await guest.join_room(room)
    await waiting.until("the join", own(Membership.JOIN))
    log("the guest joined, and the sync of the guest has the room")

    await moderator.send_text(room, "hello, guest")
    await waiting.until(
        "the message of the moderator",
        lambda event: event.type == EventType.ROOM_MESSAGE and event.content.body == "hello, guest",
    )
    sent = await guest.send_text(room, "hello from the guest")
    assert (await moderator.get_event(room, sent)).content.body == "hello from the guest"
    log("the guest read a message, and sent a message that the moderator read")

    await moderator.send_state_event(room, EventType.find("m.room.guest_access"), {"guest_access": "forbidden"})
    await waiting.until("the removal", own(Membership.LEAVE))
    log("the moderator revoked guest access, and the sync of the guest shows the membership `leave`")

    await refused(guest.join_room_by_id(room))
    log("the guest may not join again: M_GUEST_ACCESS_FORBIDDEN")

    await moderator.send_state_event(room, EventType.find("m.room.guest_access"), {"guest_access": "can_join"})
    await guest.join_room_by_id(room)
    await waiting.until("the second join", own(Membership.JOIN))
    log("the moderator let guests in again, and the guest joined again")

    guest.stop()
    await asyncio.gather(syncing, return_exceptions=True)
    localpart = registered["user_id"][1:].partition(":")[0]
    account = {
        "username": localpart,
        "password": secrets.token_hex(16),
        "guest_access_token": registered["access_token"],
        "auth": dummy,
    }
    upgraded = client(url, await register(nobody, account))
    assert upgraded.mxid == guest.mxid, upgraded.mxid
    assert await upgraded.get_joined_rooms() == [room]
    await upgraded.create_room()
    log("the guest upgraded: it kept its user id and its room, and may create a room")

    for each in [nobody, moderator.api, guest.api, upgraded.api]:
        await each.session.close()


logging.disable(logging.CRITICAL)
asyncio.run(main(sys.argv[1]))
