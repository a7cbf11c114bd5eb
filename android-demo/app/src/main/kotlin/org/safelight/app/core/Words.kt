package org.safelight.app.core

import java.io.IOException
import java.nio.charset.CharacterCodingException
import java.security.GeneralSecurityException
import java.security.ProviderException
import kotlinx.coroutines.CancellationException
import org.safelight.app.logic.Consent
import org.safelight.app.logic.Held
import org.safelight.app.logic.Label
import org.safelight.app.logic.News
import org.safelight.app.logic.Side
import org.safelight.app.logic.Trouble
import org.safelight.mobile.AppException
import org.safelight.mobile.DeviceKeyException
import org.safelight.mobile.Event
import org.safelight.mobile.InternalException
import org.safelight.mobile.PatientLabel
import org.safelight.mobile.SafelightException
import org.safelight.mobile.SealedCapture

/** The app's words for the bindings' and the other way round. */
internal fun patientLabel(label: Label) = PatientLabel(
    recordNumber = label.number,
    name = label.name,
    birthDate = label.birthDate,
    site = label.site.meaning,
    siteCode = label.site.code,
    side = when (label.side) {
        Side.LEFT -> org.safelight.mobile.Side.LEFT
        Side.RIGHT -> org.safelight.mobile.Side.RIGHT
        null -> null
    },
    view = label.view,
    consent = when (label.consent) {
        Consent.RECORD -> org.safelight.mobile.Consent.RECORD
        Consent.TEACHING -> org.safelight.mobile.Consent.TEACHING
        Consent.PUBLICATION -> org.safelight.mobile.Consent.PUBLICATION
    },
)

internal fun held(capture: SealedCapture) =
    Held(capture.id, capture.width.toInt(), capture.height.toInt(), capture.sealedBytes.toLong(), capture.removed)

internal fun news(event: Event): News? = when (event) {
    is Event.Room -> News.Room(event.room.toInt(), event.held.toInt())
    Event.Connected -> News.Connected
    // Why it ended is in what was under way; that it did is all that is said here.
    is Event.Disconnected -> News.Disconnected(Trouble(Trouble.Kind.TRY_AGAIN, event.code))
    is Event.Stored -> News.Stored(event.captureId)
    is Event.CertificateRenewed -> News.CertificateRenewed(event.untilMs?.toLong())
    is Event.KeySetUpdated -> News.KeySetUpdated
    is Event.ShutOut -> News.ShutOut(Trouble(Trouble.Kind.ENROL_AGAIN, event.code))
    Event.NotKept -> News.NotKept
    Event.Other -> null
}

/** Whatever the bindings throw, as the app's own. The advice in English stays behind: the app has its own words in each language. */
internal inline fun <T> troubled(work: () -> T): T = try {
    work()
} catch (error: SafelightException) {
    throw trouble(error)
} catch (_: CharacterCodingException) {
    // Half a character, which no keyboard gives and no encoding has.
    throw Trouble(Trouble.Kind.BAD_LABEL, "text")
} catch (_: IOException) {
    // What is kept of the enrolment cannot be read.
    throw Trouble(Trouble.Kind.DEVICE, "storage")
} catch (_: GeneralSecurityException) {
    throw Trouble(Trouble.Kind.KEY_FAILED, "keystore")
} catch (_: ProviderException) {
    throw Trouble(Trouble.Kind.KEY_FAILED, "keystore")
} catch (_: InternalException) {
    throw Trouble(Trouble.Kind.BUG, "bug")
} catch (_: AppException) {
    throw Trouble(Trouble.Kind.NOT_KEPT, "not-kept")
} catch (error: DeviceKeyException) {
    throw trouble(error)
} catch (cancelled: CancellationException) {
    throw cancelled
} catch (_: IllegalStateException) {
    // What the bindings say of an object that has been let go.
    throw Trouble(Trouble.Kind.CLOSED, "closed")
}

internal fun trouble(error: DeviceKeyException) = when (error) {
    is DeviceKeyException.Locked -> Trouble(Trouble.Kind.UNLOCK_KEY, "key-locked")
    is DeviceKeyException.Gone -> Trouble(Trouble.Kind.ENROL_AGAIN, "key-gone")
    is DeviceKeyException.Failed -> Trouble(Trouble.Kind.KEY_FAILED, "key-failed")
}

internal fun trouble(error: SafelightException) = when (error) {
    is SafelightException.Unreachable -> Trouble(Trouble.Kind.UNREACHABLE, error.code)
    is SafelightException.TryAgain -> Trouble(Trouble.Kind.TRY_AGAIN, error.code)
    is SafelightException.UnlockKey -> Trouble(Trouble.Kind.UNLOCK_KEY, error.code)
    is SafelightException.KeyFailed -> Trouble(Trouble.Kind.KEY_FAILED, error.code)
    is SafelightException.EnrolAgain -> Trouble(Trouble.Kind.ENROL_AGAIN, error.code)
    is SafelightException.NotTheClinic -> Trouble(Trouble.Kind.NOT_THE_CLINIC, error.code)
    is SafelightException.PictureRefused -> Trouble(Trouble.Kind.PICTURE_REFUSED, error.code)
    is SafelightException.BadPicture -> Trouble(Trouble.Kind.BAD_PICTURE, error.code)
    is SafelightException.BadLabel -> Trouble(Trouble.Kind.BAD_LABEL, error.code)
    is SafelightException.BadInvitation -> Trouble(Trouble.Kind.BAD_INVITATION, error.code)
    is SafelightException.NotApproved -> Trouble(Trouble.Kind.NOT_APPROVED, error.code)
    is SafelightException.QueueFull -> Trouble(Trouble.Kind.QUEUE_FULL, error.code)
    is SafelightException.Cancelled -> Trouble(Trouble.Kind.CANCELLED, error.code)
    is SafelightException.Closed -> Trouble(Trouble.Kind.CLOSED, error.code)
    is SafelightException.Busy -> Trouble(Trouble.Kind.BUSY, error.code)
    is SafelightException.NotHeld -> Trouble(Trouble.Kind.NOT_HELD, error.code)
    is SafelightException.NotKept -> Trouble(Trouble.Kind.NOT_KEPT, error.code)
    is SafelightException.UpdateApp -> Trouble(Trouble.Kind.UPDATE_APP, error.code)
    is SafelightException.CheckClock -> Trouble(Trouble.Kind.CHECK_CLOCK, error.code)
    is SafelightException.Device -> Trouble(Trouble.Kind.DEVICE, error.code)
    is SafelightException.Bug -> Trouble(Trouble.Kind.BUG, error.code)
}
