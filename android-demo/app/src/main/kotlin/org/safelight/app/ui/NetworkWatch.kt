package org.safelight.app.ui

import android.content.Context
import android.net.ConnectivityManager
import android.net.Network
import android.net.NetworkCapabilities
import org.safelight.app.logic.NetworkKind
import org.safelight.app.logic.NetworkState

/** Tells of the network that the phone uses: another access point, the mobile network, a VPN, none. */
class NetworkWatch(context: Context, private val told: (NetworkState) -> Unit) : ConnectivityManager.NetworkCallback() {
    private val connectivity = context.getSystemService(ConnectivityManager::class.java)

    fun start() = connectivity.registerDefaultNetworkCallback(this)

    override fun onCapabilitiesChanged(network: Network, networkCapabilities: NetworkCapabilities) {
        val kind = when {
            networkCapabilities.hasTransport(NetworkCapabilities.TRANSPORT_WIFI) -> NetworkKind.WIFI
            networkCapabilities.hasTransport(NetworkCapabilities.TRANSPORT_CELLULAR) -> NetworkKind.CELLULAR
            else -> NetworkKind.OTHER
        }
        val validated = networkCapabilities.hasCapability(NetworkCapabilities.NET_CAPABILITY_VALIDATED)
        val vpn = networkCapabilities.hasTransport(NetworkCapabilities.TRANSPORT_VPN)
        told(NetworkState(kind, validated, vpn, network.networkHandle))
    }

    override fun onLost(network: Network) = told(NetworkState())
}
