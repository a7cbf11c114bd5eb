package org.safelight.app.ui

import android.content.Context
import android.graphics.Canvas
import android.graphics.Paint
import android.graphics.RectF
import android.util.AttributeSet
import android.view.MotionEvent
import android.view.View
import org.safelight.app.R
import org.safelight.app.logic.Area
import org.safelight.app.logic.BodyMap
import org.safelight.app.logic.Facing
import org.safelight.app.logic.Spot

/** The drawing of a body: what [BodyMap] says, twice as high as wide. */
class BodyView(context: Context, attributes: AttributeSet?) : View(context, attributes) {
    /** Is told where it was touched, both from 0 to 1. */
    var touched: (x: Float, y: Float) -> Unit = { _, _ -> }

    private var facing = Facing.FRONT
    private var spot: Spot? = null
    private val skin = Paint(Paint.ANTI_ALIAS_FLAG).apply { color = context.getColor(R.color.line) }
    private val chosen = Paint(Paint.ANTI_ALIAS_FLAG).apply { color = context.getColor(R.color.lamp) }

    fun show(facing: Facing, spot: Spot?) {
        if (facing == this.facing && spot == this.spot) return
        this.facing = facing
        this.spot = spot
        contentDescription = spot?.let { context.words(it) } ?: context.getString(R.string.capture_body)
        invalidate()
    }

    override fun onDraw(canvas: Canvas) {
        val radius = frame().width() / 40
        for ((area, what) in BodyMap.areas(facing)) {
            canvas.drawRoundRect(place(area), radius, radius, if (what == spot) chosen else skin)
        }
    }

    override fun onTouchEvent(event: MotionEvent): Boolean {
        if (event.action == MotionEvent.ACTION_UP) {
            val frame = frame()
            touched((event.x - frame.left) / frame.width(), (event.y - frame.top) / frame.height())
            performClick()
        }
        return true
    }

    private fun frame(): RectF {
        val drawn = minOf(width.toFloat(), height / 2f)
        val left = (width - drawn) / 2
        val top = (height - 2 * drawn) / 2
        return RectF(left, top, left + drawn, top + 2 * drawn)
    }

    private fun place(area: Area): RectF {
        val frame = frame()
        val gap = frame.width() / 200
        return RectF(
            frame.left + area.left * frame.width() + gap,
            frame.top + area.top * frame.height() + gap,
            frame.left + area.right * frame.width() - gap,
            frame.top + area.bottom * frame.height() - gap,
        )
    }
}
