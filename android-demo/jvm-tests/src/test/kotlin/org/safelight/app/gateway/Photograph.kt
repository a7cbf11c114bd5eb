package org.safelight.app.gateway

import java.awt.image.BufferedImage
import java.io.ByteArrayInputStream
import java.io.ByteArrayOutputStream
import java.nio.ByteBuffer
import java.util.Random
import javax.imageio.IIOImage
import javax.imageio.ImageIO
import javax.imageio.ImageWriteParam

/** A photograph of noise, so that it does not compress, with metadata planted where cameras put it. */
class Photograph(val bytes: ByteArray) {
    /** As a camera hands it out. */
    fun buffer(): ByteBuffer = ByteBuffer.allocateDirect(bytes.size).put(bytes).flip()

    val pixels get() = pixels(bytes)

    companion object {
        /** Stands in every planted piece, and must be nowhere afterwards. */
        const val CANARY = "Quittlaender-49.0107N-SN774411"

        fun planted(width: Int = 64, height: Int = 48, seed: Long = 1): Photograph {
            val plain = jpeg(width, height, seed)
            val out = ByteArrayOutputStream()
            out.write(plain, 0, 2)
            out.write(segment(0xE1, "Exif\u0000\u0000".encodeToByteArray() + exif()))
            out.write(segment(0xE1, "http://ns.adobe.com/xap/1.0/\u0000<x:xmpmeta>$CANARY</x:xmpmeta>".encodeToByteArray()))
            out.write(segment(0xED, "Photoshop 3.0\u0000$CANARY".encodeToByteArray()))
            out.write(segment(0xFE, CANARY.encodeToByteArray()))
            out.write(plain, 2, plain.size - 2)
            out.write("behind the end: $CANARY".encodeToByteArray())
            return Photograph(out.toByteArray())
        }

        fun pixels(jpeg: ByteArray): IntArray {
            val image = checkNotNull(ImageIO.read(ByteArrayInputStream(jpeg))) { "not a picture" }
            return image.getRGB(0, 0, image.width, image.height, null, 0, image.width)
        }

        private fun jpeg(width: Int, height: Int, seed: Long): ByteArray {
            val random = Random(seed)
            val image = BufferedImage(width, height, BufferedImage.TYPE_INT_RGB)
            image.setRGB(0, 0, width, height, IntArray(width * height) { random.nextInt() }, 0, width)
            val out = ByteArrayOutputStream()
            val writer = ImageIO.getImageWritersByFormatName("jpeg").next()
            ImageIO.createImageOutputStream(out).use {
                writer.output = it
                val fine = writer.defaultWriteParam
                fine.compressionMode = ImageWriteParam.MODE_EXPLICIT
                fine.compressionQuality = 1f
                writer.write(null, IIOImage(image, null, null), fine)
            }
            writer.dispose()
            return out.toByteArray()
        }

        /** A little-endian TIFF with one entry: ImageDescription, the canary. */
        private fun exif(): ByteArray {
            val text = "$CANARY\u0000".encodeToByteArray()
            val head = ByteBuffer.allocate(26).order(java.nio.ByteOrder.LITTLE_ENDIAN)
            head.put("II".encodeToByteArray()).putShort(42).putInt(8)
            head.putShort(1).putShort(0x010E).putShort(2).putInt(text.size).putInt(26).putInt(0)
            return head.array() + text
        }

        private fun segment(marker: Int, content: ByteArray): ByteArray {
            val length = content.size + 2
            return byteArrayOf(0xFF.toByte(), marker.toByte(), (length shr 8).toByte(), length.toByte()) + content
        }
    }
}

/** Whether [needle] is anywhere in it. */
fun ByteArray.holds(needle: String): Boolean = String(this, Charsets.ISO_8859_1).contains(needle)
