/// What happens to calls while the service cannot be asked.
public enum OutagePolicy: Sendable {
    /// The user's id; nil, or an error: the token is not good.
    public typealias VerifyToken = @Sendable (_ token: String) async throws -> String?

    /// The default: `unavailable` is thrown and nothing runs.
    case failClosed
    /// While the service cannot be reached, does not answer in time, or answers 502 or 503, calls
    /// run all the same. They are written to the spool and charged afterwards, as far as there are
    /// credits then. Needs a spool on a disk, and a service whose `RECORD_WITHIN` allows it.
    /// - maxCredits: a decimal text: of all calls of this process that ran and were not told yet,
    ///   by what their features last held; a tenth of it may be one user's. A feature of which no
    ///   hold was seen does not run.
    /// - maxDuration: so long after the first call of an outage no other begins; at most a day.
    /// - verifyToken: gets the user's access token, which the service cannot judge now.
    case failOpenWithJournal(
        maxCredits: String, maxDuration: Duration, verifyToken: VerifyToken)

    /// Throws `misused` for what makes no sense.
    func judge(hasDisk: Bool) throws(CueBXError) {
        guard case .failOpenWithJournal(let credits, let duration, _) = self else { return }
        guard hasDisk else {
            throw CueBXError(
                .misused,
                "What runs in an outage must outlive the process: it needs a spool on a disk.")
        }
        try Limits.amount("max_credits", credits)
        guard Micros(credits).value > 0, duration > .zero, duration <= longestOutage else {
            throw CueBXError(
                .misused, "maxCredits must be positive, maxDuration at most a day.")
        }
    }
}

/// The service takes nothing that ran longer ago.
private let longestOutage = Duration.seconds(86_400)

/// An exact amount of credits, in millionths.
struct Micros {
    var value: Int

    init(value: Int) {
        self.value = value
    }

    /// - credits: a decimal text that was judged.
    init(_ credits: String) {
        let parts = credits.split(separator: ".", omittingEmptySubsequences: false)
        let decimals = parts.count > 1 ? parts[1].prefix(6) : ""
        let padded = decimals + String(repeating: "0", count: 6 - decimals.count)
        value = (Int(parts[0]) ?? 0) * 1_000_000 + (Int(padded) ?? 0)
    }

    var decimal: String {
        let rest = String(value % 1_000_000)
        return "\(value / 1_000_000)." + String(repeating: "0", count: 6 - rest.count) + rest
    }
}
