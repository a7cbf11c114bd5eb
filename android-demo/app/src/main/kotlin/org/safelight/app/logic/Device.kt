package org.safelight.app.logic

/** What this phone is to the clinic, and how things stand between them. */
data class DeviceState(
    val card: DeviceCard? = null,
    val connected: Boolean = false,
    val connecting: Boolean = false,
    val trouble: Trouble? = null,
    val shutOut: Trouble? = null,
)

fun device(state: DeviceState, news: News): DeviceState = when (news) {
    // No answer yet: a gateway looks at a phone after its handshake, and may shut it out then.
    News.Connected -> state.copy(connected = true, connecting = false, trouble = null)
    is News.Disconnected -> state.copy(connected = false, connecting = false, trouble = news.trouble)
    is News.ShutOut -> state.copy(connected = false, connecting = false, shutOut = news.trouble)
    is News.CertificateRenewed -> state.copy(card = state.card?.copy(certificateUntilMs = news.untilMs))
    News.NotKept -> state.copy(trouble = Trouble(Trouble.Kind.NOT_KEPT, "not-kept"))
    // Only for a phone that it has let in, whatever was said before.
    is News.Stored, News.KeySetUpdated -> state.copy(shutOut = null)
    is News.Room -> state
}

/** Days until the certificate ends, rounded down; 0 if that is past. */
fun daysLeft(card: DeviceCard, nowMs: Long): Int? =
    card.certificateUntilMs?.let { ((it - nowMs).coerceAtLeast(0) / (24 * 60 * 60 * 1000)).toInt() }
