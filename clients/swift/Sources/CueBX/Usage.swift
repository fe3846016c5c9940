import Synchronization

/// An open hold. Its operations go one after the other.
@ClientActor
final class Usage {
    nonisolated let usageId: String
    /// Whose it is; of a customer's call, `clientId` is there in its place.
    nonisolated let userId: String
    nonisolated let clientId: String
    /// Asked for with a test key: canned data is to be answered.
    nonisolated let isTest: Bool
    private nonisolated let reserved: Mutex<String>
    var isOpen = true
    /// Left by another process.
    let isRest: Bool
    /// Nil if the service has not said.
    var holdEnds: Instant?
    /// How long the first hold was, in seconds, and so each that follows.
    var holdSeconds = 0
    /// Of the timer that counts; those before it do nothing.
    var beat = 0
    var waiting: [Operation] = []
    /// Captures that were to charge what the commit has to.
    var owed: [JSONObject] = []
    /// Whether a fixed price, or all that was left, was captured.
    var isTakenWhole = false
    var isBusy = false
    /// Of a call that runs unasked: what `record` is told of it, but for what it used.
    nonisolated let journal: JSONObject?
    /// Called if such a call ends with nothing to tell.
    var dropped: (@ClientActor () -> Void)?

    nonisolated init(
        usageId: String, userId: String, clientId: String = "", isTest: Bool = false,
        creditsReserved: String = "0.00",
        isRest: Bool = false, journal: JSONObject? = nil
    ) {
        self.journal = journal
        self.usageId = usageId
        self.userId = userId
        self.clientId = clientId
        self.isTest = isTest
        reserved = Mutex(creditsReserved)
        self.isRest = isRest
    }

    /// A decimal text.
    nonisolated var creditsReserved: String { reserved.withLock { $0 } }

    func noteReserved(of answer: Answer) {
        guard let told: String = answer.body.value("credits_reserved") else { return }
        reserved.withLock { $0 = told }
    }

    nonisolated var product: Product { clientId.isEmpty ? .career : .api }

    /// As the wire and the spool name it.
    nonisolated var named: JSONObject {
        var named: JSONObject = ["usage_id": .string(usageId)]
        named[clientId.isEmpty ? "user_id" : "client_id"] =
            .string(clientId.isEmpty ? userId : clientId)
        return named
    }

    /// As the spool has it before its body runs.
    func opened() -> JSONObject {
        named.merging(["r": "open", "at": .int(unixMilliseconds())])
    }

    /// As the spool has it; of a call that runs unasked with what it counts, for whoever adopts it.
    func outcome(_ operations: [JSONObject]) -> JSONObject {
        var record: JSONObject = [
            "r": "outcome", "usage_id": .string(usageId), "operations": operations.wire,
            "at": .int(unixMilliseconds()),
        ]
        record["client_id"] = customer
        if journal != nil { record["counted"] = .string(creditsReserved) }
        return record
    }

    /// As the spool has it once the service has answered the last of its operations.
    func acknowledged() -> JSONObject {
        var record: JSONObject = ["r": "done", "usage_id": .string(usageId)]
        record["client_id"] = customer
        return record
    }

    /// As the spool names a customer in each record; of a user's call nothing.
    private var customer: JSON? { clientId.isEmpty ? nil : .string(clientId) }

    func failure(_ type: FailureType, _ reason: String) -> JSONObject {
        let commit = UsageCommitRequest(
            success: false, failure: UsageFailure(failureType: type, reason: reason))
        return .operation("commit", named.merging(commit.json))
    }
}

/// A commit of a success that has the part's tokens, too: as many as one commit can tell. One that
/// charges credits stays as it is, since it may have no tokens beside them.
func withPart(_ commit: JSONObject, _ part: JSONObject) -> JSONObject {
    if commit["credits"] != nil { return commit }
    var metrics: JSONObject = commit.value("metrics") ?? [:]
    for member in part.members {
        guard member.name.hasSuffix("_tokens"), let tokens = member.value.int else {
            metrics[member.name] = member.value
            continue
        }
        let sum = tokens + (metrics.value(member.name) ?? 0)
        metrics[member.name] = .int(min(Limits.mostTokens, sum))
    }
    var success = commit
    success["failure"] = nil
    success["success"] = true
    success["metrics"] = .object(metrics)
    return success
}

extension UsageCommitRequest {
    /// Whether it says what a success costs.
    var hasAmounts: Bool {
        success == true && (credits != nil || metrics?.hasTokens ?? false)
    }

    /// The same without amounts: all that is held is charged.
    var chargingWhole: UsageCommitRequest {
        var whole = self
        whole.credits = nil
        whole.metrics = UsageMetrics(latencyMs: metrics?.latencyMs)
        return whole
    }
}

func isPositive(_ credits: String) -> Bool {
    Double(credits).map { $0 > 0 } ?? false
}
