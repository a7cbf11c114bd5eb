package org.safelight.app.gateway

import com.sun.jna.NativeLibrary
import java.io.File
import java.nio.file.Files
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.AfterAll
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.Timeout
import org.safelight.app.core.Bridge
import org.safelight.app.logic.AppEvent
import org.safelight.app.logic.Blocked
import org.safelight.app.logic.BodyPart
import org.safelight.app.logic.CLEAR_AFTER_MS
import org.safelight.app.logic.Consent
import org.safelight.app.logic.Label
import org.safelight.app.logic.LockEvent
import org.safelight.app.logic.LockPhase
import org.safelight.app.logic.NetworkKind
import org.safelight.app.logic.NetworkState
import org.safelight.app.logic.Progress
import org.safelight.app.logic.QueueEvent
import org.safelight.app.logic.Side
import org.safelight.app.logic.blocked
import org.safelight.mobile.PhoneSettings

/** The app's own code and the bindings, against a gateway that runs: from the picture of a QR code to the opened photograph. */
@Timeout(300)
class SendingTest {
    @Test
    fun a_photograph_goes_from_the_camera_to_the_vault_and_comes_back_the_same_and_clean() {
        TestPhone(gateway, "Whole way").use { phone ->
            phone.enrol("clinician7").ready("WW-0815")
            val photograph = Photograph.planted(640, 480, 7)
            assertTrue(photograph.bytes.holds(Photograph.CANARY))
            val buffer = photograph.buffer()
            runBlocking {
                assertTrue(phone.app.press())
                phone.app.take(buffer)
            }
            buffer.rewind()
            while (buffer.hasRemaining()) assertEquals(0, buffer.get(), "the camera's buffer is overwritten")
            phone.await("a receipt") { it.queue.stored == 1 && it.queue.pictures.isEmpty() }

            val mine = gateway.pictures("WW-0815", 1).single()
            assertEquals("verified", mine["state"].asString)
            assertEquals("Zoë Quittländer", mine["name"].asString)
            assertEquals("1961-02-03", mine["birth_date"].asString)
            assertEquals("teaching", mine["consent"].asString)
            assertEquals("clinician7", mine["operator"].asString)
            assertTrue("orearm" in mine["site"].asString && "right" in mine["site"].asString, mine["site"].asString)

            val opened = gateway.open(mine["id"].asString)
            assertArrayEquals(photograph.pixels, Photograph.pixels(opened))
            assertFalse(opened.holds(Photograph.CANARY))
            assertTrue(opened.size < photograph.bytes.size)
        }
    }

    @Test
    fun who_signed_in_on_a_shared_phone_is_in_the_manifest() {
        TestPhone(gateway, "Shared").use { phone ->
            phone.enrol("ward3").ready("SH-1")
            phone.app.tell(AppEvent.SignIn(org.safelight.app.logic.SignInEvent.Code("nurse.12")))
            phone.shoot(Photograph.planted())
            phone.await("a receipt") { it.queue.stored == 1 }
            assertEquals("nurse.12", gateway.pictures("SH-1", 1).single()["operator"].asString)
        }
    }

    @Test
    fun f07_an_upload_that_is_cut_off_goes_on_where_it_stopped() {
        TestPhone(gateway, "Cut off").use { phone ->
            phone.enrol().ready("CUT-1")
            val photograph = Photograph.planted(1600, 1200, 3)
            val length = photograph.bytes.size.toLong()
            gateway.relay.stopAfter(length / 2)
            val before = gateway.relay.passed.get()
            phone.shoot(photograph)
            val stuck = phone.await("progress") { (it.queue.pictures.firstOrNull()?.progress as? Progress.Sending)?.percent in 20..90 }
            assertEquals(0, stuck.queue.stored)
            eventually("nothing passes any more") { Unit.takeIf { gateway.relay.passed.get() - before > length / 2 - 2_000 } }
            gateway.relay.open()
            // The phone has moved to another access point.
            phone.online(NetworkState(NetworkKind.WIFI, validated = true, id = 2))
            phone.await("a receipt") { it.queue.stored == 1 && it.queue.pictures.isEmpty() }
            val passed = gateway.relay.passed.get() - before
            assertTrue(passed < length * 13 / 10, "$passed bytes for a picture of $length: it was sent again from its beginning")
            gateway.pictures("CUT-1", 1)
        }
    }

    @Test
    fun a_picture_that_is_discarded_in_mid_send_never_arrives() {
        TestPhone(gateway, "Discards").use { phone ->
            phone.enrol().ready("DIS-1")
            gateway.relay.stopAfter(100_000)
            val id = phone.shoot(Photograph.planted(1200, 900, 4))
            phone.await("it is on its way") { it.queue.pictures.firstOrNull()?.progress is Progress.Sending }
            phone.app.tell(AppEvent.Queue(QueueEvent.Discard(id)))
            phone.app.tell(AppEvent.Queue(QueueEvent.DiscardConfirmed))
            assertTrue(phone.state.queue.pictures.isEmpty())
            eventually("it is counted down") { Unit.takeIf { phone.files.inFlight() == 0u } }
            gateway.relay.open()
            // The next one goes its way.
            phone.shoot(Photograph.planted(seed = 5))
            phone.await("a receipt") { it.queue.stored == 1 }
            phone.sendOneMore("DIS-2")
            gateway.pictures("DIS-1", 1)
        }
    }

