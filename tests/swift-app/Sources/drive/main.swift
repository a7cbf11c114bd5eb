// What an app does, with the wrapper where there is one. Each scenario ends with an error or says its name.
import Foundation
import Safelight
import SafelightMobile

/// A phone that is enrolled, with what it keeps and its key.
func enrolled(_ gateway: Gateway, _ name: String, _ settings: PhoneSettings = PhoneSettings()) async throws
    -> (phone: SafelightPhone, store: Store, key: OpensslKey)
{
    let (store, key) = (Store(), try OpensslKey(in: gateway.folder))
    let request = EnrolmentRequest(invitation: try gateway.invite(name), deviceName: name)
    let heard = Heard<any Error>()
    let identity = try await enrol(request, key: key) { words in
        do { try gateway.approve(name, words: words) } catch { heard.add(error) }
    }
    if let failure = heard.all.first { throw failure }
    try store.keepIdentity(identity: identity)
    try check(try certifiedPublicKey(identity: identity) == key.publicKey(), "the identity is another key's")
    let phone = try SafelightPhone(identity: identity, inFlight: 0, key: key, store: store, settings: settings)
    return (phone, store, key)
}

/// The error that an app gets, by its code.
func code(_ ask: () async throws -> Void) async -> String {
    do { try await ask() } catch let error as SafelightError { return error.reason.code } catch { return "\(error)" }
    return "no error"
}

func wholeWay(_ gateway: Gateway) async throws {
    let (phone, store, _) = try await enrolled(gateway, "Whole way")
    let stored = Heard<String>()
    let listening = Task {
        for await event in phone.events {
            if case .stored(let id, _) = event { stored.add(id) }
        }
    }
    try await phone.connect()
    try check(try phone.readyForShutter() > 0, "no room")
    let photo = try photograph()
    var buffer = Data(photo.map { $0 })
    let capture = try phone.capture(&buffer, label: label("SW-1"))
    try check(buffer.count == photo.count && buffer.allSatisfy { $0 == 0 }, "the buffer is not overwritten")
    try check(capture.removed.contains("comment"), "removed: \(capture.removed)")
    try check(store.inFlight == 1, "\(store.inFlight) on their way")
    let steps = Heard<UInt64>()
    let receipt = try await phone.send(capture.id) { sent, _ in steps.add(sent) }
    try check(receipt.captureId == capture.id, "a receipt for another picture")
    try check(!steps.all.isEmpty && steps.all == steps.all.sorted(), "progress: \(steps.all)")
    try check(try phone.held().isEmpty && store.inFlight == 0, "it is still held")
    let pictures = try await gateway.pictures("SW-1")
    try check(pictures.count == 1 && pictures[0]["state"] as? String == "verified", "\(pictures)")
    let opened = try gateway.open(capture.id)
    try check(opened == gateway.stripped(photo), "it came back as another")
    try check(photo.range(of: Data(canary.utf8)) != nil && opened.range(of: Data(canary.utf8)) == nil, "what was planted")
    try check(try await phone.shut() == 0, "something was lost")
    await listening.value
    try check(stored.all == [capture.id], "events: \(stored.all)")
}

func manyAtOnce(_ gateway: Gateway) async throws {
    let (phone, store, _) = try await enrolled(gateway, "Many")
    let photo = try photograph()
    let ids = try (0..<40).map { _ in
        var buffer = Data(photo.map { $0 })
        return try phone.capture(&buffer, label: label("SW-2")).id
    }
    try await withThrowingTaskGroup(of: Void.self) { group in
        for id in ids { group.addTask { _ = try await phone.send(id) } }
        try await group.waitForAll()
    }
    try check(try await phone.shut() == 0 && store.inFlight == 0, "something was lost")
    try check(try await gateway.pictures("SW-2").count == 40, "not all are there")
}

func cancelled(_ gateway: Gateway) async throws {
    let (phone, _, _) = try await enrolled(gateway, "Cancels")
    var photo = try photograph()
    let id = try phone.capture(&photo, label: label("SW-3")).id
    let sending = Task { _ = try await phone.send(id) }
    sending.cancel()
    try check(await code { try await sending.value } == "cancelled", "the task was not cancelled")
    try check(try phone.held().map(\.capture.id) == [id], "it is not held any more")
    let stored = Heard<String>()
    try await phone.sendAll { stored.add($0.captureId) }
    try check(stored.all == [id], "stored: \(stored.all)")
    _ = try await phone.shut()
}

func lockedKey(_ gateway: Gateway) async throws {
    let (phone, _, key) = try await enrolled(gateway, "Locked")
    key.locked = true
    try check(await code { try await phone.connect() } == "key-locked", "a locked key connects")
    key.locked = false
    try await phone.connect()
    _ = try await phone.shut()
}

func fullQueue(_ gateway: Gateway) async throws {
    let (phone, store, key) = try await enrolled(gateway, "Full", PhoneSettings(queueBytes: 1))
    try check(try phone.readyForShutter() == 1, "an empty queue has no room for one")
    var photo = try photograph()
    _ = try phone.capture(&photo, label: label("SW-5"))
    try check(await code { _ = try phone.readyForShutter() } == "queue-full", "a queue of one byte has room for two")
    try check(try await phone.shut() == 1, "what was held is not lost")
    let again = try SafelightPhone(identity: store.identity, inFlight: 2, key: key, store: store)
    try check(try again.takeLost() == 2 && again.takeLost() == 0, "what was lost is said once")
    _ = try await again.shut()
}

func wrongThings(_ gateway: Gateway) async throws {
    let (phone, _, _) = try await enrolled(gateway, "Wrong")
    var noPicture = Data("no picture".utf8)
    try check(await code { _ = try phone.capture(&noPicture, label: label("SW-4")) } == "not-a-photograph", "text was sealed")
    try check(noPicture.allSatisfy { $0 == 0 }, "the buffer is not overwritten after an error")
    var photo = try photograph()
    try check(await code { _ = try phone.capture(&photo, label: label("")) } == "label-record-number", "a label without a number")
    try check(await code { _ = try await phone.send("no-id") } != "no error", "what is no id was sent")
    try check(await code { _ = try readInvitation(text: "https://clinic.example") } == "not-an-invitation", "not an invitation")
    _ = try await phone.shut()
    try check(await code { _ = try phone.held() } == "closed", "a closed phone answers")
    try check(await code { try await phone.connect() } == "closed", "a closed phone connects")
}

let scenarios: [(String, (Gateway) async throws -> Void)] = [
    ("a photograph goes to the vault and comes back the same and clean", wholeWay),
    ("forty at once", manyAtOnce),
    ("a cancelled task leaves the picture held", cancelled),
    ("a locked key says so", lockedKey),
    ("a full queue and lost pictures are said", fullQueue),
    ("wrong arguments and a closed phone are errors", wrongThings),
]
let gateway = try Gateway(command: CommandLine.arguments[1])
var failed = 0
for (name, scenario) in scenarios {
    do {
        try await scenario(gateway)
        print("swift: ok: \(name)")
    } catch {
        failed += 1
        print("swift: FAILED: \(name): \(error)")
    }
}
gateway.end()
print("swift: \(scenarios.count - failed) of \(scenarios.count) scenarios passed")
exit(failed == 0 ? 0 : 1)
