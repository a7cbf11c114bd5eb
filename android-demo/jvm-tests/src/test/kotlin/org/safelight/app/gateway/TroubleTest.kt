package org.safelight.app.gateway

import java.nio.ByteBuffer
import java.security.KeyStoreException
import java.security.ProviderException
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.AfterAll
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNotNull
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.Timeout
import org.safelight.app.core.Bridge
import org.safelight.app.logic.Advice
import org.safelight.app.logic.AppEvent
import org.safelight.app.logic.Blocked
import org.safelight.app.logic.BodyPart
import org.safelight.app.logic.Consent
import org.safelight.app.logic.EnrolEvent
import org.safelight.app.logic.EnrolState
import org.safelight.app.logic.Label
import org.safelight.app.logic.NetworkKind
import org.safelight.app.logic.NetworkState
import org.safelight.app.logic.Progress
import org.safelight.app.logic.QueueEvent
import org.safelight.app.logic.Screen
import org.safelight.app.logic.Side
import org.safelight.app.logic.Trouble
import org.safelight.app.logic.blocked
import org.safelight.app.logic.screen
import org.safelight.mobile.AppException
import org.safelight.mobile.DeviceKeyException
import org.safelight.mobile.Phone
import org.safelight.mobile.PhoneSettings
import org.safelight.mobile.ProgressListener
import org.safelight.mobile.certifiedPublicKey

/** What can go wrong with keys, gateways, arguments and callbacks, through the bindings. */
@Timeout(300)
class TroubleTest {
    @Test
    fun a_code_that_is_no_invitation_and_one_that_was_used_are_refused_with_words() {
        TestPhone(gateway, "Wrong codes").use { phone ->
            phone.await("not enrolled") { screen(it) == Screen.ENROL }
            phone.app.tell(AppEvent.Enrol(EnrolEvent.Scanned("https://example.org")))
            phone.await("refused") { (it.enrol as? EnrolState.Refused)?.trouble == Advice.BAD_INVITATION }
        }
        val invitation = gateway.invite("Once", "clinician1")
        TestPhone(gateway, "Once").use { first ->
            first.await("not enrolled") { screen(it) == Screen.ENROL }
            first.scan(invitation)
            first.await("words") { it.enrol is EnrolState.Comparing }
            gateway.approve(gateway.words("Once").first)
            first.await("enrolled") { it.device.card != null }
            TestPhone(gateway, "Once").use { second ->
                second.await("not enrolled") { screen(it) == Screen.ENROL }
                second.scan(invitation)
                second.await("refused") { (it.enrol as? EnrolState.Refused)?.trouble != null }
                assertEquals(null, second.files.identity())
            }
        }
    }

    @Test
    fun a_revoked_phone_keeps_its_pictures_and_says_what_to_do() {
        TestPhone(gateway, "Revoked").use { phone ->
            phone.enrol().ready("REV-1")
            phone.shoot(Photograph.planted(seed = 1))
            phone.await("a receipt") { it.queue.stored == 1 }
            gateway.relay.cut()
            phone.shoot(Photograph.planted(seed = 2))
            gateway.revoke(phone.deviceId)
            gateway.relay.open()
            phone.online(NetworkState(NetworkKind.WIFI, validated = true, id = 2))
            val shut = phone.await("shut out") { it.device.shutOut != null && it.queue.pictures.firstOrNull()?.progress is Progress.Stopped }
            assertEquals(Advice.REVOKED, (shut.queue.pictures.single().progress as Progress.Stopped).advice)
            assertEquals(Blocked.SHUT_OUT, blocked(phone.state))
            assertFalse(runBlocking { phone.app.press() })
            // The way back: a new invitation.
            phone.app.tell(AppEvent.EnrolAgain)
            assertEquals(Screen.ENROL, screen(phone.state))
            gateway.pictures("REV-1", 1)
        }
    }