    @Test
    fun f12_without_a_network_the_queue_fills_and_the_shutter_closes_before_the_picture() {
        val small = PhoneSettings(queueBytes = (7 * 1024 * 1024).toULong(), retrySeconds = 1u)
        TestPhone(gateway, "Full", small).use { phone ->
            phone.enrol().ready("FULL-1")
            gateway.relay.cut()
            phone.online(NetworkState())
            val photograph = Photograph.planted(1000, 1000, 6)
            var taken = 0
            while (blocked(phone.state) == null && taken < 30) {
                phone.shoot(photograph)
                taken++
            }
            assertEquals(Blocked.QUEUE_FULL, blocked(phone.state))
            assertTrue(taken in 2..7, "$taken pictures of ${photograph.bytes.size}")
            assertFalse(runBlocking { phone.app.press() })
            assertEquals(taken, phone.state.queue.pictures.size)
            assertEquals(taken.toUInt(), phone.files.inFlight())
            val waits = phone.await("it says why") { it.queue.pictures.any { picture -> picture.progress is Progress.Later } }
            val later = waits.queue.pictures.firstNotNullOf { it.progress as? Progress.Later }
            assertEquals(org.safelight.app.logic.Advice.NO_NETWORK, later.advice)
            gateway.relay.open()
            phone.online()
            phone.await("all receipts") { it.queue.stored == taken && it.queue.pictures.isEmpty() }
            assertNull(blocked(phone.state))
        }
    }

    @Test
    fun f07_an_app_that_is_closed_in_mid_send_says_how_many_were_lost_and_the_gateway_shows_nothing() {
        TestPhone(gateway, "Closed").use { phone ->
            phone.enrol().ready("LOST-1")
            gateway.relay.stopAfter(50_000)
            phone.shoot(Photograph.planted(1200, 900, 8))
            phone.shoot(Photograph.planted(1200, 900, 9))
            phone.await("both are on their way") { it.queue.pictures.size == 2 }
            assertEquals(2, phone.restart())
            gateway.relay.open()
            val again = phone.await("the next start") { it.device.card != null }
            assertEquals(2, again.queue.lost)
            assertTrue(again.queue.pictures.isEmpty())
            // It is said until somebody has read it, whatever is sent meanwhile, and then not any more.
            phone.sendOneMore("LOST-2")
            gateway.noneOf("LOST-1", "LOST-2")
            phone.restart()
            assertEquals(2, phone.await("the start after it") { it.device.card != null }.queue.lost)
            phone.app.tell(AppEvent.Queue(QueueEvent.Seen))
            eventually("it is forgotten") { Unit.takeIf { phone.files.inFlight() == 0u } }
            phone.restart()
            assertEquals(0, phone.await("the third start") { it.device.card != null }.queue.lost)
        }
    }

    @Test
    fun f07_an_app_that_is_killed_in_mid_send_leaves_two_files_without_content_and_the_next_start_says_what_was_lost() {
        val folder = Files.createTempDirectory("safelight-app-").toFile()
        val classes = System.getProperty("surefire.test.class.path") ?: System.getProperty("java.class.path")
        val java = File(System.getProperty("java.home"), "bin/java").path
        val library = "-Djna.library.path=${System.getProperty("jna.library.path")}"
        val victim = ProcessBuilder(java, library, "-cp", classes, "org.safelight.app.gateway.VictimKt", folder.path)
            .redirectError(ProcessBuilder.Redirect.INHERIT).start()
        val keys = JvmKeys()
        try {
            val told = victim.inputStream.bufferedReader()
            fun hear(what: String) = generateSequence(told::readLine).first { it.startsWith(what) }.substringAfter(' ')
            val asks = victim.outputStream.bufferedWriter()
            fun say(line: String) = asks.run {
                write("$line\n")
                flush()
            }
            say(TestPhone.read(gateway.invite("Victim", "clinician1")))
            val words = hear("words")
            val (id, admins) = gateway.words("Victim")
            assertEquals(admins.replace(' ', '-'), words)
            gateway.approve(id)
            keys.import(hear("key"))
            hear("connected")
            gateway.relay.stopAfter(50_000)
            say("go")
            hear("sending")
        } finally {
            // SIGKILL: it is not asked.
            victim.destroyForcibly().waitFor()
            gateway.relay.open()
        }
        val left = checkNotNull(folder.listFiles()).associate { it.name to it.readBytes() }
        // What was being written when it was killed still has its other name.
        assertEquals(setOf("identity", "in-flight"), left.keys.filterNot { it.endsWith(".next") }.toSet())
        for (planted in listOf(Photograph.CANARY, "Quittl", "KILL-1", "1961-02-03")) {
            assertTrue(left.values.none { it.holds(planted) }, planted)
        }
        TestPhone(gateway, "Victim", keys = keys, folder = folder).use { phone ->
            val lost = phone.await("the next start") { it.device.card != null }.queue.lost
            // The second may not have been taken yet when the first was on its way; the counter is up before each shutter.
            assertTrue(lost in 1..2, "$lost lost")
            phone.sendOneMore("KILL-2")
            gateway.noneOf("KILL-1", "KILL-2")
        }
    }

