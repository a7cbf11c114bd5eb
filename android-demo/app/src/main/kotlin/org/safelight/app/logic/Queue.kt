package org.safelight.app.logic

/** As many uploads run at once: they share one connection, and one picture that arrives is worth two that are half there. */
const val SENDING_AT_ONCE = 2

/** The waits between tries of one picture, in milliseconds; the last one again and again. */
val RETRY_AFTER_MS = longArrayOf(2_000, 5_000, 15_000, 60_000)

/**
 * Pictures that are held in memory, oldest first. What they show is in the core, sealed; here is what the screen says of each. [lost] were
 * lost when the app was closed, [thrown] were thrown away because the phone was locked for long.
 */
data class QueueState(
    val pictures: List<Picture> = emptyList(),
    val room: Int = 0,
    val stored: Int = 0,
    val lost: Int = 0,
    val thrown: Int = 0,
    val asking: String? = null,
)

data class Picture(val held: Held, val progress: Progress = Progress.Waiting, val tries: Int = 0)

sealed interface Progress {
    data object Waiting : Progress

    data class Sending(val percent: Int) : Progress

    /** It will be tried again by itself. */
    data class Later(val advice: Advice) : Progress

    /** A person has to do something. */
    data class Stopped(val advice: Advice) : Progress
}

sealed interface QueueEvent {
    data class Captured(val held: Held, val room: Int) : QueueEvent

    data class Room(val room: Int) : QueueEvent

    data class Sent(val id: String, val sent: Long, val total: Long) : QueueEvent

    data class Stored(val id: String) : QueueEvent

    data class Failed(val id: String, val trouble: Trouble) : QueueEvent

    /** A person asks, or its time has come. */
    data class Retry(val id: String) : QueueEvent

    /** All that wait for it: the network is back, or the key is unlocked. */
    data object RetryAll : QueueEvent

    /** Asks whether to throw it away. */
    data class Discard(val id: String) : QueueEvent

    data object DiscardConfirmed : QueueEvent

    data object DiscardCancelled : QueueEvent

    data class Cleared(val pictures: Int) : QueueEvent

    /** A person has read how many were lost or thrown away. */
    data object Seen : QueueEvent
}

fun queue(state: QueueState, event: QueueEvent, network: NetworkState): Step<QueueState> = when (event) {
    is QueueEvent.Captured -> start(state.copy(pictures = state.pictures + Picture(event.held), room = event.room))
    is QueueEvent.Room -> Step(state.copy(room = event.room))
    is QueueEvent.Sent -> Step(state.with(event.id) { picture ->
        // News of an upload that has ended may come late.
        if (picture.progress !is Progress.Sending) picture
        else picture.copy(progress = Progress.Sending(percent(event.sent, event.total)))
    })
    is QueueEvent.Stored -> {
        val rest = state.pictures.filter { it.held.id != event.id }
        val counted = if (rest.size < state.pictures.size) state.stored + 1 else state.stored
        start(state.copy(pictures = rest, stored = counted, asking = state.asking.takeIf { it != event.id }))
    }
    is QueueEvent.Failed -> failed(state, event, network)
    is QueueEvent.Retry -> start(state.with(event.id) { it.waiting() })
    QueueEvent.RetryAll -> start(state.copy(pictures = state.pictures.map { if (it.waitsForBetterTimes()) it.waiting() else it }))
    is QueueEvent.Discard -> Step(state.copy(asking = event.id.takeIf { id -> state.pictures.any { it.held.id == id } }))
    QueueEvent.DiscardConfirmed -> {
        val id = state.asking
        val rest = start(state.copy(pictures = state.pictures.filter { it.held.id != id }, asking = null))
        if (id == null) Step(state) else Step(rest.state, listOf(Effect.Discard(id)) + rest.effects)
    }
    QueueEvent.DiscardCancelled -> Step(state.copy(asking = null))
    is QueueEvent.Cleared -> Step(state.copy(pictures = emptyList(), asking = null, thrown = state.thrown + event.pictures))
    QueueEvent.Seen -> Step(state.copy(lost = 0, thrown = 0), if (state.lost > 0) listOf(Effect.ForgetLost) else emptyList())
}

private fun failed(state: QueueState, event: QueueEvent.Failed, network: NetworkState): Step<QueueState> {
    val picture = state.pictures.find { it.held.id == event.id } ?: return Step(state)
    val advice = advice(event.trouble, network)
    val after = when (event.trouble.kind) {
        Trouble.Kind.UNREACHABLE, Trouble.Kind.TRY_AGAIN, Trouble.Kind.BUSY, Trouble.Kind.NOT_KEPT ->
            RETRY_AFTER_MS[minOf(picture.tries, RETRY_AFTER_MS.lastIndex)]
        else -> null
    }
    val gone = event.trouble.kind == Trouble.Kind.NOT_HELD || event.trouble.kind == Trouble.Kind.CLOSED
    val next = when {
        gone -> start(state.copy(pictures = state.pictures - picture))
        after != null -> start(state.with(event.id) { it.copy(progress = Progress.Later(advice), tries = it.tries + 1) })
        else -> start(state.with(event.id) { it.copy(progress = Progress.Stopped(advice)) })
    }
    val remind = after?.let { Effect.Remind(AppEvent.Queue(QueueEvent.Retry(event.id)), it) }
    return Step(next.state, next.effects + listOfNotNull(remind))
}

/** Begins as many uploads as may run. */
private fun start(state: QueueState): Step<QueueState> {
    val running = state.pictures.count { it.progress is Progress.Sending }
    val next = state.pictures.filter { it.progress == Progress.Waiting }.take((SENDING_AT_ONCE - running).coerceAtLeast(0))
    val begun = next.fold(state) { so, picture -> so.with(picture.held.id) { it.copy(progress = Progress.Sending(0)) } }
    return Step(begun, next.map { Effect.Send(it.held.id) })
}

private fun Picture.waiting() = if (progress is Progress.Later || progress is Progress.Stopped) copy(progress = Progress.Waiting) else this

/** Whether another network or an unlocked phone may help: what has to do with the picture, the clinic or this app stays stopped. */
private fun Picture.waitsForBetterTimes() = progress is Progress.Later || (progress as? Progress.Stopped)?.advice in PASSING

private val PASSING = setOf(
    Advice.UNLOCK_PHONE,
    Advice.KEY_FAILED,
    // Somebody in between was met on the network of before.
    Advice.NOT_THE_CLINIC,
    Advice.CHECK_CLOCK,
    // What was cancelled.
    Advice.TRY_AGAIN_SOON,
    Advice.NO_NETWORK,
)

private fun QueueState.with(id: String, change: (Picture) -> Picture) =
    copy(pictures = pictures.map { if (it.held.id == id) change(it) else it })

private fun percent(sent: Long, total: Long) = if (total <= 0) 0 else (sent.coerceIn(0, total) * 100 / total).toInt()
