package org.safelight.app.gateway

import java.security.KeyFactory
import java.security.KeyPair
import java.security.KeyPairGenerator
import java.security.PrivateKey
import java.security.interfaces.ECPublicKey
import java.security.spec.ECGenParameterSpec
import java.security.spec.PKCS8EncodedKeySpec
import java.security.spec.X509EncodedKeySpec
import java.util.concurrent.ConcurrentHashMap
import org.safelight.app.core.DeviceKeys
import org.safelight.app.core.FreshKey
import org.safelight.app.core.JcaKey
import org.safelight.app.core.sec1
import org.safelight.app.logic.KeyPlace
import org.safelight.mobile.DeviceKey
import org.safelight.mobile.DeviceKeyException

/** P-256 keys of the JVM's own provider, with what can happen to keys in a phone's keystore. */
class JvmKeys : DeviceKeys {
    private lateinit var exported: KeyPair
    private val keys = ConcurrentHashMap<String, DeviceKey>()

    /** What using any key throws. */
    @Volatile var trouble: (() -> DeviceKeyException)? = null

    /** What asking for any key throws. */
    @Volatile var broken: Exception? = null

    val count get() = keys.size

    /** A new fingerprint, or a phone that was restored from another's backup: the keys are gone. */
    fun forgetAll() = keys.clear()

    /** The one key that there is, for a test that takes the phone over from a process that was killed. */
    fun export(): String = "${exported.private.encoded.toHexString()}:${exported.public.encoded.toHexString()}"

    fun import(text: String) {
        val (private, public) = text.split(':').map { it.hexToByteArray() }
        val ec = KeyFactory.getInstance("EC")
        keep(ec.generatePrivate(PKCS8EncodedKeySpec(private)), ec.generatePublic(X509EncodedKeySpec(public)) as ECPublicKey)
    }

    override fun fresh(challenge: ByteArray) = FreshKey(make(), null)

    override fun of(publicKey: ByteArray): DeviceKey? {
        broken?.let { throw it }
        return keys[publicKey.toHexString()]
    }

    override fun destroyAllBut(publicKey: ByteArray) {
        keys.keys.retainAll(setOf(publicKey.toHexString()))
    }

    override fun place(publicKey: ByteArray) = KeyPlace.SOFTWARE

    private fun make(): DeviceKey {
        val pair = KeyPairGenerator.getInstance("EC").apply { initialize(ECGenParameterSpec("secp256r1")) }.generateKeyPair()
        exported = pair
        return keep(pair.private, pair.public as ECPublicKey)
    }

    private fun keep(private: PrivateKey, public: ECPublicKey): DeviceKey {
        val key = Troubled(JcaKey(private, public, { DeviceKeyException.Failed() }, ::make))
        keys[sec1(public).toHexString()] = key
        return key
    }

    private inner class Troubled(private val key: DeviceKey) : DeviceKey by key {
        override fun sign(message: ByteArray): ByteArray {
            trouble?.let { throw it() }
            return key.sign(message)
        }
    }
}
