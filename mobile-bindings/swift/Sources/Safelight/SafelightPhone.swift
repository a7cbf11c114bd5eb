// What Swift's idiom asks for around the generated bindings, and nothing else: an actor, cancellation, a sequence of events. No decision is made
// here.

import Foundation
import SafelightMobile

/// An enrolled phone.
public actor SafelightPhone {
    private nonisolated let phone: Phone

    /// Opens what is enrolled: see `Phone.open`. Nothing is connected yet.
    public init(
        identity: Data,
        inFlight: UInt32,
        key: any DeviceKey,
        store: any IdentityStore,
        settings: PhoneSettings = PhoneSettings()
    ) throws {
        phone = try Phone.open(identity: identity, inFlight: inFlight, key: key, store: store, settings: settings)
    }

    /// How many more pictures fit. At 0 the shutter is to stay closed.
    public nonisolated func room() throws -> UInt32 {
        try phone.room()
    }

    /// Makes ready for the next shutter, and says how many more pictures fit; throws `QueueFull`, `NotKept` and, once the clinic has
    /// shut this device out, `EnrolAgain`, none of which comes after it.
    public nonisolated func readyForShutter() throws -> UInt32 {
        try phone.readyForShutter()
    }

    /// Strips, seals and holds one picture on the caller's thread, and overwrites `photo`, whatever comes of it.
    ///
    /// `photo` must be the only one that has its bytes: of a copy, Swift overwrites the copy.
    public nonisolated func capture(
        _ photo: inout Data,
        label: PatientLabel,
        operator person: String? = nil
    ) throws -> SealedCapture {
        defer { photo.wipe() }
        return try phone.capture(photo: photo, label: label, operator: person)
    }

    /// Sends a picture that is held and frees it for its receipt. Cancelling the task cancels the upload, and the picture stays held.
    public nonisolated func send(
        _ captureId: String,
        progress: (@Sendable (UInt64, UInt64) -> Void)? = nil
    ) async throws -> Receipt {
        let cancel = CancelToken()
        let phone = phone
        let listener = progress.map(Listener.init)
        // Swift's cancellation does not reach Rust by itself.
        return try await withTaskCancellationHandler {
            try await phone.send(captureId: captureId, progress: listener, cancel: cancel)
        } onCancel: {
            cancel.cancel()
        }
    }

    /// Sends everything that is held and not on its way already, oldest first, one after the other. Ends with the first that fails, and with the
    /// task that called. A call beside a running one sends what that one has not come to.
    public nonisolated func sendAll(stored: (@Sendable (Receipt) -> Void)? = nil) async throws {
        while let next = try phone.held().first(where: { !$0.sending }) {
            try Task.checkCancellation()
            do {
                let receipt = try await send(next.capture.id)
                stored?(receipt)
            } catch SafelightError.Busy, SafelightError.NotHeld {
                // Another call was faster with this one.
                continue
            }
        }
    }

    /// Everything that happens, until the phone is shut. For one reader: each event goes to one of several, and one that is given up while it
    /// waits may take an event with it. What holds now can always be asked for (`room`, `held`, `status`).
    public nonisolated var events: AsyncStream<Event> {
        let phone = phone
        return AsyncStream { try? await phone.nextEvent() }
    }

    /// Connects, renews the certificate if that is due, and takes the clinic's newest keys: when the app comes to the front.
    public nonisolated func connect() async throws {
        try await phone.connect()
    }

    /// Moves the connection to the network that the phone is in now.
    public nonisolated func networkChanged() async throws {
        try await phone.networkChanged()
    }

    /// What is held, oldest first.
    public nonisolated func held() throws -> [HeldCapture] {
        try phone.held()
    }

    /// What is enrolled.
    public nonisolated func status() throws -> DeviceStatus {
        try phone.status()
    }

    /// How many pictures an earlier run lost because it was killed. Forgets it when it has been asked.
    public nonisolated func takeLost() throws -> UInt32 {
        try phone.takeLost()
    }

    /// Throws a picture away because the user said so.
    public nonisolated func discard(_ captureId: String) throws {
        try phone.discard(captureId: captureId)
    }

    /// Throws all pictures away, as an app does that has been locked for long.
    public nonisolated func clear() throws -> UInt32 {
        try phone.clear()
    }

    /// Ends uploads, frees everything and disconnects; says how many pictures are lost by it.
    public nonisolated func shut() async throws -> UInt32 {
        try await phone.shut()
    }
}

/// Asks the clinic to take this phone in: shows the words, waits for the approval, gives the identity. Cancelling the task gives up.
public func enrol(
    _ request: EnrolmentRequest,
    key: any DeviceKey,
    words: @Sendable ([String]) async -> Void
) async throws -> Data {
    let cancel = CancelToken()
    return try await withTaskCancellationHandler {
        let enrolment = try await Enrolment.begin(request: request, key: key, cancel: cancel)
        await words(enrolment.words())
        return try await enrolment.waitForApproval()
    } onCancel: {
        cancel.cancel()
    }
}

extension Data {
    /// Overwrites the bytes. Of several that share them, only this one is changed.
    public mutating func wipe() {
        resetBytes(in: startIndex..<endIndex)
    }
}

private final class Listener: ProgressListener {
    private let tell: @Sendable (UInt64, UInt64) -> Void

    init(_ tell: @escaping @Sendable (UInt64, UInt64) -> Void) {
        self.tell = tell
    }

    func progress(sent: UInt64, total: UInt64) throws {
        tell(sent, total)
    }
}
