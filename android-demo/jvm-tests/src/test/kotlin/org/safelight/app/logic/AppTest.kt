package org.safelight.app.logic

import java.nio.ByteBuffer
import java.util.concurrent.Executors
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.asCoroutineDispatcher
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.cancel
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.MutableSharedFlow
import kotlinx.coroutines.flow.flow
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.test.StandardTestDispatcher
import kotlinx.coroutines.test.TestScope
import kotlinx.coroutines.test.advanceTimeBy
import kotlinx.coroutines.test.runCurrent
import kotlinx.coroutines.test.runTest
import kotlinx.coroutines.withTimeout
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.Timeout

/**
 * What the app does by the clock, on a clock that is not waited for. Behind it is no core but what one may answer: with the real one there
 * are the tests against a gateway.
 */
@Timeout(60)
@OptIn(ExperimentalCoroutinesApi::class)
class AppTest {
    private class Answers(var unreachable: Int = 0) : Core, OpenPhone {
        val sends = mutableListOf<String>()
        var last: Label? = null
        var refuses: Trouble? = null
        var thrown = 0
        override var news: Flow<News> = MutableSharedFlow()

        /** The thread that was asked to enrol. */
        val readOn = CompletableDeferred<Thread>()
        var opens: Trouble? = null
        var opened = 0
        var forgotten = 0

        /** What happens while an invitation is read. */
        var reading: (String) -> Unit = {}

        override fun readInvitation(text: String): InvitationView {
            reading(text)
            readOn.complete(Thread.currentThread())
            return InvitationView(listOf(text), 0)
        }

        override suspend fun enrol(invitation: String): Enrolling = awaitCancellation()

        override fun open(): OpenPhone {
            opened++
            return opens?.let { throw it } ?: this
        }

        override fun lost() = 2

        override fun forgetLost() {
            forgotten++
        }

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

    private fun TestScope.started(answers: Answers): App {
        val blocking = StandardTestDispatcher(testScheduler)
        val app = App(answers, { testScheduler.currentTime }, backgroundScope, blocking) { "2026-11-28" }
        app.tell(AppEvent.Started)
        runCurrent()
        return app
    }

    private fun TestScope.ready(answers: Answers): App {
        val app = started(answers)
        app.tell(AppEvent.Lock(LockEvent.Ask))
        app.tell(AppEvent.Lock(LockEvent.Passed))
        app.tell(AppEvent.SignIn(SignInEvent.Owner))
        app.tell(AppEvent.Patient(PatientEvent.Typed("1", "x", "1961-02-03")))
        app.tell(AppEvent.Patient(PatientEvent.Confirmed(PatientState("1", "x", "1961-02-03"))))
        app.tell(AppEvent.Capture(CaptureEvent.Answered(Answer.RECORD)))
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
        app.tell(AppEvent.Capture(CaptureEvent.Answered(Answer.PUBLICATION)))
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

    @Test
    fun what_could_not_be_opened_is_opened_again_when_somebody_asks_or_unlocks() = runTest {
        val answers = Answers().apply { opens = Trouble(Trouble.Kind.KEY_FAILED, "keystore") }
        val app = started(answers)
        assertEquals(Screen.LOCK, screen(app.state.value))
        app.tell(AppEvent.Lock(LockEvent.Ask))
        app.tell(AppEvent.Lock(LockEvent.Passed))
        runCurrent()
        assertEquals(2, answers.opened)
        assertEquals(Screen.CLOSED, screen(app.state.value))
        answers.opens = null
        app.tell(AppEvent.OpenAgain)
        // Whoever taps twice opens once.
        app.tell(AppEvent.OpenAgain)
        runCurrent()
        assertEquals(3, answers.opened)
        assertEquals(null, app.state.value.closed)
        app.tell(AppEvent.OpenAgain)
        runCurrent()
        assertEquals(3, answers.opened)
    }

    @Test
    fun news_that_break_off_end_nothing() = runTest {
        val answers = Answers().apply { news = flow { throw Trouble(Trouble.Kind.BUG, "bug") } }
        val app = ready(answers)
        runCurrent()
        assertFalse(app.state.value.device.connected)
        assertEquals(Trouble(Trouble.Kind.BUG, "bug"), app.state.value.device.trouble)
        assertTrue(app.press())
    }

    @Test
    fun what_was_lost_is_forgotten_when_it_was_read_and_not_before() = runTest {
        val answers = Answers()
        val app = ready(answers)
        assertEquals(2, app.state.value.queue.lost)
        assertEquals(0, answers.forgotten)
        app.tell(AppEvent.Queue(QueueEvent.Seen))
        runCurrent()
        assertEquals(1, answers.forgotten)
        // There is nothing more to forget.
        app.tell(AppEvent.Queue(QueueEvent.Seen))
        runCurrent()
        assertEquals(1, answers.forgotten)
    }

    @Test
    fun enrolling_does_not_hold_up_the_thread_that_draws() {
        val drawing = Executors.newSingleThreadExecutor { Thread(it, "drawing") }.asCoroutineDispatcher()
        val waiting = Executors.newSingleThreadExecutor { Thread(it, "waiting") }.asCoroutineDispatcher()
        drawing.use {
            waiting.use {
                val answers = Answers().apply { opens = Trouble(Trouble.Kind.KEY_FAILED, "keystore") }
                val scope = CoroutineScope(drawing)
                val app = App(answers, { 0 }, scope, waiting) { "2026-11-28" }
                app.tell(AppEvent.NotEnrolled)
                app.tell(AppEvent.Enrol(EnrolEvent.Scanned("x")))
                assertTrue(runBlocking { withTimeout(10_000) { answers.readOn.await() } }.name.startsWith("waiting"))
                scope.cancel()
            }
        }
    }

    @Test
    fun an_enrolment_that_was_given_up_says_nothing_to_the_next() = runTest {
        val answers = Answers().apply { opens = Trouble(Trouble.Kind.KEY_FAILED, "keystore") }
        val app = started(answers)
        app.tell(AppEvent.NotEnrolled)
        app.tell(AppEvent.Lock(LockEvent.Ask))
        app.tell(AppEvent.Lock(LockEvent.Passed))
        runCurrent()
        app.tell(AppEvent.EnrolAgain)
        answers.reading = { text ->
            if (text == "first") {
                app.tell(AppEvent.Enrol(EnrolEvent.Cancelled))
                app.tell(AppEvent.EnrolAgain)
                app.tell(AppEvent.Enrol(EnrolEvent.Scanned("second")))
            }
        }
        app.tell(AppEvent.Enrol(EnrolEvent.Scanned("first")))
        runCurrent()
        assertEquals(EnrolState.Asking(InvitationView(listOf("second"), 0)), app.state.value.enrol)
    }
}
