package org.safelight.app.ui

import android.app.Activity
import android.view.View
import android.widget.Button
import android.widget.EditText
import org.safelight.app.R
import org.safelight.app.logic.App
import org.safelight.app.logic.AppEvent
import org.safelight.app.logic.AppState
import org.safelight.app.logic.SignInEvent

/** Who takes the pictures. */
class SignInScreen(activity: Activity, private val app: App) : ScreenView(activity, R.layout.sign_in) {
    init {
        press(R.id.sign_in_owner) { tell(SignInEvent.Owner) }
        press(R.id.sign_in_go) { tell(SignInEvent.Code(find<EditText>(R.id.sign_in_code).text.toString())) }
    }

    override fun show(state: AppState) {
        val owner = state.device.card?.person
        find<Button>(R.id.sign_in_owner).showIf(owner?.let { activity.getString(R.string.sign_in_owner, it) })
        find<View>(R.id.sign_in_wrong).visibility = if (state.signIn.wrong) View.VISIBLE else View.GONE
    }

    private fun tell(event: SignInEvent) = app.tell(AppEvent.SignIn(event))
}
