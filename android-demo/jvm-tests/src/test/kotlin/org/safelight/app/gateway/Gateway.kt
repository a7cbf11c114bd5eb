package org.safelight.app.gateway

import com.google.gson.JsonElement
import com.google.gson.JsonObject
import com.google.gson.JsonParser
import java.io.File
import java.net.BindException
import java.net.DatagramSocket
import java.net.InetAddress
import java.nio.file.Files
import java.util.UUID
import java.util.concurrent.TimeUnit
import kotlin.random.Random

/**
 * A gateway in a temporary folder, run by the built command as its users run it. What phones know is the address of [relay], behind which
 * it listens.
 */
class Gateway private constructor(private val folder: File) : AutoCloseable {
    lateinit var relay: Relay
        private set
    private lateinit var serving: Process

    /** Runs a command to its end, and gives what it said in JSON. A command that fails is a failed test. */
    fun run(vararg arguments: String): JsonElement {
        val (code, said, error) = attempt(*arguments)
        check(code == 0) { "safelight ${arguments.joinToString(" ")}: $code\n$error" }
        return JsonParser.parseString(said)
    }

    /** The same, with its exit code and what it said on standard output and error. */
    fun attempt(vararg arguments: String): Triple<Int, String, String> {
        val error = File.createTempFile("error", null, folder)
        val process = ProcessBuilder(listOf(COMMAND) + arguments.map(::placed) + "--json")
            .redirectError(error).redirectInput(File("/dev/null")).start()
        val said = process.inputStream.readBytes().decodeToString()
        check(process.waitFor(PATIENCE_S, TimeUnit.SECONDS)) { "safelight ${arguments.joinToString(" ")} does not end" }
        return Triple(process.exitValue(), said, error.readText())
    }

    /** An invitation as the picture of its QR code. */
    fun invite(name: String, person: String): File {
        val picture = File(folder, "invitation-${UUID.randomUUID()}.png")
        run("device", "invite", "--data", "D", "--name", name, "--person", person, "--qr-png", picture.path)
        return picture
    }

    fun devices() = run("device", "list", "--data", "D").asJsonArray.map { it.asJsonObject }

    /** The words that the admin sees of a device that waits. */
    fun words(name: String): Pair<String, String> {
        val device = devices().single { it["name"].asString == name }
        return device["id"].asString to device["words"].asString
    }

    fun approve(id: String) {
        run("device", "approve", id, "--data", "D")
    }

    fun revoke(id: String) {
        check(run("device", "revoke", id, "--data", "D").asJsonObject["in_force"].asBoolean) { "not in force" }
    }

    /** A patient's pictures, with what their labels say: exactly so many, once that many are there and the clinic process has looked at all. */
    fun pictures(patient: String, count: Int): List<JsonObject> {
        require(count > 0) { "what is not there yet looks like what never comes: see noneOf" }
        val all = eventually("$count pictures of $patient") { looked().takeIf { all -> all.count { of(patient, it) } >= count } }
        return all.filter { of(patient, it) }.also { check(it.size == count) { "${it.size} pictures of $patient and not $count" } }
    }

    /** There is no picture of a patient, now that there is one of [later], which was sent after everything that there could be of them. */
    fun noneOf(patient: String, later: String) {
        val all = eventually("a picture of $later") { looked().takeIf { all -> all.any { of(later, it) } } }
        check(all.none { of(patient, it) }) { "there is a picture of $patient" }
    }

    private fun of(patient: String, picture: JsonObject) = picture["patient"]?.takeUnless { it.isJsonNull }?.asString == patient

    /** All pictures; none while the clinic process has still to look at one. */
    private fun looked(): List<JsonObject> {
        val listed = run("vault", "list", "--data", "D", "--passphrase-file", "P").asJsonArray.map { it.asJsonObject }
        return listed.takeIf { all -> all.none { it["state"].asString == "received" } }.orEmpty()
    }

    /** One picture, opened. */
    fun open(id: String): ByteArray {
        val out = File(folder, "$id.jpg")
        run("vault", "open", id, "-o", out.path, "--reason", "a test", "--data", "D", "--passphrase-file", "P")
        return out.readBytes()
    }

    override fun close() {
        relay.close()
        stop()
        folder.deleteRecursively()
    }

    /** Ends it in order: each connection is closed with a word. */
    fun stop() {
        serving.destroy()
        if (!serving.waitFor(PATIENCE_S, TimeUnit.SECONDS)) serving.destroyForcibly()
    }

    /** The same gateway, at the same address, for the first time or again. */
    fun serve() {
        val log = ProcessBuilder.Redirect.appendTo(File(folder, "log"))
        serving = ProcessBuilder(COMMAND, "serve", "--data", placed("D"), "--passphrase-file", placed("P"))
            .redirectErrorStream(true).redirectOutput(log).redirectInput(File("/dev/null")).start()
        val (code, _, error) = attempt("health", "--data", "D", "--wait", "${PATIENCE_S}s")
        check(code == 0) { "the gateway does not come up: $error\n${File(folder, "log").readText()}" }
    }

    private fun placed(argument: String) = when (argument) {
        "D" -> File(folder, "D").path
        "P" -> File(folder, "passphrase").path
        "R" -> File(folder, "recovery").path
        else -> argument
    }

    private fun start() {
        val passphrase = File(folder, "passphrase")
        passphrase.writeText("a passphrase for tests alone\n")
        check(passphrase.setReadable(false, false) && passphrase.setReadable(true, true))
        val said = run(
            "init", "--data", "D", "--passphrase-file", "P", "--recovery-out", "R", "--host", "127.0.0.1",
            "--listen", "127.0.0.1:0", "--enrol-listen", "127.0.0.1:0", "--console-listen", "127.0.0.1:0",
        ).asJsonObject
        val known = said["port"].asInt
        val behind = freePort()
        val config = File(folder, "D/config.toml")
        val listens = "listen = \"127.0.0.1:$known\""
        check(listens in config.readText())
        config.writeText(config.readText().replaceFirst(listens, "phone_port = $known\nlisten = \"127.0.0.1:$behind\""))
        relay = Relay(known, behind)
        serve()
    }

    companion object {
        /** Where the build put it; without it nothing can be tested. */
        private val COMMAND = checkNotNull(System.getProperty("safelight")) { "run `make test-jvm`" }

        fun serving(): Gateway {
            val gateway = Gateway(Files.createTempDirectory("safelight-jvm-").toFile())
            try {
                gateway.start()
            } catch (error: Exception) {
                gateway.folder.deleteRecursively()
                throw error
            }
            return gateway
        }

        /** Below those that the system gives to whoever asks for any, so that no connection has it when the gateway starts again. */
        private fun freePort() = generateSequence { Random.nextInt(20_000, 32_768) }.first(::isFree)

        private fun isFree(port: Int) = try {
            DatagramSocket(port, InetAddress.getLoopbackAddress()).close()
            true
        } catch (_: BindException) {
            false
        }
    }
}

/** For what takes a moment on a busy machine. */
const val PATIENCE_S = 120L

/** Asks until there is an answer. */
fun <T : Any> eventually(what: String, ask: () -> T?): T {
    val end = System.nanoTime() + TimeUnit.SECONDS.toNanos(PATIENCE_S)
    while (System.nanoTime() < end) {
        ask()?.let { return it }
        Thread.sleep(50)
    }
    throw AssertionError("$what: not within $PATIENCE_S s")
}
