"""A phone that is shut out, a key that is locked, a network that is gone."""

import asyncio
import threading

from app import Key, Store, admin, asked, enrol, folder, label, open_phone, photo, refused, safelight

Error = safelight.SafelightError


async def revoked():
    phone, _, _ = await enrol()
    await phone.connect()
    capture = phone.capture(photo(), label(), None)
    events = asyncio.create_task(until_shut_out(phone))
    device = phone.status().device_id
    await asyncio.to_thread(admin, "device", "revoke", device)
    event = await asyncio.wait_for(events, 60)
    assert event.code == "revoked" and event.advice, event
    await refused(Error.EnrolAgain, lambda: phone.send(capture.id, None, None), "revoked")
    assert len(phone.held()) == 1
    # A picture would be sealed for nobody: the shutter stays closed.
    await refused(Error.EnrolAgain, phone.ready_for_shutter, "revoked")
    await refused(Error.EnrolAgain, lambda: phone.capture(photo(), label(), None), "revoked")
    assert phone.clear() == 1
    # Enrolled again with a new key it may go on.
    again, _, _ = await enrol(name="again", store=Store(folder()))
    await again.send(again.capture(photo(), label(), None).id, None, None)
    await again.shut()
    await phone.shut()


async def until_shut_out(phone):
    while True:
        event = await phone.next_event()
        if event is None or isinstance(event, safelight.Event.SHUT_OUT):
            return event


async def keys():
    phone, key, store = await enrol()

    def locked():
        raise safelight.DeviceKeyError.Locked()

    def gone():
        raise safelight.DeviceKeyError.Gone()

    # In the handshake, and when a picture is signed.
    key.mood = locked
    await refused(Error.UnlockKey, phone.connect, "key-locked")
    await refused(Error.UnlockKey, lambda: phone.capture(photo(), label(), None), "key-locked")
    key.mood = lambda: None
    capture = phone.capture(photo(), label(), None)
    key.mood = locked
    await refused(Error.UnlockKey, lambda: phone.send(capture.id, None, None), "key-locked")
    key.mood = lambda: None
    await phone.send(capture.id, None, None)
    await phone.shut()
    phone = open_phone(key, store)
    key.mood = gone
    await refused(Error.EnrolAgain, phone.connect, "key-gone")
    await refused(Error.EnrolAgain, lambda: phone.capture(photo(), label(), None), "key-gone")
    invitation = admin("device", "invite", "--name", "x", "--person", "clinician1")["qr"]
    for mood, kind in ((locked, Error.UnlockKey), (gone, Error.EnrolAgain)):
        fresh = Key()
        fresh.mood = mood
        request = safelight.EnrolmentRequest(invitation=invitation, device_name="x", wait_seconds=5)
        await refused(kind, lambda: safelight.Enrolment.begin(request, fresh, None))
    await phone.shut()
    # A key that takes its time in the handshake holds up nothing else.
    slow_phone, slow, _ = await enrol(name="slow", store=Store(folder() + "-2"))
    quick_phone, _, _ = await enrol(name="quick", store=Store(folder() + "-3"))
    begun, go = threading.Event(), threading.Event()

    def wait():
        begun.set()
        go.wait(30)

    slow.mood = wait
    connecting = asyncio.create_task(slow_phone.connect())
    await asyncio.to_thread(begun.wait, 30)
    slow.mood = lambda: None
    for _ in range(4):
        await quick_phone.send(quick_phone.capture(photo(), label(), None).id, None, None)
    go.set()
    try:
        await connecting
    except Error.Unreachable:
        # The gateway does not wait for ever. The next time the key is quick.
        await slow_phone.connect()
    await slow_phone.shut()
    await quick_phone.shut()


async def full_and_unreachable():
    phone, key, store = await enrol()
    await phone.shut()
    phone = open_phone(key, store, queue_bytes=8 * 1024 * 1024, retry_seconds=1)
    captures = [phone.capture(photo("large"), label(), None)]
    while phone.room() > 0:
        captures.append(phone.capture(photo("large"), label(), None))
    assert len(captures) > 1
    await refused(Error.QueueFull, phone.ready_for_shutter, "queue-full")
    # Before anything is read: what is no picture is not even looked at.
    await refused(Error.QueueFull, lambda: phone.capture(b"", label(), None))
    assert sum(held.capture.sealed_bytes for held in phone.held()) <= 8 * 1024 * 1024
    assert int(store.read("in-flight")) == len(captures)
    # No network: said in words for the clinic's IT, and everything stays held.
    await asked("stop")
    error = await refused(Error.Unreachable, lambda: phone.send(captures[0].id, None, None), "udp-does-not-pass")
    assert "UDP" in error.advice, error.advice
    assert len(phone.held()) == len(captures)
    await asked("open")
    await phone.send(captures[0].id, None, None)
    assert phone.ready_for_shutter() == 1
    phone.discard(captures[1].id)
    assert phone.room() == 2
    assert phone.clear() == len(captures) - 2
    # The shutter that was made ready is counted until it has opened, or the phone is shut in order.
    assert phone.held() == [] and int(store.read("in-flight")) == 1
    await phone.shut()
    assert int(store.read("in-flight")) == 0
