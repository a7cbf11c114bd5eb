package org.safelight.app.core

import java.text.SimpleDateFormat
import java.util.Date
import java.util.Locale
import java.util.SimpleTimeZone

/** The first clocks on earth are so far ahead of UTC (UTC+14), and the core counts days by them: core/src/label/birth_date.rs. */
private const val FIRST_TIME_ZONE_MS = 14 * 60 * 60 * 1000

/** The latest day, as `YYYY-MM-DD`, that has begun anywhere; [nowMs] is counted from 1970 in UTC. */
fun latestDay(nowMs: Long): String = SimpleDateFormat("yyyy-MM-dd", Locale.ROOT).run {
    timeZone = SimpleTimeZone(FIRST_TIME_ZONE_MS, "first")
    format(Date(nowMs))
}
