package org.safelight.app.ui

import android.content.Context
import org.safelight.app.R
import org.safelight.app.logic.Advice
import org.safelight.app.logic.Blocked
import org.safelight.app.logic.BodyPart
import org.safelight.app.logic.CameraState
import org.safelight.app.logic.ItNote
import org.safelight.app.logic.KeyPlace
import org.safelight.app.logic.NetworkKind
import org.safelight.app.logic.NetworkState
import org.safelight.app.logic.PatientFault
import org.safelight.app.logic.Side
import org.safelight.app.logic.Spot

/** The app's words for what the logic names. */
fun text(advice: Advice): Int = when (advice) {
    Advice.NO_NETWORK -> R.string.advice_no_network
    Advice.SIGN_IN_TO_NETWORK -> R.string.advice_sign_in_to_network
    Advice.UDP_BLOCKED -> R.string.advice_udp_blocked
    Advice.GATEWAY_OFF -> R.string.advice_gateway_off
    Advice.NO_ANSWER -> R.string.advice_no_answer
    Advice.CHECK_CLOCK -> R.string.advice_check_clock
    Advice.TRY_AGAIN_SOON -> R.string.advice_try_again_soon
    Advice.UNLOCK_PHONE -> R.string.advice_unlock_phone
    Advice.KEY_FAILED -> R.string.advice_key_failed
    Advice.ENROL_AGAIN -> R.string.advice_enrol_again
    Advice.REVOKED -> R.string.advice_revoked
    Advice.NOT_THE_CLINIC -> R.string.advice_not_the_clinic
    Advice.PICTURE_REFUSED -> R.string.advice_picture_refused
    Advice.BAD_PICTURE -> R.string.advice_bad_picture
    Advice.BAD_LABEL -> R.string.advice_bad_label
    Advice.BAD_INVITATION -> R.string.advice_bad_invitation
    Advice.NOT_APPROVED -> R.string.advice_not_approved
    Advice.QUEUE_FULL -> R.string.advice_queue_full
    Advice.STORAGE_REFUSES -> R.string.advice_storage_refuses
    Advice.UPDATE_APP -> R.string.advice_update_app
    Advice.RESTART_PHONE -> R.string.advice_restart_phone
    Advice.FAULT -> R.string.advice_fault
}

fun text(blocked: Blocked): Int = when (blocked) {
    Blocked.NOT_ENROLLED -> R.string.blocked_not_enrolled
    Blocked.SHUT_OUT -> R.string.blocked_shut_out
    Blocked.LOCKED -> R.string.blocked_locked
    Blocked.NOBODY_SIGNED_IN -> R.string.blocked_nobody_signed_in
    Blocked.NO_PATIENT -> R.string.blocked_no_patient
    Blocked.NOT_CONFIRMED -> R.string.blocked_not_confirmed
    Blocked.NO_CONSENT -> R.string.blocked_no_consent
    Blocked.CONSENT_NOT_OBTAINED -> R.string.blocked_consent_not_obtained
    Blocked.NO_SITE -> R.string.blocked_no_site
    Blocked.QUEUE_FULL -> R.string.blocked_queue_full
    Blocked.NO_CAMERA -> R.string.blocked_no_camera
    Blocked.SEALING -> R.string.blocked_sealing
}

fun text(fault: PatientFault): Int = when (fault) {
    PatientFault.NUMBER -> R.string.patient_fault_number
    PatientFault.NAME -> R.string.patient_fault_name
    PatientFault.BIRTH_DATE -> R.string.patient_fault_birth_date
    PatientFault.BIRTH_DATE_AHEAD -> R.string.patient_fault_birth_date_ahead
}

fun text(place: KeyPlace): Int = when (place) {
    KeyPlace.STRONGBOX -> R.string.key_strongbox
    KeyPlace.SECURE_HARDWARE -> R.string.key_secure_hardware
    KeyPlace.SOFTWARE -> R.string.key_software
    KeyPlace.UNKNOWN -> R.string.key_unknown
}

/** Why there is no picture from the camera. */
fun Context.words(camera: CameraState): String? = when (camera) {
    CameraState.NOT_ALLOWED -> getString(R.string.camera_not_allowed)
    CameraState.FAILED -> getString(R.string.camera_failed)
    CameraState.CLOSED, CameraState.READY -> null
}

/** A day, `YYYY-MM-DD`, as it is written where the phone's language is spoken. */
fun Context.day(day: String): String {
    val (year, month, date) = day.split('-').takeIf { it.size == 3 } ?: return day
    val name = month.toIntOrNull()?.let { resources.getStringArray(R.array.months).getOrNull(it - 1) } ?: return day
    return getString(R.string.day, year, name, date)
}

/** The same as it is typed there. */
fun Context.typedDay(day: String): String {
    val (year, month, date) = day.split('-').takeIf { it.size == 3 } ?: return day
    return getString(R.string.day_typed, year, month, date)
}

fun Context.words(spot: Spot): String {
    val part = getString(part(spot.part))
    val side = when (spot.side) {
        Side.LEFT -> R.string.side_left
        Side.RIGHT -> R.string.side_right
        null -> return part
    }
    return getString(R.string.spot_with_side, part, getString(side))
}

fun Context.words(network: NetworkState): String {
    val kind = when (network.kind) {
        NetworkKind.NONE -> R.string.network_none
        NetworkKind.WIFI -> R.string.network_wifi
        NetworkKind.CELLULAR -> R.string.network_cellular
        NetworkKind.OTHER -> R.string.network_other
    }
    return if (network.vpn) getString(R.string.network_vpn, getString(kind)) else getString(kind)
}

fun Context.words(note: ItNote): String = getString(
    R.string.note_for_it,
    words(note.network),
    note.addresses.joinToString(),
    note.code,
    note.deviceId ?: "–",
)

private fun part(part: BodyPart): Int = when (part) {
    BodyPart.SCALP -> R.string.part_scalp
    BodyPart.FACE -> R.string.part_face
    BodyPart.NECK -> R.string.part_neck
    BodyPart.CHEST -> R.string.part_chest
    BodyPart.ABDOMEN -> R.string.part_abdomen
    BodyPart.PELVIS -> R.string.part_pelvis
    BodyPart.BACK -> R.string.part_back
    BodyPart.LUMBAR -> R.string.part_lumbar
    BodyPart.BUTTOCK -> R.string.part_buttock
    BodyPart.SHOULDER -> R.string.part_shoulder
    BodyPart.UPPER_ARM -> R.string.part_upper_arm
    BodyPart.ELBOW -> R.string.part_elbow
    BodyPart.FOREARM -> R.string.part_forearm
    BodyPart.HAND -> R.string.part_hand
    BodyPart.THIGH -> R.string.part_thigh
    BodyPart.KNEE -> R.string.part_knee
    BodyPart.POPLITEAL -> R.string.part_popliteal
    BodyPart.LOWER_LEG -> R.string.part_lower_leg
    BodyPart.CALF -> R.string.part_calf
    BodyPart.FOOT -> R.string.part_foot
}