    @Test
    fun f09_after_a_hundred_pictures_there_is_nothing_on_the_phone() {
        val temporary = File(System.getProperty("java.io.tmpdir"))
        check(temporary.path.endsWith("jvm-tests/tmp")) { "$temporary is not this suite's own" }
        TestPhone(gateway, "Hundred").use { phone ->
            phone.enrol().ready("HUN-1")
            val begun = System.currentTimeMillis()
            repeat(100) { phone.shoot(Photograph.planted(seed = it.toLong())) }
            phone.await("a hundred receipts") { it.queue.stored == 100 && it.queue.pictures.isEmpty() }
            eventually("counted down") { Unit.takeIf { phone.files.inFlight() == 0u } }
            // What is being written has another name until it is whole.
            eventually("two files") { Unit.takeIf { phone.folder.list()?.toSet() == setOf("identity", "in-flight") } }
            val mine = phone.folder.walkTopDown() +
                temporary.walkTopDown().filter { it.lastModified() >= begun && "safelight-jvm-" !in it.path }
            for (file in mine.filter { it.isFile && it.canRead() }) assertFalse(file.readBytes().holds(Photograph.CANARY), file.path)
        }
    }

    @Test
    fun f08_out_of_sight_and_locked_for_long_the_queue_is_thrown_away() {
        TestPhone(gateway, "Away").use { phone ->
            phone.enrol().ready("AWAY-1")
            gateway.relay.cut()
            phone.shoot(Photograph.planted(seed = 11))
            phone.app.tell(AppEvent.Lock(LockEvent.OutOfSight(phone.clock)))
            phone.clock += CLEAR_AFTER_MS
            phone.app.tell(AppEvent.Lock(LockEvent.Tick(phone.clock)))
            val cleared = phone.await("thrown away") { it.queue.thrown == 1 }
            gateway.relay.open()
            assertEquals(LockPhase.LOCKED, cleared.lock.phase)
            assertTrue(cleared.queue.pictures.isEmpty())
            assertNull(cleared.person)
            assertEquals("", cleared.patient.name)
            eventually("counted down") { Unit.takeIf { phone.files.inFlight() == 0u } }
            phone.sendOneMore("AWAY-2")
            gateway.noneOf("AWAY-1", "AWAY-2")
        }
    }

    @Test
    fun f02_two_hundred_sends_at_once_neither_stand_still_nor_grow_beyond_the_queue() {
        TestPhone(gateway, "Two hundred").use { phone ->
            phone.enrol()
            phone.end()
            val settings = PhoneSettings(queueBytes = QUEUE_BYTES.toULong())
            val opened = checkNotNull(Bridge(phone.keys, phone.files, "Two hundred", settings).open())
            val label = Label("TWO-1", "Zoë Quittländer", "1961-02-03", BodyPart.HAND, Side.LEFT, Consent.RECORD, null)
            val photograph = Photograph.planted(440, 310)
            // One buffer, as a camera has: what is measured is what the core holds.
            val buffer = photograph.buffer()
            suspend fun take() = opened.capture(buffer.apply { clear().put(photograph.bytes).flip() }, label, "clinician1")
            runBlocking {
                // What a first picture needs, each next one needs as well.
                val first = take()
                opened.send(first.id) { _, _ -> }
                val before = resident()
                val held = List(200) { take() }
                val bytes = held.sumOf { it.bytes }
                assertTrue(bytes in QUEUE_BYTES * 3 / 4..QUEUE_BYTES, "$bytes bytes do not fill a queue of $QUEUE_BYTES")
                val full = resident() - before
                val sent = held.map { async(Dispatchers.IO) { opened.send(it.id) { _, _ -> } } }
                sent.awaitAll()
                val grown = maxOf(full, resident() - before)
                // The JVM gives back what its compiler used meanwhile: what is held does not show in full.
                assertTrue(full > bytes / 4, "grown by $full for $bytes: what is held was not measured")
                assertTrue(grown < QUEUE_BYTES * 4 / 3, "grown by $grown bytes for a queue of $QUEUE_BYTES")
                assertEquals(0, opened.close())
            }
            assertEquals(0u, phone.files.inFlight())
            gateway.pictures("TWO-1", 201)
        }
    }

    companion object {
        /** The queue's bound where what is held is measured. */
        private const val QUEUE_BYTES = 64L * 1024 * 1024

        private val gateway by lazy(Gateway::serving)

        /** Bytes of this process that are in memory (proc(5), statm), without what was freed and not given back (malloc_trim(3)). */
        private fun resident(): Long {
            NativeLibrary.getInstance("c").getFunction("malloc_trim").invokeInt(arrayOf(0L))
            return File("/proc/self/statm").readText().split(' ')[1].toLong() * 4096
        }

        @JvmStatic
        @AfterAll
        fun stop() = gateway.close()
    }
}
