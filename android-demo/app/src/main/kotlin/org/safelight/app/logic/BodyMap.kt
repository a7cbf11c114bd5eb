package org.safelight.app.logic

/**
 * A part of the body as the label knows it: DICOM's meaning (PS3.16 CID 4031) and its SNOMED CT code. [paired] parts need a side.
 * The core checks the code once more.
 */
enum class BodyPart(val meaning: String, val code: String, val paired: Boolean) {
    SCALP("Scalp", "41695006", false),
    FACE("Face", "89545001", false),
    NECK("Neck", "45048000", false),
    CHEST("Chest", "816094009", false),
    ABDOMEN("Abdomen", "818981001", false),
    PELVIS("Pelvis", "816092008", false),
    BACK("Back", "77568009", false),
    LUMBAR("Lumbar region", "52612000", false),
    BUTTOCK("Buttock", "46862004", true),
    SHOULDER("Shoulder", "16982005", true),
    UPPER_ARM("Upper arm", "40983000", true),
    ELBOW("Elbow joint", "16953009", true),
    FOREARM("Forearm", "14975008", true),
    HAND("Hand", "85562004", true),
    THIGH("Thigh", "68367000", true),
    KNEE("Knee", "72696002", true),
    POPLITEAL("Popliteal fossa", "32361000", true),
    LOWER_LEG("Lower leg", "30021000", true),
    CALF("Calf of leg", "53840002", true),
    FOOT("Foot", "56459004", true),
}

/** Which way the drawn body faces. */
enum class Facing { FRONT, BACK }

/** A part on the drawing, with the side if it has one. */
data class Spot(val part: BodyPart, val side: Side?)

/** An upright rectangle in a drawing that is 1 wide and 1 high. */
data class Area(val left: Float, val top: Float, val right: Float, val bottom: Float) {
    fun holds(x: Float, y: Float) = x in left..right && y in top..bottom

    fun mirrored() = Area(1 - right, top, 1 - left, bottom)
}

/**
 * The drawing of the body, as areas: what is drawn is what is touched. Paired parts are written once, on the viewer's left, and mirrored.
 * Seen from the front the viewer's left is the patient's right; seen from behind it is the patient's left.
 */
object BodyMap {
    private class Shape(val part: BodyPart, val area: Area)

    private val middle = listOf(
        Shape(BodyPart.NECK, Area(.44f, .13f, .56f, .17f)),
    )

    private val front = middle + listOf(
        Shape(BodyPart.SCALP, Area(.42f, .00f, .58f, .04f)),
        Shape(BodyPart.FACE, Area(.42f, .04f, .58f, .13f)),
        Shape(BodyPart.CHEST, Area(.36f, .17f, .64f, .30f)),
        Shape(BodyPart.ABDOMEN, Area(.36f, .30f, .64f, .42f)),
        Shape(BodyPart.PELVIS, Area(.36f, .42f, .64f, .50f)),
    )

    private val back = middle + listOf(
        Shape(BodyPart.SCALP, Area(.42f, .00f, .58f, .13f)),
        Shape(BodyPart.BACK, Area(.36f, .17f, .64f, .34f)),
        Shape(BodyPart.LUMBAR, Area(.36f, .34f, .64f, .43f)),
    )

    private val pairedBoth = listOf(
        Shape(BodyPart.SHOULDER, Area(.26f, .17f, .36f, .23f)),
        Shape(BodyPart.UPPER_ARM, Area(.23f, .23f, .34f, .33f)),
        Shape(BodyPart.ELBOW, Area(.20f, .33f, .31f, .37f)),
        Shape(BodyPart.FOREARM, Area(.16f, .37f, .28f, .47f)),
        Shape(BodyPart.HAND, Area(.12f, .47f, .25f, .55f)),
        Shape(BodyPart.THIGH, Area(.37f, .50f, .49f, .68f)),
        Shape(BodyPart.FOOT, Area(.36f, .93f, .49f, 1f)),
    )

    private val pairedFront = pairedBoth + listOf(
        Shape(BodyPart.KNEE, Area(.38f, .68f, .49f, .74f)),
        Shape(BodyPart.LOWER_LEG, Area(.39f, .74f, .49f, .93f)),
    )

    private val pairedBack = pairedBoth + listOf(
        Shape(BodyPart.BUTTOCK, Area(.36f, .43f, .50f, .50f)),
        Shape(BodyPart.POPLITEAL, Area(.38f, .68f, .49f, .74f)),
        Shape(BodyPart.CALF, Area(.39f, .74f, .49f, .93f)),
    )

    /** Every area of the drawing, with what it stands for. */
    fun areas(facing: Facing): List<Pair<Area, Spot>> {
        val single = if (facing == Facing.FRONT) front else back
        val paired = if (facing == Facing.FRONT) pairedFront else pairedBack
        val viewersLeft = if (facing == Facing.FRONT) Side.RIGHT else Side.LEFT
        val viewersRight = if (facing == Facing.FRONT) Side.LEFT else Side.RIGHT
        return single.map { it.area to Spot(it.part, null) } +
            paired.map { it.area to Spot(it.part, viewersLeft) } +
            paired.map { it.area.mirrored() to Spot(it.part, viewersRight) }
    }

    /** Every part with each of its sides, once. */
    val spots: List<Spot> = Facing.entries.flatMap { facing -> areas(facing).map { it.second } }.distinct()

    /** What is at a place of the drawing, both from 0 to 1. */
    fun at(facing: Facing, x: Float, y: Float): Spot? = areas(facing).firstOrNull { (area, _) -> area.holds(x, y) }?.second
}
