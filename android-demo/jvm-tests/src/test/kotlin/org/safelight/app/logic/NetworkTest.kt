package org.safelight.app.logic

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.Timeout

@Timeout(60)
class NetworkTest {
    private val unreachable = Trouble(Trouble.Kind.UNREACHABLE, "unreachable")

    @Test
    fun f12_no_network_a_sign_in_page_and_blocked_udp_are_three_things() {
        assertEquals(Advice.NO_NETWORK, advice(unreachable, NetworkState()))
        assertEquals(Advice.SIGN_IN_TO_NETWORK, advice(unreachable, NetworkState(NetworkKind.WIFI)))
        assertEquals(Advice.NO_ANSWER, advice(unreachable, NetworkState(NetworkKind.WIFI, validated = true)))
        assertEquals(Advice.NO_ANSWER, advice(unreachable, NetworkState(NetworkKind.CELLULAR)))
        // What the core has found out says more than what the system thinks of the network.
        val wifi = NetworkState(NetworkKind.WIFI)
        assertEquals(Advice.UDP_BLOCKED, advice(Trouble(Trouble.Kind.UNREACHABLE, "udp-does-not-pass"), wifi))
        assertEquals(Advice.GATEWAY_OFF, advice(Trouble(Trouble.Kind.UNREACHABLE, "nobody-listens"), wifi))
        assertEquals(Advice.NO_NETWORK, advice(Trouble(Trouble.Kind.UNREACHABLE, "udp-does-not-pass"), NetworkState()))
        assertEquals(Advice.NO_NETWORK, advice(Trouble(Trouble.Kind.TRY_AGAIN, "connection-lost"), NetworkState()))
    }

    @Test
    fun every_kind_of_trouble_has_words() {
        val online = NetworkState(NetworkKind.WIFI, validated = true)
        val said = Trouble.Kind.entries.associateWith { advice(Trouble(it, ""), online) }
        assertEquals(Advice.REVOKED, advice(Trouble(Trouble.Kind.ENROL_AGAIN, "revoked"), online))
        assertEquals(Advice.ENROL_AGAIN, said[Trouble.Kind.ENROL_AGAIN])
        assertEquals(Advice.UNLOCK_PHONE, said[Trouble.Kind.UNLOCK_KEY])
        assertEquals(Advice.NOT_THE_CLINIC, said[Trouble.Kind.NOT_THE_CLINIC])
        assertEquals(Advice.CHECK_CLOCK, said[Trouble.Kind.CHECK_CLOCK])
    }

    @Test
    fun a_phone_is_not_shut_out_any_more_once_the_gateway_has_answered_and_not_because_it_is_connected() {
        val out = device(DeviceState(card()), News.ShutOut(Trouble(Trouble.Kind.ENROL_AGAIN, "revoked")))
        assertEquals("revoked", out.shutOut?.code)
        assertEquals("revoked", device(out, News.Connected).shutOut?.code)
        assertNull(device(out, News.Stored("1")).shutOut)
        assertNull(device(out, News.KeySetUpdated).shutOut)
        assertNull(app(AppState(device = out), AppEvent.ConnectDone).state.device.shutOut)
    }

    @Test
    fun the_note_for_it_has_the_facts_and_nothing_of_a_patient() {
        val network = NetworkState(NetworkKind.WIFI, validated = true, vpn = true)
        val app = AppState(
            network = network,
            patient = PatientState("4711", "Quittländer", "1961-02-03"),
            device = DeviceState(card(), trouble = unreachable),
        )
        assertEquals(ItNote(listOf("192.0.2.1:4433"), network, "unreachable", "id"), itNote(app))
        assertNull(itNote(app.copy(device = DeviceState(card()))))
    }

    @Test
    fun days_are_rounded_down_and_never_negative() {
        val day = 24 * 60 * 60 * 1000L
        assertEquals(29, daysLeft(card().copy(certificateUntilMs = 30 * day), 1))
        assertEquals(0, daysLeft(card().copy(certificateUntilMs = 5), 30 * day))
        assertNull(daysLeft(card(), 0))
    }
}
