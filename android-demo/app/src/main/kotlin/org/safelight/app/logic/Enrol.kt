package org.safelight.app.logic

/** Joining a clinic: scan, compare the words, wait for the approval. */
sealed interface EnrolState {
    /** The camera looks for the clinic's QR code. [trouble] is what came of the last try. */
    data class Scanning(val trouble: Advice? = null, val note: ItNote? = null) : EnrolState

    data class Asking(val invitation: InvitationView) : EnrolState

    data class Comparing(val invitation: InvitationView, val words: List<String>) : EnrolState

    data object Done : EnrolState
}

sealed interface EnrolEvent {
    /** A QR code's text; it is a secret until it is used, and is kept nowhere. */
    data class Scanned(val text: String) : EnrolEvent {
        override fun toString() = "Scanned(hidden)"
    }

    /** The code is an invitation. */
    data class Read(val invitation: InvitationView) : EnrolEvent

    data class Words(val words: List<String>) : EnrolEvent

    data object Approved : EnrolEvent

    data class Failed(val trouble: Trouble) : EnrolEvent

    data object Cancelled : EnrolEvent
}

fun enrol(state: EnrolState, event: EnrolEvent, network: NetworkState): Step<EnrolState> = when (event) {
    // The camera sees the same code many times a second: one is enough.
    is EnrolEvent.Scanned -> if (state is EnrolState.Scanning) Step(state, listOf(Effect.Enrol(event.text))) else Step(state)
    is EnrolEvent.Read -> Step(if (state is EnrolState.Scanning) EnrolState.Asking(event.invitation) else state)
    is EnrolEvent.Words -> Step(if (state is EnrolState.Asking) EnrolState.Comparing(state.invitation, event.words) else state)
    EnrolEvent.Approved -> Step(EnrolState.Done, listOf(Effect.OpenPhone))
    is EnrolEvent.Failed -> {
        val addresses = when (state) {
            is EnrolState.Asking -> state.invitation.addresses
            is EnrolState.Comparing -> state.invitation.addresses
            else -> emptyList()
        }
        val advice = advice(event.trouble, network)
        val note = ItNote(addresses, network, event.trouble.code, null).takeIf { addresses.isNotEmpty() }
        // Who gave up needs no advice.
        if (event.trouble.kind == Trouble.Kind.CANCELLED) Step(EnrolState.Scanning()) else Step(EnrolState.Scanning(advice, note))
    }
    EnrolEvent.Cancelled -> Step(EnrolState.Scanning(), listOf(Effect.CancelEnrolment))
}
