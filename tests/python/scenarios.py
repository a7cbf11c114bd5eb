"""The bindings as an app uses them, against the running gateway. tests/tests/bindings.rs runs one scenario a process:

    python3 scenarios.py SCENARIO CONFIG.json
"""

import asyncio

import buffers
import crowd
import life
import trouble
import wrong
from app import run

ROOMS = (life, wrong, trouble, crowd, buffers)

run({name: work for room in ROOMS for name, work in vars(room).items() if asyncio.iscoroutinefunction(work)})
