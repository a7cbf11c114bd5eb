package org.safelight.app.gateway

import java.security.KeyPairGenerator
import java.security.interfaces.ECPublicKey
import java.security.spec.ECGenParameterSpec
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
    private val keys = ConcurrentHashMap<String, DeviceKey>()

    /** What using any key throws. */
    @Volatile var trouble: (() -> DeviceKeyException)? = null

    val count get() = keys.size

    /** A new fingerprint, or a phone that was restored from another's backup: the keys are gone. */
    fun forgetAll() = keys.clear()

    override fun fresh(challenge: ByteArray) = FreshKey(make(), null)

    override fun of(publicKey: ByteArray): DeviceKey? = keys[publicKey.toHexString()]

    override fun destroyAllBut(publicKey: ByteArray) {
        keys.keys.retainAll(setOf(publicKey.toHexString()))
    }

    override fun place(publicKey: ByteArray) = KeyPlace.SOFTWARE

    private fun make(): DeviceKey {
        val pair = KeyPairGenerator.getInstance("EC").apply { initialize(ECGenParameterSpec("secp256r1")) }.generateKeyPair()
        val public = pair.public as ECPublicKey
        val key = Troubled(JcaKey(pair.private, public, { DeviceKeyException.Failed() }, ::make))
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
