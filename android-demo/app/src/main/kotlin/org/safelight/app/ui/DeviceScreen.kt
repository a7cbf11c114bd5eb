package org.safelight.app.ui

import android.app.Activity
import android.widget.Button
import org.safelight.app.R
import org.safelight.app.logic.Advice
import org.safelight.app.logic.App
import org.safelight.app.logic.AppEvent
import org.safelight.app.logic.AppState
import org.safelight.app.logic.DeviceCard
import org.safelight.app.logic.SignInEvent
import org.safelight.app.logic.advice
import org.safelight.app.logic.daysLeft
import org.safelight.app.logic.itNote

/** What this phone is to the clinic, what the clinic sees, and what to tell IT when nothing answers. */
class DeviceScreen(activity: Activity, private val app: App) : ScreenView(activity, R.layout.device) {
    init {
        press(R.id.device_connect) { app.tell(AppEvent.ConnectAsked) }
        press(R.id.device_sign_out) { app.tell(AppEvent.SignIn(SignInEvent.Out)) }
        press(R.id.device_enrol) { app.tell(AppEvent.EnrolAgain) }
    }

    override fun show(state: AppState) {
        val device = state.device
        say(R.id.device_card, device.card?.let(::card))
        val advice = (device.shutOut ?: device.trouble)?.let { advice(it, state.network) }
        val good = if (device.connected) activity.getString(R.string.device_connected) else null
        say(R.id.device_trouble, advice?.let { activity.getString(text(it)) } ?: good)
        val blocked = advice in listOf(Advice.UDP_BLOCKED, Advice.NO_ANSWER, Advice.SIGN_IN_TO_NETWORK)
        say(R.id.device_note, if (blocked) itNote(state)?.let { activity.words(it) } else null)
        find<Button>(R.id.device_connect).run {
            isEnabled = !device.connecting
            showIf(activity.getString(if (device.connecting) R.string.device_connecting else R.string.device_connect))
        }
        find<Button>(R.id.device_sign_out).showIf(state.person?.let { activity.getString(R.string.device_sign_out, it) })
    }

    private fun card(card: DeviceCard): String {
        val days = daysLeft(card, System.currentTimeMillis())
        val until = days?.let { activity.resources.getQuantityString(R.plurals.device_days, it, it) }
        return activity.getString(
            R.string.device_card,
            card.clinicName,
            card.person,
            card.deviceName,
            card.deviceId,
            until ?: activity.getString(R.string.device_certificate_unknown),
            activity.getString(text(card.key)),
            card.keySet,
            card.addresses.joinToString(),
        )
    }
}
