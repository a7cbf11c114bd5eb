package org.safelight.app.logic

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.Timeout
import org.safelight.app.core.latestDay

@Timeout(60)
class PatientTest {
    private val whole = PatientState("4711", "Zoë Quittländer", "1961-02-03")

    @Test
    fun wristbands_are_read_whole_or_not_at_all() {
        assertEquals(PatientState("4711"), readWristband(" 4711 ", TODAY))
        for (code in listOf("4711|Zoë Quittländer|1961-02-03", "4711^Zoë Quittländer^19610203", "4711; Zoë Quittländer ;1961-02-03")) {
            assertEquals(whole, readWristband(code, TODAY), code)
        }
        for (code in listOf("", " ", "|x|1961-02-03", "4711|x", "4711||1961-02-03", "4711|x|1961-02-30", "4711|x|96102031", "4|x|19610203|y",
            "4711\n", "a".repeat(65), "47\u000011", "47\u202E11", "4711|x|abcdefgh", "4711|\uD800|19610203")) {
            if (code == "4711\n") assertEquals(PatientState("4711"), readWristband(code, TODAY)) else assertNull(readWristband(code, TODAY), code)
        }
    }

    @Test
    fun dates_are_days_that_have_been() {
        for (day in listOf("2000-02-29", "1800-01-01", "1999-12-31", "2024-02-29")) assertTrue(isDate(day), day)
        for (day in listOf("", "1900-02-29", "2023-02-29", "1799-12-31", "2000-13-01", "2000-00-01", "2000-04-31", "2000-1-01", "２０００-01-01", "2000/01/01", "+200-01-01")) {
            assertFalse(isDate(day), day)
        }
    }

    @Test
    fun only_who_is_complete_can_be_confirmed_and_whatever_is_edited_is_not_any_more() {
        assertFalse(patient(PatientState("4711"), PatientEvent.Confirmed(PatientState("4711"))).confirmed)
        val confirmed = patient(whole, PatientEvent.Confirmed(whole))
        assertTrue(confirmed.confirmed)
        assertTrue(patient(confirmed, PatientEvent.Typed("4711", "Zoë Quittländer ", "1961-02-03")).confirmed)
        assertFalse(patient(confirmed, PatientEvent.Typed("4712", "Zoë Quittländer", "1961-02-03")).confirmed)
        assertFalse(patient(confirmed, PatientEvent.Scanned("4711|Zoë Quittländer|1961-02-03")).confirmed)
        // Whoever has scanned a wristband in vain does not see the patient of before any more.
        assertEquals(PatientState(unreadable = true), patient(confirmed, PatientEvent.Scanned("?|?")))
        assertEquals(PatientState(), patient(confirmed, PatientEvent.Cleared))
    }

    @Test
    fun whom_the_screen_showed_is_confirmed_and_nobody_who_came_meanwhile() {
        for (other in listOf(whole.copy(number = "4712"), whole.copy(name = "Zoe Quittländer"), whole.copy(birthDate = "1961-02-04"))) {
            assertFalse(patient(whole, PatientEvent.Confirmed(other)).confirmed)
        }
        val app = app(AppState(patient = whole), AppEvent.Patient(PatientEvent.Scanned("4712|x|1961-02-03"))).state
        assertFalse(app(app, AppEvent.Patient(PatientEvent.Confirmed(whole))).state.patient.confirmed)
    }

    @Test
    fun a_birth_date_that_is_still_to_come_is_refused_before_anybody_can_confirm_it() {
        val ahead = PatientState("4711", "x", "2026-11-29")
        assertEquals(setOf(PatientFault.BIRTH_DATE_AHEAD), ahead.faults(TODAY))
        assertFalse(patient(ahead, PatientEvent.Confirmed(ahead)).confirmed)
        assertNull(readWristband("4711|x|20261129", TODAY))
        val born = PatientState("4711", "x", TODAY)
        assertEquals(emptySet<PatientFault>(), born.faults(TODAY))
        assertTrue(patient(born, PatientEvent.Confirmed(born)).confirmed)
        // A clock that was set back meanwhile closes the shutter.
        val app = AppState(lock = LockState(LockPhase.OPEN), person = "a", device = DeviceState(card()), patient = born.copy(confirmed = true))
        assertEquals(Blocked.NO_PATIENT, blocked(app.copy(today = "2026-11-27")))
        assertEquals(Blocked.NO_CONSENT, blocked(app.copy(today = TODAY)))
    }

    @Test
    fun the_latest_day_is_that_of_the_first_clocks_on_earth() {
        assertEquals("1970-01-01", latestDay(0))
        assertEquals("2026-11-28", latestDay(1_795_859_999_999))
        assertEquals("2026-11-29", latestDay(1_795_860_000_000))
    }

    @Test
    fun a_day_is_read_as_people_type_it() {
        for (typed in listOf("1961-02-03", "03.02.1961", "3.2.1961", " 03.2.1961 ")) assertEquals("1961-02-03", readDay(typed), typed)
        for (typed in listOf("", "3.2.61", "3.2.", "3/2/1961", "a.b.1961", "1961.02.03", "3.2.1961.")) assertEquals(typed, readDay(typed))
        assertEquals("1961-02-03", patient(PatientState(), PatientEvent.Typed("1", "x", "3.2.1961")).birthDate)
    }

    @Test
    fun consent_and_place_are_not_carried_to_the_next_patient() {
        val app = AppState(patient = whole, capture = CaptureState(Answer.PUBLICATION, spot = Spot(BodyPart.HAND, Side.LEFT), closeUp = true, grid = true))
        val confirmed = app(app, AppEvent.Patient(PatientEvent.Confirmed(whole))).state
        assertEquals(Answer.PUBLICATION, confirmed.capture.answer)
        assertTrue(confirmed.capture.closeUp)
        val next = app(confirmed, AppEvent.Patient(PatientEvent.Scanned("4712"))).state
        assertNull(next.capture.answer)
        assertNull(next.capture.spot)
        assertFalse(next.capture.closeUp)
        assertTrue(next.capture.grid)
    }

    @Test
    fun nothing_of_a_patient_is_said_by_accident() {
        val events = listOf(PatientEvent.Scanned("Quittländer"), PatientEvent.Typed("Quittländer", "Quittländer", "1961-02-03"), PatientEvent.Confirmed(whole))
        val label = Label("Quittländer", "Quittländer", "1961-02-03", BodyPart.HAND, null, Consent.RECORD, null)
        for (said in events + whole + label + AppState(patient = whole) + EnrolEvent.Scanned("Quittländer") + Effect.Enrol("Quittländer")) {
            assertFalse("Quittl" in said.toString() || "1961" in said.toString() || "4711" in said.toString(), said.toString())
        }
    }

    private fun patient(state: PatientState, event: PatientEvent) = patient(state, event, TODAY)

    private companion object {
        const val TODAY = "2026-11-28"
    }
}
