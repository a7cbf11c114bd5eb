// The device key of an iPhone. Never compiled or run by this project: there is no Apple machine here.
#if canImport(CryptoKit)
import CryptoKit
import Foundation
import LocalAuthentication
import SafelightMobile
import Security

/// A P-256 key in the Secure Enclave. What is kept of it outside is a blob that only this device's enclave can use, in the keychain, on this
/// device alone.
public final class SecureEnclaveKey: DeviceKey, @unchecked Sendable {
    private static let service = "org.safelight.device-key"

    private let key: SecureEnclave.P256.Signing.PrivateKey
    private let context: LAContext

    private init(_ key: SecureEnclave.P256.Signing.PrivateKey, _ context: LAContext) {
        self.key = key
        self.context = context
    }

    /// Makes a key that signs while the device is unlocked, and keeps it.
    public static func make(context: LAContext = LAContext()) throws -> SecureEnclaveKey {
        var reason: Unmanaged<CFError>?
        guard let access = SecAccessControlCreateWithFlags(
            nil, kSecAttrAccessibleWhenUnlockedThisDeviceOnly, .privateKeyUsage, &reason
        ) else { throw DeviceKeyError.Failed }
        let made = try mapped {
            try SecureEnclave.P256.Signing.PrivateKey(accessControl: access, authenticationContext: context)
        }
        let key = SecureEnclaveKey(made, context)
        try key.keep()
        return key
    }

    /// The key that an identity is certified for; `Gone` if this device does not have it (any more). The others, left over from renewals, are
    /// destroyed.
    public static func of(identity: Data, context: LAContext = LAContext()) throws -> SecureEnclaveKey {
        let certified = try certifiedPublicKey(identity: identity)
        let name = account(certified)
        let blob = try read(name)
        let key = try mapped {
            try SecureEnclave.P256.Signing.PrivateKey(dataRepresentation: blob, authenticationContext: context)
        }
        for other in accounts() where other != name { destroy(other) }
        return SecureEnclaveKey(key, context)
    }

    public func publicKey() throws -> Data {
        key.publicKey.x963Representation
    }

    public func sign(message: Data) throws -> Data {
        try Self.mapped { try key.signature(for: message).derRepresentation }
    }

    public func newKey() throws -> any DeviceKey {
        try Self.make(context: context)
    }

    private func keep() throws {
        let item: [CFString: Any] = [
            kSecClass: kSecClassGenericPassword,
            kSecAttrService: Self.service,
            kSecAttrAccount: Self.account(key.publicKey.x963Representation),
            kSecAttrAccessible: kSecAttrAccessibleWhenUnlockedThisDeviceOnly,
            kSecValueData: key.dataRepresentation,
        ]
        guard SecItemAdd(item as CFDictionary, nil) == errSecSuccess else { throw DeviceKeyError.Failed }
    }

    private static func account(_ publicKey: Data) -> String {
        SHA256.hash(data: publicKey).map { String(format: "%02x", $0) }.joined()
    }

    /// `Gone` only where the keychain says that there is none: one that cannot be read because the device is locked is there all the same.
    private static func read(_ account: String) throws -> Data {
        let query: [CFString: Any] = [
            kSecClass: kSecClassGenericPassword,
            kSecAttrService: service,
            kSecAttrAccount: account,
            kSecReturnData: true,
        ]
        var found: CFTypeRef?
        switch SecItemCopyMatching(query as CFDictionary, &found) {
        case errSecSuccess:
            guard let blob = found as? Data else { throw DeviceKeyError.Failed }
            return blob
        case errSecItemNotFound:
            throw DeviceKeyError.Gone
        case errSecInteractionNotAllowed, errSecAuthFailed:
            throw DeviceKeyError.Locked
        default:
            throw DeviceKeyError.Failed
        }
    }

    private static func accounts() -> [String] {
        let query: [CFString: Any] = [
            kSecClass: kSecClassGenericPassword,
            kSecAttrService: service,
            kSecReturnAttributes: true,
            kSecMatchLimit: kSecMatchLimitAll,
        ]
        var found: CFTypeRef?
        guard SecItemCopyMatching(query as CFDictionary, &found) == errSecSuccess else { return [] }
        return (found as? [[CFString: Any]] ?? []).compactMap { $0[kSecAttrAccount] as? String }
    }

    private static func destroy(_ account: String) {
        let query: [CFString: Any] = [
            kSecClass: kSecClassGenericPassword, kSecAttrService: service, kSecAttrAccount: account,
        ]
        SecItemDelete(query as CFDictionary)
    }

    /// What the enclave says, as what the app should do.
    private static func mapped<T>(_ work: () throws -> T) throws -> T {
        do {
            return try work()
        } catch let error as LAError {
            throw error.code == .invalidContext ? DeviceKeyError.Failed : DeviceKeyError.Locked
        } catch let error as NSError where error.code == Int(errSecInteractionNotAllowed) || error.code == Int(errSecAuthFailed) {
            throw DeviceKeyError.Locked
        } catch {
            throw DeviceKeyError.Failed
        }
    }
}
#endif
