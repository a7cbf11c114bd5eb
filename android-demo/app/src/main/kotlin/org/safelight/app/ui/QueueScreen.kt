package org.safelight.app.ui

import android.app.Activity
import android.app.AlertDialog
import android.view.View
import android.view.ViewGroup
import android.widget.ProgressBar
import android.widget.TextView
import org.safelight.app.R
import org.safelight.app.logic.App
import org.safelight.app.logic.AppEvent
import org.safelight.app.logic.AppState
import org.safelight.app.logic.Picture
import org.safelight.app.logic.Progress
import org.safelight.app.logic.QueueEvent
import org.safelight.app.logic.QueueState

/** What is held in memory, and what becomes of it. */
class QueueScreen(activity: Activity, private val app: App) : ScreenView(activity, R.layout.queue) {
    private var asking: Pair<String, AlertDialog>? = null

    init {
        press(R.id.queue_seen) { tell(QueueEvent.Seen) }
    }

    override fun closed() {
        asking?.second?.dismiss()
        asking = null
    }

    override fun show(state: AppState) {
        val queue = state.queue
        val gone = listOfNotNull(count(R.plurals.queue_lost, queue.lost), count(R.plurals.queue_thrown, queue.thrown))
        say(R.id.queue_lost, gone.joinToString("\n"))
        find<View>(R.id.queue_seen).visibility = if (gone.isEmpty()) View.GONE else View.VISIBLE
        val held = activity.getString(if (queue.pictures.isEmpty()) R.string.queue_empty else R.string.queue_held)
        say(R.id.queue_say, listOfNotNull(held, count(R.plurals.queue_stored, queue.stored)).joinToString(" "))
        say(R.id.queue_room, activity.resources.getQuantityString(R.plurals.queue_room, queue.room, queue.room))
        pictures(queue)
        ask(queue)
    }

    private fun count(words: Int, number: Int) =
        if (number == 0) null else activity.resources.getQuantityString(words, number, number)

    private fun pictures(queue: QueueState) {
        val list = find<ViewGroup>(R.id.queue_pictures)
        while (list.childCount > queue.pictures.size) list.removeViewAt(list.childCount - 1)
        while (list.childCount < queue.pictures.size) activity.layoutInflater.inflate(R.layout.picture, list)
        queue.pictures.forEachIndexed { at, picture -> show(list.getChildAt(at), picture) }
    }

    private fun show(row: View, picture: Picture) {
        val held = picture.held
        val what = activity.getString(R.string.picture_what, held.width, held.height, (held.bytes / 1024).toInt())
        row.findViewById<TextView>(R.id.picture_what).showIf(what)
        val removed = activity.getString(R.string.picture_removed, held.removed.size).takeIf { held.removed.isNotEmpty() }
        row.findViewById<TextView>(R.id.picture_removed).showIf(removed)
        val bar = row.findViewById<ProgressBar>(R.id.picture_progress)
        val progress = picture.progress
        bar.visibility = if (progress is Progress.Sending) View.VISIBLE else View.GONE
        if (progress is Progress.Sending) bar.progress = progress.percent
        row.findViewById<TextView>(R.id.picture_state).showIf(when (progress) {
            Progress.Waiting -> activity.getString(R.string.picture_waiting)
            is Progress.Sending -> activity.getString(R.string.picture_sending, progress.percent)
            is Progress.Later -> activity.getString(R.string.picture_later, activity.getString(text(progress.advice)))
            is Progress.Stopped -> activity.getString(text(progress.advice))
        })
        val stands = progress is Progress.Later || progress is Progress.Stopped
        row.findViewById<View>(R.id.picture_retry).run {
            visibility = if (stands) View.VISIBLE else View.INVISIBLE
            setOnClickListener { tell(QueueEvent.Retry(held.id)) }
        }
        row.findViewById<View>(R.id.picture_discard).setOnClickListener { tell(QueueEvent.Discard(held.id)) }
    }

    private fun ask(queue: QueueState) {
        if (asking?.first == queue.asking) return
        closed()
        val id = queue.asking ?: return
        val dialog = AlertDialog.Builder(activity)
            .setTitle(R.string.queue_discard_title)
            .setMessage(R.string.queue_discard_say)
            .setPositiveButton(R.string.discard) { _, _ -> tell(QueueEvent.DiscardConfirmed) }
            .setNegativeButton(R.string.cancel) { _, _ -> tell(QueueEvent.DiscardCancelled) }
            .setOnCancelListener { tell(QueueEvent.DiscardCancelled) }
            .showHidden()
        asking = id to dialog
    }

    private fun tell(event: QueueEvent) = app.tell(AppEvent.Queue(event))
}
