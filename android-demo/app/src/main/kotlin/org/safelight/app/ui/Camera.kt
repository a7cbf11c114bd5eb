package org.safelight.app.ui

import android.Manifest
import android.content.Context
import android.content.pm.PackageManager
import android.graphics.ImageFormat
import android.graphics.Matrix
import android.graphics.SurfaceTexture
import android.hardware.camera2.CameraAccessException
import android.hardware.camera2.CameraCaptureSession
import android.hardware.camera2.CameraCharacteristics
import android.hardware.camera2.CameraDevice
import android.hardware.camera2.CameraManager
import android.hardware.camera2.CaptureFailure
import android.hardware.camera2.CaptureRequest
import android.hardware.camera2.params.OutputConfiguration
import android.hardware.camera2.params.SessionConfiguration
import android.media.Image
import android.media.ImageReader
import android.os.Handler
import android.os.HandlerThread
import android.util.Size
import android.view.Surface
import android.view.TextureView
import java.nio.ByteBuffer
import java.util.concurrent.Executor
import org.safelight.app.logic.CameraState
import org.safelight.app.logic.readCode
import org.safelight.app.logic.upright

/**
 * The back camera, for a preview and either codes or still pictures. Pictures come as JPEG into a buffer in memory that is the system's;
 * nothing here copies one or writes one. All of it runs on a thread of its own between [open] and [close].
 */
