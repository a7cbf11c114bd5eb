package org.safelight.app.logic

/** What the patient has agreed that the picture may be used for; each includes the ones before. */
enum class Consent { RECORD, TEACHING, PUBLICATION }

/** The patient's side, not the viewer's. */
enum class Side { LEFT, RIGHT }

/** Who a picture shows, and what. It is sealed with the picture and kept nowhere else. */
data class Label(
    val number: String,
    val name: String,
    val birthDate: String,
    val site: BodyPart,
    val side: Side?,
    val consent: Consent,
    val view: String?,
) {
    /** Nothing of a patient goes into a log by accident. */
    override fun toString() = "Label(hidden)"
}
