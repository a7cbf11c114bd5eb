package org.safelight.app.logic

import java.nio.ByteBuffer
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Job
import kotlinx.coroutines.NonCancellable
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.delay
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.launch
import kotlinx.coroutines.withContext

/**
 * The running app: events in, states out, and what the logic wants done is done against the ports. [blocking] is where calls go that wait
 * for a disk or a keystore.
 */
class App(
    private val core: Core,
    private val clock: Clock,
    private val scope: CoroutineScope,
    private val blocking: CoroutineDispatcher,
    private val calendar: Calendar,
) {
    private val states = MutableStateFlow(AppState())
    @Volatile private var phone: OpenPhone? = null
    private var listening: Job? = null

    /** What the picture that is being exposed shows, and who takes it: as it was when the shutter was pressed, whatever is touched since. */
    @Volatile private var pressed: Pair<Label, String>? = null
    private var enrolling: Job? = null

    val state: StateFlow<AppState> get() = states

    /** From any thread; events are taken one after the other. */
    fun tell(event: AppEvent) {
        val today = calendar.today()
        val effects = synchronized(this) {
            val step = app(states.value.copy(today = today), event)
            states.value = step.state
            step.effects
        }
        effects.forEach(::perform)
    }

    /**
     * Whether a picture may be taken now; makes ready for it. After `true` comes [take], or [CaptureEvent.Camera] with what went wrong.
     */
    suspend fun press(): Boolean {
        val mine = synchronized(this) {
            val now = states.value
            val free = blocked(now) == null
            pressed = label(now)?.let { said -> now.person?.let { said to it } }
            if (free) tell(AppEvent.Capture(CaptureEvent.Pressed))
            free
        }
        if (!mine) return false
        return try {
            withContext(blocking) { open().readyForShutter() }
            true
        } catch (trouble: Trouble) {
            failed(trouble)
            false
        }
    }

    /**
     * Seals a picture and has it sent. [photo] is a direct buffer, which is not touched any more once this returns. Nothing of the
     * picture is in any state or event.
     */
    suspend fun take(photo: ByteBuffer) {
        val now = states.value
        try {
            val (label, person) = pressed ?: throw Trouble(Trouble.Kind.BAD_LABEL, "incomplete")
            pressed = null
            // Whoever locked the phone while the camera was exposing gets no picture.
            if (now.lock.phase != LockPhase.OPEN) throw Trouble(Trouble.Kind.CANCELLED, "locked")
            val held = open().capture(photo, label, person)
            tell(AppEvent.Capture(CaptureEvent.Sealed))
            // It is held, whatever comes of asking how many more fit.
            val room = try {
                open().room()
            } catch (_: Trouble) {
                states.value.queue.room
            }
            tell(AppEvent.Queue(QueueEvent.Captured(held, room)))
        } catch (trouble: Trouble) {
            failed(trouble)
        }
    }

    /** Ends the phone. What is held is lost, and the next start says how many. */
    suspend fun close(): Int {
        enrolling?.cancel()
        return endPhone()
    }

    private suspend fun endPhone(): Int = withContext(NonCancellable) {
        listening?.cancel()
        val closing = phone
        phone = null
        closing?.close() ?: 0
    }

    private fun perform(effect: Effect) {
        when (effect) {
            Effect.OpenPhone -> background { reopen() }
            is Effect.Enrol -> {
                enrolling?.cancel()
                enrolling = scope.launch(blocking) { join(effect.invitation) }
            }
            Effect.CancelEnrolment -> enrolling?.cancel()
            Effect.Connect -> background({ tell(AppEvent.ConnectFailed(it)) }) {
                open().connect()
                tell(AppEvent.ConnectDone)
            }
            Effect.MoveConnection -> background { open().networkChanged() }
            is Effect.Send -> send(effect.id)
            is Effect.Discard -> background { open().discard(effect.id) }
            Effect.ClearQueue -> background { tell(AppEvent.Queue(QueueEvent.Cleared(open().clear()))) }
            Effect.ForgetLost -> background { open().forgetLost() }
            is Effect.Remind -> scope.launch {
                delay(effect.afterMs)
                tell(effect.event)
            }
            is Effect.RemindLock -> scope.launch {
                delay(effect.afterMs)
                tell(AppEvent.Lock(LockEvent.Tick(clock.now())))
            }
        }
    }

    private suspend fun reopen() {
        try {
            close()
            val opened = core.open() ?: return tell(AppEvent.NotEnrolled)
            phone = opened
            listening = scope.launch { listen(opened) }
            tell(AppEvent.Opened(opened.card(), opened.room(), opened.lost()))
        } catch (trouble: Trouble) {
            tell(AppEvent.OpenFailed(trouble))
        }
    }

    /** Without news the screens are older than they could be; what is sent and what is held does not hang on them. */
    private suspend fun listen(opened: OpenPhone) {
        try {
            opened.news.collect { tell(AppEvent.Told(it)) }
        } catch (trouble: Trouble) {
            if (phone === opened) tell(AppEvent.Told(News.Disconnected(trouble)))
        }
    }

    private suspend fun join(invitation: String) {
        var asking: Enrolling? = null
        try {
            say(EnrolEvent.Read(core.readInvitation(invitation)))
            asking = core.enrol(invitation)
            say(EnrolEvent.Words(asking.words))
            asking.approved(::endPhone)
            tell(AppEvent.Enrol(EnrolEvent.Approved))
        } catch (trouble: Trouble) {
            // If the phone of before has been ended for it already, that one has to be opened again.
            if (states.value.device.card != null && phone == null) tell(AppEvent.OpenFailed(trouble)) else say(EnrolEvent.Failed(trouble))
        } catch (cancelled: CancellationException) {
            asking?.cancel()
            throw cancelled
        }
    }

    /** Of an enrolment that was given up nothing is said to the one that has begun since. */
    private suspend fun say(event: EnrolEvent) {
        currentCoroutineContext().ensureActive()
        tell(AppEvent.Enrol(event))
    }

    private fun send(id: String) = background({ tell(AppEvent.Queue(QueueEvent.Failed(id, it))) }) {
        open().send(id) { sent, total -> tell(AppEvent.Queue(QueueEvent.Sent(id, sent, total))) }
        tell(AppEvent.Queue(QueueEvent.Stored(id)))
    }

    private fun background(failed: (Trouble) -> Unit = {}, work: suspend () -> Unit) {
        scope.launch(blocking) {
            try {
                work()
            } catch (trouble: Trouble) {
                failed(trouble)
            }
        }
    }

    private fun failed(trouble: Trouble) = tell(AppEvent.Capture(CaptureEvent.Failed(advice(trouble, states.value.network))))

    private fun open() = phone ?: throw Trouble(Trouble.Kind.CLOSED, "closed")
}
