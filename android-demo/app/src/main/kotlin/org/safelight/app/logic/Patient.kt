package org.safelight.app.logic

/** The longest texts that a label takes, in bytes of UTF-8: core/src/label.rs. */
const val MAX_NUMBER_BYTES = 64
const val MAX_NAME_BYTES = 256

/** Who is before the camera. [confirmed] is a person's word that this is the patient, and nothing that is edited keeps it. */
data class PatientState(
    val number: String = "",
    val name: String = "",
    val birthDate: String = "",
    val confirmed: Boolean = false,
    val unreadable: Boolean = false,
) {
    /** What is missing or wrong, field by field; [today] is a [Calendar]'s. */
    fun faults(today: String): Set<PatientFault> = buildSet {
        if (!isLine(number, MAX_NUMBER_BYTES)) add(PatientFault.NUMBER)
        if (!isLine(name, MAX_NAME_BYTES)) add(PatientFault.NAME)
        if (!isDate(birthDate)) add(PatientFault.BIRTH_DATE) else if (birthDate > today) add(PatientFault.BIRTH_DATE_AHEAD)
    }

    /** Whether both name the same patient, whoever has confirmed it. */
    fun names(other: PatientState) = number == other.number && name == other.name && birthDate == other.birthDate

    override fun toString() = "PatientState(hidden, confirmed=$confirmed)"
}

enum class PatientFault { NUMBER, NAME, BIRTH_DATE, BIRTH_DATE_AHEAD }

sealed interface PatientEvent {
    /** A wristband was scanned, whatever its code says. */
    data class Scanned(val text: String) : PatientEvent {
        override fun toString() = "Scanned(hidden)"
    }

    data class Typed(val number: String, val name: String, val birthDate: String) : PatientEvent {
        override fun toString() = "Typed(hidden)"
    }

    /** Whom the screen showed when somebody said that this is the patient: nobody else is confirmed by it. */
    data class Confirmed(val shown: PatientState) : PatientEvent

    /** The next patient. */
    data object Cleared : PatientEvent
}

fun patient(state: PatientState, event: PatientEvent, today: String): PatientState = when (event) {
    is PatientEvent.Scanned -> readWristband(event.text, today) ?: PatientState(unreadable = true)
    is PatientEvent.Typed -> {
        val typed = PatientState(event.number.trim(), event.name.trim(), readDay(event.birthDate))
        // A text field that is laid out again says what it holds once more: that takes no confirmation back.
        if (typed.names(state)) state else typed
    }
    is PatientEvent.Confirmed ->
        if (event.shown.names(state) && state.faults(today).isEmpty()) state.copy(confirmed = true, unreadable = false) else state
    PatientEvent.Cleared -> PatientState()
}

/**
 * A wristband's code: the record number alone, or number, name and birth date separated by `|`, `^` or `;`. A birth date may be
 * `19610203` or `1961-02-03`. What is not understood is refused as a whole: half a patient is worse than none.
 */
fun readWristband(text: String, today: String): PatientState? {
    val parts = text.trim().split('|', '^', ';').map(String::trim)
    val number = parts.first()
    if (!isLine(number, MAX_NUMBER_BYTES)) return null
    return when (parts.size) {
        1 -> PatientState(number = number)
        3 -> {
            val day = if (parts[2].length == 8) parts[2].let { "${it.take(4)}-${it.substring(4, 6)}-${it.drop(6)}" } else parts[2]
            PatientState(number, parts[1], day).takeIf { it.faults(today).isEmpty() }
        }
        else -> null
    }
}

/** `YYYY-MM-DD` in the Gregorian calendar, as the core reads it. */
fun isDate(text: String): Boolean {
    if (text.length != 10 || text[4] != '-' || text[7] != '-') return false
    val digits = text.filterIndexed { at, _ -> at != 4 && at != 7 }
    if (digits.any { it !in '0'..'9' }) return false
    val year = text.take(4).toInt()
    val month = text.substring(5, 7).toInt()
    val day = text.drop(8).toInt()
    val leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
    val days = when (month) {
        2 -> if (leap) 29 else 28
        4, 6, 9, 11 -> 30
        in 1..12 -> 31
        else -> 0
    }
    return year >= 1800 && day in 1..days
}

/** A day as people type it, `3.2.1961` or `1961-02-03`, as `YYYY-MM-DD`; what is neither stays as it is. */
fun readDay(typed: String): String {
    val text = typed.trim()
    val parts = text.split('.').takeIf { it.size == 3 } ?: return text
    val (day, month, year) = parts
    val whole = day.length in 1..2 && month.length in 1..2 && year.length == 4 && parts.all { part -> part.all { it in '0'..'9' } }
    return if (whole) "$year-${month.padStart(2, '0')}-${day.padStart(2, '0')}" else text
}
