package org.safelight.app.keystore

import android.system.ErrnoException
import android.system.Os
import android.system.OsConstants
import java.io.File
import java.io.IOException

/** Makes a rename in [folder] durable. It opens the folder to read; nothing is written by this. */
fun syncFolder(folder: File) {
    try {
        val opened = Os.open(folder.path, OsConstants.O_RDONLY, 0)
        try {
            Os.fsync(opened)
        } finally {
            Os.close(opened)
        }
    } catch (error: ErrnoException) {
        throw IOException(error)
    }
}
