package org.safelight.check

import java.io.File

/** What this module's build has made and what it was made from; its pom.xml says where. */
object Built {
    /** The app's classes, compiled against Android without a JDK. */
    val app = classes("app.classes")

    /** The generated bindings and the wrapper. */
    val bindings = classes("bindings.classes")

    /** What linking has written: R, and what the linked package says of itself. */
    val linked = folder("linked")

    val sources = folder("app.main")
    val root = folder("android.demo")

    private fun classes(name: String) = folder(name).also { folder ->
        check(folder.walkTopDown().any { it.extension == "class" }) { "$folder is empty: run `make test-jvm`" }
    }

    private fun folder(name: String): File {
        val path = checkNotNull(System.getProperty(name)) { "run `make test-jvm`" }
        return File(path).also { check(it.isDirectory) { "$it is not there: run `make test-jvm`" } }
    }
}
