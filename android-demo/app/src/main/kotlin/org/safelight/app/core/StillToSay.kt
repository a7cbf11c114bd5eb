package org.safelight.app.core

import org.safelight.mobile.IdentityStore

/**
 * The two files, where what an earlier run lost stays counted until somebody has read it: an app that is killed before that says it at the
 * next start as well.
 */
internal class StillToSay(private val files: IdentityFiles) : IdentityStore by files {
    /** So many pictures. */
    @Volatile
    var lost = files.inFlight()
        private set

    override fun keepInFlight(pictures: UInt) = files.keepInFlight(pictures + lost)

    /** It has been read; [forget] sets the core's own counter back, which keeps the number of now. */
    fun said(forget: () -> Unit) {
        val before = lost
        lost = 0u
        try {
            forget()
        } catch (error: Exception) {
            lost = before
            throw error
        }
    }
}