    @Test
    fun a_locked_key_holds_the_picture_until_it_is_unlocked() {
        TestPhone(gateway, "Locked key").use { phone ->
            phone.enrol().ready("LOCK-1")
            // The connection of before is lost, and a new one needs a signature.
            gateway.stop()
            phone.await("no connection") { !it.device.connected }
            phone.shoot(Photograph.planted(seed = 3))
            phone.keys.trouble = { DeviceKeyException.Locked() }
            gateway.serve()
            val stopped = phone.await("it asks") { it.queue.pictures.single().progress is Progress.Stopped }
            assertEquals(Progress.Stopped(Advice.UNLOCK_PHONE), stopped.queue.pictures.single().progress, "${phone.heard}")
            // A picture cannot be signed either.
            runBlocking { if (phone.app.press()) phone.app.take(Photograph.planted(seed = 4).buffer()) }
            assertEquals(Advice.UNLOCK_PHONE, phone.state.capture.trouble)
            phone.keys.trouble = null
            phone.app.tell(AppEvent.Queue(QueueEvent.RetryAll))
            phone.await("a receipt") { it.queue.stored == 1 && it.queue.pictures.isEmpty() }
        }
    }

    @Test
    fun f10_a_key_that_is_gone_leads_to_enrolling_anew_and_never_to_another_key() {
        TestPhone(gateway, "Gone key").use { phone ->
            phone.enrol()
            phone.keys.forgetAll()
            phone.restart()
            phone.await("opening fails") { !it.starting }
            assertEquals(Screen.LOCK, screen(phone.state), "nobody enrols it elsewhere who has not unlocked it")
            phone.unlock()
            // Unlocking tries once more, and it is said why it stays closed.
            val closed = phone.await("closed") { !it.starting }
            assertEquals(Screen.CLOSED, screen(closed))
            assertEquals(Trouble(Trouble.Kind.ENROL_AGAIN, "key-gone"), closed.closed)
            phone.app.tell(AppEvent.EnrolAgain)
            assertEquals(Screen.ENROL, screen(phone.state))
            assertEquals(0, phone.keys.count, "no key was made instead")
            val other = TestPhone(gateway, "Gone key again")
            other.use { it.enrol() }
        }
    }

    @Test
    fun a_keystore_that_does_not_answer_keeps_the_phone_closed_until_it_is_opened_again() {
        TestPhone(gateway, "Keystore").use { phone ->
            phone.enrol()
            for (failure in listOf(ProviderException("of Zoë Quittländer"), KeyStoreException("of Zoë Quittländer"))) {
                phone.keys.broken = failure
                phone.restart()
                phone.await("opening fails") { !it.starting && it.closed != null }
                phone.unlock()
                val closed = phone.await("and fails once more") { !it.starting }
                assertEquals(Screen.CLOSED, screen(closed))
                assertEquals(Trouble(Trouble.Kind.KEY_FAILED, "keystore"), closed.closed)
                phone.keys.broken = null
                phone.app.tell(AppEvent.OpenAgain)
                val opened = phone.await("open") { it.device.card != null }
                assertEquals(null, opened.closed)
            }
        }
    }

    @Test
    fun f01_whatever_is_asked_of_a_closed_phone_is_an_error() {
        TestPhone(gateway, "Use after close").use { phone ->
            phone.enrol()
            phone.end()
            val opened = checkNotNull(Bridge(phone.keys, phone.files, "Use after close").open())
            runBlocking {
                assertEquals(0, opened.close())
                assertEquals(0, opened.close())
                val asked = listOf<suspend () -> Any>(
                    { opened.room() },
                    { opened.readyForShutter() },
                    { opened.capture(Photograph.planted().buffer(), label("X"), "clinician1") },
                    { opened.send("0190a0b0-0000-7000-8000-000000000000") { _, _ -> } },
                    { opened.connect() },
                    { opened.clear() },
                    { opened.card() },
                )
                for (ask in asked) assertEquals(Trouble.Kind.CLOSED, trouble(ask).kind)
            }
        }
    }

