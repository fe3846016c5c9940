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

    /// Carries the form out, unless the same form was.
    func perform(
        _ act: [UInt8], _ submit: () async throws -> Submitted
    ) async throws -> Submitted {
        switch try await forms.begin(act) {
        case .done(let outcome): return Submitted(outcome)
        case .underWay: throw Problem.formUnderWay
        case .begun: break
        }
        let submitted: Submitted
        do {
            submitted = try await submit()
        } catch {
            try await forms.giveUp(act)
            throw error
        }
        // If this fails the act is done and stays begun: nobody does it again by the same form.
        do {
            try await forms.finish(act, submitted.outcome)
        } catch {
            // What is shown once is shown all the same: it can be seen in no other answer.
            guard submitted.shown != nil else { throw error }
            logger.warning("a form's outcome was not kept", metadata: ["error": "\(error)"])
        }
        return submitted
    }
}
