"""Very many pictures at once, and what they cost."""

import asyncio
import threading
import time

from app import Listener, enrol, label, open_phone, photo, tell


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
