// Nothing here decides anything: pages work without it.
"use strict";
