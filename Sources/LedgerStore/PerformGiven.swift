import Database
import Ledger

extension CareerLedger {
    /// What was read before the account was locked is so no longer.
    private struct Changed: Error {}

    /// Carries out a command that depends on rows besides the ledger's: they are read, and read
    /// again once the account is locked, until both say the same.
    ///
    /// - Throws: as ``perform(_:in:alongside:)`` does, and what `fact` throws.
    package func perform<Fact: Equatable & Sendable, Command: LedgerCommand>(
        given fact: @escaping @Sendable (any DatabaseConnection) throws -> Fact,
        _ command: @Sendable (Fact) -> Command,
        alongside: @escaping @Sendable (any DatabaseConnection, Command.Outcome) throws -> Void
    ) async throws -> Command.Outcome {
        while true {
            let known = try await read(fact)
            let answer = try await perform(
                command(known),
                unless: { try fact($0) == known ? nil : Changed() }, alongside: alongside)
            if case .success(let outcome) = answer { return outcome }
        }
    }
}
