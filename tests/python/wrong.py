"""Arguments that are none, callbacks that misbehave, calls at once."""

import asyncio
import ctypes
import threading

from app import NAME, Key, Listener, asked, enrol, label, photo, refused, safelight

Error = safelight.SafelightError


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
