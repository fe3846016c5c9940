import Foundation
import HTTPEndpoint
import Testing
import Users
import Values
import WorkspaceKeys
import Workspaces

/// Every guard that an endpoint declares, on every membership that there can be.
@Suite("Workspace guards")
struct WorkspaceGuardTests {
    static let guards: [WorkspaceGuard] =
        (WorkspaceSamples.routes.map(\.about.access) + [
            .unsuspendedWorkspaceAdmin, .unsuspendedWorkspaceOwner,
        ])
        .compactMap { $0.resource as? WorkspaceGuard }
        .reduce(into: []) { if !$0.contains($1) { $0.append($1) } }

    @Test("who is no member is told that there is no such workspace", arguments: guards)
    func strangers(needed: WorkspaceGuard) {
        #expect(needed.refusal(of: nil) == .workspaceNotFound)
    }

    @Test("a disabled member may leave, and nothing else", arguments: guards)
    func disabled(needed: WorkspaceGuard) {
        for sample in WorkspaceSamples.memberships(status: .disabled) {
            let refusal = needed.refusal(of: sample)
            #expect(needed.admitsDisabled ? refusal == nil : refusal == .memberDisabled)
        }
    }

    @Test("who has not proven an address does nothing", arguments: guards)
    func unverified(needed: WorkspaceGuard) {
        for sample in WorkspaceSamples.memberships(status: .enabled, isVerified: false) {
            #expect(needed.refusal(of: sample) == .emailNotVerified)
        }
    }

    @Test("a role that is not enough is told before what the workspace lacks", arguments: guards)
    func roles(needed: WorkspaceGuard) {
        for sample in WorkspaceSamples.memberships(status: .enabled) where sample.role < needed.role
        {
            #expect(needed.refusal(of: sample) == .roleRequired)
        }
    }

    @Test(
        "what adds is refused by what the workspace is; what does not is let in", arguments: guards)
    func states(needed: WorkspaceGuard) {
        for sample in WorkspaceSamples.memberships(status: .enabled)
        where sample.role >= needed.role {
            let refusal = sample.workspace.refusalToAdd
            // A frozen workspace may buy.
            let mayBuy = needed.admitsFrozen && refusal != .workspaceSuspended
            let expected = needed.needsActive || needed.admitsFrozen ? refusal : nil
            #expect(needed.refusal(of: sample) == (mayBuy ? nil : expected))
        }
    }

    @Test("suspended is told before frozen, frozen before what the subscription lacks")
    func order() {
        #expect(WorkspaceSamples.workspace(.live).refusalToAdd == nil)
        #expect(WorkspaceSamples.workspace(.none).refusalToAdd == .workspaceWithoutSubscription)
        #expect(
            WorkspaceSamples.workspace(.inactive).refusalToAdd == .workspaceSubscriptionInactive)
        for standing in WorkspaceSubscription.Standing.allCases {
            #expect(
                WorkspaceSamples.workspace(standing, isFrozen: true).refusalToAdd
                    == .workspaceFrozen)
            #expect(
                WorkspaceSamples.workspace(standing, isFrozen: true, isSuspended: true)
                    .refusalToAdd == .workspaceSuspended)
        }
    }

    @Test("every address below a workspace has a guard, and every guard a name of its own")
    func declared() {
        for endpoint in WorkspaceSamples.routes {
            let isBelow = endpoint.path.contains("{\(WorkspaceGuard.parameter)}")
            #expect((endpoint.about.access.resource != nil) == isBelow, "\(endpoint.path)")
        }
        #expect(Set(Self.guards.map(\.name)).count == Self.guards.count)
    }
}

@Suite("Seats")
struct SeatTests {
    @Test("the owner is enabled with no seat, and fewer seats to come count at once")
    func capacity() {
        func seats(_ count: Int64, _ pending: Int64? = nil) -> WorkspaceSubscription {
            WorkspaceSubscription(standing: .live, seatCount: count, pendingSeatCount: pending)
        }
        #expect(seats(0).capacity == 1 && seats(0).available(beside: 1) == 0)
        #expect(seats(3).capacity == 3 && seats(3).available(beside: 1) == 2)
        #expect(seats(3, 2).capacity == 2 && seats(3, 2).available(beside: 2) == 0)
        #expect(seats(3, 0).capacity == 1 && seats(3, 0).available(beside: 3) == 0)
    }
}

@Suite("Slugs")
struct SlugTests {
    @Test(
        "any name makes a good slug with room for random digits",
        arguments: [
            "Acme", "  Acme, Inc.  ", "ACME---ACME", "日本語", "…", "", "-x-", "a",
            String(repeating: "a", count: 128), String(repeating: "a ", count: 100),
            String(repeating: "é", count: 128), "Ünïcode & co",
        ])
    func made(name: String) {
        let slug = Slug.made(of: name)
        #expect(Slug.isGood(slug) && Slug.isGood(slug + "-abcdefghijkl"), "\(slug)")
        #expect(!slug.hasSuffix("-"))
    }

    @Test(
        "what is no slug is none",
        arguments: [
            "", "-a", "A", "a_b", "a b", "é", "a\n", String(repeating: "a", count: 64), "a/b",
        ])
    func bad(text: String) { #expect(!Slug.isGood(text)) }
}
