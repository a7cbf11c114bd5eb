package org.safelight.app.gateway

import java.net.DatagramPacket
import java.net.DatagramSocket
import java.net.InetAddress
import java.net.InetSocketAddress
import java.net.SocketException
import java.util.concurrent.ConcurrentHashMap
import java.util.concurrent.atomic.AtomicLong
import kotlin.concurrent.thread

/** A network between phones and the gateway that can be cut: a UDP relay. Each phone gets a port of its own, as behind a NAT. */
class Relay(port: Int, private val gateway: Int) : AutoCloseable {
    private val loopback = InetAddress.getLoopbackAddress()
    private val front = DatagramSocket(port, loopback)
    private val backs = ConcurrentHashMap<InetSocketAddress, DatagramSocket>()
    private val quota = AtomicLong(Long.MAX_VALUE)

    /** Bytes that have passed towards the gateway. */
    val passed = AtomicLong()

    /** From how many addresses phones have sent. */
    val phones get() = backs.size

    init {
        thread(isDaemon = true, name = "relay") { pass(front, ::up) }
    }

    /** Passes so many bytes more towards the gateway, and nothing after that, until [open]. */
    fun stopAfter(bytes: Long) = quota.set(bytes)

    fun cut() = stopAfter(0)

    fun open() = quota.set(Long.MAX_VALUE)

    override fun close() {
        front.close()
        backs.values.forEach(DatagramSocket::close)
    }

    private fun up(packet: DatagramPacket) {
        if (quota.addAndGet(-packet.length.toLong()) < 0) return
        passed.addAndGet(packet.length.toLong())
        val phone = packet.socketAddress as InetSocketAddress
        val back = backs.computeIfAbsent(phone) {
            DatagramSocket(0, loopback).also { socket ->
                thread(isDaemon = true, name = "relay back") { pass(socket) { down(it, phone) } }
            }
        }
        back.send(DatagramPacket(packet.data, packet.length, loopback, gateway))
    }

    /** Cut is cut in both directions. */
    private fun down(packet: DatagramPacket, phone: InetSocketAddress) {
        if (quota.get() > 0) front.send(DatagramPacket(packet.data, packet.length, phone))
    }

    private fun pass(socket: DatagramSocket, on: (DatagramPacket) -> Unit) {
        val packet = DatagramPacket(ByteArray(LARGEST), LARGEST)
        while (true) {
            try {
                packet.length = LARGEST
                socket.receive(packet)
                on(packet)
            } catch (_: SocketException) {
                return
            }
        }
    }

    private companion object {
        const val LARGEST = 65_535
    }
}
