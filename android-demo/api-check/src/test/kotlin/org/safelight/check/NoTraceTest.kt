package org.safelight.check

import java.io.File
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.Timeout

/** Nothing of a picture or a patient can be left on the phone by a class that names no place to leave it. */
@Timeout(60)
class NoTraceTest {
    /** Who may name what, and why. Everything that is not here is forbidden, and what is here must be needed. */
    private val allowed = mapOf(
        // The identity and the counter: the two files of this app.
        "org/safelight/app/core/IdentityFiles" to setOf(
            "java/io/File", "java/io/File.exists", "java/io/File.renameTo", "java/io/FileOutputStream", "java/io/FileOutputStream.<init>",
            "java/io/FileOutputStream.write", "java/io/FileOutputStream.getFD", "java/io/FileDescriptor", "java/io/FileDescriptor.sync",
            "java/io/File.<init>", "kotlin/io/FilesKt", "kotlin/io/FilesKt.readBytes", "kotlin/io/FilesKt.readText\$default",
        ),
        // Makes their names durable: opens the folder for reading, syncs, closes.
        "org/safelight/app/keystore/SyncFolderKt" to setOf(
            "java/io/File", "java/io/File.getPath", "java/io/FileDescriptor", "android/system/Os", "android/system/Os.open",
            "android/system/Os.fsync", "android/system/Os.close",
        ),
        // Says in which folder they are. The file's type is in the function's own.
        "org/safelight/app/ui/SafelightApp" to setOf("java/io/File", "org/safelight/app/ui/SafelightApp.getNoBackupFilesDir"),
        "org/safelight/app/ui/SafelightApp\$onCreate\$files\$1" to setOf("java/io/File"),
    )

    @Test
    fun f09_no_class_of_the_app_names_a_place_to_leave_a_picture() {
        assertEquals(emptyMap<String, Any>(), unexpected(references(Built.app).filter { it.from.startsWith("org/safelight/app/") }, allowed))
    }

    @Test
    fun f09_no_class_of_the_wrapper_or_the_bindings_does() {
        val bindings = references(Built.bindings).filter { it.from.startsWith("org/safelight/mobile/") }
        // An empty folder has no class that leaves a trace.
        for ((from, to) in listOf("IdiomKt" to "java/nio/ByteBuffer.putLong", "Phone" to "org/safelight/mobile/UniffiLib", "UniffiLib" to "com/sun/jna/Native.register")) {
            assertTrue(Reference("org/safelight/mobile/$from", to) in bindings, "$from does not name $to: was it looked at?")
        }
        assertEquals(emptyMap<String, Any>(), unexpected(bindings, emptyMap()))
    }

    @Test
    fun everything_that_is_allowed_is_needed() {
        val named = references(Built.app)
        for ((from, names) in allowed) for (name in names) {
            assertTrue(Reference(from, name) in named, "$from does not name $name any more")
        }
    }

    @Test
    fun the_search_finds_each_way_of_leaving_a_trace() {
        // Compiled beside this test, by the same compiler.
        val own = File(NoTraceTest::class.java.protectionDomain.codeSource.location.toURI())
        val left = references(own).filter { it.from.startsWith("org/safelight/check/Leaves") }
        for (name in listOf(
            "java/io/FileOutputStream.<init>", "kotlin/io/FilesKt.writeBytes", "java/nio/file/Files.write", "java/io/File.createTempFile",
            "java/lang/System.out", "java/lang/reflect/Method.invoke", "java/net/URL.openStream", "java/util/logging/Logger.info",
            "java/lang/ProcessBuilder.<init>",
        )) {
            assertTrue(left.any { it.to == name }, "not found: $name in ${left.map(Reference::to)}")
            assertTrue(Trace.entries.any { it.holds(name) }, name)
        }
        // Android's own, which cannot be compiled here beside a JDK: by name.
        for (name in listOf(
            "android/provider/MediaStore\$Images\$Media.insertImage", "android/content/ClipboardManager.setPrimaryClip", "android/content/ClipData",
            "android/app/Activity.getCacheDir", "org/x/Some.getExternalFilesDir", "android/content/SharedPreferences\$Editor.putString",
            "android/util/Log.d", "android/graphics/Bitmap.compress", "android/view/TextureView.getBitmap", "android/database/sqlite/SQLiteDatabase",
            "android/content/Intent.putExtra", "android/graphics/BitmapFactory.decodeByteArray", "android/content/ContentResolver.insert",
        )) {
            assertTrue(Trace.entries.any { it.holds(name) }, name)
        }
    }

    @Test
    fun the_search_has_looked_at_every_class() {
        val compiled = Built.app.walkTopDown().filter { it.extension == "class" }.map { it.name }.toSet()
        for (screen in listOf("MainActivity", "CaptureScreen", "Camera", "QueueScreen", "UploadService", "NetworkWatch", "BodyView")) {
            assertTrue("$screen.class" in compiled, screen)
        }
        val named = references(Built.app).map(Reference::to)
        assertTrue("android/media/ImageReader.newInstance" in named)
        assertTrue("android/view/Window.setFlags" in named)
    }

    /** What is named and not allowed, by who names it. */
    private fun unexpected(named: Collection<Reference>, allowed: Map<String, Set<String>>): Map<String, List<String>> =
        named.filter { (from, to) -> Trace.entries.any { it.holds(to) } && to !in allowed[from].orEmpty() }
            .groupBy(Reference::from, Reference::to)
}
