package org.safelight.app.gateway

import java.io.File
import java.nio.channels.FileChannel
import java.nio.file.Files
import java.nio.file.StandardOpenOption
import java.util.Queue
import java.util.concurrent.ConcurrentLinkedQueue
import java.util.concurrent.Executors
import javax.imageio.ImageIO
import com.google.zxing.RGBLuminanceSource
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.asCoroutineDispatcher
import kotlinx.coroutines.cancel
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import org.safelight.app.core.Bridge
import org.safelight.app.core.IdentityFiles
import org.safelight.app.core.latestDay
import org.safelight.app.logic.Answer
import org.safelight.app.logic.App
import org.safelight.app.logic.AppEvent
import org.safelight.app.logic.AppState
import org.safelight.app.logic.CameraState
import org.safelight.app.logic.CaptureEvent
import org.safelight.app.logic.Core
import org.safelight.app.logic.EnrolEvent
import org.safelight.app.logic.EnrolState
import org.safelight.app.logic.LockEvent
import org.safelight.app.logic.NetworkKind
import org.safelight.app.logic.NetworkState
import org.safelight.app.logic.OpenPhone
import org.safelight.app.logic.PatientEvent
import org.safelight.app.logic.PatientState
import org.safelight.app.logic.Screen
import org.safelight.app.logic.SignInEvent
import org.safelight.app.logic.Trouble
import org.safelight.app.logic.blocked
import org.safelight.app.logic.readCode
import org.safelight.app.logic.screen
import org.safelight.mobile.PhoneSettings

