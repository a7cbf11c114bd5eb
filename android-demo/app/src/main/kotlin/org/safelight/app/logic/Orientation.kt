package org.safelight.app.logic

/**
 * How far a picture of the back camera is to be turned clockwise to stand upright, in degrees. [sensor] is how far the sensor is turned in the
 * phone; [phone] is how far the phone is turned from upright, clockwise, to a degree.
 */
fun upright(sensor: Int, phone: Int): Int = (sensor + (phone + 45) / 90 * 90) % 360
