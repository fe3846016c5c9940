import Foundation
import SimulationRuns
import Simulator
import SimulatorDatabase
import Testing

@Suite("The ledger under faults decides as the model of its rules does", .serialized)
struct SimulatorTests {
    /// The engines that a run may be on. Each makes an engine that is empty at each call.
    enum Engine: String, CaseIterable {
        case memory
        case sqlite
        case postgresql

        /// Seeds of the fixed set, and fresh ones.
        var seeds: (fixed: ClosedRange<UInt64>, fresh: UInt64) {
            switch self {
            case .memory: (1...1000, 200)
            case .sqlite, .postgresql: (1...6, 2)
            }
        }

        struct Missing: Error, CustomStringConvertible {
            let description = """
                CUEBX_TEST_POSTGRESQL is not set: it names the PostgreSQL that the tests may use. \
                scripts/test.sh starts one
                """
        }

        func withEngine(_ body: (@escaping DatabaseEngine.MakeEngine) throws -> Void) async throws {
            switch self {
            case .memory: try body { MemoryEngine() }
            case .sqlite: try await DatabaseEngine.withSQLite(body)
            case .postgresql:
                let environment = ProcessInfo.processInfo.environment
                guard let url = environment["CUEBX_TEST_POSTGRESQL"] else { throw Missing() }
                try await DatabaseEngine.withPostgreSQL(url: url, body)
            }
        }
    }

    @Test("In every run of the fixed set of seeds", arguments: Engine.allCases)
    func fixedSeeds(engine: Engine) async throws {
        try await engine.withEngine { makeEngine in
            let report = try SimulationRunner(makeEngine: makeEngine, print: { print($0) })
                .run(engine.seeds.fixed)
            #expect(report.failure == nil)
        }
    }

    /// A commit whose answer was lost, two whose process has a clock that is behind, and limits
    /// that are set in the batch in which the account is made.
    @Test(
        "In runs that once failed on the database's store",
        arguments: [UInt64(4205), 5125, 6874, 943_639_685],
        [Engine.sqlite, .postgresql])
    func mendedSeeds(seed: UInt64, engine: Engine) async throws {
        try await engine.withEngine { makeEngine in
            let report = try SimulationRunner(makeEngine: makeEngine, print: { print($0) })
                .run(CollectionOfOne(seed))
            #expect(report.failure == nil)
        }
    }

    @Test("In runs of seeds that nobody has tried", arguments: Engine.allCases)
    func freshSeeds(engine: Engine) async throws {
        let first = UInt64.random(in: 1_000_000...UInt64(UInt32.max))
        let seeds = first..<first + engine.seeds.fresh
        print("simulating seeds \(seeds) on \(engine.rawValue)")
        try await engine.withEngine { makeEngine in
            let report = try SimulationRunner(makeEngine: makeEngine, print: { print($0) })
                .run(seeds)
            #expect(report.failure == nil)
        }
    }

    @Test("The runs of the fixed set meet every kind of answer")
    func everyKindOfAnswer() throws {
        let report = try SimulationRunner(makeEngine: { MemoryEngine() }, print: { print($0) })
            .run(1...500)
        let met = Set(report.coverage.keys)
        let wanted: Set = [
            "validate: reserved", "validate: replayed", "validate: quota_exceeded",
            "validate: rate_limited", "validate: request_mismatch",
            "validate: request_already_finished SUCCESS",
            "validate: request_already_finished FAILED",
            "validate: request_already_finished EXPIRED", "validate: subscription_inactive",
            "validate: unknown user", "validate: deactivated", "validate: unknown feature",
            "commit: SUCCESS", "commit: SUCCESS again", "commit: FAILED", "commit: FAILED again",
            "commit: refused, SUCCESS", "commit: refused, FAILED", "commit: refused, EXPIRED",
            "commit: SUCCESS, not all charged", "commit: SUCCESS, late",
            "commit: SUCCESS, late, not all charged", "validate: hold too long",
            "extend: done", "extend: done again", "extend: quota_exceeded",
            "validate: spending_limit_reached", "extend: spending_limit_reached",
            "validate: parent_ended", "validate: parent_hold_exceeded",
            "validate: unknown parent",
            "limit spending: limited", "limit spending: none", "read limits: none",
            "extend: request_mismatch", "extend: hold too long", "extend: already_ended EXPIRED",
            "capture: done", "capture: done again", "capture: hold_exceeded",
            "capture: not priced", "capture: request_mismatch", "capture: already_ended SUCCESS",
            "record: SUCCESS", "record: SUCCESS again", "record: SUCCESS, not all charged",
            "record: refused, FAILED", "record: refused, EXPIRED", "record: request_mismatch",
            "record: not of this day", "record: unknown user",
            "cancel: done", "cancel: done again", "cancel: already_ended SUCCESS",
            "commit: not theirs", "commit: unknown usage", "accept a commit: accepted",
            "withdraw a commit: withdrawn, PENDING", "withdraw a commit: withdrawn, EXPIRED",
            "adjust credits: adjusted", "adjust credits: already adjusted",
            "adjust credits: would be negative", "apply Stripe's state: applied",
            "apply Stripe's state: other subscription", "apply Stripe's state: not taken over",
            "apply Stripe's state: no account",
            "apply Stripe's state: applied, another plan follows", "erase the account: remembered",
            "activate: created", "activate: existing",
        ]
        #expect(wanted.subtracting(met).isEmpty)
    }

    @Test("The same seed makes the same run")
    func deterministic() throws {
        func coverage() throws -> Simulation.Coverage {
            try SimulationRunner(makeEngine: { MemoryEngine() }, print: { _ in })
                .run(1...50).coverage
        }
        #expect(try coverage() == coverage())
    }
}
