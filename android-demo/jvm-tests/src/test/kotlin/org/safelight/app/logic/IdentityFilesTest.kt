package org.safelight.app.logic

import java.io.File
import java.io.IOException
import java.nio.file.Files
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.Timeout
import org.safelight.app.core.IdentityFiles
import org.safelight.mobile.AppException

@Timeout(60)
class IdentityFilesTest {
    private val folder: File = Files.createTempDirectory("safelight-files-").toFile().apply { deleteOnExit() }

    @Test
    fun what_is_kept_is_there_whole_and_each_replaces_the_one_before() {
        var synced = 0
        val files = IdentityFiles(folder) { synced++ }
        assertNull(files.identity())
        assertEquals(0u, files.inFlight())
        files.keepIdentity(byteArrayOf(1, 2, 3))
        files.keepIdentity(byteArrayOf(4))
        files.keepInFlight(7u)
        assertArrayEquals(byteArrayOf(4), IdentityFiles(folder) {}.identity())
        assertEquals(7u, files.inFlight())
        assertEquals(3, synced)
        assertEquals(setOf("identity", "in-flight"), folder.list()?.toSet())
    }

    @Test
    fun a_storage_that_refuses_is_said_and_what_was_kept_stays() {
        val files = IdentityFiles(folder) {}
        files.keepIdentity(byteArrayOf(1))
        val failing = IdentityFiles(folder) { throw IOException("of Zoë Quittländer") }
        assertThrows(AppException.Refused::class.java) { failing.keepInFlight(1u) }
        // Where the next one would be written there is something else.
        File(folder, "identity.next").mkdir()
        assertThrows(AppException.Refused::class.java) { files.keepIdentity(byteArrayOf(2)) }
        assertArrayEquals(byteArrayOf(1), files.identity())
    }

    @Test
    fun a_counter_that_cannot_be_read_warns() {
        File(folder, "in-flight").writeText("?")
        assertEquals(1u, IdentityFiles(folder) {}.inFlight())
    }
}
