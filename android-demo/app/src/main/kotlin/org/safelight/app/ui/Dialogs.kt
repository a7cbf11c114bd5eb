package org.safelight.app.ui

import android.app.AlertDialog
import android.os.Build
import android.view.WindowManager

/** A dialog has a window of its own, which has to be hidden from screenshots and from other apps' overlays as the activity's is. */
fun AlertDialog.Builder.showHidden(): AlertDialog = create().apply {
    window?.run {
        setFlags(WindowManager.LayoutParams.FLAG_SECURE, WindowManager.LayoutParams.FLAG_SECURE)
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.S) setHideOverlayWindows(true)
    }
    show()
}