/** A phone without a phone: the app as it is, but for the keystore, the camera and the screens. */
class TestPhone(
    private val gateway: Gateway,
    val name: String,
    private val settings: PhoneSettings = PhoneSettings(),
    val keys: JvmKeys = JvmKeys(),
    val folder: File = Files.createTempDirectory("safelight-app-").toFile(),
) : AutoCloseable {
    val files = IdentityFiles(folder) { synced -> FileChannel.open(synced.toPath(), StandardOpenOption.READ).use { it.force(true) } }

    /** Moved by hand; the app's own clock. */
    @Volatile var clock = 0L

    /** What did not work and why, in order, for the message of a test that fails. */
    val heard: Queue<String> = ConcurrentLinkedQueue()
    private lateinit var scope: CoroutineScope
    var app = started()
        private set

    val state: AppState get() = app.state.value
    lateinit var deviceId: String

    /** What the camera of the app does with the picture of a QR code. */
    fun scan(picture: File) {
        app.tell(AppEvent.Enrol(EnrolEvent.Scanned(read(picture))))
    }

    /** Scans, compares the words, is approved. */
    fun enrol(person: String = "clinician1"): TestPhone {
        await("not enrolled") { screen(it) == Screen.ENROL }
        scan(gateway.invite(name, person))
        val shown = (await("words") { it.enrol is EnrolState.Comparing }.enrol as EnrolState.Comparing).words
        val (id, words) = gateway.words(name)
        check(words.split(' ', '-') == shown) { "the phone shows $shown, the admin $words" }
        gateway.approve(id)
        deviceId = id
        await("enrolled") { it.device.card != null && it.enrol == null }
        return this
    }

    /** Shows who holds it. */
    fun unlock() {
        app.tell(AppEvent.Lock(LockEvent.Ask))
        app.tell(AppEvent.Lock(LockEvent.Passed))
    }

    /** Once it is connected: unlocks, signs in, and sets all that a picture needs. */
    fun ready(number: String = "4711"): TestPhone {
        await("a connection") { it.device.connected }
        unlock()
        app.tell(AppEvent.SignIn(SignInEvent.Owner))
        app.tell(AppEvent.Patient(PatientEvent.Typed(number, "Zoë Quittländer", "03.02.1961")))
        app.tell(AppEvent.Patient(PatientEvent.Confirmed(PatientState(number, "Zoë Quittländer", "1961-02-03"))))
        app.tell(AppEvent.Capture(CaptureEvent.Answered(Answer.TEACHING)))
        app.tell(AppEvent.Capture(CaptureEvent.Touched(.20f, .42f)))
        app.tell(AppEvent.Capture(CaptureEvent.Camera(CameraState.READY)))
        check(blocked(state) == null) { "blocked: ${blocked(state)}" }
        return this
    }

    fun online(network: NetworkState = WIFI) = app.tell(AppEvent.Network(network))

    /** Presses the shutter, and gives the camera's picture if it opens. The id of what is held then. */
    fun shoot(photograph: Photograph): String {
        val before = state.queue.pictures.map { it.held.id }.toSet()
        val taken = state.capture.taken
        return runBlocking {
            check(app.press()) { "the shutter stays closed: ${blocked(state)} ${state.capture.trouble}" }
            app.take(photograph.buffer())
            check(state.capture.taken == taken + 1) { "not taken: ${state.capture.trouble}" }
            // It may have been sent already.
            state.queue.pictures.map { it.held.id }.firstOrNull { it !in before } ?: ""
        }
    }

    /** A picture of another patient, and its receipt: whatever was sent before has arrived by then, or never will. */
    fun sendOneMore(number: String): TestPhone {
        ready(number)
        val stored = state.queue.stored
        shoot(Photograph.planted(seed = 99))
        await("one more receipt") { it.queue.stored == stored + 1 && it.queue.pictures.isEmpty() }
        return this
    }

    fun await(what: String, holds: (AppState) -> Boolean): AppState = runBlocking {
        try {
            withTimeout(PATIENCE_S * 1000) { app.state.first(holds) }
        } catch (late: kotlinx.coroutines.TimeoutCancellationException) {
            throw AssertionError("$what: not within $PATIENCE_S s; queue ${state.queue}, device ${state.device}, enrol ${state.enrol}, heard $heard", late)
        }
    }

    /** The app is closed and opened again. How many pictures were lost by it. */
    fun restart(): Int {
        val lost = end()
        app = started()
        return lost
    }

    fun end(): Int = runBlocking { app.close() }.also { scope.cancel() }

    override fun close() {
        end()
        folder.deleteRecursively()
    }

    private fun started(): App {
        scope = CoroutineScope(SupervisorJob() + Dispatchers.Default)
        val core = Bridge(keys, files, "Test phone", settings)
        return App(Heard(core), { clock }, scope, blocking) { latestDay(System.currentTimeMillis()) }.also {
            // A phone knows its network before anything else.
            it.tell(AppEvent.Network(WIFI))
            it.tell(AppEvent.Started)
        }
    }

    /** The core, with an ear on what goes wrong in it. */
    private inner class Heard(private val core: Core) : Core by core {
        override fun open(): OpenPhone? = core.open()?.let(::HeardPhone)
    }

    private inner class HeardPhone(private val phone: OpenPhone) : OpenPhone by phone {
        override suspend fun send(id: String, progress: (sent: Long, total: Long) -> Unit) = noted("send") { phone.send(id, progress) }

        override suspend fun connect() = noted("connect") { phone.connect() }
    }

    private inline fun <T> noted(what: String, work: () -> T): T = try {
        work()
    } catch (trouble: Trouble) {
        heard += "$what: ${trouble.kind} ${trouble.code}"
        throw trouble
    }

    companion object {
        private val WIFI = NetworkState(NetworkKind.WIFI, validated = true, id = 1)

        /** The text of the code in a picture, by the app's own reader. */
        fun read(picture: File): String {
            val image = ImageIO.read(picture)
            val pixels = image.getRGB(0, 0, image.width, image.height, null, 0, image.width)
            return checkNotNull(readCode(RGBLuminanceSource(image.width, image.height, pixels))) {
                val kept = picture.copyTo(File.createTempFile("unread-", ".png"), overwrite = true)
                "no code in the picture, which is kept: $kept"
            }
        }

        private val blocking = Executors.newCachedThreadPool { Thread(it).apply { isDaemon = true } }.asCoroutineDispatcher()
    }
}
