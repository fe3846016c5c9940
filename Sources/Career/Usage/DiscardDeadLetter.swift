import Foundation
import JSON
import Ledger
import LedgerStore
import Messaging

/// Throws dead letters away. With a commit that had been accepted its acceptance goes too, so that
/// the credits it holds are given back in time.
public struct DiscardDeadLetter: Sendable {
    private let letters: DeadLetters
    private let ledger: CareerLedger

    public init(letters: DeadLetters, ledger: CareerLedger) {
        self.letters = letters
        self.ledger = ledger
    }

    /// The letter was retried or discarded meanwhile; nothing is written.
    private struct LetterGone: Error {}

    /// - Returns: false where there is no such letter.
    public func discard(_ id: UUID) async throws -> Bool {
        guard let letter = try await letters.letter(id) else { return false }
        guard let commit = Self.commit(in: letter) else { return try await letters.discard(id) }
        let answer = try await ledger.perform(
            WithdrawCommit(commit),
            unless: { try DeadLetters.discard(id, in: $0) ? nil : LetterGone() })
        switch answer {
        case .success: return true
        case .failure: return false
        }
    }

    /// A body that cannot be read was never accepted: its letter holds nothing.
    private static func commit(in letter: DeadLetters.Letter) -> CommitUsage? {
        guard letter.queue == MessageQueue.usageCommits.rawValue else { return nil }
        do {
            return try UsageCommitRequest.decode(JSONValue.parse(letter.body)).command
        } catch {
            return nil
        }
    }
}
