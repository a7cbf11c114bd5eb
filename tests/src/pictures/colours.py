"""Compares the pictures in after/ with those of the same name in before/: pixels, colours, orientation, texts.

Prints one JSON object a picture: its name, whether Pillow opens it before and after, whether both have a
profile, and what is wrong.
"""

import io
import json
import os
import sys
import warnings

from PIL import Image, ImageCms, ImageOps

warnings.simplefilter("ignore")
Image.MAX_IMAGE_PIXELS = None
INTENTS = (ImageCms.Intent.PERCEPTUAL, ImageCms.Intent.RELATIVE_COLORIMETRIC)
SRGB = ImageCms.createProfile("sRGB")
# Pixels are compared one by one before; colours need only some of them.
SIDE = 256
INFO = {
    "jfif", "jfif_version", "jfif_unit", "jfif_density", "dpi", "adobe", "adobe_transform", "exif", "icc_profile",
    "progressive", "progression", "gamma", "transparency", "srgb", "chromaticity", "interlace", "aspect", "loop",
    "background", "timestamp", "duration",
}


def opened(path):
    try:
        picture = Image.open(path)
        picture.load()
        return picture
    except Exception:
        return None


def grid(mode):
    """Every colour of a coarse grid."""
    bands = len(mode)
    steps = 256 if bands == 1 else 9
    values = [step * 255 // (steps - 1) for step in range(steps)]
    colours = [()]
    for _ in range(bands):
        colours = [colour + (value,) for colour in colours for value in values]
    return Image.frombytes(mode, (len(colours), 1), bytes(value for colour in colours for value in colour))


def colours(picture, profile):
    """The picture's colours and a grid as sRGB under both intents; None where LittleCMS cannot."""
    mode = picture.mode if picture.mode in ("RGB", "L", "CMYK") else "RGB"
    if picture.mode in ("LA", "I", "I;16", "1"):
        mode = "L"
    if picture.mode in ("I", "I;16"):
        small = grid(mode)
    else:
        small = picture.convert(mode).resize((min(SIDE, picture.width), min(SIDE, picture.height)), Image.NEAREST)
    converted = []
    for intent in INTENTS:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            for what in (small, grid(mode)):
                done = ImageCms.profileToProfile(what, source, SRGB, renderingIntent=intent, outputMode="RGB")
                converted.append(done.tobytes())
        except Exception:
            converted.append(None)
    return converted


def shown(picture):
    """As viewers turn it; a block that Pillow cannot read turns nothing."""
    try:
        return ImageOps.exif_transpose(picture)
    except Exception:
        return picture


def compared(name, before, after):
    problems = []
    says = {"name": name, "before": before is not None, "after": after is not None, "profile": False, "problems": problems}
    if after is not None:
        strange = set(after.info) - INFO
        texts = [key for key, value in after.info.items() if isinstance(value, str)]
        if strange or texts or getattr(after, "text", None):
            problems.append("texts: %s" % sorted(strange | set(texts)))
        if getattr(after, "n_frames", 1) != 1:
            problems.append("more than one picture")
    if before is None or after is None:
        if before is not None:
            problems.append("it cannot be opened any more")
        return says
    if (before.mode, before.size) != (after.mode, after.size):
        problems.append("%s %s became %s %s" % (before.mode, before.size, after.mode, after.size))
    elif before.tobytes() != after.tobytes() or before.getpalette() != after.getpalette():
        problems.append("the pixels changed")
    if before.info.get("transparency") != after.info.get("transparency"):
        problems.append("the transparency changed")
    for key in ("gamma", "srgb", "chromaticity"):
        if before.info.get(key) != after.info.get(key):
            problems.append("%s changed" % key)
    profiles = [picture.info.get("icc_profile") for picture in (before, after)]
    if all(profiles):
        says["profile"] = True
        was, now = colours(before, profiles[0]), colours(after, profiles[1])
        if was != now:
            problems.append("the colours changed")
        says["converted"] = None not in was
    elif any(profiles):
        readable = None not in colours(before, profiles[0]) if profiles[0] else True
        if readable:
            problems.append("the profile is gone, or new")
    was, now = shown(before), shown(after)
    if was.size != now.size or was.tobytes() != now.tobytes():
        problems.append("it is shown the other way round")
    return says


folder = sys.argv[1]
for top, _, names in sorted(os.walk(os.path.join(folder, "after"))):
    for file in sorted(names):
        path = os.path.join(top, file)
        name = os.path.relpath(path, os.path.join(folder, "after"))
        try:
            print(json.dumps(compared(name, opened(os.path.join(folder, "before", name)), opened(path))))
        except Exception as error:
            print(json.dumps({"name": name, "problems": ["%s: %s" % (type(error).__name__, error)]}))
