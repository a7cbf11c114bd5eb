package org.safelight.app.ui

import android.app.Activity
import android.hardware.biometrics.BiometricManager
import android.hardware.biometrics.BiometricManager.Authenticators.BIOMETRIC_STRONG
import android.hardware.biometrics.BiometricManager.Authenticators.DEVICE_CREDENTIAL
import android.hardware.biometrics.BiometricPrompt
import android.os.CancellationSignal
import android.view.View
import org.safelight.app.R
import org.safelight.app.logic.App
import org.safelight.app.logic.AppEvent
import org.safelight.app.logic.AppState
import org.safelight.app.logic.LockEvent
import org.safelight.app.logic.LockPhase

/** Asks for the finger, the face or the phone's PIN before anything else. */
class LockScreen(activity: Activity, private val app: App) : ScreenView(activity, R.layout.lock) {
    private var asking: CancellationSignal? = null

    init {
        press(R.id.lock_open) { tell(LockEvent.Ask) }
    }

    override fun opened() = tell(LockEvent.Ask)

    override fun closed() {
        asking?.cancel()
        asking = null
    }

    override fun show(state: AppState) {
        val possible = state.lock.phase != LockPhase.NOT_POSSIBLE
        say(R.id.lock_say, activity.getString(if (possible) R.string.lock_say else R.string.lock_not_possible))
        find<View>(R.id.lock_open).visibility = if (state.lock.phase == LockPhase.ASKING) View.INVISIBLE else View.VISIBLE
        if (state.lock.phase == LockPhase.ASKING && asking == null) ask()
    }

    private fun ask() {
        val wanted = BIOMETRIC_STRONG or DEVICE_CREDENTIAL
        val biometrics = activity.getSystemService(BiometricManager::class.java)
        if (biometrics.canAuthenticate(wanted) != BiometricManager.BIOMETRIC_SUCCESS) {
            tell(LockEvent.NotPossible)
            return
        }
        val signal = CancellationSignal().also { asking = it }
        val answer = object : BiometricPrompt.AuthenticationCallback() {
            override fun onAuthenticationSucceeded(result: BiometricPrompt.AuthenticationResult) = answered(signal, LockEvent.Passed)

            override fun onAuthenticationError(errorCode: Int, errString: CharSequence) = answered(signal, LockEvent.Refused)
        }
        BiometricPrompt.Builder(activity)
            .setTitle(activity.getString(R.string.lock_prompt))
            .setAllowedAuthenticators(wanted)
            .build()
            .authenticate(signal, activity.mainExecutor, answer)
    }

    /** A prompt that was taken away may still answer: neither for nor against the one that is up now. */
    private fun answered(prompt: CancellationSignal, event: LockEvent) {
        if (prompt !== asking) return
        asking = null
        tell(event)
    }

    private fun tell(event: LockEvent) = app.tell(AppEvent.Lock(event))
}
