package org.safelight.app.ui

import android.app.Application
import android.os.Build
import android.os.SystemClock
import java.util.concurrent.Executors
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.asCoroutineDispatcher
import kotlinx.coroutines.flow.distinctUntilChanged
import kotlinx.coroutines.flow.dropWhile
import kotlinx.coroutines.flow.map
import kotlinx.coroutines.launch
import org.safelight.app.core.Bridge
import org.safelight.app.core.IdentityFiles
import org.safelight.app.core.latestDay
import org.safelight.app.keystore.KeystoreKeys
import org.safelight.app.keystore.syncFolder
import org.safelight.app.logic.App
import org.safelight.app.logic.AppEvent

/** Puts the app together: the logic, with the keystore, the two files and the core behind its bindings. */
class SafelightApp : Application() {
    val main by lazy { mainExecutor.asCoroutineDispatcher() }
    val scope by lazy { CoroutineScope(SupervisorJob() + main) }
    lateinit var app: App
        private set

    override fun onCreate() {
        super.onCreate()
        // JNA's native part is in the package; it must not be unpacked into a file.
        System.setProperty("jna.nounpack", "true")
        val files = IdentityFiles(noBackupFilesDir, ::syncFolder)
        val name = "${Build.MANUFACTURER} ${Build.MODEL}".filterNot(Char::isISOControl).take(MAX_DEVICE_NAME)
        val blocking = Executors.newCachedThreadPool().asCoroutineDispatcher()
        app = App(Bridge(KeystoreKeys(), files, name), SystemClock::elapsedRealtime, scope, blocking) { latestDay(System.currentTimeMillis()) }
        NetworkWatch(this) { app.tell(AppEvent.Network(it)) }.start()
        scope.launch {
            app.state.map { it.queue.pictures.size }.distinctUntilChanged().dropWhile { it == 0 }
                .collect { UploadService.follow(this@SafelightApp, it) }
        }
        app.tell(AppEvent.Started)
    }

    private companion object {
        /** What an enrolment takes, in characters. */
        const val MAX_DEVICE_NAME = 64
    }
}
