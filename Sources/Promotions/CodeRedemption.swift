import Database
import FoundationEssentials
import HTTPEndpoint
import Ledger
import LedgerStore
import Users
import Values

/// Grants what a code is worth: to each user once, whatever accounts they have had, for their own
/// account or for one that they act for.
public struct CodeRedemption: Sendable {
    /// Why nothing was granted.
    package enum Refusal: Error, Equatable {
        case unknownCode
        case tooManyAttempts(retryAfter: Int64)
        case notYetValid
        case expired
        case usedUp
        case tooManyGrants
        case noSubscription
        /// The user was erased a moment ago.
        case unknownUser
        /// The account is not the user's to redeem a code for any more.
        case barred(Problem)
    }

    /// Whose account a code is redeemed for.
    package struct Holder: Sendable {
        package typealias Judge = @Sendable (any DatabaseConnection) throws -> Problem?
        package typealias Note = @Sendable (any DatabaseConnection, StandaloneGrant) throws -> Void

        let account: UUID
        let bar: Judge
        let note: Note

        /// The user's own account.
        package static func user(_ id: UUID) -> Holder {
            Holder(account: id, bar: { _ in nil }, note: { _, _ in })
        }

        /// An account that the user acts for: of one code it is granted once, whoever acts for it.
        ///
        /// - Parameters:
        ///   - bar: why the user may not; it is asked once the account is locked.
        ///   - note: writes down what was granted, in the same database transaction.
        package static func account(
            _ id: UUID, unless bar: @escaping Judge, note: @escaping Note
        ) -> Holder {
            Holder(account: id, bar: bar, note: note)
        }
    }

    private let database: any Database
    private let ledger: CareerLedger
    private let former: FormerAccounts
    private let clock: DecisionClock

    package init(
        database: any Database, ledger: CareerLedger, former: FormerAccounts, clock: DecisionClock
    ) {
        self.database = database
        self.ledger = ledger
        self.former = former
        self.clock = clock
    }

    /// - Parameters:
    ///   - text: what the user has typed.
    ///   - user: who redeems it, each code once, whatever it is for.
    /// - Returns: the grant, the same each time.
    package func redeem(
        _ text: String, by user: UUID, for holder: Holder
    ) async throws -> Result<StandaloneGrant, Refusal> {
        let now = clock.now()
        let spelled = PromotionCode.spelled(text)
        let (blocked, found) = try await database.read { connection in
            (
                try CodeAttempts.blockedUntil(user, in: connection, now: now),
                try spelled.flatMap { try PromotionCodes.find($0, in: connection) }
            )
        }
        if let blocked { return .failure(.blocked(until: blocked, at: now)) }
        guard let code = found else { return try await countWrong(by: user, at: now) }
        let cause = "code \(code.code)"
        let find = FindGrant(userID: holder.account, cause: cause)
        if let known = try await ledger.look(at: find) {
            return .success(known)
        }
        let answer = try await grant(code, to: holder, by: user, for: cause, at: now)
        if answer == .failure(.usedUp), let known = try await ledger.look(at: find) {
            // Another request for the same account was first.
            return .success(known)
        }
        return answer
    }

    private func countWrong(
        by user: UUID, at now: Timestamp
    ) async throws -> Result<StandaloneGrant, Refusal> {
        let blocked = try await database.write { connection -> Timestamp? in
            guard try UserRow.findLocked(id: user, in: connection) != nil else { return nil }
            return try CodeAttempts.countWrong(user, in: connection, now: now)
        }
        return .failure(blocked.map { .blocked(until: $0, at: now) } ?? .unknownCode)
    }

    private func grant(
        _ code: PromotionCode, to holder: Holder, by user: UUID, for cause: String,
        at now: Timestamp
    ) async throws -> Result<StandaloneGrant, Refusal> {
        let command = AddGrant(
            userID: holder.account, source: .promotion, amount: code.credits,
            expiresAt: code.validDays.map { now.adding(seconds: $0 * 86_400) }, cause: cause,
            randomness: .random(in: .min ... .max))
        let answer = try await ledger.perform(command) { [former] connection -> Refusal? in
            if let problem = try holder.bar(connection) { return .barred(problem) }
            guard let row = try UserRow.find(id: user, in: connection) else {
                return .unknownUser
            }
            // Guesses that were sent at once count before this one.
            if let end = try CodeAttempts.blockedUntil(user, in: connection, now: now) {
                return .blocked(until: end, at: now)
            }
            // The row is locked, so that its count holds until this is written.
            guard
                let latest = try PromotionCodes.find(code.code, in: connection, locked: true)
            else { return .unknownCode }
            let hashes = former.key(of: row).all
            if try PromotionCodes.grant(of: code.code, to: hashes, in: connection) != nil {
                return .usedUp
            }
            return latest.refusal(at: now).map(Refusal.init)
        } alongside: { [former] connection, outcome in
            guard case .added(let grant) = outcome,
                let row = try UserRow.find(id: user, in: connection)
            else { return }
            try PromotionCodes.noteRedeemed(
                code.code, by: former.key(of: row).current, for: grant.id, in: connection,
                now: now)
            try holder.note(connection, grant)
        }
        switch answer {
        case .failure(let refusal): return .failure(refusal)
        case .success(.added(let grant)), .success(.existing(let grant)): return .success(grant)
        case .success(.tooManyGrants): return .failure(.tooManyGrants)
        case .success(.noSubscription): return .failure(.noSubscription)
        }
    }
}

extension CodeRedemption.Refusal {
    fileprivate init(_ refusal: PromotionCode.Refusal) {
        self =
            switch refusal {
            case .notYetValid: .notYetValid
            case .expired: .expired
            case .usedUp: .usedUp
            }
    }

    fileprivate static func blocked(until end: Timestamp, at now: Timestamp) -> Self {
        .tooManyAttempts(retryAfter: now.secondsRoundedUp(until: end))
    }
}
