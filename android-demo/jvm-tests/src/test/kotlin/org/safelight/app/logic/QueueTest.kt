package org.safelight.app.logic

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.Timeout

@Timeout(60)
class QueueTest {
    private val wifi = NetworkState(NetworkKind.WIFI, validated = true, id = 1)
    private val unreachable = Trouble(Trouble.Kind.UNREACHABLE, "unreachable")

    private fun held(id: String) = Held(id, 10, 10, 1_000, emptyList())

    private fun QueueState.on(event: QueueEvent) = queue(this, event, wifi)

    private fun full(vararg ids: String) = ids.fold(QueueState()) { state, id -> state.on(QueueEvent.Captured(held(id), 5)).state }

    private fun QueueState.of(id: String) = pictures.single { it.held.id == id }.progress

    @Test
    fun as_many_as_may_are_sent_at_once_oldest_first_and_the_next_when_one_has_arrived() {
        val three = full("a", "b", "c")
        assertEquals(listOf(Progress.Sending(0), Progress.Sending(0), Progress.Waiting), three.pictures.map { it.progress })
        val arrived = three.on(QueueEvent.Stored("a"))
        assertEquals(listOf(Effect.Send("c")), arrived.effects)
        assertEquals(1, arrived.state.stored)
        // It is told twice, by the upload and by the phone.
        assertEquals(1, arrived.state.on(QueueEvent.Stored("a")).state.stored)
    }

    @Test
    fun what_will_pass_is_tried_again_by_itself_later_and_later() {
        var state = full("a")
        for (wait in RETRY_AFTER_MS + RETRY_AFTER_MS.last()) {
            val failed = state.on(QueueEvent.Failed("a", unreachable))
            assertEquals(listOf(Effect.Remind(AppEvent.Queue(QueueEvent.Retry("a")), wait)), failed.effects)
            assertTrue(failed.state.of("a") is Progress.Later)
            state = failed.state.on(QueueEvent.Retry("a")).state
            assertEquals(Progress.Sending(0), state.of("a"))
        }
    }

    @Test
    fun what_will_not_pass_waits_for_a_person_and_does_not_hold_up_the_others() {
        val failed = full("a", "b", "c").on(QueueEvent.Failed("a", Trouble(Trouble.Kind.PICTURE_REFUSED, "too-large")))
        assertEquals(Progress.Stopped(Advice.PICTURE_REFUSED), failed.state.of("a"))
        assertEquals(listOf(Effect.Send("c")), failed.effects)
        // A better network is no reason.
        for (kind in listOf(Trouble.Kind.PICTURE_REFUSED, Trouble.Kind.UPDATE_APP, Trouble.Kind.ENROL_AGAIN, Trouble.Kind.BUG)) {
            val stopped = full("a").on(QueueEvent.Failed("a", Trouble(kind, ""))).state
            assertEquals(emptyList<Effect>(), stopped.on(QueueEvent.RetryAll).effects, "$kind")
        }
    }

    @Test
    fun what_another_network_may_help_is_tried_on_it() {
        for (kind in listOf(Trouble.Kind.NOT_THE_CLINIC, Trouble.Kind.KEY_FAILED, Trouble.Kind.CANCELLED, Trouble.Kind.UNREACHABLE)) {
            for (network in listOf(wifi, NetworkState())) {
                val stopped = queue(full("a"), QueueEvent.Failed("a", Trouble(kind, "")), network).state
                val app = AppState(device = DeviceState(card()), queue = stopped, network = network)
                assertTrue(Effect.Send("a") in app(app, AppEvent.Network(wifi.copy(id = 7))).effects, "$kind")
            }
        }
    }

    @Test
    fun a_key_that_is_unlocked_and_a_network_that_is_back_are_reasons() {
        val locked = full("a").on(QueueEvent.Failed("a", Trouble(Trouble.Kind.UNLOCK_KEY, "key-locked"))).state
        assertEquals(listOf(Effect.Send("a")), locked.on(QueueEvent.RetryAll).effects)
        val app = AppState(device = DeviceState(card()), queue = full("a").on(QueueEvent.Failed("a", unreachable)).state)
        val back = app(app, AppEvent.Network(wifi))
        assertEquals(listOf(Effect.MoveConnection, Effect.Send("a")), back.effects)
        assertEquals(emptyList<Effect>(), app(back.state, AppEvent.Network(wifi)).effects)
        assertEquals(listOf<Effect>(Effect.MoveConnection), app(back.state, AppEvent.Network(wifi.copy(id = 2))).effects)
        assertEquals(listOf<Effect>(Effect.MoveConnection), app(back.state, AppEvent.Network(wifi.copy(vpn = true))).effects)
        assertEquals(emptyList<Effect>(), app(back.state, AppEvent.Network(NetworkState())).effects)
    }

    @Test
    fun nothing_is_discarded_without_a_second_word() {
        val asked = full("a", "b").on(QueueEvent.Discard("a"))
        assertEquals(emptyList<Effect>(), asked.effects)
        assertEquals("a", asked.state.asking)
        assertNull(asked.state.on(QueueEvent.DiscardCancelled).state.asking)
        assertEquals(2, asked.state.on(QueueEvent.DiscardCancelled).state.pictures.size)
        val gone = asked.state.on(QueueEvent.DiscardConfirmed)
        assertEquals(listOf(Effect.Discard("a")), gone.effects)
        assertEquals(listOf("b"), gone.state.pictures.map { it.held.id })
        assertEquals(emptyList<Effect>(), gone.state.on(QueueEvent.DiscardConfirmed).effects)
        // It has arrived while the question was up.
        assertNull(asked.state.on(QueueEvent.Stored("a")).state.asking)
    }

    @Test
    fun news_of_what_is_over_changes_nothing() {
        val state = full("a").on(QueueEvent.Failed("a", unreachable)).state
        assertEquals(state, state.on(QueueEvent.Sent("a", 1, 2)).state)
        assertEquals(state, state.on(QueueEvent.Sent("z", 1, 2)).state)
        assertEquals(state, state.on(QueueEvent.Failed("z", unreachable)).state)
        assertEquals(Progress.Sending(50), full("a").on(QueueEvent.Sent("a", 1, 2)).state.of("a"))
        assertEquals(Progress.Sending(0), full("a").on(QueueEvent.Sent("a", 1, 0)).state.of("a"))
        assertEquals(Progress.Sending(100), full("a").on(QueueEvent.Sent("a", 3, 2)).state.of("a"))
    }

    @Test
    fun a_phone_that_is_shut_out_takes_no_more_pictures() {
        val app = AppState(device = DeviceState(card()), queue = full("a"))
        val shut = app(app, AppEvent.Queue(QueueEvent.Failed("a", Trouble(Trouble.Kind.ENROL_AGAIN, "revoked")))).state
        assertEquals(Progress.Stopped(Advice.REVOKED), shut.queue.of("a"))
        assertEquals(Blocked.SHUT_OUT, blocked(shut))
    }
}

internal fun card() = DeviceCard("Clinic", "id", "Phone", "clinician1", null, 1, listOf("192.0.2.1:4433"), KeyPlace.STRONGBOX)
