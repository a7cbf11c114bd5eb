package org.safelight.app.logic

/** One line that shows as it is, in at most so many bytes of UTF-8: what the core takes for a label's texts (core/src/text.rs). */
fun isLine(text: String, bytes: Int): Boolean {
    val encoded = text.encodeToByteArray()
    // Half a character comes back as another one.
    return text.isNotEmpty() && text.trim() == text && encoded.size <= bytes && encoded.decodeToString() == text && !deceives(text)
}

private fun deceives(text: String): Boolean {
    var at = 0
    while (at < text.length) {
        val point = text.codePointAt(at)
        if (Character.isISOControl(point) || DECEIVING.any { point in it }) return true
        at += Character.charCount(point)
    }
    return false
}

/**
 * Characters that turn the direction of writing, end a line, or show nothing, so that one visible number could be several. The two joiners
 * and the variation selectors are not among them: names in Persian and Hindi need them.
 */
private val DECEIVING = listOf(
    0xad..0xad, 0x34f..0x34f, 0x61c..0x61c, 0x115f..0x1160, 0x17b4..0x17b5, 0x180b..0x180f, 0x200b..0x200b, 0x200e..0x200f, 0x2028..0x202e,
    0x2060..0x206f, 0x3164..0x3164, 0xfeff..0xfeff, 0xffa0..0xffa0, 0xfff0..0xfffb, 0x1bca0..0x1bca3, 0x1d173..0x1d17a, 0xe0000..0xe0fff,
)
