package org.safelight.app.logic

import java.security.KeyStoreException
import java.security.ProviderException
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.Timeout
import org.safelight.app.core.KeyNames

@Timeout(60)
class KeyNamesTest {
    private val mine = byteArrayOf(1)

    private fun names(vararg keys: Pair<String, () -> ByteArray?>) = keys.toMap().let { all -> KeyNames(all.keys.toList()) { all.getValue(it)() } }

    @Test
    fun a_key_is_found_by_its_public_half_and_the_others_are_left_over() {
        val names = names("a" to { byteArrayOf(2) }, "b" to { mine.clone() }, "c" to { byteArrayOf(3) })
        assertEquals("b", names.of(mine))
        assertEquals(listOf("a", "c"), names.allBut(mine))
        assertNull(names.of(byteArrayOf(9)))
    }

    @Test
    fun what_cannot_be_read_is_neither_destroyed_nor_taken_for_gone() {
        for (failure in listOf(ProviderException(), KeyStoreException())) {
            val names = names("a" to { throw failure }, "b" to { mine.clone() }, "c" to { null })
            assertEquals("b", names.of(mine))
            assertEquals(emptyList<String>(), names.allBut(mine))
            assertThrows(failure.javaClass) { names.of(byteArrayOf(9)) }
        }
        assertNull(names("c" to { null }).of(mine))
    }
}
