package org.safelight.app.logic

/** As long may the app be out of sight before it asks for the finger again. */
const val LOCK_AFTER_MS = 30_000L

/** As long after it was last unlocked and in sight are pictures kept that could not be sent. */
const val CLEAR_AFTER_MS = 30 * 60_000L

/** Whether whoever holds the phone has shown who they are. [awaySince] is when the app went out of sight, or was locked. */
data class LockState(val phase: LockPhase = LockPhase.LOCKED, val awaySince: Long? = null)

enum class LockPhase { LOCKED, ASKING, OPEN, NOT_POSSIBLE }

sealed interface LockEvent {
    /** A person wants in. */
    data object Ask : LockEvent

    data object Passed : LockEvent

    data object Refused : LockEvent

    /** The phone has neither biometrics nor a screen lock. */
    data object NotPossible : LockEvent

    data class OutOfSight(val at: Long) : LockEvent

    data class InSight(val at: Long) : LockEvent

    data class Tick(val at: Long) : LockEvent
}

fun lock(state: LockState, event: LockEvent): Step<LockState> = when (event) {
    LockEvent.Ask -> Step(if (state.phase == LockPhase.OPEN) state else state.copy(phase = LockPhase.ASKING))
    // Whoever turns the phone away while it asks has not shown anything: only a prompt that is up is answered.
    LockEvent.Passed -> Step(if (state.phase == LockPhase.ASKING) LockState(LockPhase.OPEN) else state)
    LockEvent.Refused -> Step(if (state.phase == LockPhase.ASKING) state.copy(phase = LockPhase.LOCKED) else state)
    LockEvent.NotPossible -> Step(state.copy(phase = LockPhase.NOT_POSSIBLE))
    is LockEvent.OutOfSight -> {
        val phase = if (state.phase == LockPhase.ASKING) LockPhase.LOCKED else state.phase
        val since = state.awaySince ?: event.at
        Step(LockState(phase, since), listOf(tick(LOCK_AFTER_MS), tick(CLEAR_AFTER_MS)))
    }
    is LockEvent.InSight -> {
        val next = after(state, event.at)
        // In sight and open: nobody is away.
        if (next.state.phase == LockPhase.OPEN) Step(next.state.copy(awaySince = null), next.effects) else next
    }
    is LockEvent.Tick -> after(state, event.at)
}

/** What time does: it locks, then it clears. */
private fun after(state: LockState, at: Long): Step<LockState> {
    val away = state.awaySince?.let { at - it } ?: return Step(state)
    val phase = if (state.phase == LockPhase.OPEN && away >= LOCK_AFTER_MS) LockPhase.LOCKED else state.phase
    return Step(state.copy(phase = phase), if (away >= CLEAR_AFTER_MS) listOf(Effect.ClearQueue) else emptyList())
}

private fun tick(afterMs: Long) = Effect.RemindLock(afterMs)
