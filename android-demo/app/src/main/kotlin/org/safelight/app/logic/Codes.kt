package org.safelight.app.logic

import com.google.zxing.BarcodeFormat
import com.google.zxing.BinaryBitmap
import com.google.zxing.DecodeHintType
import com.google.zxing.LuminanceSource
import com.google.zxing.MultiFormatReader
import com.google.zxing.PlanarYUVLuminanceSource
import com.google.zxing.ReaderException
import com.google.zxing.common.HybridBinarizer

/** Codes that the camera may look for: the clinic's QR code, and what hospitals print on wristbands and badges. */
private val FORMATS = listOf(
    BarcodeFormat.QR_CODE,
    BarcodeFormat.AZTEC,
    BarcodeFormat.DATA_MATRIX,
    BarcodeFormat.PDF_417,
    BarcodeFormat.CODE_128,
    BarcodeFormat.CODE_39,
)

private val HINTS = mapOf(DecodeHintType.POSSIBLE_FORMATS to FORMATS, DecodeHintType.TRY_HARDER to true)

/**
 * The text of a code in a picture, if there is one. Of a hundred QR codes that stand upright the reader takes something inside one for one of
 * its corners and finds nothing; from the side it sees that one as well.
 */
fun readCode(picture: LuminanceSource): String? = read(picture) ?: read(turned(picture))

private fun read(picture: LuminanceSource): String? = try {
    MultiFormatReader().apply { setHints(HINTS) }.decodeWithState(BinaryBitmap(HybridBinarizer(picture))).text
} catch (_: ReaderException) {
    null
} catch (_: RuntimeException) {
    // A code that is made to be read badly.
    null
}

/** By a quarter. */
private fun turned(picture: LuminanceSource): LuminanceSource {
    val (width, height) = picture.width to picture.height
    val from = picture.matrix
    val to = ByteArray(width * height)
    for (y in 0 until height) for (x in 0 until width) to[x * height + height - 1 - y] = from[y * width + x]
    return PlanarYUVLuminanceSource(to, height, width, 0, 0, height, width, false)
}

/** The same for the brightness plane of a camera's picture: one byte a pixel, [stride] bytes a row. */
fun readCode(brightness: ByteArray, stride: Int, width: Int, height: Int): String? =
    readCode(PlanarYUVLuminanceSource(brightness, stride, height, 0, 0, width, height, false))
