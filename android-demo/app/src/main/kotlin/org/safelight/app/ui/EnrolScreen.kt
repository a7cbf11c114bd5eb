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
        press(R.id.enrol_again) { tell(EnrolEvent.ScanAgain) }
        press(R.id.enrol_cancel) { tell(EnrolEvent.Cancelled) }
    }

    /** Also when it may be allowed now. */
    override fun opened() {
        problem = null
    }

    override fun closed() = scanner.close()

    override fun show(state: AppState) {
        val enrol = state.enrol ?: return
        val scanning = enrol == EnrolState.Scanning
        find<View>(R.id.enrol_preview).visibility = if (scanning) View.VISIBLE else View.GONE
        // A camera that could not be opened is not asked again at each change of anything.
        if (!scanning) scanner.close().also { problem = null } else if (problem == null) scanner.open()
        find<View>(R.id.enrol_again).visibility = if (enrol is EnrolState.Refused) View.VISIBLE else View.GONE
        say(R.id.enrol_say, when (enrol) {
            EnrolState.Scanning -> activity.getString(R.string.enrol_scan)
            EnrolState.Reading -> activity.getString(R.string.enrol_reading)
            is EnrolState.Refused -> null
            is EnrolState.Asking -> activity.getString(R.string.enrol_asking, enrol.invitation.addresses.joinToString())
            is EnrolState.Comparing -> activity.getString(R.string.enrol_compare)
            EnrolState.Done -> activity.getString(R.string.starting)
        })
        say(R.id.enrol_words, (enrol as? EnrolState.Comparing)?.words?.joinToString("\n"))
        val refused = enrol as? EnrolState.Refused
        val advice = refused?.let { activity.getString(text(it.trouble)) }
        val note = refused?.note?.let { activity.words(it) }
        val camera = problem?.takeIf { scanning }?.let(activity::words)
        say(R.id.enrol_trouble, listOfNotNull(camera, advice, note).joinToString("\n\n"))
    }

    private fun tell(event: EnrolEvent) = app.tell(AppEvent.Enrol(event))
}
