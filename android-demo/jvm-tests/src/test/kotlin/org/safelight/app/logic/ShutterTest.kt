package org.safelight.app.logic

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNotNull
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.Timeout

@Timeout(60)
class ShutterTest {
    private val ready = AppState(
        starting = false,
        enrolled = true,
        lock = LockState(LockPhase.OPEN),
        person = "clinician1",
        patient = PatientState("1", "x", "1961-02-03", confirmed = true),
        capture = CaptureState(Answer.RECORD, spot = Spot(BodyPart.HAND, Side.LEFT), camera = CameraState.READY),
        queue = QueueState(room = 1),
        device = DeviceState(card()),
    )

    @Test
    fun f12_each_thing_that_is_missing_closes_the_shutter_and_is_named() {
        assertNull(blocked(ready))
        val against = mapOf(
            Blocked.NOT_ENROLLED to ready.copy(device = DeviceState()),
            Blocked.SHUT_OUT to ready.copy(device = ready.device.copy(shutOut = Trouble(Trouble.Kind.ENROL_AGAIN, "revoked"))),
            Blocked.LOCKED to ready.copy(lock = LockState()),
            Blocked.NOBODY_SIGNED_IN to ready.copy(person = null),
            Blocked.NO_PATIENT to ready.copy(patient = PatientState("1", "", "1961-02-03", confirmed = true)),
            Blocked.NOT_CONFIRMED to ready.copy(patient = ready.patient.copy(confirmed = false)),
            Blocked.NO_CONSENT to ready.copy(capture = ready.capture.copy(answer = null)),
            Blocked.CONSENT_NOT_OBTAINED to ready.copy(capture = ready.capture.copy(answer = Answer.NOT_OBTAINED)),
            Blocked.NO_SITE to ready.copy(capture = ready.capture.copy(spot = null)),
            Blocked.QUEUE_FULL to ready.copy(queue = QueueState(room = 0)),
            Blocked.NO_CAMERA to ready.copy(capture = ready.capture.copy(camera = CameraState.CLOSED)),
            Blocked.SEALING to ready.copy(capture = ready.capture.copy(sealing = true)),
        )
        assertEquals(Blocked.entries.toSet(), against.keys)
        for ((why, app) in against) {
            assertEquals(why, blocked(app))
            assertEquals(app, app(app, AppEvent.Capture(CaptureEvent.Pressed)).state, "$why")
        }
    }

    @Test
    fun one_press_is_one_picture() {
        val pressed = app(ready, AppEvent.Capture(CaptureEvent.Pressed)).state
        assertTrue(pressed.capture.sealing)
        assertEquals(Blocked.SEALING, blocked(pressed))
        assertNull(blocked(app(pressed, AppEvent.Capture(CaptureEvent.Sealed)).state))
        val failed = app(pressed, AppEvent.Capture(CaptureEvent.Failed(Advice.BAD_PICTURE))).state
        assertFalse(failed.capture.sealing)
        assertEquals(Advice.BAD_PICTURE, failed.capture.trouble)
        // A camera that goes away under it does not leave it waiting for ever.
        assertFalse(app(pressed, AppEvent.Capture(CaptureEvent.Camera(CameraState.FAILED))).state.capture.sealing)
    }

    @Test
    fun the_label_says_what_was_confirmed_and_nothing_else() {
        val label = label(ready)
        assertNotNull(label)
        assertEquals(Label("1", "x", "1961-02-03", BodyPart.HAND, Side.LEFT, Consent.RECORD, null), label)
        assertNull(label(ready.copy(capture = ready.capture.copy(answer = Answer.NOT_OBTAINED))))
        assertNull(label(ready.copy(patient = ready.patient.copy(confirmed = false))))
        assertEquals("close-up", label(ready.copy(capture = ready.capture.copy(closeUp = true)))?.view)
    }

    @Test
    fun the_screens_keep_their_order_whatever_is_asked_for() {
        assertEquals(Screen.STARTING, screen(AppState()))
        assertEquals(Screen.ENROL, screen(app(AppState(), AppEvent.NotEnrolled).state))
        assertEquals(Screen.LOCK, screen(ready.copy(lock = LockState(), wanted = Screen.CAPTURE)))
        assertEquals(Screen.SIGN_IN, screen(ready.copy(person = null, wanted = Screen.CAPTURE)))
        assertEquals(Screen.QUEUE, screen(ready.copy(person = null, wanted = Screen.QUEUE)))
        assertEquals(Screen.PATIENT, screen(ready.copy(patient = PatientState(), wanted = Screen.CAPTURE)))
        assertEquals(Screen.CAPTURE, screen(ready.copy(wanted = Screen.CAPTURE)))
        // Pictures were lost: that is the first thing that is said.
        assertEquals(Screen.QUEUE, app(AppState(), AppEvent.Opened(card(), 3, 2)).state.wanted)
        // Whoever is not in cannot throw the enrolment away.
        assertNull(app(ready.copy(lock = LockState()), AppEvent.EnrolAgain).state.enrol)
        assertNotNull(app(ready, AppEvent.EnrolAgain).state.enrol)
        val back = app(app(ready, AppEvent.EnrolAgain).state, AppEvent.Enrol(EnrolEvent.Cancelled))
        assertNull(back.state.enrol)
        // A camera that is being closed sees one more code.
        val late = app(ready, AppEvent.Enrol(EnrolEvent.Scanned("x")))
        assertEquals(Step(ready), late)
    }

    @Test
    fun a_picture_stands_upright_however_the_phone_is_held() {
        // The sensor lies on its side; the phone stands, lies on its left side, on its head, on its right side.
        assertEquals(listOf(90, 0, 270, 180), listOf(0, 270, 180, 90).map { upright(90, it) })
        assertEquals(listOf(90, 90, 180, 90, 90), listOf(0, 44, 45, 316, 359).map { upright(90, it) })
    }
}
