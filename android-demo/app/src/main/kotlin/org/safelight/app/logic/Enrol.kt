package org.safelight.app.logic

/** Joining a clinic: scan, compare the words, wait for the approval. */
sealed interface EnrolState {
    /** The camera looks for the clinic's QR code. */
    data object Scanning : EnrolState

    /** A code was seen, and is being read: the camera looks for no other. */
    data object Reading : EnrolState

    /** It came to nothing. The camera looks again when a person asks for it: the code that did not work still lies before it. */
    data class Refused(val trouble: Advice, val note: ItNote? = null) : EnrolState

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

    /** After a refusal. */
    data object ScanAgain : EnrolEvent

    data object Cancelled : EnrolEvent
}

fun enrol(state: EnrolState, event: EnrolEvent, network: NetworkState): Step<EnrolState> = when (event) {
    // The camera sees the same code many times a second: one is enough.
    is EnrolEvent.Scanned -> if (state == EnrolState.Scanning) Step(EnrolState.Reading, listOf(Effect.Enrol(event.text))) else Step(state)
    is EnrolEvent.Read -> Step(if (state == EnrolState.Reading) EnrolState.Asking(event.invitation) else state)
    is EnrolEvent.Words -> Step(if (state is EnrolState.Asking) EnrolState.Comparing(state.invitation, event.words) else state)
    EnrolEvent.Approved -> Step(EnrolState.Done, listOf(Effect.OpenPhone))
    is EnrolEvent.Failed -> if (state == EnrolState.Scanning) Step(state) else {
        val addresses = when (state) {
            is EnrolState.Asking -> state.invitation.addresses
            is EnrolState.Comparing -> state.invitation.addresses
            else -> emptyList()
        }
        val advice = advice(event.trouble, network)
        val note = ItNote(addresses, network, event.trouble.code, null).takeIf { addresses.isNotEmpty() }
        // Who gave up needs no advice.
        if (event.trouble.kind == Trouble.Kind.CANCELLED) Step(EnrolState.Scanning) else Step(EnrolState.Refused(advice, note))
    }
    EnrolEvent.ScanAgain -> Step(if (state is EnrolState.Refused) EnrolState.Scanning else state)
    EnrolEvent.Cancelled -> Step(EnrolState.Scanning, listOf(Effect.CancelEnrolment))
}
