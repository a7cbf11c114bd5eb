package org.safelight.app.core

import java.security.GeneralSecurityException
import java.security.ProviderException
import org.safelight.app.logic.KeyPlace
import org.safelight.mobile.DeviceKey

/** The device's keys: on a phone the Android Keystore's, in the tests a JVM's. */
interface DeviceKeys {
    /** A new key, to enrol with. [challenge] goes into its attestation. */
    fun fresh(challenge: ByteArray): FreshKey

    /** The key with this public half (SEC1, 65 bytes), or `null` if it is gone. */
    fun of(publicKey: ByteArray): DeviceKey?

    /** Destroys all others: they are left over from renewals and from enrolments that came to nothing. */
    fun destroyAllBut(publicKey: ByteArray)

    fun place(publicKey: ByteArray): KeyPlace
}

/**
 * The keys by what is known of each: one that cannot be read now is neither the one that is looked for nor another. It may be the one that
 * this phone needs as soon as it can be read again.
 */
class KeyNames(aliases: List<String>, public: (alias: String) -> ByteArray?) {
    private val known = aliases.associateWith { alias ->
        try {
            Result.success(public(alias))
        } catch (error: GeneralSecurityException) {
            Result.failure(error)
        } catch (error: ProviderException) {
            Result.failure(error)
        }
    }

    /** The name of the key with this public half, or `null` if there is surely none; throws what reading said if that is not sure. */
    fun of(publicKey: ByteArray): String? = known.keys.firstOrNull { known.getValue(it).getOrNull().contentEquals(publicKey) }
        ?: null.also { known.values.forEach { it.getOrThrow() } }

    /** Those that surely have another. */
    fun allBut(publicKey: ByteArray): List<String> =
        known.filterValues { read -> read.getOrNull()?.contentEquals(publicKey) == false }.keys.toList()
}

/** [attestation] is the keystore's certificate chain, each certificate in DER, one behind the other. */
class FreshKey(val key: DeviceKey, val attestation: ByteArray?)
