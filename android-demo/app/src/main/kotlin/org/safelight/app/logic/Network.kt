package org.safelight.app.logic

/** What the system says of the network. [id] tells one from the next, such as two access points of the same kind. */
data class NetworkState(
    val kind: NetworkKind = NetworkKind.NONE,
    val validated: Boolean = false,
    val vpn: Boolean = false,
    val id: Long = 0,
)

enum class NetworkKind { NONE, WIFI, CELLULAR, OTHER }

/** What a person is told, as a name that the app has words for in each language. */
enum class Advice {
    NO_NETWORK,
    SIGN_IN_TO_NETWORK,
    UDP_BLOCKED,
    GATEWAY_OFF,
    NO_ANSWER,
    CHECK_CLOCK,
    TRY_AGAIN_SOON,
    UNLOCK_PHONE,
    KEY_FAILED,
    ENROL_AGAIN,
    REVOKED,
    NOT_THE_CLINIC,
    PICTURE_REFUSED,
    BAD_PICTURE,
    BAD_LABEL,
    BAD_INVITATION,
    NOT_APPROVED,
    QUEUE_FULL,
    STORAGE_REFUSES,
    UPDATE_APP,
    RESTART_PHONE,
    FAULT,
}

/** From what went wrong and what the network looks like to what a person should do. */
fun advice(trouble: Trouble, network: NetworkState): Advice = when (trouble.kind) {
    Trouble.Kind.UNREACHABLE -> when {
        network.kind == NetworkKind.NONE -> Advice.NO_NETWORK
        trouble.code == "nobody-listens" -> Advice.GATEWAY_OFF
        trouble.code == "udp-does-not-pass" -> Advice.UDP_BLOCKED
        // A hotel's or a hospital's guest network that wants a sign-in page first. A clinic's own network may have no way to the
        // internet either, so this is said of the networks alone that the system could not vouch for, and says both.
        !network.validated && network.kind == NetworkKind.WIFI -> Advice.SIGN_IN_TO_NETWORK
        else -> Advice.NO_ANSWER
    }
    Trouble.Kind.TRY_AGAIN, Trouble.Kind.BUSY, Trouble.Kind.CANCELLED ->
        if (network.kind == NetworkKind.NONE) Advice.NO_NETWORK else Advice.TRY_AGAIN_SOON
    Trouble.Kind.UNLOCK_KEY -> Advice.UNLOCK_PHONE
    Trouble.Kind.KEY_FAILED -> Advice.KEY_FAILED
    Trouble.Kind.ENROL_AGAIN -> if (trouble.code == "revoked") Advice.REVOKED else Advice.ENROL_AGAIN
    Trouble.Kind.NOT_THE_CLINIC -> Advice.NOT_THE_CLINIC
    Trouble.Kind.PICTURE_REFUSED -> Advice.PICTURE_REFUSED
    Trouble.Kind.BAD_PICTURE -> Advice.BAD_PICTURE
    Trouble.Kind.BAD_LABEL -> Advice.BAD_LABEL
    Trouble.Kind.BAD_INVITATION -> Advice.BAD_INVITATION
    Trouble.Kind.NOT_APPROVED -> Advice.NOT_APPROVED
    Trouble.Kind.QUEUE_FULL -> Advice.QUEUE_FULL
    Trouble.Kind.NOT_KEPT -> Advice.STORAGE_REFUSES
    Trouble.Kind.UPDATE_APP -> Advice.UPDATE_APP
    Trouble.Kind.CHECK_CLOCK -> Advice.CHECK_CLOCK
    Trouble.Kind.DEVICE -> Advice.RESTART_PHONE
    Trouble.Kind.CLOSED, Trouble.Kind.NOT_HELD, Trouble.Kind.BUG -> Advice.FAULT
}

/**
 * What a clinician reads out or hands to IT when nothing answers: the facts, without anything of a patient. [addresses] are those that
 * the phone tries, with ports.
 */
data class ItNote(val addresses: List<String>, val network: NetworkState, val code: String, val deviceId: String?)

/** Whether uploads are worth another try: the way to the clinic is not what it was. */
fun movedOn(before: NetworkState, after: NetworkState) = after.kind != NetworkKind.NONE && before != after