    @Test
    fun f04_wrong_arguments_are_errors_and_the_phone_goes_on() {
        TestPhone(gateway, "Arguments").use { phone ->
            phone.enrol()
            phone.end()
            assertThrows(org.safelight.mobile.SafelightException::class.java) { certifiedPublicKey(ByteArray(0)) }
            assertThrows(org.safelight.mobile.SafelightException::class.java) { certifiedPublicKey(ByteArray(1_000_000) { 0xff.toByte() }) }
            val opened = checkNotNull(Bridge(phone.keys, phone.files, "Arguments").open())
            runBlocking {
                assertEquals(Trouble.Kind.BAD_PICTURE, trouble { opened.capture(ByteBuffer.allocateDirect(0), label("A"), "x") }.kind)
                assertEquals(Trouble.Kind.BAD_PICTURE, trouble { opened.capture(ByteBuffer.allocateDirect(1 shl 20), label("A"), "x") }.kind)
                assertThrows(IllegalArgumentException::class.java) {
                    runBlocking { opened.capture(ByteBuffer.wrap(Photograph.planted().bytes), label("A"), "x") }
                }
                val photograph = Photograph.planted()
                assertEquals(Trouble.Kind.BAD_LABEL, trouble { opened.capture(photograph.buffer(), label(""), "x") }.kind)
                assertEquals(Trouble.Kind.BAD_LABEL, trouble { opened.capture(photograph.buffer(), label("A"), "a b") }.kind)
                assertEquals(Trouble.Kind.BAD_LABEL, trouble { opened.capture(photograph.buffer(), label("\uD800"), "x") }.kind)
                assertEquals(Trouble.Kind.NOT_HELD, trouble { opened.send("no id") { _, _ -> } }.kind)
                assertEquals(Trouble.Kind.NOT_HELD, trouble { opened.discard("\u0000") }.kind)
                // One that begins in the middle, and one that may not be written to.
                val shifted = ByteBuffer.allocateDirect(photograph.bytes.size + 100)
                shifted.position(100).put(photograph.bytes).flip().position(100)
                assertEquals(64, opened.capture(shifted, label("A"), "x").width)
                assertEquals(64, opened.capture(photograph.buffer().asReadOnlyBuffer(), label("A"), "x").width)
                assertEquals(2, opened.clear())
                opened.close()
            }
        }
    }

    @Test
    fun f05_callbacks_that_throw_or_call_back_stop_nothing() {
        TestPhone(gateway, "Callbacks").use { phone ->
            phone.enrol()
            phone.end()
            val identity = checkNotNull(phone.files.identity())
            val key = checkNotNull(phone.keys.of(certifiedPublicKey(identity)))
            Phone.open(identity, 0u, key, phone.files, PhoneSettings()).use { opened ->
                runBlocking {
                    var called = 0
                    val throws = object : ProgressListener {
                        override fun progress(sent: ULong, total: ULong) {
                            called++
                            throw AppException.Refused()
                        }
                    }
                    val faulty = object : ProgressListener {
                        override fun progress(sent: ULong, total: ULong): Unit = throw IllegalStateException("of Zoë Quittländer")
                    }
                    val callsBack = object : ProgressListener {
                        override fun progress(sent: ULong, total: ULong) {
                            opened.room()
                            opened.held()
                            opened.status()
                        }
                    }
                    for (listener in listOf(throws, faulty, callsBack)) {
                        val held = opened.capture(Photograph.planted(seed = 20).buffer(), patientLabel(), null)
                        assertEquals(held.id, opened.send(held.id, listener, null).captureId)
                    }
                    assertEquals(1, called, "one that throws is not called again")
                    opened.shut()
                }
            }
        }
    }

    private fun label(number: String) = Label(number, "Zoë Quittländer", "1961-02-03", BodyPart.HAND, Side.LEFT, Consent.RECORD, null)

    private fun patientLabel() = org.safelight.mobile.PatientLabel("CB-1", "Zoë Quittländer", "1961-02-03", "left hand")

    private suspend fun trouble(ask: suspend () -> Any): Trouble {
        val error = runCatching { ask() }.exceptionOrNull()
        assertNotNull(error)
        assertTrue(error is Trouble, "$error")
        assertFalse("Quittl" in error.toString())
        return error as Trouble
    }

    companion object {
        private val gateway by lazy(Gateway::serving)

        @JvmStatic
        @AfterAll
        fun stop() = gateway.close()
    }
}
