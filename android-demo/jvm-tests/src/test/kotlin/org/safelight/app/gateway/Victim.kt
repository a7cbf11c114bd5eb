package org.safelight.app.gateway

import java.io.File
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import org.safelight.app.core.Bridge
import org.safelight.app.core.IdentityFiles
import org.safelight.app.logic.BodyPart
import org.safelight.app.logic.Consent
import org.safelight.app.logic.Label
import org.safelight.app.logic.Side

/**
 * An app in a process of its own, to be killed: it enrols with the invitation that it reads, takes two pictures, begins to send them, and
 * says so line by line.
 */
fun main(arguments: Array<String>): Unit = runBlocking {
    val keys = JvmKeys()
    val core = Bridge(keys, IdentityFiles(File(arguments[0])) {}, "Victim")
    val enrolling = core.enrol(readln())
    say("words ${enrolling.words.joinToString("-")}")
    enrolling.approved()
    say("key ${keys.export()}")
    val phone = checkNotNull(core.open())
    phone.connect()
    say("connected")
    check(readln() == "go")
    val label = Label("KILL-1", "Zoë Quittländer", "1961-02-03", BodyPart.HAND, Side.LEFT, Consent.RECORD, null)
    repeat(2) { number ->
        phone.readyForShutter()
        val held = phone.capture(Photograph.planted(1200, 900, number.toLong()).buffer(), label, "clinician1")
        launch { phone.send(held.id) { sent, _ -> if (sent > 0) say("sending") } }
    }
}

private fun say(line: String) {
    println(line)
    System.out.flush()
}
