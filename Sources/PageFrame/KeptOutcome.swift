import HTTPEndpoint
import JSON

extension Submitted {
    /// As it is kept, for the same form sent again.
    var outcome: JSONObject {
        var object: JSONObject = ["location": .string(location)]
        object["notice"] = notice.map { .string($0) }
        switch session {
        case .unchanged: break
        case .begun(let seconds): object["begun"] = seconds.map { .int($0) } ?? .null
        case .ended: object["ended"] = true
        }
        return object
    }

    init(_ outcome: JSONObject) {
        var session = Session.unchanged
        if let begun = outcome["begun"] { session = .begun(seconds: begun.int) }
        if outcome["ended"] != nil { session = .ended }
        self.init(
            outcome["location"]?.string ?? "/", notice: outcome["notice"]?.string,
            session: session)
    }
}

extension SitePageFrame {
    /// Whether the form began a session that is over by now: it cannot begin it once more.
    func hasEnded(_ submitted: Submitted, _ act: [UInt8]) async throws -> Bool {
        guard case .begun = submitted.session else { return false }
        return try await realm.caller(forms.sessionSecret(act)) == nil
    }
}