class Camera(
    private val context: Context,
    private val preview: TextureView,
    private val use: Use,
    private val told: (CameraState) -> Unit,
) {
    sealed interface Use {
        /** Each code that is seen, again and again. */
        class Codes(val read: (String) -> Unit) : Use

        /** Each picture, as a buffer that is good until the call returns and that must not be written to; or that one came to nothing. */
        class Stills(val take: (ByteBuffer) -> Unit, val missed: () -> Unit) : Use
    }

    private val cameras = context.getSystemService(CameraManager::class.java)
    private val turned = Turned(context)
    private var running: Running? = null

    fun open() {
        if (running != null) return
        if (context.checkSelfPermission(Manifest.permission.CAMERA) != PackageManager.PERMISSION_GRANTED) {
            told(CameraState.NOT_ALLOWED)
            return
        }
        if (preview.isAvailable) start() else preview.surfaceTextureListener = WhenThere()
    }

    fun close() {
        preview.surfaceTextureListener = null
        running?.close()
        running = null
        turned.disable()
    }

    /** Takes one picture. */
    fun shoot() = running?.shoot() ?: told(CameraState.FAILED)

    private fun start() {
        try {
            val id = cameras.cameraIdList.firstOrNull { facesAway(it) } ?: return told(CameraState.FAILED)
            running = Running(id).also { it.start() }
            if (use is Use.Stills) turned.enable()
        } catch (_: CameraAccessException) {
            told(CameraState.FAILED)
        }
    }

    private fun facesAway(id: String) =
        cameras.getCameraCharacteristics(id)[CameraCharacteristics.LENS_FACING] == CameraCharacteristics.LENS_FACING_BACK

    /** Between open and close. */
    private inner class Running(private val id: String) : CameraDevice.StateCallback() {
        private val characteristics = cameras.getCameraCharacteristics(id)
        private val thread = HandlerThread("camera").apply { start() }
        private val handler = Handler(thread.looper)
        private val executor = Executor { handler.post(it) }
        private val sizes = characteristics[CameraCharacteristics.SCALER_STREAM_CONFIGURATION_MAP]
        private val format = if (use is Use.Codes) ImageFormat.YUV_420_888 else ImageFormat.JPEG
        private val size = pick(sizes?.getOutputSizes(format), if (use is Use.Codes) CODE_PIXELS else STILL_PIXELS)
        private val previewSize = pick(sizes?.getOutputSizes(SurfaceTexture::class.java), PREVIEW_PIXELS)
        private val reader = ImageReader.newInstance(size.width, size.height, format, 2)
        private val surface = Surface(preview.surfaceTexture?.apply { setDefaultBufferSize(previewSize.width, previewSize.height) })

        /** Until the camera has answered whether it opens: its answer comes to [thread], which has to be there. */
        @Volatile private var opening = false
        private var device: CameraDevice? = null
        private var session: CameraCaptureSession? = null
        private var closed = false

        fun start() {
            fill(preview, previewSize)
            reader.setOnImageAvailableListener({
                it.acquireNextImage()?.use(::seen)
                // The buffer that held the picture goes back to the system now that it is free.
                if (use is Use.Stills) it.discardFreeBuffers()
            }, handler)
            opening = true
            try {
                cameras.openCamera(id, executor, this)
            } catch (_: SecurityException) {
                unopened(CameraState.NOT_ALLOWED)
            } catch (_: CameraAccessException) {
                unopened(CameraState.FAILED)
            }
        }

        private fun unopened(why: CameraState) {
            opening = false
            told(why)
        }

        override fun onOpened(camera: CameraDevice) {
            opening = false
            if (closed) {
                camera.close()
                thread.quitSafely()
                return
            }
            device = camera
            val outputs = listOf(surface, reader.surface).map(::OutputConfiguration)
            val configured = object : CameraCaptureSession.StateCallback() {
                override fun onConfigured(session: CameraCaptureSession) = asked { look(session) }

                override fun onConfigureFailed(session: CameraCaptureSession) = told(CameraState.FAILED)
            }
            asked {
                camera.createCaptureSession(SessionConfiguration(SessionConfiguration.SESSION_REGULAR, outputs, executor, configured))
            }
        }

        override fun onDisconnected(camera: CameraDevice) = lost(camera)

        override fun onError(camera: CameraDevice, error: Int) = lost(camera)

        fun shoot() = handler.post { asked(::expose) }

        fun close() = handler.post {
            closed = true
            session?.close()
            device?.close()
            surface.release()
            // Buffers that hold a picture go back to the system now, not when the next one is taken.
            reader.discardFreeBuffers()
            reader.close()
            if (!opening) thread.quitSafely()
        }

        private fun look(session: CameraCaptureSession) {
            if (closed) return
            this.session = session
            val request = session.device.createCaptureRequest(CameraDevice.TEMPLATE_PREVIEW)
            request.addTarget(surface)
            if (use is Use.Codes) request.addTarget(reader.surface)
            request[CaptureRequest.CONTROL_AF_MODE] = CaptureRequest.CONTROL_AF_MODE_CONTINUOUS_PICTURE
            session.setRepeatingRequest(request.build(), null, handler)
            told(CameraState.READY)
        }

        private fun expose() {
            val session = session ?: return told(CameraState.FAILED)
            val request = session.device.createCaptureRequest(CameraDevice.TEMPLATE_STILL_CAPTURE)
            request.addTarget(reader.surface)
            request[CaptureRequest.CONTROL_AF_MODE] = CaptureRequest.CONTROL_AF_MODE_CONTINUOUS_PICTURE
            request[CaptureRequest.JPEG_QUALITY] = JPEG_QUALITY
            request[CaptureRequest.JPEG_ORIENTATION] = upright(characteristics[CameraCharacteristics.SENSOR_ORIENTATION] ?: 0, turned.degrees)
            val outcome = object : CameraCaptureSession.CaptureCallback() {
                override fun onCaptureFailed(session: CameraCaptureSession, request: CaptureRequest, failure: CaptureFailure) = missed()

                override fun onCaptureBufferLost(session: CameraCaptureSession, request: CaptureRequest, target: Surface, frameNumber: Long) =
                    missed()
            }
            session.capture(request.build(), outcome, handler)
        }

        private fun missed() {
            if (use is Use.Stills) use.missed()
        }

        private fun seen(image: Image) {
            val plane = image.planes[0]
            when (use) {
                // The memory behind this buffer may be mapped to be read only: nobody is to write there. It goes back to the camera below.
                is Use.Stills -> use.take(plane.buffer.asReadOnlyBuffer())
                is Use.Codes -> {
                    val brightness = ByteArray(plane.buffer.remaining()).also(plane.buffer::get)
                    // The last row may end with its last pixel.
                    val rows = minOf(image.height, (brightness.size + plane.rowStride - image.width) / plane.rowStride)
                    val whole = brightness.copyOf(plane.rowStride * rows)
                    readCode(whole, plane.rowStride, image.width, rows)?.let(use.read)
                }
            }
        }

        private fun lost(camera: CameraDevice) {
            opening = false
            camera.close()
            device = null
            session = null
            if (closed) thread.quitSafely() else told(CameraState.FAILED)
        }

        private fun asked(work: () -> Unit) = try {
            work()
        } catch (_: CameraAccessException) {
            told(CameraState.FAILED)
        } catch (_: IllegalStateException) {
            // The camera was closed under our hands.
            told(CameraState.FAILED)
        } catch (_: IllegalArgumentException) {
            // And this is what it says if its surface was.
            told(CameraState.FAILED)
        }
    }

    private inner class WhenThere : TextureView.SurfaceTextureListener {
        override fun onSurfaceTextureAvailable(surface: SurfaceTexture, width: Int, height: Int) {
            if (running == null) start()
        }

        override fun onSurfaceTextureSizeChanged(surface: SurfaceTexture, width: Int, height: Int) = Unit

        override fun onSurfaceTextureDestroyed(surface: SurfaceTexture): Boolean {
            close()
            return true
        }

        override fun onSurfaceTextureUpdated(surface: SurfaceTexture) = Unit
    }

    private companion object {
        const val STILL_PIXELS = 12_600_000L
        const val PREVIEW_PIXELS = 1_920L * 1_080
        const val CODE_PIXELS = 1_280L * 720
        const val JPEG_QUALITY: Byte = 95

        /** The largest of at most so many pixels, else the smallest. */
        fun pick(sizes: Array<Size>?, pixels: Long): Size {
            val all = sizes.orEmpty().sortedBy { it.width.toLong() * it.height }
            return all.lastOrNull { it.width.toLong() * it.height <= pixels } ?: all.firstOrNull() ?: Size(640, 480)
        }

        /** Fills the view without distorting. The camera's picture lies on its side while the phone is upright. */
        fun fill(view: TextureView, size: Size) {
            val wanted = size.height.toFloat() / size.width
            val has = view.width.toFloat() / view.height.coerceAtLeast(1)
            val (x, y) = if (has > wanted) 1f to has / wanted else wanted / has to 1f
            view.setTransform(Matrix().apply { setScale(x, y, view.width / 2f, view.height / 2f) })
        }
    }
}
