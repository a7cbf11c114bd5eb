package org.safelight.app.logic

/** What is set for the next picture. Consent, site and side belong to one patient and go with them. */
data class CaptureState(
    val answer: Answer? = null,
    val facing: Facing = Facing.FRONT,
    val spot: Spot? = null,
    val closeUp: Boolean = false,
    val grid: Boolean = false,
    val camera: CameraState = CameraState.CLOSED,
    val sealing: Boolean = false,
    val taken: Int = 0,
    val trouble: Advice? = null,
)

enum class CameraState { CLOSED, READY, FAILED, NOT_ALLOWED }

/** What came of asking the patient, once somebody has asked: nothing yet, or what the picture may be used for. */
enum class Answer(val consent: Consent?) {
    NOT_OBTAINED(null),
    RECORD(Consent.RECORD),
    TEACHING(Consent.TEACHING),
    PUBLICATION(Consent.PUBLICATION),
}

sealed interface CaptureEvent {
    data class Answered(val answer: Answer) : CaptureEvent

    data class Turned(val facing: Facing) : CaptureEvent

    data class Touched(val x: Float, val y: Float) : CaptureEvent

    /** From the list, for those who cannot see the drawing. */
    data class Chosen(val spot: Spot) : CaptureEvent

    data class CloseUp(val on: Boolean) : CaptureEvent

    data class Grid(val on: Boolean) : CaptureEvent

    data class Camera(val state: CameraState) : CaptureEvent

    data object Pressed : CaptureEvent

    data object Sealed : CaptureEvent

    data class Failed(val advice: Advice) : CaptureEvent
}

fun capture(state: CaptureState, event: CaptureEvent): CaptureState = when (event) {
    is CaptureEvent.Answered -> state.copy(answer = event.answer)
    // A side that was chosen on one drawing is not carried to the mirror image.
    is CaptureEvent.Turned -> if (event.facing == state.facing) state else state.copy(facing = event.facing, spot = null)
    is CaptureEvent.Touched -> state.copy(spot = BodyMap.at(state.facing, event.x, event.y) ?: state.spot)
    is CaptureEvent.Chosen -> state.copy(spot = event.spot)
    is CaptureEvent.CloseUp -> state.copy(closeUp = event.on)
    is CaptureEvent.Grid -> state.copy(grid = event.on)
    is CaptureEvent.Camera -> state.copy(camera = event.state, sealing = state.sealing && event.state == CameraState.READY)
    CaptureEvent.Pressed -> state.copy(sealing = true, trouble = null)
    CaptureEvent.Sealed -> state.copy(sealing = false, taken = state.taken + 1)
    is CaptureEvent.Failed -> state.copy(sealing = false, trouble = event.advice)
}

/** Why the shutter stays closed. The first that applies is what the screen says. */
enum class Blocked {
    NOT_ENROLLED,
    SHUT_OUT,
    LOCKED,
    NOBODY_SIGNED_IN,
    NO_PATIENT,
    NOT_CONFIRMED,
    NO_CONSENT,
    CONSENT_NOT_OBTAINED,
    NO_SITE,
    QUEUE_FULL,
    NO_CAMERA,
    SEALING,
}

/** The first reason against a picture now, or `null` if the shutter may work. */
fun blocked(app: AppState): Blocked? = when {
    app.device.card == null -> Blocked.NOT_ENROLLED
    app.device.shutOut != null -> Blocked.SHUT_OUT
    app.lock.phase != LockPhase.OPEN -> Blocked.LOCKED
    app.person == null -> Blocked.NOBODY_SIGNED_IN
    app.patient.faults(app.today).isNotEmpty() -> Blocked.NO_PATIENT
    !app.patient.confirmed -> Blocked.NOT_CONFIRMED
    app.capture.answer == null -> Blocked.NO_CONSENT
    app.capture.answer.consent == null -> Blocked.CONSENT_NOT_OBTAINED
    app.capture.spot == null -> Blocked.NO_SITE
    app.queue.room == 0 -> Blocked.QUEUE_FULL
    app.capture.camera != CameraState.READY -> Blocked.NO_CAMERA
    app.capture.sealing -> Blocked.SEALING
    else -> null
}

/** What the next picture is labelled with: `null` while something for it is missing. */
fun label(app: AppState): Label? {
    val spot = app.capture.spot ?: return null
    val consent = app.capture.answer?.consent ?: return null
    if (!app.patient.confirmed || app.patient.faults(app.today).isNotEmpty()) return null
    return Label(
        number = app.patient.number,
        name = app.patient.name,
        birthDate = app.patient.birthDate,
        site = spot.part,
        side = spot.side,
        consent = consent,
        view = if (app.capture.closeUp) "close-up" else null,
    )
}
