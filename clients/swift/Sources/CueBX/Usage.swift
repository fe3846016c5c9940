import Synchronization

/// An open hold. Its operations go one after the other.
@ClientActor
final class Usage {
    nonisolated let usageId: String
    nonisolated let userId: String
    nonisolated let feature: String
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
    var isBusy = false

    nonisolated init(
        usageId: String, userId: String, feature: String = "", creditsReserved: String = "0.00",
        isRest: Bool = false
    ) {
        self.usageId = usageId
        self.userId = userId
        self.feature = feature
        reserved = Mutex(creditsReserved)
        self.isRest = isRest
    }

    /// A decimal text.
    nonisolated var creditsReserved: String { reserved.withLock { $0 } }

    func noteReserved(of answer: Answer) {
        guard let told: String = answer.body.value("credits_reserved") else { return }
        reserved.withLock { $0 = told }
    }

    func failure(_ type: FailureType, _ reason: String) -> JSONObject {
        let commit = UsageCommitRequest(
            userId: userId, usageId: usageId, success: false,
            failure: UsageFailure(failureType: type, reason: reason))
        return .operation("commit", commit.json)
    }
}

/// A commit of a success that has the part's tokens, too.
func withPart(_ commit: JSONObject, _ part: JSONObject) -> JSONObject {
    var metrics: JSONObject = commit.value("metrics") ?? [:]
    for member in part.members {
        guard member.name.hasSuffix("_tokens"), let tokens = member.value.int else {
            metrics[member.name] = member.value
            continue
        }
        metrics[member.name] = .int(tokens + (metrics.value(member.name) ?? 0))
    }
    var success = commit
    success["failure"] = nil
    success["success"] = true
    success["metrics"] = .object(metrics)
    return success
}

func isPositive(_ credits: String) -> Bool {
    Double(credits).map { $0 > 0 } ?? false
}
