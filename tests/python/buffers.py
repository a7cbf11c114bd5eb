"""What is left in memory. The app overwrites its own buffers as docs/MOBILE.md asks for."""

import asyncio
import ctypes
import os

from app import CONFIG, Listener, asked, enrol, label, open_phone, refused, safelight, tell, told
from life import approval_of

Error = safelight.SafelightError


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
