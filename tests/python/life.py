"""What an app does from enrolment to receipt, and what it may no longer do once it is closed."""

import asyncio
import gc
import os
import threading

from app import (
    CONFIG, Key, Listener, Store, admin, asked, enrol, folder, label, open_phone, photo, refused, safelight, tell,
)

Error = safelight.SafelightError


async def main_job():
    store = Store(folder())
    phone, key, store = await enrol(store=store)
    status = phone.status()
    assert status.operator == "clinician1" and status.next_sequence == 1 and status.certificate_until_ms, status
    assert phone.take_lost() == 0 and phone.held() == []
    await phone.connect()
    assert phone.ready_for_shutter() > 0
    assert store.read("in-flight") == b"1"
    capture = phone.capture(photo(), label(consent=safelight.Consent.TEACHING), None)
    assert {"location", "owner", "serial-number"} <= set(capture.removed), capture.removed
    assert "location" in capture.removed_words and capture.content_type == "image/jpeg"
    assert [held.capture for held in phone.held()] == [capture] and not phone.held()[0].sending
    listener = Listener()
    receipt = await phone.send(capture.id, listener, None)
    assert receipt.capture_id == capture.id and receipt.log_size > receipt.index, receipt
    assert listener.seen and listener.seen == sorted(listener.seen) and listener.seen[-1][0] == listener.seen[-1][1]
    assert phone.held() == [] and store.read("in-flight") == b"0"
    await refused(Error.NotHeld, lambda: phone.send(capture.id, None, None))
    happened = [await phone.next_event() for _ in range(4)]
    kinds = [safelight.Event.CONNECTED, safelight.Event.ROOM, safelight.Event.STORED, safelight.Event.ROOM]
    assert [type(event) for event in happened] == kinds, happened
    assert happened[2].capture_id == capture.id and happened[3].held == 0, happened
    assert await phone.shut() == 0
    # What was kept is enough to go on, with the number after the last.
    again = open_phone(key, store)
    assert again.status().next_sequence == 2 and again.status().log_size == receipt.log_size
    second = again.capture(photo(), label(), "nurse.7")
    await again.send(second.id, None, None)
    await again.shut()
    tell(capture.id)
    tell(second.id)


async def use_after_shut():
    phone, key, store = await enrol()
    capture = phone.capture(photo(), label(), None)
    waiting = asyncio.create_task(drain(phone))
    assert await phone.shut() == 1
    assert (await asyncio.wait_for(waiting, 30))[-1] is None
    assert await phone.shut() == 0
    for use in (
        phone.take_lost,
        phone.room,
        phone.held,
        phone.ready_for_shutter,
        phone.clear,
        phone.connect,
        phone.network_changed,
        lambda: phone.discard(capture.id),
        lambda: phone.send(capture.id, None, None),
        lambda: phone.capture(photo(), label(), None),
    ):
        await refused(Error.Closed, use)
    assert await phone.next_event() is None
    # Closed with a picture in it: the next start hears of it, once.
    again = open_phone(key, store)
    assert again.take_lost() == 1 and again.take_lost() == 0
    assert int(store.read("in-flight")) == 0
    # Let go of in the middle of everything, from several threads.
    threads = [threading.Thread(target=again.room) for _ in range(8)]
    for thread in threads:
        thread.start()
    event = asyncio.create_task(again.next_event())
    await asyncio.sleep(0)
    del again
    gc.collect()
    for thread in threads:
        thread.join()
    event.cancel()
    invitation = admin("device", "invite", "--name", "once", "--person", "clinician1")["qr"]
    request = safelight.EnrolmentRequest(invitation=invitation, device_name="test phone", wait_seconds=60)
    enrolment = await safelight.Enrolment.begin(request, Key(), None)
    approval = asyncio.create_task(enrolment.wait_for_approval())
    await asyncio.sleep(0)
    await refused(Error.Closed, enrolment.wait_for_approval)
    enrolment.cancel()
    await refused(Error.Cancelled, lambda: approval_of(approval))


async def threads_ended():
    phone, _, _ = await enrol()
    await phone.shut()
    again, key, store = await enrol(name="again", store=Store(folder()))
    again.capture(photo(), label(), None)
    await asyncio.to_thread(safelight.end_threads)
    # What waits is told so, what does not wait works, and the second time changes nothing.
    await refused(Error.Closed, again.connect, "threads-ended")
    await refused(Error.Closed, again.shut, "threads-ended")
    assert len(again.held()) == 1
    safelight.end_threads()


async def approval_of(task):
    return await task


async def drain(phone):
    events = []
    while True:
        events.append(await phone.next_event())
        if events[-1] is None:
            return events


async def cancelled_and_resumed():
    phone, _, _ = await enrol()
    capture = phone.capture(photo("large"), label(), None)
    # The network stops in the middle; the app gives up; the network comes back, and it goes on.
    await asked("stop")
    token = safelight.CancelToken()
    sending = asyncio.create_task(phone.send(capture.id, None, token))
    await asked("sending", "stopped")
    assert phone.held()[0].sending
    token.cancel()
    assert token.is_cancelled()
    await refused(Error.Cancelled, lambda: approval_of(sending))
    assert [held.sending for held in phone.held()] == [False]
    await asked("open")
    await phone.send(capture.id, None, safelight.CancelToken())
    # The app's coroutine is forgotten instead: the upload ends with it.
    second = phone.capture(photo("large"), label(), None)
    await asked("stop")
    sending = asyncio.create_task(phone.send(second.id, None, None))
    await asked("sending", "stopped")
    sending.cancel()
    await asked("open")
    while phone.held()[0].sending:
        await asyncio.sleep(0.01)
    # The connection is lost under an upload, which goes on by itself, over a new connection.
    await asked("stop")
    sending = asyncio.create_task(phone.send(second.id, None, None))
    await asked("sending", "stopped")
    await asked("restart")
    await phone.network_changed()
    receipt = await sending
    assert receipt.capture_id == second.id
    await phone.shut()


async def killed():
    phone, key, store = await enrol()
    with open(os.path.join(CONFIG["folder"], "key.pem"), "wb") as file:
        file.write(key.pem())
    for _ in range(2):
        phone.capture(photo("large"), label(), None)
    await asked("stop")
    sending = [asyncio.create_task(phone.send(held.capture.id, None, None)) for held in phone.held()]
    tell("sending")
    await asyncio.gather(*sending)


async def after_the_kill():
    store = Store(folder())
    with open(os.path.join(CONFIG["folder"], "key.pem"), "rb") as file:
        key = Key.of_pem(file.read())
    phone = open_phone(key, store)
    assert phone.held() == [] and phone.take_lost() == 2
    # The numbers of the lost ones are not used again.
    assert phone.status().next_sequence == 3
    await phone.send(phone.capture(photo(), label(), None).id, None, None)
    await phone.shut()


async def a_hundred():
    phone, _, _ = await enrol()
    for _ in range(100):
        phone.ready_for_shutter()
        capture = phone.capture(photo(), label(note="two lesions"), None)
        await phone.send(capture.id, None, None)
    await phone.shut()
