package org.safelight.app.core

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

/** [attestation] is the keystore's certificate chain, each certificate in DER, one behind the other. */
class FreshKey(val key: DeviceKey, val attestation: ByteArray?)
