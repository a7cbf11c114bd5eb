package org.safelight.app.logic

/** All that the screens show. Whatever happens is an [AppEvent]; [app] is the only place where the state changes. */
data class AppState(
    val starting: Boolean = true,
    /** Whether an enrolment is kept, even one that could not be opened. */
    val enrolled: Boolean = false,
    /** Why the enrolment that is kept could not be opened. */
    val closed: Trouble? = null,
    val wanted: Screen = Screen.PATIENT,
    val enrol: EnrolState? = null,
    val lock: LockState = LockState(),
    val signIn: SignInState = SignInState(),
    val person: String? = null,
    val patient: PatientState = PatientState(),
    val capture: CaptureState = CaptureState(),
    val queue: QueueState = QueueState(),
    val device: DeviceState = DeviceState(),
    val network: NetworkState = NetworkState(),
    /** By the [Calendar]; until it was asked, no day is too late. */
    val today: String = "9999-12-31",
)

enum class Screen { STARTING, ENROL, LOCK, CLOSED, SIGN_IN, PATIENT, CAPTURE, QUEUE, DEVICE }

/** The screen that is on: not always the one that was asked for. */
fun screen(app: AppState): Screen = when {
    app.starting -> Screen.STARTING
    // Who holds a phone that is enrolled shows who they are before they enrol it elsewhere.
    app.enrol != null && !app.enrolled -> Screen.ENROL
    app.lock.phase != LockPhase.OPEN -> Screen.LOCK
    app.enrol != null -> Screen.ENROL
    app.closed != null -> Screen.CLOSED
    app.person == null && app.wanted in listOf(Screen.PATIENT, Screen.CAPTURE) -> Screen.SIGN_IN
    app.wanted == Screen.CAPTURE && !app.patient.confirmed -> Screen.PATIENT
    else -> app.wanted
}

/** A state, and what is to be done about it. */
data class Step<out S>(val state: S, val effects: List<Effect> = emptyList())

/** What the logic wants done. It is done elsewhere, and what comes of it is an event. */
sealed interface Effect {
    data object OpenPhone : Effect

    data class Enrol(val invitation: String) : Effect {
        override fun toString() = "Enrol(hidden)"
    }

    data object CancelEnrolment : Effect

    data object Connect : Effect

    data object MoveConnection : Effect

    data class Send(val id: String) : Effect

    data class Discard(val id: String) : Effect

    data object ClearQueue : Effect

    data object ForgetLost : Effect

    data class Remind(val event: AppEvent, val afterMs: Long) : Effect

    /** [LockEvent.Tick], after a while. */
    data class RemindLock(val afterMs: Long) : Effect
}

sealed interface AppEvent {
    data object Started : AppEvent

    data class Opened(val card: DeviceCard, val room: Int, val lost: Int) : AppEvent

    data object NotEnrolled : AppEvent

    data class OpenFailed(val trouble: Trouble) : AppEvent

    /** A person asks to open what could not be opened. */
    data object OpenAgain : AppEvent

    data class Go(val screen: Screen) : AppEvent

    data object EnrolAgain : AppEvent

    data object ConnectAsked : AppEvent

    data class ConnectFailed(val trouble: Trouble) : AppEvent

    /** And the gateway has answered. */
    data object ConnectDone : AppEvent

    data class Network(val network: NetworkState) : AppEvent

    data class Told(val news: News) : AppEvent

    data class Enrol(val event: EnrolEvent) : AppEvent

    data class SignIn(val event: SignInEvent) : AppEvent

    data class Patient(val event: PatientEvent) : AppEvent

    data class Capture(val event: CaptureEvent) : AppEvent

    data class Queue(val event: QueueEvent) : AppEvent

    data class Lock(val event: LockEvent) : AppEvent
}

