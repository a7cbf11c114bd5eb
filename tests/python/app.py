"""What an app on a phone would bring along, for the scenarios: a key, a store, a clinic's admin on the other side."""

import asyncio
import atexit
import json
import os
import subprocess
import sys

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

CONFIG = json.load(open(sys.argv[2]))
sys.path.insert(0, CONFIG["bindings"])

import safelight_mobile as safelight  # noqa: E402  (the path comes first)

# Python ends threads of others that come back to it while it takes itself apart, and the process with them.
atexit.register(safelight.end_threads)

NAME = "Quittländer, Zoë"
PATIENT = "MRN-77812-04"


class Key(safelight.DeviceKey):
    """A device key made and used by a library that is not ours. `mood` is what it does when it is asked to sign."""

    def __init__(self, private=None):
        self.private = private or ec.generate_private_key(ec.SECP256R1())
        self.mood = lambda: None
        self.made = []

    def public_key(self):
        return self.private.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        )

    def sign(self, message):
        self.mood()
        return self.private.sign(message, ec.ECDSA(hashes.SHA256()))

    def new_key(self):
        self.made.append(Key())
        return self.made[-1]

    def pem(self):
        return self.private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    @staticmethod
    def of_pem(pem):
        return Key(serialization.load_pem_private_key(pem, None))


class Store(safelight.IdentityStore):
    """Two files in the app's folder. `mood` is what it does before it keeps anything."""

    def __init__(self, folder):
        self.folder = folder
        self.mood = lambda: None
        os.makedirs(folder, exist_ok=True)

    def keep_identity(self, identity):
        self._keep("identity", identity)

    def keep_in_flight(self, pictures):
        self._keep("in-flight", str(pictures).encode())

    def _keep(self, name, content):
        self.mood()
        path = os.path.join(self.folder, name)
        with open(path + ".new", "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(path + ".new", path)

    def read(self, name, otherwise=b""):
        try:
            with open(os.path.join(self.folder, name), "rb") as file:
                return file.read()
        except FileNotFoundError:
            return otherwise


class Listener(safelight.ProgressListener):
    def __init__(self, mood=lambda sent, total: None):
        self.seen = []
        self.mood = mood

    def progress(self, sent, total):
        self.seen.append((sent, total))
        self.mood(sent, total)


def label(**changes):
    fields = dict(record_number=PATIENT, name=NAME, birth_date="1961-02-03", site="left forearm")
    return safelight.PatientLabel(**{**fields, **changes})


def photo(name="photo"):
    with open(CONFIG[name], "rb") as file:
        return file.read()


def admin(*args):
    """A command on the clinic's host."""
    done = subprocess.run([CONFIG["safelight"], *args, "--data", CONFIG["data"], "--json"], capture_output=True)
    assert done.returncode == 0, (args, done.stderr)
    return json.loads(done.stdout)


def tell(word):
    """To the test around this, which sees to the network and to the gateway."""
    print(word, flush=True)


def told():
    """What the test around this says when it has done what it was asked. Everything else stands still until then."""
    return sys.stdin.readline().strip()


async def asked(word, answer="done"):
    """Has the test around this do something, while what runs goes on."""
    tell(word)
    said = await asyncio.to_thread(told)
    assert said == answer, said


def folder():
    return os.path.join(CONFIG["folder"], "app")


async def enrol(name="phone", key=None, store=None):
    """From an invitation's text to an open phone, with an admin who compares the words."""
    key, store = key or Key(), store or Store(folder())
    invitation = admin("device", "invite", "--name", name, "--person", "clinician1")["qr"]
    request = safelight.EnrolmentRequest(invitation=invitation, device_name="test phone", wait_seconds=60)
    enrolment = await safelight.Enrolment.begin(request, key, None)
    words = " ".join(enrolment.words())
    devices = [device for device in admin("device", "list") if device["name"] == name and device["status"] == "pending"]
    assert [device["words"] for device in devices] == [words], (devices, words)
    admin("device", "approve", devices[0]["id"])
    store.keep_identity(await enrolment.wait_for_approval())
    return open_phone(key, store), key, store


def open_phone(key, store, **settings):
    identity = store.read("identity")
    assert safelight.certified_public_key(identity) == key.public_key()
    in_flight = int(store.read("in-flight", b"0"))
    return safelight.Phone.open(identity, in_flight, key, store, safelight.PhoneSettings(**settings))


async def refused(kind, work, code=None):
    """That it is refused in this way, by an error that says nothing of the patient."""
    try:
        result = work() if not asyncio.iscoroutine(work) else work
        given = await result if asyncio.iscoroutine(result) else result
    except safelight.SafelightError as error:
        assert isinstance(error, kind), repr(error)
        assert code is None or error.code == code, error.code
        said = f"{error!r} {error}"
        assert error.advice and NAME not in said and "Zoë" not in said and PATIENT not in said, said
        return error
    raise AssertionError(f"it was not refused, and gave {given!r}")


def run(scenarios):
    """Runs the scenario that is named on the command line."""
    asyncio.run(scenarios[sys.argv[1]]())
    tell("done")
