import APIKeys
import Database
import Foundation
import TestFixtures
import Testing
import Values

@Suite("When a key was last used")
struct KeyUseTests {
    private static let noon = Timestamp.epoch.adding(seconds: 1_000 * 86_400 + 43_200)

    /// A workspace with two keys, whose hashes are of one byte.
    private func withKeys(_ body: (any Database) async throws -> Void) async throws {
        try await withTemporaryDatabase { database in
            let (owner, id) = (UUID(), UUID())
            try await database.insertUser(owner, at: .epoch)
            try await database.write { connection in
                try connection.execute(
                    """
                    INSERT INTO workspaces (id, display_name, slug, is_personal, owner_id,
                        subscription, seat_count, created_at, updated_at)
                    VALUES (?, 'Acme', 'acme', 0, ?, 'live', 1, 1, 1)
                    """, [.uuid(id), .uuid(owner)])
                for number: UInt8 in [1, 2] {
                    let key = UUID()
                    try APIKeyRow(
                        id: key, workspaceID: id, familyID: key, name: "\(number)",
                        prefix: "cbx_live_xxxxx", isTest: false, creditLimit: nil,
                        createdBy: owner, createdAt: .epoch, expiresAt: nil
                    ).insert(hash: [number], in: connection)
                }
            }
            try await body(database)
        }
    }

    private func lastUses(_ database: any Database) async throws -> [String] {
        try await database.texts(
            """
            SELECT name || ' ' || coalesce(last_used_at, '-') FROM workspace_api_keys ORDER BY name
            """)
    }

    @Test("It is the minute of the last use, and no earlier use moves it back")
    func minute() async throws {
        try await withKeys { database in
            let uses = KeyUses()
            try await uses.write(to: database)
            #expect(try await lastUses(database) == ["1 -", "2 -"])
            // A key that was written under another secret has its hash under each.
            uses.note([[9], [1]], at: Self.noon.adding(seconds: 61))
            uses.note([[1]], at: Self.noon.adding(seconds: 59))
            try await uses.write(to: database)
            let first = "1 \(Self.noon.adding(seconds: 60).micros)"
            #expect(try await lastUses(database) == [first, "2 -"])
            // Another process is behind.
            let other = KeyUses()
            other.note([[1], [2]], at: Self.noon)
            try await other.write(to: database)
            #expect(try await lastUses(database) == [first, "2 \(Self.noon.micros)"])
        }
    }

    @Test("Nothing of a key is written twice a minute")
    func once() async throws {
        try await withKeys { database in
            let uses = KeyUses()
            func forget() async throws {
                try await database.write {
                    _ = try $0.execute("UPDATE workspace_api_keys SET last_used_at = NULL", [])
                }
            }
            for second in [0, 30, 59] {
                uses.note([[1]], at: Self.noon.adding(seconds: Int64(second)))
                try await uses.write(to: database)
                #expect(try await lastUses(database)[0].hasSuffix(second == 0 ? "0" : "-"))
                try await forget()
            }
            uses.note([[1], [2]], at: Self.noon.adding(seconds: 60))
            try await uses.write(to: database)
            #expect(try await lastUses(database).allSatisfy { !$0.hasSuffix("-") })
        }
    }
}
