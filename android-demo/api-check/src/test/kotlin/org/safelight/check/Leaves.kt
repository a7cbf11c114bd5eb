package org.safelight.check

import java.io.File
import java.nio.file.Path
import java.io.FileOutputStream
import java.net.URI
import java.nio.file.Files
import java.util.logging.Logger

/** Never run: it leaves a trace in every way that the search must find. */
@Suppress("unused")
class Leaves {
    fun aFile(picture: ByteArray, file: File) {
        FileOutputStream(file).use { it.write(picture) }
        file.writeBytes(picture)
        Files.write(Path.of(file.path), picture)
        File.createTempFile("a", "b")
    }

    fun aWord(name: String) {
        println(name)
        Logger.getGlobal().info(name)
    }

    fun anotherWay(name: String) {
        String::class.java.getMethod(name).invoke(name)
        URI(name).toURL().openStream()
        ProcessBuilder(name).start()
    }
}
