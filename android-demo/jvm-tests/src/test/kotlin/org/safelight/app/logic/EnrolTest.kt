package org.safelight.app.logic

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.Timeout

@Timeout(60)
class EnrolTest {
    private val wifi = NetworkState(NetworkKind.WIFI, validated = true, id = 1)
    private val invitation = InvitationView(listOf("192.0.2.1:4434"), 0)

    @Test
    fun a_code_that_is_seen_many_times_is_used_once() {
        val scanned = enrol(EnrolState.Scanning, EnrolEvent.Scanned("x"), wifi)
        assertEquals(listOf<Effect>(Effect.Enrol("x")), scanned.effects)
        assertEquals(EnrolState.Reading, scanned.state)
        assertEquals(Step(EnrolState.Reading), enrol(scanned.state, EnrolEvent.Scanned("x"), wifi))
        val asking = enrol(scanned.state, EnrolEvent.Read(invitation), wifi).state
        assertEquals(EnrolState.Asking(invitation), asking)
        assertEquals(emptyList<Effect>(), enrol(asking, EnrolEvent.Scanned("x"), wifi).effects)
    }

    @Test
    fun what_fails_is_said_and_where_udp_stops_with_a_note_for_it() {
        val failed = enrol(EnrolState.Asking(invitation), EnrolEvent.Failed(Trouble(Trouble.Kind.UNREACHABLE, "unreachable")), wifi)
        val refused = failed.state as EnrolState.Refused
        assertEquals(Advice.NO_ANSWER, refused.trouble)
        assertEquals(listOf("192.0.2.1:4434"), refused.note?.addresses)
        // The code still lies before the camera: it is not tried again and again.
        assertEquals(Step(refused), enrol(refused, EnrolEvent.Scanned("x"), wifi))
        assertEquals(Step(EnrolState.Scanning), enrol(refused, EnrolEvent.ScanAgain, wifi))
        assertEquals(Step(EnrolState.Reading), enrol(EnrolState.Reading, EnrolEvent.ScanAgain, wifi))
        val cancelled = enrol(EnrolState.Comparing(invitation, listOf("a")), EnrolEvent.Cancelled, wifi)
        assertEquals(listOf<Effect>(Effect.CancelEnrolment), cancelled.effects)
        val after = enrol(cancelled.state, EnrolEvent.Failed(Trouble(Trouble.Kind.CANCELLED, "cancelled")), wifi)
        assertEquals(EnrolState.Scanning, after.state)
    }

    @Test
    fun words_that_come_late_are_not_shown() {
        assertEquals(EnrolState.Scanning, enrol(EnrolState.Scanning, EnrolEvent.Words(listOf("a")), wifi).state)
    }

    @Test
    fun people_are_ids_as_the_manifest_takes_them() {
        for (code in listOf("a", "nurse.12", "A_b-c", "x".repeat(64))) assertTrue(isPerson(code), code)
        for (code in listOf("", " ", "a b", "ä", "x".repeat(65), "a\n", "a/b")) assertFalse(isPerson(code), code)
        assertEquals(SignInState() to "nurse.12", signIn(null, SignInEvent.Code(" nurse.12 "), null))
        assertEquals(SignInState(wrong = true) to "x", signIn("x", SignInEvent.Code("a b"), null))
        assertEquals(SignInState() to "owner", signIn(null, SignInEvent.Owner, "owner"))
        assertNull(signIn("x", SignInEvent.Out, "owner").second)
    }
}
