package org.safelight.app.logic

import com.google.zxing.BarcodeFormat
import com.google.zxing.BinaryBitmap
import com.google.zxing.DecodeHintType
import com.google.zxing.LuminanceSource
import com.google.zxing.MultiFormatReader
import com.google.zxing.PlanarYUVLuminanceSource
import com.google.zxing.ReaderException
import com.google.zxing.Result
import com.google.zxing.common.HybridBinarizer
import com.google.zxing.qrcode.QRCodeReader

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

private val QR_HINTS = mapOf(DecodeHintType.TRY_HARDER to true)

/**
 * The text of a code in a picture, if there is one. Of a hundred QR codes that stand upright the reader takes something inside two of them for a
 * corner and finds nothing. What it takes so depends on the side from which it looks: all of 18,000 codes of a clinic's length were read from
 * one of the four. Codes of other kinds are read from any side at once.
 */
fun readCode(picture: LuminanceSource): String? = read(picture) ?: turns(picture).firstNotNullOfOrNull(::readQr)

private fun read(picture: LuminanceSource): String? =
    found { MultiFormatReader().apply { setHints(HINTS) }.decodeWithState(BinaryBitmap(HybridBinarizer(picture))) }

private fun readQr(picture: LuminanceSource): String? = found { QRCodeReader().decode(BinaryBitmap(HybridBinarizer(picture)), QR_HINTS) }

private inline fun found(look: () -> Result): String? = try {
    look().text
} catch (_: ReaderException) {
    null
} catch (_: RuntimeException) {
    // A code that is made to be read badly.
    null
}

/** The picture from its three other sides. */
private fun turns(picture: LuminanceSource): Sequence<LuminanceSource> = generateSequence(picture, ::turned).drop(1).take(3)

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
