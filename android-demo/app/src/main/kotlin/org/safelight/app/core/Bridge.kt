package org.safelight.app.core

import java.nio.ByteBuffer
import java.util.concurrent.atomic.AtomicBoolean
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.flow
import kotlinx.coroutines.flow.mapNotNull
import org.safelight.app.logic.Core
import org.safelight.app.logic.DeviceCard
import org.safelight.app.logic.Enrolling
import org.safelight.app.logic.Held
import org.safelight.app.logic.InvitationView
import org.safelight.app.logic.KeyPlace
import org.safelight.app.logic.Label
import org.safelight.app.logic.News
import org.safelight.app.logic.OpenPhone
import org.safelight.app.logic.Trouble
import org.safelight.mobile.Enrolment
import org.safelight.mobile.EnrolmentRequest
import org.safelight.mobile.Phone
import org.safelight.mobile.PhoneSettings
import org.safelight.mobile.Sending
import org.safelight.mobile.captureAndWipe
import org.safelight.mobile.certifiedPublicKey
import org.safelight.mobile.events
import org.safelight.mobile.sending

/** What each picture says took it: `versionName` in app/build.gradle.kts, which is changed with it. */
private const val APP = "Safelight demo 0.1.0"

/** The core behind its bindings. [deviceName] is what the clinic's IT sees: the phone's model. */
class Bridge(
    private val keys: DeviceKeys,
    private val files: IdentityFiles,
    private val deviceName: String,
    private val settings: PhoneSettings,
) : Core {
    /** As it is meant for an app. Whoever makes it so needs no type of the bindings. */
    constructor(keys: DeviceKeys, files: IdentityFiles, deviceName: String) : this(keys, files, deviceName, PhoneSettings(app = APP))

    override fun readInvitation(text: String) = troubled {
        val summary = org.safelight.mobile.readInvitation(text)
        InvitationView(summary.addresses, summary.expiresAtMs.toLong())
    }

    override suspend fun enrol(invitation: String): Enrolling = troubled {
        // The challenge ties the key's attestation to this invitation.
        val fresh = keys.fresh(org.safelight.mobile.readInvitation(invitation).attestationChallenge)
        val request = EnrolmentRequest(invitation, deviceName, fresh.attestation)
        Joining(Enrolment.begin(request, fresh.key, null), files)
    }

    override fun open(): OpenPhone? = troubled {
        val identity = files.identity() ?: return null
        val publicKey = certifiedPublicKey(identity)
        val key = keys.of(publicKey) ?: throw Trouble(Trouble.Kind.ENROL_AGAIN, "key-gone")
        keys.destroyAllBut(publicKey)
        val lost = files.inFlight()
        Opened(Phone.open(identity, lost, key, files, settings), lost.toInt(), deviceName, keys.place(publicKey))
    }
}

private class Joining(private val enrolment: Enrolment, private val files: IdentityFiles) : Enrolling {
    override val words: List<String> = enrolment.words()

    override suspend fun approved(beforeKept: suspend () -> Unit) = troubled {
        enrolment.use {
            val identity = it.waitForApproval()
            beforeKept()
            files.keepIdentity(identity)
        }
    }

    override fun cancel() = enrolment.cancel()
}

private class Opened(
    private val phone: Phone,
    private val lost: Int,
    private val deviceName: String,
    private val place: KeyPlace,
) : OpenPhone {
    private val closed = AtomicBoolean()

    override val news: Flow<News> = flow { troubled { phone.events().mapNotNull(::news).collect(::emit) } }

    override fun lost() = lost

    // Until then the core counts them with what is held.
    override fun forgetLost(): Unit = troubled { phone.takeLost() }

    override fun room() = troubled { phone.room().toInt() }

    override fun readyForShutter() = troubled { phone.readyForShutter().toInt() }

    override suspend fun capture(photo: ByteBuffer, label: Label, operator: String): Held = troubled {
        held(phone.captureAndWipe(photo, patientLabel(label), operator))
    }

    override suspend fun send(id: String, progress: (sent: Long, total: Long) -> Unit): Unit = troubled {
        phone.sending(id).collect { if (it is Sending.Progress) progress(it.sent.toLong(), it.total.toLong()) }
    }

    override fun discard(id: String) = troubled { phone.discard(id) }

    override fun clear() = troubled { phone.clear().toInt() }

    override suspend fun connect() = troubled { phone.connect() }

    override suspend fun networkChanged() = troubled { phone.networkChanged() }

    override fun card(): DeviceCard = troubled {
        val status = phone.status()
        DeviceCard(
            clinicName = status.clinicName,
            deviceId = status.deviceId,
            deviceName = deviceName,
            person = status.operator,
            certificateUntilMs = status.certificateUntilMs?.toLong(),
            keySet = status.keySet.toLong(),
            addresses = status.addresses,
            key = place,
        )
    }

    override suspend fun close(): Int =
        if (closed.getAndSet(true)) 0 else troubled { phone.use { it.shut().toInt() } }
}
