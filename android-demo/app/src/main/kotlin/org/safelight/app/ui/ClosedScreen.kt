package org.safelight.app.ui

import android.app.Activity
import org.safelight.app.R
import org.safelight.app.logic.App
import org.safelight.app.logic.AppEvent
import org.safelight.app.logic.AppState
import org.safelight.app.logic.advice

/** This phone is enrolled, and what is kept of that could not be opened: once more, or enrol anew. */
class ClosedScreen(activity: Activity, private val app: App) : ScreenView(activity, R.layout.closed) {
    init {
        press(R.id.closed_retry) { app.tell(AppEvent.OpenAgain) }
        press(R.id.closed_enrol) { app.tell(AppEvent.EnrolAgain) }
    }

    override fun show(state: AppState) = say(R.id.closed_trouble, state.closed?.let { activity.getString(text(advice(it, state.network))) })
}
