package org.safelight.app.ui

import android.content.Context
import android.graphics.Canvas
import android.graphics.Paint
import android.util.AttributeSet
import android.view.View
import org.safelight.app.R

/** Thirds, over the preview: so that a picture of today lies as the one before. */
class GridView(context: Context, attributes: AttributeSet?) : View(context, attributes) {
    private val line = Paint().apply {
        color = context.getColor(R.color.text)
        alpha = 140
        strokeWidth = resources.displayMetrics.density
    }

    override fun onDraw(canvas: Canvas) {
        for (third in 1..2) {
            val x = width * third / 3f
            val y = height * third / 3f
            canvas.drawLine(x, 0f, x, height.toFloat(), line)
            canvas.drawLine(0f, y, width.toFloat(), y, line)
        }
    }
}
