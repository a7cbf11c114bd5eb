package org.safelight.app.ui

import android.app.Notification
import android.app.NotificationChannel
import android.app.NotificationManager
import android.app.PendingIntent
import android.app.Service
import android.content.Context
import android.content.Intent
import android.content.pm.ServiceInfo
import android.os.IBinder
import org.safelight.app.R

/** Keeps the app alive while pictures are held in memory. Its notice says how many, and nothing else. */
class UploadService : Service() {
    override fun onStartCommand(intent: Intent?, flags: Int, startId: Int): Int {
        val pictures = (application as SafelightApp).app.state.value.queue.pictures.size
        channel(this)
        try {
            startForeground(R.id.queue_notice, notice(this, pictures), ServiceInfo.FOREGROUND_SERVICE_TYPE_DATA_SYNC)
        } catch (_: IllegalStateException) {
            // The system's time for it is used up: pictures are sent while the app is in sight.
            stopSelf()
        }
        if (pictures == 0) stopSelf()
        // Whoever is killed has lost its pictures: there is nothing to start again for.
        return START_NOT_STICKY
    }

    /** The system lets it run for hours at most, and demands that it stops then. */
    override fun onTimeout(startId: Int, fgsType: Int) = stopSelf()

    override fun onBind(intent: Intent?): IBinder? = null

    companion object {
        private const val CHANNEL = "sending"

        /** Runs while [pictures] are held. */
        fun follow(context: Context, pictures: Int) {
            val service = Intent(context, UploadService::class.java)
            try {
                // Also for none: a service that was promised to the system must come to the foreground before it may end, and ends itself.
                context.startForegroundService(service)
            } catch (_: IllegalStateException) {
                // Not from the background. Pictures are taken in the foreground only, so it runs already.
            }
        }

        private fun channel(context: Context) {
            val channel = NotificationChannel(CHANNEL, context.getString(R.string.notice_channel), NotificationManager.IMPORTANCE_LOW)
            context.getSystemService(NotificationManager::class.java).createNotificationChannel(channel)
        }

        private fun notice(context: Context, pictures: Int): Notification {
            val open = PendingIntent.getActivity(context, 0, Intent(context, MainActivity::class.java), PendingIntent.FLAG_IMMUTABLE)
            return Notification.Builder(context, CHANNEL)
                .setSmallIcon(R.drawable.icon)
                .setContentTitle(context.resources.getQuantityString(R.plurals.notice_title, pictures, pictures))
                .setContentText(context.getString(R.string.notice_say))
                .setContentIntent(open)
                .setOngoing(true)
                .setVisibility(Notification.VISIBILITY_PRIVATE)
                .build()
        }
    }
}
