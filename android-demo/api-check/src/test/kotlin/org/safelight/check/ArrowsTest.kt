package org.safelight.check

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.Timeout

/** Which package of the app may name which, read from what was compiled: docs/adr/0020. */
@Timeout(60)
class ArrowsTest {
    /** What no class of a package may name. */
    private val against = mapOf(
        // Decides, and runs on any JVM.
        "logic" to listOf("android/", BINDINGS, "$APP/core/", "$APP/keystore/", "$APP/ui/"),
        // Ties the logic to the bindings, and runs on any JVM too.
        "core" to listOf("android/", "$APP/keystore/", "$APP/ui/"),
        "keystore" to listOf("$APP/ui/"),
        // Shows what the logic says: what the core says reaches it through there.
        "ui" to listOf(BINDINGS),
    )

    private val named = references(Built.app).filter { it.from.startsWith("$APP/") }

    @Test
    fun no_package_names_what_is_not_below_it() {
        for ((name, forbidden) in against) {
            assertEquals(emptyList<Reference>(), named.filter { it.isOf(name) && forbidden.any(it.to::startsWith) }, name)
        }
    }

    @Test
    fun the_arrows_that_there_are_are_seen() {
        for ((from, to) in listOf(
            "core" to "$APP/logic/", "core" to BINDINGS, "keystore" to "$APP/core/", "keystore" to "android/", "ui" to "$APP/logic/",
            "ui" to "$APP/core/", "ui" to "$APP/keystore/", "ui" to "android/",
        )) {
            assertTrue(named.any { it.isOf(from) && it.to.startsWith(to) }, "$from does not name $to")
        }
        // Every class is in one of the packages that have rules, but for what linking has written.
        val loose = named.map { it.from }.filterNot { it.startsWith("$APP/R") }.filter { from -> against.keys.none { from.startsWith("$APP/$it/") } }
        assertEquals(emptyList<String>(), loose)
    }

    @Test
    fun f08_no_dialog_is_shown_but_by_the_function_that_hides_it() {
        val shown = references(Built.app).filter { it.to == "android/app/AlertDialog\$Builder.show" || it.to == "android/app/AlertDialog.show" }
        assertEquals(setOf("$APP/ui/DialogsKt"), shown.map { it.from }.toSet())
        assertFalse(shown.any { it.to == "android/app/AlertDialog\$Builder.show" })
        assertTrue(Reference("$APP/ui/DialogsKt", "android/view/Window.setFlags") in references(Built.app))
    }

    private fun Reference.isOf(name: String) = from.startsWith("$APP/$name/")

    private companion object {
        const val APP = "org/safelight/app"
        const val BINDINGS = "org/safelight/mobile/"
    }
}
