package org.safelight.app.ui

import android.Manifest
import android.app.Activity
import android.content.pm.PackageManager
import android.os.Build
import android.os.Bundle
import android.os.SystemClock
import android.view.View
import android.view.WindowManager
import android.widget.Button
import android.widget.FrameLayout
import android.widget.TextView
import kotlinx.coroutines.Job
import kotlinx.coroutines.launch
import org.safelight.app.R
import org.safelight.app.logic.AppEvent
import org.safelight.app.logic.AppState
import org.safelight.app.logic.LockEvent
import org.safelight.app.logic.Screen
import org.safelight.app.logic.screen

/** The one window. It shows the screen that the state asks for, is black to screenshots and the list of recent apps, and locks itself. */
class MainActivity : Activity() {
    private val safelight get() = application as SafelightApp
    private var showing: Job? = null
    private var shown: Pair<Screen, ScreenView>? = null

    override fun onCreate(savedInstanceState: Bundle?) {
        // Nothing of what was on the screen comes back from the system's own store.
        super.onCreate(null)
        window.setFlags(WindowManager.LayoutParams.FLAG_SECURE, WindowManager.LayoutParams.FLAG_SECURE)
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.TIRAMISU) setRecentsScreenshotEnabled(false)
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.S) window.setHideOverlayWindows(true)
        setContentView(R.layout.main)
        tab(R.id.tab_patient, Screen.PATIENT)
        tab(R.id.tab_capture, Screen.CAPTURE)
        tab(R.id.tab_queue, Screen.QUEUE)
        tab(R.id.tab_device, Screen.DEVICE)
        askForPermissions()
    }

    override fun onStart() {
        super.onStart()
        safelight.app.tell(AppEvent.Lock(LockEvent.InSight(SystemClock.elapsedRealtime())))
        safelight.app.tell(AppEvent.ConnectAsked)
        showing = safelight.scope.launch { safelight.app.state.collect(::show) }
    }

    override fun onStop() {
        showing?.cancel()
        // Nothing of a patient stays in a view that is not looked at.
        leave()
        safelight.app.tell(AppEvent.Lock(LockEvent.OutOfSight(SystemClock.elapsedRealtime())))
        super.onStop()
    }

    /** Views keep nothing: whatever is to be shown again is in the state. */
    override fun onSaveInstanceState(outState: Bundle) = Unit

    private fun show(state: AppState) {
        val wanted = screen(state)
        if (shown?.first != wanted) {
            leave()
            val next = screenView(wanted)
            findViewById<FrameLayout>(R.id.screen).addView(next.view)
            next.opened()
            shown = wanted to next
        }
        shown?.second?.show(state)
        val open = wanted in listOf(Screen.PATIENT, Screen.CAPTURE, Screen.QUEUE, Screen.DEVICE, Screen.SIGN_IN)
        findViewById<View>(R.id.tabs).visibility = if (open) View.VISIBLE else View.GONE
        val banner = findViewById<TextView>(R.id.banner)
        val said = state.device.shutOut?.let { text(org.safelight.app.logic.advice(it, state.network)) }
        banner.showIf(said?.let(::getString))
    }

    private fun leave() {
        shown?.second?.closed()
        findViewById<FrameLayout>(R.id.screen).removeAllViews()
        shown = null
    }

    private fun screenView(screen: Screen): ScreenView = when (screen) {
        Screen.STARTING -> StartingScreen(this)
        Screen.ENROL -> EnrolScreen(this, safelight.app)
        Screen.LOCK -> LockScreen(this, safelight.app)
        Screen.CLOSED -> ClosedScreen(this, safelight.app)
        Screen.SIGN_IN -> SignInScreen(this, safelight.app)
        Screen.PATIENT -> PatientScreen(this, safelight.app)
        Screen.CAPTURE -> CaptureScreen(this, safelight.app, safelight.scope)
        Screen.QUEUE -> QueueScreen(this, safelight.app)
        Screen.DEVICE -> DeviceScreen(this, safelight.app)
    }

    private fun tab(id: Int, screen: Screen) =
        findViewById<Button>(id).setOnClickListener { safelight.app.tell(AppEvent.Go(screen)) }

    private fun askForPermissions() {
        val wanted = buildList {
            add(Manifest.permission.CAMERA)
            if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.TIRAMISU) add(Manifest.permission.POST_NOTIFICATIONS)
        }
        val missing = wanted.filter { checkSelfPermission(it) != PackageManager.PERMISSION_GRANTED }
        if (missing.isNotEmpty()) requestPermissions(missing.toTypedArray(), 0)
    }

    override fun onRequestPermissionsResult(requestCode: Int, permissions: Array<String>, grantResults: IntArray) {
        super.onRequestPermissionsResult(requestCode, permissions, grantResults)
        // A screen that wanted the camera tries again.
        shown?.second?.run {
            closed()
            opened()
            show(safelight.app.state.value)
        }
    }
}
