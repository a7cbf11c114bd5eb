"""The bindings as an app uses them, against the running gateway. tests/tests/bindings.rs runs one scenario a process:

    python3 scenarios.py SCENARIO CONFIG.json
"""

import asyncio
import ctypes
import gc
import os
import threading
import time

from app import (
    CONFIG, NAME, Key, Listener, Store, admin, asked, enrol, folder, label, open_phone, photo, refused, run, safelight, tell, told,
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


async def calls_at_once():
    phone, _, _ = await enrol()
    captures, errors = [], []

    def work():
        try:
            for _ in range(3):
                phone.ready_for_shutter()
                captures.append(phone.capture(photo(), label(), None))
                phone.room(), phone.held(), phone.status()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors, errors
    assert len(captures) == len({capture.id for capture in captures}) == 24
    first = captures[0].id
    twice = await asyncio.gather(phone.send(first, None, None), phone.send(first, None, None), return_exceptions=True)
    assert sorted(type(one).__name__ for one in twice) == ["Busy", "Receipt"], twice
    receipts = await asyncio.gather(*[phone.send(capture.id, None, None) for capture in captures[1:]])
    assert len({receipt.index for receipt in receipts}) == 23
    assert phone.held() == []
    # No number was used twice and none is missing.
    assert phone.status().next_sequence == 25
    await phone.shut()


async def wrong_arguments():
    phone, key, store = await enrol()
    for wrong in (b"", b"\x00", b"\xff\xd8", b"GIF89a" + bytes(100), photo()[:-2000], bytearray(photo())[::-1]):
        await refused(Error.BadPicture, lambda: phone.capture(bytes(wrong), label(), None))
    await refused(Error.BadPicture, lambda: phone.capture(bytes(129 * 1024 * 1024), label(), None))
    for code, change in (
        ("label-name", dict(name="")),
        ("label-name", dict(name=NAME + "\x07")),
        ("label-record-number", dict(record_number="1" * 10_000)),
        ("label-birth-date", dict(birth_date="03.02.1961")),
        ("label-body-site", dict(site="a\nb")),
        ("label-body-site-code", dict(site_code="14975007")),
        ("label-sides", dict(site="left forearm", side=safelight.Side.RIGHT)),
        ("label-note", dict(note="x" * 100_000)),
    ):
        await refused(Error.BadLabel, lambda: phone.capture(photo(), label(**change), None), code)
        await refused(Error.BadLabel, lambda: safelight.check_label(label(**change)), code)
    await refused(Error.BadLabel, lambda: phone.capture(photo(), label(), "no one"), "operator")
    for wrong in ("", "x", "00000000-0000-0000-0000-000000000000", "ä" * 1000):
        await refused(Error.NotHeld, lambda: phone.discard(wrong))
        await refused(Error.NotHeld, lambda: phone.send(wrong, None, None))
    for wrong in (b"", b"\xa0", store.read("identity")[:-1], bytes(100_000)):
        await refused(Error.EnrolAgain, lambda: safelight.Phone.open(wrong, 0, key, store, safelight.PhoneSettings()))
        await refused(Error.EnrolAgain, lambda: safelight.certified_public_key(wrong))
    other = lambda: safelight.Phone.open(store.read("identity"), 0, Key(), store, safelight.PhoneSettings())
    await refused(Error.EnrolAgain, other, "key-mismatch")
    for wrong in ("", "https://example.org", "SAFELIGHT1:", "SAFELIGHT1:AAAA", "S" * 10_000):
        await refused(Error.BadInvitation, lambda: safelight.read_invitation(wrong))
        request = safelight.EnrolmentRequest(invitation=wrong, device_name="x", wait_seconds=1)
        await refused(Error.BadInvitation, lambda: safelight.Enrolment.begin(request, Key(), None))
    # Of a wrong kind: refused by the bindings themselves, and nothing of it reaches Rust.
    for wrong in (None, "text", 7, bytearray(photo()), memoryview(photo())):
        try:
            phone.capture(wrong, label(), None)
            raise AssertionError(wrong)
        except TypeError:
            pass
    raw_calls(phone)
    # It works as before.
    await phone.send(phone.capture(photo(), label(), None).id, None, None)
    await phone.shut()


def raw_calls(phone):
    """Past the bindings: what a wrapper with a fault could hand over. A picture that is null but has a length, a negative length, a label
    that is not one. Every one is an error, and none quotes the label."""
    lib = safelight._UniffiLib

    def buffer_of(content):
        made = safelight._UniffiRustBuffer.alloc(len(content))
        ctypes.memmove(made.data, content, len(content))
        made.len = len(content)
        return made

    def bytes_at(length, content):
        made = safelight._UniffiForeignBytes()
        made.len = length
        made.data = ctypes.cast(ctypes.c_char_p(content), ctypes.POINTER(ctypes.c_char)) if content else None
        return made

    good = safelight._UniffiFfiConverterTypePatientLabel.lower
    none = safelight._UniffiFfiConverterOptionalString.lower
    for picture, said in (
        (bytes_at(1000, None), good(label())),
        (bytes_at(-1, b"abc"), good(label())),
        (bytes_at(0, None), buffer_of(b"")),
        (bytes_at(0, None), buffer_of(b"\xff" * 40)),
        (bytes_at(0, None), buffer_of(b"\x00\x00\x00\x04\xff\xfe\xfd\xfc" + bytes(60))),
        (bytes_at(0, None), buffer_of(b"\x00\x00\x00\x11" + NAME.encode() + b"\xff" * 60)),
    ):
        status = safelight._UniffiRustCallStatus.default()
        handle = phone._uniffi_clone_handle()
        lib.uniffi_safelight_mobile_fn_method_phone_capture(handle, picture, said, none(None), ctypes.byref(status))
        assert status.code == safelight._UniffiRustCallStatus.CALL_UNEXPECTED_ERROR, status
        said = ctypes.string_at(status.error_buf.data, status.error_buf.len) if status.error_buf.len else b""
        assert NAME.encode() not in said and "Zoë".encode() not in said, said


async def callbacks():
    phone, key, store = await enrol()

    def angry():
        raise ValueError(NAME)

    # The key.
    key.mood = angry
    await refused(Error.KeyFailed, lambda: phone.capture(photo(), label(), None), "key-failed")
    await refused(Error.KeyFailed, phone.connect, "key-failed")
    key.mood = lambda: None
    # The store: refused before there is a picture.
    store.mood = angry
    await refused(Error.NotKept, phone.ready_for_shutter, "not-kept")
    await refused(Error.NotKept, lambda: phone.capture(photo(), label(), None))
    store.mood = lambda: None
    # The listener: it is left alone, and the picture arrives.
    angry_listener = Listener(lambda sent, total: angry())
    capture = phone.capture(photo("large"), label(), None)
    await phone.send(capture.id, angry_listener, None)
    assert len(angry_listener.seen) == 1, angry_listener.seen

    # Each calls back.
    inside = []

    def look():
        inside.append((phone.room(), phone.held(), phone.status().operator))

    key.mood = look
    capture = phone.capture(photo(), label(), None)
    assert inside
    key.mood = lambda: None

    def keep_again():
        store.mood = lambda: None
        try:
            phone.ready_for_shutter()
        except Error as error:
            inside.append(error)

    store.mood = keep_again
    phone.ready_for_shutter()
    assert isinstance(inside[-1], Error.Busy), inside[-1]

    def keep_elsewhere():
        store.mood = lambda: None

        def elsewhere():
            try:
                phone.ready_for_shutter()
            except Error as error:
                inside.append(error)

        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()

    store.mood = keep_elsewhere
    phone.ready_for_shutter()
    assert isinstance(inside[-1], Error.Busy), inside[-1]

    # A listener that cancels its own upload.
    token = safelight.CancelToken()
    large = phone.capture(photo("large"), label(), None)
    await asked("stop")
    await refused(Error.Cancelled, lambda: phone.send(large.id, Listener(lambda sent, total: token.cancel()), token))
    await asked("open")
    await phone.send(large.id, Listener(lambda sent, total: look()), None)
    await phone.send(capture.id, None, None)
    await phone.shut()


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


def resident():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS")) * 1024


async def two_hundred_at_once():
    phone, key, store = await enrol()
    await phone.shut()
    limit = 64 * 1024 * 1024
    phone = open_phone(key, store, queue_bytes=limit)
    # What one picture takes, and everything that is made once.
    await phone.send(phone.capture(photo("large"), label(), None).id, Listener(), None)
    before = resident()
    captures = [phone.capture(photo("large"), label(), None) for _ in range(200)]
    held = sum(held.capture.sealed_bytes for held in phone.held())
    assert held <= limit
    peak = [resident()]
    done = threading.Event()

    def watch():
        while not done.wait(0.01):
            peak[0] = max(peak[0], resident())

    watcher = threading.Thread(target=watch)
    watcher.start()
    listeners = [Listener() for _ in captures]
    begun = time.monotonic()
    sends = [phone.send(capture.id, listener, None) for capture, listener in zip(captures, listeners)]
    receipts = await asyncio.gather(*sends)
    done.set()
    watcher.join()
    assert len({receipt.index for receipt in receipts}) == 200 and phone.held() == []
    assert all(listener.seen[-1][0] == listener.seen[-1][1] for listener in listeners)
    grown = peak[0] - before
    tell(f"held {held} grown {grown} seconds {time.monotonic() - begun:.1f}")
    # What is held, and as much again for what is on its way and for the bindings.
    assert grown <= held + 48 * 1024 * 1024, (grown, held)
    await phone.shut()


def wipe(content):
    """Overwrites bytes that Python thinks are immutable, as an app overwrites the camera's buffer."""
    ctypes.memset(id(content) + bytes.__basicsize__ - 1, 0, len(content))


def camera():
    """The photograph in one buffer that was never moved."""
    path = CONFIG["large"]
    file = os.open(path, os.O_RDONLY)
    try:
        return os.read(file, os.stat(path).st_size)
    finally:
        os.close(file)


async def memory():
    """Stops at each moment at which the test around this looks into it. The app's own buffers are wiped as docs/MOBILE.md asks for."""
    phone, key, store = await enrol()
    await phone.shut()
    phone = open_phone(key, store, retry_seconds=1)
    await phone.connect()

    def look(moment):
        tell(moment)
        assert told() == "seen"

    def capture():
        picture = camera()
        try:
            return phone.capture(picture, label(), None)
        finally:
            wipe(picture)

    # While it is signed, picture and key are both there.
    key.mood = lambda: look("control")
    first = capture()
    key.mood = lambda: None
    look("held")
    await phone.send(first.id, Listener(), None)
    look("receipt")
    tell(first.id)

    second = capture()
    await asked("stop")
    token = safelight.CancelToken()
    sending = asyncio.create_task(phone.send(second.id, None, token))
    await asked("sending", "stopped")
    token.cancel()
    await refused(Error.Cancelled, lambda: approval_of(sending))
    look("cancel")
    # Now the network is gone altogether, and the connection with it.
    await asked("gone")
    await refused(Error.Unreachable, lambda: phone.send(second.id, None, None))
    look("error")
    await asked("open")
    await phone.send(second.id, None, None)
    tell(second.id)

    # A capture that fails on its way: at the signature, and at the picture's end.
    def angry():
        raise ValueError

    key.mood = angry
    await refused(Error.KeyFailed, capture)
    key.mood = lambda: None
    picture = camera()
    cut = picture[:-100]
    wipe(picture)
    await refused(Error.BadPicture, lambda: phone.capture(cut, label(), None))
    wipe(cut)
    look("refused")
    phone.capture(camera_wiped := camera(), label(), None)
    wipe(camera_wiped)
    assert phone.clear() == 1
    look("cleared")
    await phone.shut()


run({name: work for name, work in list(globals().items()) if asyncio.iscoroutinefunction(work)})
