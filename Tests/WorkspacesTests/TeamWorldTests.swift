import Foundation
import TestFixtures
import Testing

@Suite("Members, seats, invitations and freezes of a team decide as a plain model does")
struct TeamWorldTests {
    /// Steps of a run.
    private static let length = 120

    /// By hand others are tried, e.g. CUEBX_TEAM_SEEDS=1000-1999.
    private static let otherSeeds: ClosedRange<UInt64>? = {
        let told = ProcessInfo.processInfo.environment["CUEBX_TEAM_SEEDS"] ?? ""
        let ends = told.split(separator: "-").compactMap { UInt64($0) }
        return ends.count == 2 && ends[0] <= ends[1] ? ends[0]...ends[1] : nil
    }()

    /// - Returns: the codes that were answered.
    private func run(
        _ seeds: ClosedRange<UInt64>, on engine: TestEngine
    ) async throws -> Set<String> {
        var met: Set<String> = []
        try await engine.withDatabase { database in
            for seed in Self.otherSeeds ?? seeds {
                let world = try await TeamWorld(seed: seed, in: database)
                for number in 0..<Self.length {
                    if let difference = try await world.step() {
                        Issue.record("seed \(seed), step \(number): \(difference)")
                        break
                    }
                }
                met.formUnion(world.met.keys)
            }
        }
        return met
    }

    @Test("in 25 runs, which meet the answers of each kind of rule")
    func sqlite() async throws {
        let met = try await run(1...25, on: .sqlite)
        guard Self.otherSeeds == nil else { return }
        // Of two at the same time any may be first, and what follows is drawn by that: of what is
        // rare nothing is asked.
        #expect(
            met.isSuperset(of: [
                "done", "workspace_not_found", "member_disabled", "role_required",
                "workspace_suspended", "workspace_frozen", "no_seat_left", "already_member",
                "invitation_not_found", "member_not_found", "owner_stays", "not_a_member",
            ]))
    }

    /// Where two really decide at the same time.
    @Test("in two runs on PostgreSQL")
    func postgresql() async throws {
        _ = try await run(1...2, on: .postgresql)
    }
}
