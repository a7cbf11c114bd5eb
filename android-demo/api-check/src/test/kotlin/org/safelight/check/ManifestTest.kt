package org.safelight.check

import java.io.File
import javax.xml.parsers.DocumentBuilderFactory
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.Timeout
import org.w3c.dom.Element

/** The manifest as it was linked: what the system will read. */
@Timeout(60)
class ManifestTest {
    private val badging = File(Built.linked, "badging.txt").readLines()
    private val manifest = File(Built.linked, "manifest.txt").readText()

    @Test
    fun the_permissions_are_these_and_none_is_for_storage() {
        val asked = badging.filter { it.startsWith("uses-permission") }.map { it.substringAfter("name='").substringBefore("'") }
        assertEquals(
            listOf(
                "CAMERA", "INTERNET", "ACCESS_NETWORK_STATE", "USE_BIOMETRIC", "FOREGROUND_SERVICE", "FOREGROUND_SERVICE_DATA_SYNC",
                "POST_NOTIFICATIONS", "HIDE_OVERLAY_WINDOWS",
            ).map { "android.permission.$it" },
            asked,
        )
        assertFalse(Regex("STORAGE|MEDIA_IMAGES|MEDIA_VIDEO").containsMatchIn(manifest))
    }

    @Test
    fun f09_nothing_is_backed_up_or_moved_to_another_phone() {
        assertEquals("false", attribute("allowBackup"))
        assertEquals("false", attribute("fullBackupContent"))
        assertEquals("false", attribute("hasFragileUserData"))
        assertTrue(attribute("dataExtractionRules").startsWith("@0x"))
        val rules = xml(File(Built.sources, "res/xml/no_extraction.xml"))
        for (way in listOf("cloud-backup", "device-transfer")) {
            val excluded = elements(elements(rules, way).single(), "exclude")
            assertEquals(setOf("root", "file", "database", "sharedpref", "external"), excluded.map { it.getAttribute("domain") }.toSet())
            assertTrue(excluded.all { it.getAttribute("path") == "." })
        }
        assertTrue(elements(rules, "include").isEmpty())
    }

    @Test
    fun f08_the_window_is_not_in_the_list_of_recent_apps_and_black_to_screenshots() {
        assertEquals("true", attribute("excludeFromRecents"))
        val window = references(File(Built.app, "org/safelight/app/ui/MainActivity.class").readBytes()).map(Reference::to)
        assertTrue("android/view/Window.setFlags" in window)
        assertTrue("org/safelight/app/ui/MainActivity.setRecentsScreenshotEnabled" in window || "android/app/Activity.setRecentsScreenshotEnabled" in window)
        val source = File(Built.sources, "kotlin/org/safelight/app/ui/MainActivity.kt").readText()
        assertTrue("window.setFlags(WindowManager.LayoutParams.FLAG_SECURE, WindowManager.LayoutParams.FLAG_SECURE)" in source)
    }

    @Test
    fun only_the_launcher_can_start_anything() {
        assertEquals(listOf("true", "false"), Regex("exported\\([^)]*\\)=(\\w+)").findAll(manifest).map { it.groupValues[1] }.toList())
        assertEquals("false", attribute("usesCleartextTraffic"))
        assertFalse("debuggable" in manifest)
        // What runs while pictures wait says so as what it is.
        assertEquals("0x00000001", attribute("foregroundServiceType"))
    }

    @Test
    fun it_is_for_the_levels_that_were_promised() {
        assertTrue("minSdkVersion:'30'" in badging || "sdkVersion:'30'" in badging)
        assertTrue("targetSdkVersion:'36'" in badging)
    }

    @Test
    fun every_class_that_the_manifest_or_a_layout_names_is_there() {
        val inManifest = Regex(":name\\([^)]*\\)=\"(\\.[^\"]+)\"").findAll(manifest).map { "org.safelight.app" + it.groupValues[1] }.toSet()
        val layouts = checkNotNull(File(Built.sources, "res/layout").listFiles())
        val inLayouts = layouts.flatMap { elements(xml(it), "*") }.map { it.tagName }.filter { it.startsWith("org.") }.toSet()
        assertTrue(inManifest.size == 3 && inLayouts.size == 2, "$inManifest $inLayouts")
        for (name in inManifest + inLayouts) assertTrue(File(Built.app, name.replace('.', '/') + ".class").exists(), name)
    }

    @Test
    fun numbers_of_gradle_and_of_these_tests_are_the_same() {
        val catalogue = File(Built.root, "gradle/libs.versions.toml").readText()
        val pom = File(Built.root, "pom.xml").readText()
        for (name in listOf("kotlin", "coroutines", "jna", "zxing")) {
            val there = Regex("^$name = \"(.*)\"$", RegexOption.MULTILINE).find(catalogue)?.groupValues?.get(1)
            val here = Regex("<$name.version>(.*)</$name.version>").find(pom)?.groupValues?.get(1)
            assertEquals(here, there, name)
        }
        val build = File(Built.root, "app/build.gradle.kts").readText()
        assertFalse("androidx" in build || "compose" in build.lowercase())
    }

    private fun attribute(name: String) = Regex("$name\\([^)]*\\)=(\\S+)").findAll(manifest).map { it.groupValues[1] }.toSet().single()
}

internal fun xml(file: File): Element {
    val factory = DocumentBuilderFactory.newInstance()
    factory.setFeature("http://apache.org/xml/features/disallow-doctype-decl", true)
    return factory.newDocumentBuilder().parse(file).documentElement
}

internal fun elements(parent: Element, name: String): List<Element> =
    parent.getElementsByTagName(name).let { all -> (0 until all.length).map { all.item(it) as Element } }
