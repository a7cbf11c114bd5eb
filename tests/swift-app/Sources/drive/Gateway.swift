import Foundation

/// What went otherwise than it should.
struct Failure: Error, CustomStringConvertible {
    let description: String
}

func check(_ holds: Bool, _ what: @autoclosure () -> String, line: UInt = #line) throws {
    if !holds { throw Failure(description: "line \(line): \(what())") }
}

/// Runs a program to its end. `quietly`, it says nothing on standard error.
func run(_ program: String, _ arguments: [String], input: Data? = nil, quietly: Bool = false) throws -> (code: Int32, said: Data) {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = arguments
    let (said, asked) = (Pipe(), Pipe())
    process.standardOutput = said
    process.standardInput = asked
    if quietly { process.standardError = FileHandle.nullDevice }
    try process.run()
    if let input { try asked.fileHandleForWriting.write(contentsOf: input) }
    try asked.fileHandleForWriting.close()
    let bytes = said.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, bytes)
}

/// A gateway in a temporary folder, run by the built command.
final class Gateway: @unchecked Sendable {
    let folder: URL
    private let command: String
    private let serving = Process()

    init(command: String) throws {
        self.command = command
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("safelight-swift-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try Data("a passphrase for tests alone\n".utf8).write(to: at("passphrase"))
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: at("passphrase").path)
        _ = try ask([
            "init", "--data", data, "--passphrase-file", passphrase, "--recovery-out", at("recovery").path, "--host", "127.0.0.1",
            "--listen", "127.0.0.1:0", "--enrol-listen", "127.0.0.1:0", "--console-listen", "127.0.0.1:0",
        ])
        serving.executableURL = URL(fileURLWithPath: command)
        serving.arguments = ["serve", "--data", data, "--passphrase-file", passphrase]
        serving.standardError = FileHandle.nullDevice
        serving.standardOutput = FileHandle.nullDevice
        try serving.run()
        _ = try ask(["health", "--data", data, "--wait", "120s"])
    }

    var data: String { at("D").path }
    var passphrase: String { at("passphrase").path }

    func at(_ name: String) -> URL { folder.appendingPathComponent(name) }

    /// What a command says in JSON. One that fails is a failure.
    func ask(_ arguments: [String]) throws -> Any {
        let (code, said) = try run(command, arguments + ["--json"])
        try check(code == 0, "safelight \(arguments.joined(separator: " ")) ended with \(code)")
        return said.isEmpty ? [:] : try JSONSerialization.jsonObject(with: said, options: .fragmentsAllowed)
    }

    private func list(_ arguments: [String]) throws -> [[String: Any]] {
        try ask(arguments) as? [[String: Any]] ?? []
    }

    /// The text of a QR code.
    func invite(_ name: String) throws -> String {
        let said = try ask(["device", "invite", "--data", data, "--name", name, "--person", "clinician1"]) as? [String: Any]
        guard let text = said?["qr"] as? String else { throw Failure(description: "no invitation") }
        return text
    }

    /// Compares the words as the admin does, and approves.
    func approve(_ name: String, words: [String]) throws {
        let devices = try list(["device", "list", "--data", data])
        guard let device = devices.first(where: { $0["name"] as? String == name }), let id = device["id"] as? String else {
            throw Failure(description: "\(name) is not in the list")
        }
        try check(device["words"] as? String == words.joined(separator: " "), "the admin's words are others")
        _ = try ask(["device", "approve", id, "--data", data])
    }

    /// The pictures of a patient, once the clinic process has looked at all.
    func pictures(_ number: String) async throws -> [[String: Any]] {
        for _ in 0..<2_400 {
            let all = try list(["vault", "list", "--data", data, "--passphrase-file", passphrase])
            if all.allSatisfy({ $0["state"] as? String != "received" }) {
                return all.filter { $0["patient"] as? String == number }
            }
            try await Task.sleep(nanoseconds: 50_000_000)
        }
        throw Failure(description: "the clinic process does not look at the pictures")
    }

    func open(_ id: String) throws -> Data {
        let out = at("\(id).jpg")
        _ = try ask([
            "vault", "open", id, "-o", out.path, "--reason", "a test", "--data", data, "--passphrase-file", passphrase,
        ])
        return try Data(contentsOf: out)
    }

    /// The photograph as the command strips it.
    func stripped(_ photo: Data) throws -> Data {
        try photo.write(to: at("photo.jpg"))
        let out = at("stripped-\(UUID().uuidString).jpg")
        _ = try ask(["phone", "strip", at("photo.jpg").path, "-o", out.path])
        return try Data(contentsOf: out)
    }

    func end() {
        serving.terminate()
        serving.waitUntilExit()
        try? FileManager.default.removeItem(at: folder)
    }
}
