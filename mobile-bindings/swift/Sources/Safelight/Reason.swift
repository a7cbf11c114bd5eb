import SafelightMobile

extension SafelightError {
    /// What it says, whichever it is: a stable code for the app's own words and for its log, and an English sentence for the person who holds the
    /// phone.
    public var reason: (code: String, advice: String) {
        switch self {
        case .Unreachable(let code, let advice), .TryAgain(let code, let advice), .UnlockKey(let code, let advice),
            .KeyFailed(let code, let advice), .EnrolAgain(let code, let advice), .NotTheClinic(let code, let advice),
            .PictureRefused(let code, let advice), .BadPicture(let code, let advice), .BadLabel(let code, let advice),
            .BadInvitation(let code, let advice), .NotApproved(let code, let advice), .QueueFull(let code, let advice),
            .Cancelled(let code, let advice), .Closed(let code, let advice), .Busy(let code, let advice),
            .NotHeld(let code, let advice), .NotKept(let code, let advice), .UpdateApp(let code, let advice),
            .CheckClock(let code, let advice), .Device(let code, let advice), .Bug(let code, let advice):
            return (code, advice)
        }
    }
}