fun app(app: AppState, event: AppEvent): Step<AppState> = when (event) {
    AppEvent.Started -> Step(app, listOf(Effect.OpenPhone))
    is AppEvent.Opened -> Step(
        app.copy(
            starting = false,
            enrolled = true,
            enrol = null,
            closed = null,
            // Of an earlier enrolment nothing goes over to this one.
            person = null,
            patient = PatientState(),
            capture = CaptureState(camera = app.capture.camera),
            device = DeviceState(event.card),
            queue = QueueState(room = event.room, lost = event.lost),
            wanted = if (event.lost > 0) Screen.QUEUE else Screen.PATIENT,
        ),
        listOf(Effect.Connect),
    )
    AppEvent.NotEnrolled -> Step(app.copy(starting = false, enrol = app.enrol ?: EnrolState.Scanning))
    is AppEvent.OpenFailed -> Step(app.copy(starting = false, enrolled = true, enrol = null, closed = event.trouble, device = DeviceState()))
    AppEvent.OpenAgain -> openAgain(app)
    is AppEvent.Go -> Step(app.copy(wanted = event.screen))
    // Only who is in may throw an enrolment away.
    AppEvent.EnrolAgain -> Step(if (app.lock.phase == LockPhase.OPEN) app.copy(enrol = EnrolState.Scanning) else app)
    AppEvent.ConnectAsked ->
        if (app.device.card == null) Step(app)
        else Step(app.copy(device = app.device.copy(connecting = true)), listOf(Effect.Connect))
    is AppEvent.ConnectFailed -> Step(app.copy(device = shutOut(app.device.copy(connecting = false, trouble = event.trouble), event.trouble)))
    AppEvent.ConnectDone -> Step(app.copy(device = app.device.copy(connecting = false, shutOut = null)))
    is AppEvent.Network -> network(app, event.network)
    is AppEvent.Told -> told(app, event.news)
    // A camera that is being closed may see one more code.
    is AppEvent.Enrol -> if (screen(app) != Screen.ENROL && event.event is EnrolEvent.Scanned) Step(app) else {
        val step = enrol(app.enrol ?: EnrolState.Scanning, event.event, app.network)
        // Who is enrolled already and gives up goes back to what there was.
        val back = event.event == EnrolEvent.Cancelled && app.enrolled
        Step(app.copy(enrol = if (app.enrol == null || back) null else step.state), step.effects)
    }
    is AppEvent.SignIn -> {
        val (state, person) = signIn(app.person, event.event, app.device.card?.person)
        Step(app.copy(signIn = state, person = person))
    }
    is AppEvent.Patient -> {
        val patient = patient(app.patient, event.event, app.today)
        // What a patient has agreed to, and where and how near, is not the next one's.
        val capture = if (patient.names(app.patient)) app.capture
        else app.capture.copy(answer = null, spot = null, closeUp = false, taken = 0, trouble = null)
        val wanted = if (patient.confirmed && !app.patient.confirmed) Screen.CAPTURE else app.wanted
        Step(app.copy(patient = patient, capture = capture, wanted = wanted))
    }
    is AppEvent.Capture ->
        // A shutter that is pressed while it must stay closed was pressed a moment too late.
        if (event.event == CaptureEvent.Pressed && blocked(app) != null) Step(app)
        else Step(app.copy(capture = capture(app.capture, event.event)))
    is AppEvent.Queue -> inQueue(app, event.event)
    is AppEvent.Lock -> locked(app, event.event)
}

private fun inQueue(app: AppState, event: QueueEvent): Step<AppState> {
    val step = queue(app.queue, event, app.network)
    val device = if (event is QueueEvent.Failed) shutOut(app.device, event.trouble) else app.device
    return Step(app.copy(queue = step.state, device = device), step.effects)
}

private fun locked(app: AppState, event: LockEvent): Step<AppState> {
    val step = lock(app.lock, event)
    val opened = step.state.phase == LockPhase.OPEN && app.lock.phase != LockPhase.OPEN
    val cleared = Effect.ClearQueue in step.effects
    val shut = app.lock.phase == LockPhase.OPEN && step.state.phase != LockPhase.OPEN
    // Whoever unlocks it next may be somebody else, before somebody else.
    val next = if (!shut) app.copy(lock = step.state) else app.copy(
        lock = step.state,
        person = null,
        patient = app.patient.copy(confirmed = false),
        capture = app.capture.copy(answer = null, spot = null, closeUp = false),
    )
    return when {
        cleared -> Step(next.copy(person = null, patient = PatientState(), capture = CaptureState()), step.effects)
        opened -> {
            // What could not be opened may have waited for this.
            val retry = inQueue(next, QueueEvent.RetryAll)
            val open = openAgain(retry.state)
            Step(open.state, step.effects + retry.effects + open.effects.ifEmpty { listOf(Effect.Connect) })
        }
        else -> Step(next, step.effects)
    }
}

/** One opening at a time. */
private fun openAgain(app: AppState): Step<AppState> =
    if (app.closed == null || app.starting) Step(app) else Step(app.copy(starting = true), listOf(Effect.OpenPhone))

private fun network(app: AppState, network: NetworkState): Step<AppState> {
    val next = app.copy(network = network)
    if (app.device.card == null || !movedOn(app.network, network)) return Step(next)
    val retry = inQueue(next, QueueEvent.RetryAll)
    return Step(retry.state, listOf(Effect.MoveConnection) + retry.effects)
}

private fun told(app: AppState, news: News): Step<AppState> {
    val next = app.copy(device = device(app.device, news))
    return when (news) {
        is News.Room -> inQueue(next, QueueEvent.Room(news.room))
        is News.Stored -> inQueue(next, QueueEvent.Stored(news.id))
        else -> Step(next)
    }
}

private fun shutOut(device: DeviceState, trouble: Trouble) =
    if (trouble.kind == Trouble.Kind.ENROL_AGAIN) device.copy(connected = false, shutOut = trouble) else device

/** What IT is told when nothing answers. */
fun itNote(app: AppState): ItNote? {
    val trouble = app.device.trouble ?: return null
    val card = app.device.card ?: return null
    return ItNote(card.addresses, app.network, trouble.code, card.deviceId)
}
