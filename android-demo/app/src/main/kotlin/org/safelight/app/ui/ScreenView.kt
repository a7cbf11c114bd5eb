package org.safelight.app.ui

import android.app.Activity
import android.view.View
import android.view.ViewGroup
import android.widget.Button
import android.widget.FrameLayout
import android.widget.TextView
import org.safelight.app.R
import org.safelight.app.logic.AppState

/** One screen: it shows a state and tells what a person does. It decides nothing. */
abstract class ScreenView(protected val activity: Activity, layout: Int) {
    val view: View = activity.layoutInflater.inflate(layout, activity.findViewById<ViewGroup>(R.id.screen), false)

    abstract fun show(state: AppState)

    /** It is on. */
    open fun opened() = Unit

    /** It is off: what it held of a picture or a patient goes. */
    open fun closed() = Unit

    protected fun <V : View> find(id: Int): V = view.findViewById(id)

    protected fun press(id: Int, told: () -> Unit) = find<Button>(id).setOnClickListener { told() }

    protected fun say(id: Int, text: CharSequence?) = find<TextView>(id).showIf(text)
}

/** The text, or nothing at all if there is none. A text that is there already is not read out again. */
fun TextView.showIf(said: CharSequence?) {
    visibility = if (said.isNullOrEmpty()) View.GONE else View.VISIBLE
    if (said?.toString() != text?.toString()) text = said ?: ""
}

/** Before it is known whether this phone is enrolled. */
class StartingScreen(activity: Activity) : ScreenView(activity, R.layout.lock) {
    override fun show(state: AppState) {
        say(R.id.lock_say, activity.getString(R.string.starting))
        find<View>(R.id.lock_open).visibility = View.GONE
    }
}
