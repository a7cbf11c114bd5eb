package org.safelight.app.logic

import com.google.zxing.BarcodeFormat
import com.google.zxing.EncodeHintType
import com.google.zxing.RGBLuminanceSource
import com.google.zxing.qrcode.QRCodeWriter
import com.google.zxing.qrcode.decoder.ErrorCorrectionLevel
import java.util.Random
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.Timeout

@Timeout(120)
class CodesTest {
    /** As the clinic's: base32, error correction M, eight pixels a module. Five of these are not seen upright. */
    @Test
    fun every_code_is_read_also_those_that_the_reader_does_not_see_upright() {
        for (seed in 0L until 300) {
            val random = Random(seed)
            val text = "SAFELIGHT1:U" + String(CharArray(170) { LETTERS[random.nextInt(LETTERS.length)] })
            assertEquals(text, readCode(picture(text)), "seed $seed")
        }
    }

    @Test
    fun a_picture_without_a_code_has_none() {
        assertNull(readCode(RGBLuminanceSource(64, 48, IntArray(64 * 48) { it * 31 })))
        assertNull(readCode(RGBLuminanceSource(1, 1, IntArray(1))))
    }

    private fun picture(text: String): RGBLuminanceSource {
        val code = QRCodeWriter().encode(text, BarcodeFormat.QR_CODE, 456, 456, mapOf(EncodeHintType.ERROR_CORRECTION to ErrorCorrectionLevel.M))
        val pixels = IntArray(code.width * code.height) { if (code[it % code.width, it / code.width]) 0 else 0xffffff }
        return RGBLuminanceSource(code.width, code.height, pixels)
    }

    private companion object {
        const val LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
    }
}
