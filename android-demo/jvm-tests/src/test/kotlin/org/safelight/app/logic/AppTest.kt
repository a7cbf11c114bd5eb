package org.safelight.app.logic

import java.nio.ByteBuffer
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.MutableSharedFlow
import kotlinx.coroutines.test.StandardTestDispatcher
import kotlinx.coroutines.test.TestScope
import kotlinx.coroutines.test.advanceTimeBy
import kotlinx.coroutines.test.runCurrent
import kotlinx.coroutines.test.runTest
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/**
 * What the app does by the clock, on a clock that is not waited for. Behind it is no core but what one may answer: with the real one there
 * are the tests against a gateway.
 */
@OptIn(ExperimentalCoroutinesApi::class)
class AppTest {
    private class Answers(var unreachable: Int = 0) : Core, OpenPhone {
        val sends = mutableListOf<String>()
        var last: Label? = null
        var refuses: Trouble? = null
        var thrown = 0
        override val news: Flow<News> = MutableSharedFlow()

        override fun readInvitation(text: String) = InvitationView(emptyList(), 0)

        override suspend fun enrol(invitation: String): Enrolling = awaitCancellation()

        override fun open() = this

        override fun takeLost() = 0

        override fun room() = 3

        override fun readyForShutter() = refuses?.let { throw it } ?: 3

        override suspend fun capture(photo: ByteBuffer, label: Label, operator: String) =
            refuses?.let { throw it } ?: Held("a", 1, 1, 1, emptyList()).also { last = label }

        override suspend fun send(id: String, progress: (sent: Long, total: Long) -> Unit) {
            sends += id
            if (unreachable-- > 0) throw Trouble(Trouble.Kind.UNREACHABLE, "unreachable")
        }

        override fun discard(id: String) = Unit

        override fun clear() = 1.also { thrown++ }

        override suspend fun connect() = Unit

        override suspend fun networkChanged() = Unit

        override fun card() = org.safelight.app.logic.card()

        override suspend fun close() = 0
    }

    private fun TestScope.ready(answers: Answers): App {
        val app = App(answers, { testScheduler.currentTime }, backgroundScope, StandardTestDispatcher(testScheduler))
        app.tell(AppEvent.Started)
        runCurrent()
        app.tell(AppEvent.Lock(LockEvent.Ask))
        app.tell(AppEvent.Lock(LockEvent.Passed))
        app.tell(AppEvent.SignIn(SignInEvent.Owner))
        app.tell(AppEvent.Patient(PatientEvent.Typed("1", "x", "1961-02-03")))
        app.tell(AppEvent.Patient(PatientEvent.Confirmed))
        app.tell(AppEvent.Capture(CaptureEvent.ConsentGiven(Consent.RECORD)))
        app.tell(AppEvent.Capture(CaptureEvent.Touched(.5f, .1f)))
        app.tell(AppEvent.Capture(CaptureEvent.Camera(CameraState.READY)))
        return app
    }

    @Test
    fun f12_a_picture_that_does_not_get_through_is_tried_again_without_anybody() = runTest {
        val answers = Answers(unreachable = 2)
        val app = ready(answers)
        assertTrue(app.press())
        app.take(ByteBuffer.allocateDirect(1))
        runCurrent()
        assertEquals(1, answers.sends.size)
        advanceTimeBy(RETRY_AFTER_MS[0] + 1)
        assertEquals(2, answers.sends.size)
        advanceTimeBy(RETRY_AFTER_MS[1] + 1)
        assertEquals(3, answers.sends.size)
        assertEquals(1, app.state.value.queue.stored)
    }

    @Test
    fun f08_an_app_that_nobody_comes_back_to_locks_itself_and_clears_by_itself() = runTest {
        val answers = Answers(unreachable = Int.MAX_VALUE)
        val app = ready(answers)
        app.press()
        app.take(ByteBuffer.allocateDirect(1))
        app.tell(AppEvent.Lock(LockEvent.OutOfSight(testScheduler.currentTime)))
        advanceTimeBy(LOCK_AFTER_MS + 1)
        assertEquals(LockPhase.LOCKED, app.state.value.lock.phase)
        assertEquals(1, app.state.value.queue.pictures.size)
        advanceTimeBy(CLEAR_AFTER_MS)
        assertEquals(0, app.state.value.queue.pictures.size)
        assertEquals(1, app.state.value.queue.thrown)
        assertEquals(1, answers.thrown)
    }

    @Test
    fun a_storage_that_refuses_closes_the_shutter_before_there_is_a_picture() = runTest {
        val answers = Answers()
        val app = ready(answers)
        answers.refuses = Trouble(Trouble.Kind.NOT_KEPT, "not-kept")
        assertFalse(app.press())
        assertEquals(Advice.STORAGE_REFUSES, app.state.value.capture.trouble)
        assertFalse(app.state.value.capture.sealing)
    }

    @Test
    fun a_picture_is_labelled_as_it_was_when_the_shutter_was_pressed() = runTest {
        val answers = Answers()
        val app = ready(answers)
        val site = checkNotNull(label(app.state.value)).site
        assertTrue(app.press())
        app.tell(AppEvent.Capture(CaptureEvent.Chosen(Spot(BodyPart.LOWER_LEG, Side.LEFT))))
        app.tell(AppEvent.Capture(CaptureEvent.ConsentGiven(Consent.PUBLICATION)))
        app.take(ByteBuffer.allocateDirect(1))
        assertEquals(site to Consent.RECORD, answers.last?.let { it.site to it.consent })
    }

    @Test
    fun a_picture_of_a_phone_that_was_locked_meanwhile_is_not_taken() = runTest {
        val answers = Answers()
        val app = ready(answers)
        assertTrue(app.press())
        app.tell(AppEvent.Lock(LockEvent.OutOfSight(0)))
        app.tell(AppEvent.Lock(LockEvent.Tick(LOCK_AFTER_MS)))
        app.take(ByteBuffer.allocateDirect(1))
        assertEquals(0, app.state.value.queue.pictures.size)
        assertFalse(app.state.value.capture.sealing)
    }
}
