package org.safelight.app.keystore

import android.os.Build
import android.security.keystore.KeyGenParameterSpec
import android.security.keystore.KeyInfo
import android.security.keystore.KeyPermanentlyInvalidatedException
import android.security.keystore.KeyProperties
import android.security.keystore.StrongBoxUnavailableException
import android.security.keystore.UserNotAuthenticatedException
import java.security.GeneralSecurityException
import java.security.KeyFactory
import java.security.KeyPairGenerator
import java.security.KeyStore
import java.security.KeyStoreException
import java.security.PrivateKey
import java.security.ProviderException
import java.security.UnrecoverableKeyException
import java.security.interfaces.ECPublicKey
import java.security.spec.ECGenParameterSpec
import java.util.UUID
import org.safelight.app.core.DeviceKeys
import org.safelight.app.core.FreshKey
import org.safelight.app.core.JcaKey
import org.safelight.app.core.KeyNames
import org.safelight.app.core.sec1
import org.safelight.app.logic.KeyPlace
import org.safelight.mobile.DeviceKey
import org.safelight.mobile.DeviceKeyException

/**
 * The device key in the Android Keystore: P-256, made in secure hardware, in a chip of its own where there is one, never exported, gone
 * when the app is removed.
 *
 * It signs while the screen is locked, since pictures are sent on then; that the person at the phone is the right one is asked before the
 * camera opens. There is no key in software instead if the Keystore fails.
 */
class KeystoreKeys : DeviceKeys {
    // Not before it is asked for: a keystore that does not answer is an opening that failed, and not an app that does not start.
    private val store by lazy { KeyStore.getInstance("AndroidKeyStore").apply { load(null) } }

    override fun fresh(challenge: ByteArray): FreshKey {
        val alias = make(challenge)
        return FreshKey(key(alias) ?: throw DeviceKeyException.Failed(), attestation(alias))
    }

    override fun of(publicKey: ByteArray): DeviceKey? = names().of(publicKey)?.let(::key)

    override fun destroyAllBut(publicKey: ByteArray) {
        for (alias in names().allBut(publicKey)) {
            try {
                store.deleteEntry(alias)
            } catch (_: KeyStoreException) {
                // It goes at the next start.
            }
        }
    }

    override fun place(publicKey: ByteArray): KeyPlace {
        return try {
            val alias = names().of(publicKey) ?: return KeyPlace.UNKNOWN
            val private = store.getKey(alias, null) as PrivateKey
            val info = KeyFactory.getInstance(private.algorithm, store.provider).getKeySpec(private, KeyInfo::class.java)
            place(info)
        } catch (_: GeneralSecurityException) {
            KeyPlace.UNKNOWN
        } catch (_: ProviderException) {
            KeyPlace.UNKNOWN
        }
    }

    /** Makes a key, in a StrongBox if there is one, and says under which name. */
    private fun make(challenge: ByteArray?): String {
        val alias = PREFIX + UUID.randomUUID()
        try {
            generate(alias, challenge, strongBox = true)
        } catch (_: StrongBoxUnavailableException) {
            generate(alias, challenge, strongBox = false)
        }
        return alias
    }

    private fun generate(alias: String, challenge: ByteArray?, strongBox: Boolean) {
        val spec = KeyGenParameterSpec.Builder(alias, KeyProperties.PURPOSE_SIGN)
            .setAlgorithmParameterSpec(ECGenParameterSpec("secp256r1"))
            .setDigests(KeyProperties.DIGEST_SHA256)
            .setAttestationChallenge(challenge)
            .setIsStrongBoxBacked(strongBox)
            .build()
        KeyPairGenerator.getInstance(KeyProperties.KEY_ALGORITHM_EC, store.provider).run {
            initialize(spec)
            generateKeyPair()
        }
    }

    private fun key(alias: String): DeviceKey? {
        val private = try {
            store.getKey(alias, null) as? PrivateKey
        } catch (_: UnrecoverableKeyException) {
            null
        }
        val public = store.getCertificate(alias)?.publicKey as? ECPublicKey
        if (private == null || public == null) return null
        return JcaKey(private, public, ::reason) { key(make(null)) ?: throw DeviceKeyException.Failed() }
    }

    private fun public(alias: String) = (store.getCertificate(alias)?.publicKey as? ECPublicKey)?.let(::sec1)

    private fun names() = KeyNames(store.aliases().toList().filter { it.startsWith(PREFIX) }, ::public)

    /** The chain, leaf first, as far as an enrolment request takes it. The root at its end is public knowledge and goes first. */
    private fun attestation(alias: String): ByteArray? {
        val chain = store.getCertificateChain(alias)?.map { it.encoded } ?: return null
        var length = 0
        val fits = chain.takeWhile {
            length += it.size
            length <= MAX_ATTESTATION_BYTES
        }
        return fits.fold(ByteArray(0), ByteArray::plus).takeIf { it.isNotEmpty() }
    }

    private fun place(info: KeyInfo): KeyPlace {
        if (Build.VERSION.SDK_INT < Build.VERSION_CODES.S) {
            @Suppress("DEPRECATION") // What follows it is newer than the oldest Android that this runs on.
            return if (info.isInsideSecureHardware) KeyPlace.SECURE_HARDWARE else KeyPlace.SOFTWARE
        }
        return when (info.securityLevel) {
            KeyProperties.SECURITY_LEVEL_STRONGBOX -> KeyPlace.STRONGBOX
            KeyProperties.SECURITY_LEVEL_TRUSTED_ENVIRONMENT, KeyProperties.SECURITY_LEVEL_UNKNOWN_SECURE ->
                KeyPlace.SECURE_HARDWARE
            KeyProperties.SECURITY_LEVEL_SOFTWARE -> KeyPlace.SOFTWARE
            else -> KeyPlace.UNKNOWN
        }
    }

    private companion object {
        const val PREFIX = "safelight-"

        /** core/src/enrol/messages.rs */
        const val MAX_ATTESTATION_BYTES = 8 * 1024
    }
}

/** What the Keystore's exceptions mean for the app. They may be wrapped. */
private fun reason(error: Exception): DeviceKeyException {
    val causes = generateSequence<Throwable>(error) { it.cause }.take(8)
    return when {
        causes.any { it is KeyPermanentlyInvalidatedException } -> DeviceKeyException.Gone()
        causes.any { it is UserNotAuthenticatedException } -> DeviceKeyException.Locked()
        else -> DeviceKeyException.Failed()
    }
}
