package org.safelight.app.logic

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNotNull
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.Timeout
import org.safelight.mobile.PatientLabel
import org.safelight.mobile.checkLabel

@Timeout(60)
class BodyMapTest {
    @Test
    fun left_and_right_are_the_patients_own_from_both_sides() {
        // A right forearm lies on the viewer's left from the front, on the viewer's right from behind.
        assertEquals(Spot(BodyPart.FOREARM, Side.RIGHT), BodyMap.at(Facing.FRONT, .20f, .42f))
        assertEquals(Spot(BodyPart.FOREARM, Side.LEFT), BodyMap.at(Facing.FRONT, .80f, .42f))
        assertEquals(Spot(BodyPart.FOREARM, Side.LEFT), BodyMap.at(Facing.BACK, .20f, .42f))
        assertEquals(Spot(BodyPart.FOREARM, Side.RIGHT), BodyMap.at(Facing.BACK, .80f, .42f))
    }

    @Test
    fun every_part_can_be_touched_and_has_a_side_exactly_if_there_are_two_of_it() {
        val spots = BodyMap.spots
        assertEquals(BodyPart.entries.toSet(), spots.map { it.part }.toSet())
        for (part in BodyPart.entries) {
            val sides = spots.filter { it.part == part }.map { it.side }.toSet()
            assertEquals(if (part.paired) setOf(Side.LEFT, Side.RIGHT) else setOf(null), sides, part.name)
        }
        for (facing in Facing.entries) for ((area, spot) in BodyMap.areas(facing)) {
            assertEquals(spot, BodyMap.at(facing, (area.left + area.right) / 2, (area.top + area.bottom) / 2), "$facing $spot")
        }
    }

    @Test
    fun beside_the_body_there_is_nothing_and_a_touch_there_changes_nothing() {
        for ((x, y) in listOf(.02f to .02f, .98f to .98f, -1f to .5f, 2f to .5f, Float.NaN to .5f)) assertNull(BodyMap.at(Facing.FRONT, x, y))
        val chosen = CaptureState(spot = Spot(BodyPart.CHEST, null))
        assertEquals(chosen.spot, capture(chosen, CaptureEvent.Touched(.02f, .02f)).spot)
        assertNotNull(capture(chosen, CaptureEvent.Touched(.5f, .1f)).spot)
    }

    @Test
    fun turning_the_body_forgets_the_place() {
        val chosen = CaptureState(spot = Spot(BodyPart.FOREARM, Side.LEFT))
        assertNull(capture(chosen, CaptureEvent.Turned(Facing.BACK)).spot)
        assertEquals(chosen, capture(chosen, CaptureEvent.Turned(Facing.FRONT)))
    }

    @Test
    fun areas_do_not_overlap() {
        for (facing in Facing.entries) {
            val areas = BodyMap.areas(facing).map { it.first }
            for (a in areas) for (b in areas) {
                val over = a !== b && a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom
                // Arms lie on a slant, drawn as steps that meet.
                val shared = if (over) (minOf(a.right, b.right) - maxOf(a.left, b.left)) * (minOf(a.bottom, b.bottom) - maxOf(a.top, b.top)) else 0f
                assertTrue(shared < .0005f, "$facing $a $b")
            }
        }
    }

    @Test
    fun the_core_takes_every_part_with_its_code() {
        for (part in BodyPart.entries) {
            checkLabel(PatientLabel("1", "x", "1961-02-03", part.meaning, part.code))
            assertFalse(part.meaning.isEmpty())
        }
    }
}
