/// A database that is never there: for putting a service together whose addresses are listed and
/// not called.
package struct NoDatabase: Database {
    private static let absence = DatabaseError.unavailable("there is no database")

    package let dialect = SQLDialect.sqlite

    package init() {}

    package func read<Value: Sendable>(
        _ body: @escaping @Sendable (any DatabaseConnection) throws -> Value
    ) async throws -> Value { throw Self.absence }

    package func write<Value: Sendable>(
        _ body: @escaping @Sendable (any DatabaseConnection) throws -> Value
    ) async throws -> Value { throw Self.absence }

    package func writeBlocking<Value>(
        _ body: (any DatabaseConnection) throws -> Value
    ) throws -> Value { throw Self.absence }

    package func readBlocking<Value>(
        _ body: (any DatabaseConnection) throws -> Value
    ) throws -> Value { throw Self.absence }

    package func close() {}
}
