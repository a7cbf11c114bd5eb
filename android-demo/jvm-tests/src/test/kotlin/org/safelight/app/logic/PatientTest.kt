package org.safelight.app.logic

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

class PatientTest {
    private val whole = PatientState("4711", "Zoë Quittländer", "1961-02-03")

    @Test
    fun wristbands_are_read_whole_or_not_at_all() {
        assertEquals(PatientState("4711"), readWristband(" 4711 "))
        for (code in listOf("4711|Zoë Quittländer|1961-02-03", "4711^Zoë Quittländer^19610203", "4711; Zoë Quittländer ;1961-02-03")) {
            assertEquals(whole, readWristband(code), code)
        }
        for (code in listOf("", " ", "|x|1961-02-03", "4711|x", "4711||1961-02-03", "4711|x|1961-02-30", "4711|x|96102031", "4|x|19610203|y",
            "4711\n", "a".repeat(65), "47\u000011", "47\u202E11", "4711|x|abcdefgh", "4711|\uD800|19610203")) {
            if (code == "4711\n") assertEquals(PatientState("4711"), readWristband(code)) else assertNull(readWristband(code), code)
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
        assertFalse(patient(PatientState("4711"), PatientEvent.Confirmed).confirmed)
        val confirmed = patient(whole, PatientEvent.Confirmed)
        assertTrue(confirmed.confirmed)
        assertTrue(patient(confirmed, PatientEvent.Typed("4711", "Zoë Quittländer ", "1961-02-03")).confirmed)
        assertFalse(patient(confirmed, PatientEvent.Typed("4712", "Zoë Quittländer", "1961-02-03")).confirmed)
        assertFalse(patient(confirmed, PatientEvent.Scanned("4711|Zoë Quittländer|1961-02-03")).confirmed)
        // Whoever has scanned a wristband in vain does not see the patient of before any more.
        assertEquals(PatientState(unreadable = true), patient(confirmed, PatientEvent.Scanned("?|?")))
        assertEquals(PatientState(), patient(confirmed, PatientEvent.Cleared))
    }

    @Test
    fun consent_and_place_are_not_carried_to_the_next_patient() {
        val app = AppState(patient = whole, capture = CaptureState(Consent.PUBLICATION, spot = Spot(BodyPart.HAND, Side.LEFT), grid = true))
        val confirmed = app(app, AppEvent.Patient(PatientEvent.Confirmed)).state
        assertEquals(Consent.PUBLICATION, confirmed.capture.consent)
        val next = app(confirmed, AppEvent.Patient(PatientEvent.Scanned("4712"))).state
        assertNull(next.capture.consent)
        assertNull(next.capture.spot)
        assertTrue(next.capture.grid)
    }

    @Test
    fun nothing_of_a_patient_is_said_by_accident() {
        val events = listOf(PatientEvent.Scanned("Quittländer"), PatientEvent.Typed("Quittländer", "Quittländer", "1961-02-03"))
        val label = Label("Quittländer", "Quittländer", "1961-02-03", BodyPart.HAND, null, Consent.RECORD, null)
        for (said in events + whole + label + AppState(patient = whole) + EnrolEvent.Scanned("Quittländer") + Effect.Enrol("Quittländer")) {
            assertFalse("Quittl" in said.toString() || "1961" in said.toString() || "4711" in said.toString(), said.toString())
        }
    }
}
