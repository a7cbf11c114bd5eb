package org.safelight.app.logic

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.Timeout
import org.safelight.mobile.PatientLabel
import org.safelight.mobile.SafelightException
import org.safelight.mobile.checkLabel

/** The app's own check of a label's texts against the core's: what the form takes is what can be sealed. */
@Timeout(120)
class LineTest {
    @Test
    fun each_character_passes_or_fails_as_in_the_core() {
        val planes = (0..0xffff).filterNot { it in 0xd800..0xdfff } + (0x1bc90..0x1bcb0) + (0x1d160..0x1d180) + (0x1f440..0x1f450) +
            (0xdfff0..0xe1010)
        val seen = planes.groupBy { point -> "a${Character.toString(point)}b".let { isLine(it, MAX_NAME_BYTES) to core(it, "x") } }
        val apart = seen.filterKeys { (app, core) -> app != core }.mapValues { (_, points) -> points.take(9).map(Int::toHexString) }
        assertEquals(emptyMap<Any, Any>(), apart)
        assertTrue(seen.size == 2, "some pass and some do not")
    }

    @Test
    fun ends_and_lengths_are_those_of_the_core() {
        val edges = listOf("", " ", "a ", " a", "a\u00a0", "\u2003a", "a\u3000", "a\u200d", "\u0985\u200c")
        for (text in edges + "a".repeat(MAX_NAME_BYTES) + "a".repeat(MAX_NAME_BYTES + 1) + "ä".repeat(MAX_NAME_BYTES / 2) + "ä".repeat(MAX_NAME_BYTES / 2 + 1)) {
            assertEquals(core(text, "x"), isLine(text, MAX_NAME_BYTES), "a name of ${text.length}: $text")
        }
        for (length in listOf(MAX_NUMBER_BYTES, MAX_NUMBER_BYTES + 1)) {
            assertEquals(core("x", "1".repeat(length)), isLine("1".repeat(length), MAX_NUMBER_BYTES), "a number of $length")
        }
    }

    @Test
    fun half_a_character_is_none() {
        for (text in listOf("\ud800", "a\udc00", "\udc00\ud800")) assertEquals(false, isLine(text, 64))
    }

    private fun core(name: String, number: String) = try {
        checkLabel(PatientLabel(number, name, "1961-02-03", "left hand"))
        true
    } catch (_: SafelightException.BadLabel) {
        false
    }
}
