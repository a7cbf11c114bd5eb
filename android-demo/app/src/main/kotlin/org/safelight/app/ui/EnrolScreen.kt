package org.safelight.app.ui

import android.app.Activity
import android.view.View
import org.safelight.app.R
import org.safelight.app.logic.App
import org.safelight.app.logic.AppEvent
import org.safelight.app.logic.AppState
import org.safelight.app.logic.CameraState
import org.safelight.app.logic.EnrolEvent
import org.safelight.app.logic.EnrolState

/** Scan the clinic's QR code, compare the words, wait. */
class EnrolScreen(activity: Activity, private val app: App) : ScreenView(activity, R.layout.enrol) {
    private var problem: CameraState? = null
    private val scanner = Camera(activity, find(R.id.enrol_preview), Camera.Use.Codes { tell(EnrolEvent.Scanned(it)) }) { state ->
        activity.runOnUiThread {
            problem = state
            show(app.state.value)
        }
    }

    init {
        press(R.id.enrol_cancel) { tell(EnrolEvent.Cancelled) }
    }

    override fun opened() = scanner.open()

    override fun closed() = scanner.close()

    override fun show(state: AppState) {
        val enrol = state.enrol ?: return
        val scanning = enrol is EnrolState.Scanning
        find<View>(R.id.enrol_preview).visibility = if (scanning) View.VISIBLE else View.GONE
        say(R.id.enrol_say, when (enrol) {
            is EnrolState.Scanning -> activity.getString(R.string.enrol_scan)
            is EnrolState.Asking -> activity.getString(R.string.enrol_asking, enrol.invitation.addresses.joinToString())
            is EnrolState.Comparing -> activity.getString(R.string.enrol_compare)
            EnrolState.Done -> activity.getString(R.string.starting)
        })
        say(R.id.enrol_words, (enrol as? EnrolState.Comparing)?.words?.joinToString("\n"))
        val advice = (enrol as? EnrolState.Scanning)?.trouble?.let { activity.getString(text(it)) }
        val note = (enrol as? EnrolState.Scanning)?.note?.let { activity.words(it) }
        val camera = if (scanning) cameraWords(problem) else null
        say(R.id.enrol_trouble, listOfNotNull(camera, advice, note).joinToString("\n\n"))
    }

    private fun cameraWords(state: CameraState?) = when (state) {
        CameraState.NOT_ALLOWED -> activity.getString(R.string.camera_not_allowed)
        CameraState.FAILED -> activity.getString(R.string.camera_failed)
        else -> null
    }

    private fun tell(event: EnrolEvent) = app.tell(AppEvent.Enrol(event))
}
