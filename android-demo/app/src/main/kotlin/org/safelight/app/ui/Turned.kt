package org.safelight.app.ui

import android.content.Context
import android.view.OrientationEventListener

/** How the phone is held, also while its screen does not turn with it: from upright, clockwise, in degrees. */
class Turned(context: Context) : OrientationEventListener(context) {
    @Volatile
    var degrees = 0
        private set

    override fun onOrientationChanged(orientation: Int) {
        // Of a phone that lies flat nothing is known: it was held as it was held before.
        if (orientation != ORIENTATION_UNKNOWN) degrees = orientation
    }
}
