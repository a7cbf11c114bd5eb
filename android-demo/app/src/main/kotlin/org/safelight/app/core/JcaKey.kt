package org.safelight.app.core

import java.math.BigInteger
import java.security.GeneralSecurityException
import java.security.PrivateKey
import java.security.ProviderException
import java.security.Signature
import java.security.interfaces.ECPublicKey
import org.safelight.mobile.DeviceKey
import org.safelight.mobile.DeviceKeyException

/**
 * A P-256 key behind the Java Cryptography Architecture: the Android Keystore on a phone, any provider elsewhere. The private half is a
 * handle; it is asked to sign and nothing else. [reason] tells what a provider's own exception means.
 */
class JcaKey(
    private val private: PrivateKey,
    private val public: ECPublicKey,
    private val reason: (Exception) -> DeviceKeyException,
    private val further: () -> DeviceKey,
) : DeviceKey {
    override fun publicKey(): ByteArray = sec1(public)

    override fun sign(message: ByteArray): ByteArray = asked {
        Signature.getInstance("SHA256withECDSA").run {
            initSign(private)
            update(message)
            sign()
        }
    }

    override fun newKey(): DeviceKey = asked(further)

    private fun <T> asked(work: () -> T): T = try {
        work()
    } catch (error: GeneralSecurityException) {
        throw reason(error)
    } catch (error: ProviderException) {
        throw reason(error)
    }
}

/** A P-256 point as SEC1 writes it: 4, x, y (SEC 1, section 2.3.3). */
fun sec1(key: ECPublicKey): ByteArray = byteArrayOf(4) + coordinate(key.w.affineX) + coordinate(key.w.affineY)

private const val COORDINATE_BYTES = 32

/** A number of 256 bits, without the sign that Java may put before it. */
private fun coordinate(number: BigInteger): ByteArray {
    val bytes = number.toByteArray()
    val from = (bytes.size - COORDINATE_BYTES).coerceAtLeast(0)
    return ByteArray(COORDINATE_BYTES - (bytes.size - from)) + bytes.copyOfRange(from, bytes.size)
}
