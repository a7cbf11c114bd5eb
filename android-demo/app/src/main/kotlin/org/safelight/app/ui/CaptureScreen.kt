package org.safelight.app.ui

import android.app.Activity
import android.app.AlertDialog
import android.view.View
import android.widget.Button
import android.widget.CheckBox
import android.widget.RadioGroup
import android.widget.TextView
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import org.safelight.app.R
import org.safelight.app.logic.Advice
import org.safelight.app.logic.Answer
import org.safelight.app.logic.App
import org.safelight.app.logic.AppEvent
import org.safelight.app.logic.AppState
import org.safelight.app.logic.Blocked
import org.safelight.app.logic.BodyMap
import org.safelight.app.logic.CaptureEvent
import org.safelight.app.logic.Facing
import org.safelight.app.logic.blocked

/** Preview, consent, place on the body, shutter. */
class CaptureScreen(activity: Activity, private val app: App, private val scope: CoroutineScope) :
    ScreenView(activity, R.layout.capture) {
    private val body = find<BodyView>(R.id.capture_body)
    private val consents = find<RadioGroup>(R.id.capture_consents)
    private val buttons = mapOf(
        Answer.NOT_OBTAINED to R.id.consent_not_obtained,
        Answer.RECORD to R.id.consent_record,
        Answer.TEACHING to R.id.consent_teaching,
        Answer.PUBLICATION to R.id.consent_publication,
    )

    private var showing = false

    // The picture is sealed on the camera's thread, while the camera's buffer is open.
    private val stills = Camera.Use.Stills({ runBlocking { app.take(it) } }, { tell(CaptureEvent.Failed(Advice.BAD_PICTURE)) })
    private val camera = Camera(activity, find(R.id.capture_preview), stills) { tell(CaptureEvent.Camera(it)) }

    init {
        body.touched = { x, y -> tell(CaptureEvent.Touched(x, y)) }
        press(R.id.capture_shutter) { scope.launch { if (app.press()) camera.shoot() } }
        press(R.id.capture_turn) {
            val facing = app.state.value.capture.facing
            tell(CaptureEvent.Turned(if (facing == Facing.FRONT) Facing.BACK else Facing.FRONT))
        }
        find<TextView>(R.id.capture_site).setOnClickListener { listSpots() }
        consents.setOnCheckedChangeListener { _, id ->
            buttons.entries.firstOrNull { it.value == id }?.let { touched(CaptureEvent.Answered(it.key)) }
        }
        find<CheckBox>(R.id.capture_close_up).setOnCheckedChangeListener { _, on -> touched(CaptureEvent.CloseUp(on)) }
        find<CheckBox>(R.id.capture_grid_on).setOnCheckedChangeListener { _, on -> touched(CaptureEvent.Grid(on)) }
    }

    override fun opened() = camera.open()

    override fun closed() {
        camera.close()
        tell(CaptureEvent.Camera(org.safelight.app.logic.CameraState.CLOSED))
    }

    override fun show(state: AppState) {
        showing = true
        try {
            put(state)
        } finally {
            showing = false
        }
    }

    private fun put(state: AppState) {
        val capture = state.capture
        say(R.id.capture_patient, activity.getString(R.string.capture_patient, state.patient.name, activity.day(state.patient.birthDate)))
        say(R.id.capture_site, capture.spot?.let { activity.words(it) } ?: activity.getString(R.string.capture_site_none))
        val turn = if (capture.facing == Facing.FRONT) R.string.capture_turn_back else R.string.capture_turn_front
        find<Button>(R.id.capture_turn).showIf(activity.getString(turn))
        body.show(capture.facing, capture.spot)
        val chosen = buttons[capture.answer] ?: View.NO_ID
        if (consents.checkedRadioButtonId != chosen) if (chosen == View.NO_ID) consents.clearCheck() else consents.check(chosen)
        find<CheckBox>(R.id.capture_close_up).isChecked = capture.closeUp
        find<CheckBox>(R.id.capture_grid_on).isChecked = capture.grid
        find<View>(R.id.capture_grid).visibility = if (capture.grid) View.VISIBLE else View.GONE
        val against = blocked(state)
        find<Button>(R.id.capture_shutter).isEnabled = against == null
        val trouble = capture.trouble?.let { activity.getString(text(it)) }
        val camera = activity.words(capture.camera).takeIf { against == Blocked.NO_CAMERA }
        say(R.id.capture_blocked, trouble ?: camera ?: against?.let { activity.getString(text(it)) } ?: room(state))
    }

    private fun room(state: AppState) =
        activity.resources.getQuantityString(R.plurals.queue_room, state.queue.room, state.queue.room)

    /** The same as the drawing, for fingers and eyes that it does not suit. */
    private fun listSpots() {
        val names = BodyMap.spots.map { activity.words(it) }.toTypedArray()
        AlertDialog.Builder(activity).setItems(names) { _, at -> tell(CaptureEvent.Chosen(BodyMap.spots[at])) }.showHidden()
    }

    /**
     * What a person touched, and not what [show] set: a group of radio buttons that is cleared says once more what was chosen before, which
     * would be the patient's of before.
     */
    private fun touched(event: CaptureEvent) {
        if (!showing) tell(event)
    }

    private fun tell(event: CaptureEvent) = app.tell(AppEvent.Capture(event))
}
