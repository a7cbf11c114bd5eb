package org.safelight.app.logic

import java.nio.ByteBuffer
import kotlinx.coroutines.flow.Flow

/**
 * What the logic asks of the rest: the core behind its bindings, the keystore, the storage, the clock. It knows nothing of Android and
 * nothing of the bindings' types, so that all of it runs on a plain JVM.
 */
interface Core {
    /** Reads a QR code's text, without its secret. Throws [Trouble]. */
    fun readInvitation(text: String): InvitationView

    /** Asks the clinic to take this phone in. Returns once there are words to compare. Throws [Trouble]. */
    suspend fun enrol(invitation: String): Enrolling

    /** What is kept of an earlier enrolment, opened; `null` if this phone is not enrolled. Throws [Trouble]. */
    fun open(): OpenPhone?
}

/** An enrolment under way. */
interface Enrolling {
    /** To be compared with the clinic's screen. */
    val words: List<String>

    /**
     * Waits until the clinic has said yes; what came of it is kept then. Before that, [beforeKept] ends whatever still writes for an earlier enrolment.
     * Throws [Trouble].
     */
    suspend fun approved(beforeKept: suspend () -> Unit = {})

    /** Gives up. */
    fun cancel()
}

/** An enrolled phone. Each call may throw [Trouble]. */
interface OpenPhone {
    /** What happens, until it is closed. */
    val news: Flow<News>

    /** How many pictures an earlier run lost: the same at every start, until it is forgotten. */
    fun lost(): Int

    /** Somebody has read it. */
    fun forgetLost()

    fun room(): Int

    /** Before the shutter. Throws if the queue is full, or if the phone's storage refuses. */
    fun readyForShutter(): Int

    /** Seals a picture. [photo] is a direct buffer; it is overwritten, unless it may not be written to, and is the caller's again. */
    suspend fun capture(photo: ByteBuffer, label: Label, operator: String): Held

    /** Returns when the clinic has it, and then it is not held any more. Ends when its coroutine is cancelled; the picture stays held. */
    suspend fun send(id: String, progress: (sent: Long, total: Long) -> Unit)

    fun discard(id: String)

    /** Throws all away, and says how many. */
    fun clear(): Int

    suspend fun connect()

    suspend fun networkChanged()

    fun card(): DeviceCard

    /** Ends everything, and says how many pictures are lost by it. */
    suspend fun close(): Int
}

/** The clock that does not go back and is not set: milliseconds since some moment. */
fun interface Clock {
    fun now(): Long
}

/** The calendar, which is set by hand: the latest day, as `YYYY-MM-DD`, that has begun anywhere on earth. */
fun interface Calendar {
    fun today(): String
}

/** What an invitation says. */
data class InvitationView(val addresses: List<String>, val expiresAtMs: Long)

/** A picture that is sealed and held. */
data class Held(val id: String, val width: Int, val height: Int, val bytes: Long, val removed: List<String>)

/** What this phone is to the clinic. */
data class DeviceCard(
    val clinicName: String,
    val deviceId: String,
    val deviceName: String,
    val person: String,
    val certificateUntilMs: Long?,
    val keySet: Long,
    val addresses: List<String>,
    val key: KeyPlace,
)

/** Where the device key lives. */
enum class KeyPlace { STRONGBOX, SECURE_HARDWARE, SOFTWARE, UNKNOWN }

/** Something that the core tells by itself. */
sealed interface News {
    data class Room(val room: Int, val held: Int) : News

    data object Connected : News

    data class Disconnected(val trouble: Trouble) : News

    data class Stored(val id: String) : News

    data class CertificateRenewed(val untilMs: Long?) : News

    data object KeySetUpdated : News

    data class ShutOut(val trouble: Trouble) : News

    data object NotKept : News
}

/**
 * Why something did not work. [kind] decides what the app does, [code] is stable and goes into what IT is told. Neither holds anything of a
 * person; there is no text of anybody else in it.
 */
class Trouble(val kind: Kind, val code: String) : Exception(code) {
    enum class Kind {
        UNREACHABLE,
        TRY_AGAIN,
        UNLOCK_KEY,
        KEY_FAILED,
        ENROL_AGAIN,
        NOT_THE_CLINIC,
        PICTURE_REFUSED,
        BAD_PICTURE,
        BAD_LABEL,
        BAD_INVITATION,
        NOT_APPROVED,
        QUEUE_FULL,
        CANCELLED,
        CLOSED,
        BUSY,
        NOT_HELD,
        NOT_KEPT,
        UPDATE_APP,
        CHECK_CLOCK,
        DEVICE,
        BUG,
    }

    override fun equals(other: Any?) = other is Trouble && other.kind == kind && other.code == code

    override fun hashCode() = 31 * kind.hashCode() + code.hashCode()
}
