package org.safelight.app.logic

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.Timeout

@Timeout(60)
class LockTest {
    private val open = LockState(LockPhase.OPEN)

    @Test
    fun only_a_prompt_that_is_up_opens() {
        assertEquals(LockPhase.LOCKED, lock(LockState(), LockEvent.Passed).state.phase)
        val asking = lock(LockState(), LockEvent.Ask).state
        assertEquals(LockPhase.OPEN, lock(asking, LockEvent.Passed).state.phase)
        assertEquals(LockPhase.LOCKED, lock(asking, LockEvent.Refused).state.phase)
        val turnedAway = lock(asking, LockEvent.OutOfSight(0)).state
        assertEquals(LockPhase.LOCKED, lock(turnedAway, LockEvent.Passed).state.phase)
        assertEquals(LockPhase.NOT_POSSIBLE, lock(asking, LockEvent.NotPossible).state.phase)
        assertEquals(LockPhase.NOT_POSSIBLE, lock(lock(asking, LockEvent.NotPossible).state, LockEvent.Passed).state.phase)
    }

    @Test
    fun f08_a_moment_out_of_sight_does_not_lock_and_a_longer_one_does() {
        val away = lock(open, LockEvent.OutOfSight(1_000)).state
        assertEquals(LockPhase.OPEN, lock(away, LockEvent.InSight(1_000 + LOCK_AFTER_MS - 1)).state.phase)
        assertNull(lock(away, LockEvent.InSight(1_000 + LOCK_AFTER_MS - 1)).state.awaySince)
        assertEquals(LockPhase.LOCKED, lock(away, LockEvent.InSight(1_000 + LOCK_AFTER_MS)).state.phase)
    }

    @Test
    fun f08_the_time_away_is_counted_from_its_beginning_and_not_from_a_look_at_the_lock() {
        var state = lock(open, LockEvent.OutOfSight(0)).state
        state = lock(state, LockEvent.InSight(LOCK_AFTER_MS)).state
        state = lock(state, LockEvent.OutOfSight(LOCK_AFTER_MS + 5)).state
        assertFalse(Effect.ClearQueue in lock(state, LockEvent.Tick(CLEAR_AFTER_MS - 1)).effects)
        assertTrue(Effect.ClearQueue in lock(state, LockEvent.Tick(CLEAR_AFTER_MS)).effects)
        // Whoever unlocks in time keeps all.
        val back = lock(lock(state, LockEvent.Ask).state, LockEvent.Passed).state
        assertFalse(Effect.ClearQueue in lock(back, LockEvent.Tick(CLEAR_AFTER_MS)).effects)
    }

    @Test
    fun f08_whoever_unlocks_a_shared_phone_signs_in_and_confirms_the_patient_anew() {
        val app = AppState(
            lock = LockState(LockPhase.OPEN, 0), person = "clinician1",
            patient = PatientState("1", "x", "1961-02-03", confirmed = true),
            capture = CaptureState(Answer.RECORD, spot = Spot(BodyPart.HAND, Side.LEFT)),
        )
        val locked = app(app, AppEvent.Lock(LockEvent.Tick(LOCK_AFTER_MS))).state
        assertNull(locked.person)
        assertFalse(locked.patient.confirmed)
        assertNull(locked.capture.answer)
        assertNull(locked.capture.spot)
    }

    @Test
    fun a_phone_that_is_enrolled_is_enrolled_elsewhere_by_nobody_who_has_not_unlocked_it() {
        assertEquals(Screen.ENROL, screen(app(AppState(), AppEvent.NotEnrolled).state))
        val failed = app(AppState(), AppEvent.OpenFailed(Trouble(Trouble.Kind.KEY_FAILED, "key-failed"))).state
        assertEquals(Screen.LOCK, screen(failed))
        assertEquals(Screen.CLOSED, screen(failed.copy(lock = open)))
        val again = app(AppState(starting = false, enrolled = true, lock = open), AppEvent.EnrolAgain).state
        assertEquals(Screen.ENROL, screen(again))
        val away = app(again.copy(lock = LockState(LockPhase.OPEN, 0)), AppEvent.Lock(LockEvent.Tick(LOCK_AFTER_MS))).state
        assertEquals(Screen.LOCK, screen(away))
    }

    @Test
    fun f08_when_the_queue_is_cleared_patient_and_person_go_with_it() {
        val app = AppState(
            lock = LockState(LockPhase.OPEN, 0), person = "clinician1",
            patient = PatientState("1", "x", "1961-02-03", confirmed = true), capture = CaptureState(Answer.RECORD),
        )
        val cleared = app(app, AppEvent.Lock(LockEvent.Tick(CLEAR_AFTER_MS)))
        assertEquals(listOf(Effect.ClearQueue), cleared.effects)
        assertNull(cleared.state.person)
        assertEquals(PatientState(), cleared.state.patient)
        assertNull(cleared.state.capture.answer)
    }
}
