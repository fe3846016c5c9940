import HTTPEndpoint
import Values

/// Development only: moves the clock of every process on this database forward.
struct AdvanceClock: Action {
    /// How often Stripe and the worker take turns before the answer.
    static let maximumRounds = 10

    let developmentClock: DevelopmentClock
    /// With a real Stripe behind the service, whose clock cannot be moved along.
    let isFixed: Bool
    /// Does what has fallen due; the answer waits for it.
    let settle: @Sendable () async throws -> Void

    static let about = About(
        "Move the development clock",
        details: "Answers when the work that fell due is done. Not there in production.",
        access: .open,
        refusals: [.clockIsFixed, .clockAtItsEnd, .paymentProviderUnavailable, .brokerUnavailable])

    func read(_ input: inout InputReader) -> ClockAdvanceRequest {
        input.body(ClockAdvanceRequest.self)
    }

    func perform(_ request: ClockAdvanceRequest, _ call: Call) async throws -> Reply<ClockResponse>
    {
        guard !isFixed else { throw Problem.clockIsFixed }
        guard try await developmentClock.advance(seconds: request.advanceSeconds) else {
            throw Problem.clockAtItsEnd
        }
        try await settle()
        // By then every other process has taken over the new offset.
        try await Task.sleep(for: DevelopmentClock.spreadTime)
        return Reply(ClockResponse(now: developmentClock.clock.now()))
    }
}

struct ClockAdvanceRequest: JSONInput {
    let advanceSeconds: Int64

    static let about = "How far the clock goes forward."

    init(advanceSeconds: Int64) {
        self.advanceSeconds = advanceSeconds
    }

    init(_ reader: inout ObjectReader) {
        advanceSeconds = reader.required(
            "advance_seconds", .integer(0...DevelopmentClock.maximumAdvance), "Seconds.")
    }
}

struct ClockResponse: JSONObjectOutput {
    let now: Timestamp

    static let about = "The development clock."
    static let fields: [OutputField<ClockResponse>] = [
        OutputField("now", .time, "What time it is for decisions.") { $0.now }
    ]
}

extension Problem {
    static let clockIsFixed = Problem(
        409, "clock_is_fixed", "The clock is fixed",
        "With a real Stripe key the clock cannot be moved.")
    static let clockAtItsEnd = Problem(
        409, "clock_at_its_end", "The clock is at its end",
        "The clock would go beyond the years that it counts.")
}
