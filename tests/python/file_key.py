"""The keys of an age file, by a reader that shares nothing with ours (C2SP age, "X25519 recipient stanza" and "Payload").

    python3 file_key.py FILE < IDENTITY     prints file key and payload key in hexadecimal
"""

import base64
import sys

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


def secret(text):
    """The 32 bytes of an AGE-SECRET-KEY-1 (BIP 173; the checksum is not looked at)."""
    bits = "".join(f"{'QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L'.index(digit):05b}" for digit in text.split("1", 1)[1][:-6])
    return bytes(int(bits[at : at + 8], 2) for at in range(0, 256, 8))


def hkdf(key, salt, info):
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=salt, info=info).derive(key)


def decode(text):
    return base64.b64decode(text + b"=" * (-len(text) % 4))


identity = next(line for line in sys.stdin.read().split() if line.startswith("AGE-SECRET-KEY-1"))
private = X25519PrivateKey.from_private_bytes(secret(identity))
own = private.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
with open(sys.argv[1], "rb") as file:
    content = file.read()
header, rest = content.split(b"\n--- ", 1)
nonce = rest.split(b"\n", 1)[1][:16]
lines = header.split(b"\n")
for at, line in enumerate(lines):
    if line.startswith(b"-> X25519 "):
        share = decode(line.split(b" ")[2])
        wrap = hkdf(private.exchange(X25519PublicKey.from_public_bytes(share)), share + own, b"age-encryption.org/v1/X25519")
        try:
            key = ChaCha20Poly1305(wrap).decrypt(bytes(12), decode(lines[at + 1]), None)
        except Exception:
            continue
        print(key.hex(), hkdf(key, nonce, b"payload").hex())
        break
else:
    sys.exit("no stanza is for this identity")
