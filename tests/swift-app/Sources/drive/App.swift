import Foundation
import SafelightMobile

/// A device key that another program holds: there is no Secure Enclave here.
final class OpensslKey: DeviceKey, @unchecked Sendable {
    private let pem: URL
    /// Whether it refuses, as a key does whose user has not shown a finger.
    var locked = false

    init(in folder: URL) throws {
        pem = folder.appendingPathComponent("key-\(UUID().uuidString).pem")
        let made = try run(Self.openssl, ["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", pem.path], quietly: true)
        try check(made.code == 0, "openssl makes no key")
    }

    /// The last 65 bytes of what the program writes (RFC 5480): the uncompressed point.
    func publicKey() throws -> Data {
        let (code, der) = try said(["ec", "-in", pem.path, "-pubout", "-outform", "DER"])
        guard code == 0 else { throw DeviceKeyError.Failed }
        return der.suffix(65)
    }

    func sign(message: Data) throws -> Data {
        if locked { throw DeviceKeyError.Locked }
        let (code, signature) = try said(["dgst", "-sha256", "-sign", pem.path], message)
        guard code == 0 else { throw DeviceKeyError.Failed }
        return signature
    }

    func newKey() throws -> any DeviceKey {
        do { return try OpensslKey(in: pem.deletingLastPathComponent()) } catch { throw DeviceKeyError.Failed }
    }

    private func said(_ arguments: [String], _ input: Data? = nil) throws -> (code: Int32, said: Data) {
        do { return try run(Self.openssl, arguments, input: input, quietly: true) } catch { throw DeviceKeyError.Failed }
    }

    private static let openssl = "/usr/bin/openssl"
}

/// What an app keeps, in memory.
final class Store: IdentityStore, @unchecked Sendable {
    private let lock = NSLock()
    private var kept = (identity: Data(), inFlight: UInt32(0))

    var identity: Data { lock.withLock { kept.identity } }
    var inFlight: UInt32 { lock.withLock { kept.inFlight } }

    func keepIdentity(identity: Data) throws { lock.withLock { kept.identity = identity } }
    func keepInFlight(pictures: UInt32) throws { lock.withLock { kept.inFlight = pictures } }
}

/// What has been said so far, from any thread.
final class Heard<T: Sendable>: @unchecked Sendable {
    private let lock = NSLock()
    private var items: [T] = []

    var all: [T] { lock.withLock { items } }
    func add(_ item: T) { lock.withLock { items.append(item) } }
}

/// A photograph of the fuzzer's seeds with something planted in it: a comment segment (ITU-T T.81, B.2.4.5).
func photograph() throws -> Data {
    let seed = try Data(contentsOf: URL(fileURLWithPath: "../fuzz/seeds/strip_jpeg/encoded.jpg"))
    let text = Data(canary.utf8)
    return Data([0xFF, 0xD8, 0xFF, 0xFE, 0, UInt8(text.count + 2)]) + text + seed.dropFirst(2)
}

let canary = "planted: 47.3769N 8.5417E"

func label(_ number: String) -> PatientLabel {
    PatientLabel(recordNumber: number, name: "Quittländer, Zoë", birthDate: "1961-02-03", site: "left forearm")
}
