package org.safelight.app.core

import java.io.File
import java.io.FileOutputStream
import java.io.IOException
import org.safelight.mobile.AppException
import org.safelight.mobile.IdentityStore

/**
 * All that this app ever writes: what the enrolment gave (no secret, and nothing of a patient), and how many pictures would be lost if the
 * app were killed now. No other class of the app may write a file; a test searches the compiled classes for it.
 *
 * [syncFolder] makes a rename in the folder durable.
 */
class IdentityFiles(private val folder: File, private val syncFolder: (File) -> Unit) : IdentityStore {
    /** `null` if this phone is not enrolled. */
    fun identity(): ByteArray? = File(folder, IDENTITY).takeIf(File::exists)?.readBytes()

    /** One that cannot be read counts as one picture: better a warning too many than none. */
    fun inFlight(): UInt {
        val file = File(folder, IN_FLIGHT)
        return if (file.exists()) file.readText().toUIntOrNull() ?: 1u else 0u
    }

    override fun keepIdentity(identity: ByteArray) = keep(IDENTITY, identity)

    override fun keepInFlight(pictures: UInt) = keep(IN_FLIGHT, pictures.toString().encodeToByteArray())

    /** All of it or nothing, and durable when it returns. */
    private fun keep(name: String, bytes: ByteArray) {
        try {
            val next = File(folder, "$name.next")
            FileOutputStream(next).use {
                it.write(bytes)
                it.fd.sync()
            }
            if (!next.renameTo(File(folder, name))) throw AppException.Refused()
            syncFolder(folder)
        } catch (_: IOException) {
            throw AppException.Refused()
        }
    }

    private companion object {
        const val IDENTITY = "identity"
        const val IN_FLIGHT = "in-flight"
    }
}
