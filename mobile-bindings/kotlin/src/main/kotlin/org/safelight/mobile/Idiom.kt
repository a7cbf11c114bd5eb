// What Kotlin's idiom asks for around the generated bindings, and nothing else: suspending, flows, `use`. No decision is made here.
package org.safelight.mobile

import java.nio.ByteBuffer
import kotlin.coroutines.CoroutineContext
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.NonCancellable
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.channelFlow
import kotlinx.coroutines.flow.conflate
import kotlinx.coroutines.flow.flow
import kotlinx.coroutines.withContext

/**
 * Strips, seals and holds one picture off the calling thread, and overwrites [photo] from its position to its limit, whatever comes of it.
 *
 * [photo] is a direct buffer. One that may not be written to, as some cameras hand out, is left as it is: the app closes that picture at
 * once, so that the camera writes over it.
 *
 * It is sealed to its end even if the coroutine is cancelled meanwhile: there is no half of it.
 */
suspend fun Phone.captureAndWipe(
    photo: ByteBuffer,
    label: PatientLabel,
    operator: String? = null,
    context: CoroutineContext = Dispatchers.Default,
): SealedCapture = withContext(NonCancellable + context) {
    try {
        // The bindings hand over a buffer from its beginning: a slice begins at the position.
        capture(photo.slice(), label, operator)
    } finally {
        photo.wipe()
    }
}

/** Overwrites a buffer from its position to its limit. `false` if it may not be written to. */
fun ByteBuffer.wipe(): Boolean {
    if (isReadOnly) return false
    val all = duplicate()
    while (all.remaining() >= Long.SIZE_BYTES) all.putLong(0)
    while (all.hasRemaining()) all.put(0)
    return true
}

/** A step of an upload. */
sealed interface Sending {
    /** Bytes that are on their way or there, and all of them. */
    data class Progress(val sent: ULong, val total: ULong) : Sending

    /** It is stored, and has been freed. Always the last. */
    data class Stored(val receipt: Receipt) : Sending
}

/**
 * Sends a picture that is held: progress, then the receipt, then the end. Whoever stops collecting cancels the upload, and the picture stays
 * held. Who collects slowly misses steps, never the receipt.
 */
fun Phone.sending(captureId: String): Flow<Sending> = channelFlow {
    val steps = this
    val listener = object : ProgressListener {
        override fun progress(sent: ULong, total: ULong) {
            steps.trySend(Sending.Progress(sent, total))
        }
    }
    val receipt = this@sending.send(captureId, listener, null)
    steps.send(Sending.Stored(receipt))
}.conflate()

/** Everything that happens, until the phone is shut. Each event goes to one collector: collect once and share. */
fun Phone.events(): Flow<Event> = flow {
    while (true) emit(nextEvent() ?: return@flow)
}

/** Uses a phone and shuts it, in order, whatever happens. */
suspend inline fun <T> Phone.useAndShut(block: (Phone) -> T): T = use {
    try {
        block(it)
    } finally {
        withContext(NonCancellable) { it.shut() }
    }
}

/** What a [SafelightException] says, whichever it is. */
data class Reason(
    /** Stable: for the app's own words and for its log. */
    val code: String,
    /** An English sentence for the person who holds the phone. */
    val advice: String,
)

/** What it says. */
val SafelightException.reason: Reason
    get() = when (this) {
        is SafelightException.Unreachable -> Reason(code, advice)
        is SafelightException.TryAgain -> Reason(code, advice)
        is SafelightException.UnlockKey -> Reason(code, advice)
        is SafelightException.KeyFailed -> Reason(code, advice)
        is SafelightException.EnrolAgain -> Reason(code, advice)
        is SafelightException.NotTheClinic -> Reason(code, advice)
        is SafelightException.PictureRefused -> Reason(code, advice)
        is SafelightException.BadPicture -> Reason(code, advice)
        is SafelightException.BadLabel -> Reason(code, advice)
        is SafelightException.BadInvitation -> Reason(code, advice)
        is SafelightException.NotApproved -> Reason(code, advice)
        is SafelightException.QueueFull -> Reason(code, advice)
        is SafelightException.Cancelled -> Reason(code, advice)
        is SafelightException.Closed -> Reason(code, advice)
        is SafelightException.Busy -> Reason(code, advice)
        is SafelightException.NotHeld -> Reason(code, advice)
        is SafelightException.NotKept -> Reason(code, advice)
        is SafelightException.UpdateApp -> Reason(code, advice)
        is SafelightException.CheckClock -> Reason(code, advice)
        is SafelightException.Device -> Reason(code, advice)
        is SafelightException.Bug -> Reason(code, advice)
    }
