package org.safelight.check

/** A way by which something of a picture could outlive its sending, and the names by which classes go there. */
enum class Trace(vararg val names: String) {
    FILES(
        "java/io/File", "java/io/FileOutputStream", "java/io/FileInputStream", "java/io/FileWriter", "java/io/FileReader",
        "java/io/RandomAccessFile", "java/io/PrintStream", "java/io/PrintWriter", "java/io/FileDescriptor", "java/io/ObjectOutputStream",
        "java/nio/file/*", "java/nio/channels/FileChannel", "java/nio/channels/AsynchronousFileChannel", "java/util/zip/ZipOutputStream",
        "java/util/logging/*", "kotlin/io/FilesKt*", "kotlin/io/path/*", "android/os/ParcelFileDescriptor", "android/os/SharedMemory",
        "android/os/MemoryFile", "android/system/Os", "android/util/AtomicFile", "android/content/res/AssetFileDescriptor",
        "android/content/Context.openFileOutput", "android/content/Context.getFilesDir", "android/content/Context.getDataDir",
        "android/content/Context.getDir", "android/content/Context.getNoBackupFilesDir", "*.getNoBackupFilesDir", "*.getFilesDir",
        "*.openFileOutput", "*.getDataDir", "*.getDir", "*.getFileStreamPath",
    ),
    CACHE(
        "*.getCacheDir", "*.getExternalCacheDir", "*.getExternalCacheDirs", "*.getCodeCacheDir", "android/util/LruCache",
        "android/net/http/HttpResponseCache", "*.createTempFile",
    ),
    SHARED_STORAGE(
        "android/provider/*", "android/os/Environment", "android/content/ContentResolver", "android/content/ContentProvider*",
        "android/content/ContentValues", "*.getExternalFilesDir", "*.getExternalFilesDirs", "*.getExternalMediaDirs", "*.getObbDir",
        "*.getContentResolver", "android/app/DownloadManager*", "android/media/MediaScannerConnection*", "android/os/storage/*",
    ),
    PICTURES(
        "android/graphics/Bitmap", "android/graphics/BitmapFactory*", "android/graphics/ImageDecoder*", "android/media/ExifInterface",
        "android/media/ThumbnailUtils", "android/media/MediaRecorder*", "android/media/ImageWriter*", "android/view/PixelCopy*",
        "*.getBitmap", "android/print/*", "android/hardware/camera2/DngCreator", "android/graphics/pdf/*",
    ),
    DATABASES("android/database/*", "android/content/SharedPreferences*", "*.getSharedPreferences", "*.getPreferences", "*.openOrCreateDatabase",
        "android/app/backup/*", "android/preference/*"),
    CLIPBOARD("android/content/Clip*", "android/view/DragEvent", "*.startDragAndDrop", "*.setTextIsSelectable"),
    OTHER_APPS("android/content/Intent.putExtra", "android/content/Intent.setData*", "android/content/Intent.createChooser", "*.sendBroadcast",
        "android/os/Messenger", "android/service/autofill/*", "android/app/assist/*", "android/webkit/*"),
    LOGS("android/util/Log", "android/util/Slog", "android/util/EventLog", "java/lang/System.out", "java/lang/System.err", "kotlin/io/ConsoleKt*",
        "*.printStackTrace", "android/os/StrictMode*", "android/os/DropBoxManager", "android/os/Trace"),
    OTHER_WAYS_OUT("java/net/*", "javax/net/*", "android/net/http/*", "java/lang/ProcessBuilder", "java/lang/Runtime"),
    REFLECTION("java/lang/reflect/*", "java/lang/Class.forName", "java/lang/Class.getMethod*", "java/lang/Class.getDeclaredMethod*",
        "java/lang/ClassLoader", "dalvik/*", "java/lang/invoke/MethodHandles\$Lookup.find*", "java/lang/System.load*");

    fun holds(name: String): Boolean = names.any { matches(it, name) }
}

/** `*` stands for anything. A name of a class stands for its members and the classes inside it too. */
private fun matches(pattern: String, name: String): Boolean {
    val wanted = pattern.split('*').joinToString(".*") { Regex.escape(it) }
    return Regex(if ('.' in pattern) wanted else "$wanted([.$].*)?").matches(name)
}
