package org.safelight.app.logic

import com.google.zxing.BarcodeFormat
import com.google.zxing.EncodeHintType
import com.google.zxing.RGBLuminanceSource
import com.google.zxing.qrcode.QRCodeWriter
import com.google.zxing.qrcode.decoder.ErrorCorrectionLevel
import com.google.zxing.qrcode.encoder.Encoder
import java.util.Random
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.Timeout

@Timeout(120)
class CodesTest {
    /**
     * As the clinic's: base32, error correction M, eight pixels a module, with one address or with many. About two in a hundred are not seen upright,
     * and three in a thousand of the longest neither from the first side.
     */
    @Test
    fun every_code_is_read_also_those_that_the_reader_does_not_see_upright() {
        for (length in listOf(170, 330)) for (seed in 0L until 1_500) {
            val random = Random(seed)
            val text = "SAFELIGHT1:U" + String(CharArray(length) { LETTERS[random.nextInt(LETTERS.length)] })
            assertEquals(text, readCode(picture(text)), "length $length, seed $seed")
        }
    }

    @Test
    fun a_picture_without_a_code_has_none() {
        assertNull(readCode(RGBLuminanceSource(64, 48, IntArray(64 * 48) { it * 31 })))
        assertNull(readCode(RGBLuminanceSource(1, 1, IntArray(1))))
    }

    private fun picture(text: String): RGBLuminanceSource {
        val modules = Encoder.encode(text, ErrorCorrectionLevel.M).matrix.width
        val side = (modules + 2 * QUIET_ZONE) * MODULE_PIXELS
        val code = QRCodeWriter().encode(text, BarcodeFormat.QR_CODE, side, side, mapOf(EncodeHintType.ERROR_CORRECTION to ErrorCorrectionLevel.M))
        val pixels = IntArray(code.width * code.height) { if (code[it % code.width, it / code.width]) 0 else 0xffffff }
        return RGBLuminanceSource(code.width, code.height, pixels)
    }

    private companion object {
        const val QUIET_ZONE = 4
        const val MODULE_PIXELS = 8
        const val LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
    }
}
