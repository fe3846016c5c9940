import Database
import Foundation
import Messaging
import Testing
import Values

@Suite("Messages of an account")
struct AccountMessagesTests {
    private let now = Timestamp(clamping: 1_800_000_000_123_457)

    @Test("Erased by their column are the account's own, and Stripe's lose its id alone")
    func byColumn() async throws {
        let tested = try await BrokerUnderTest(.embedded, now: now)
        let (account, other) = (UUID(), UUID())
        for id in [account, other] {
            let envelope = MessageEnvelope(requestID: "r", accountID: id)
            try await tested.enqueue(["mail"], in: .emails, envelope, at: now)
            try await tested.enqueue(["commit"], envelope, at: now)
            try await tested.enqueue(
                ["{\"user\":\"\(id.text)\"}"], in: .checkoutCompleted, envelope, at: now)
        }
        try await erase(account, of: tested)
        #expect(
            try await bodies(of: tested) == [
                "commit", "mail", "{\"user\":\"\(other.text)\"}", "{\"user\":null}",
            ])
        try await erase(other, of: tested)
        #expect(try await bodies(of: tested) == ["{\"user\":null}", "{\"user\":null}"])
        try await tested.close()
    }

    @Test("Without the column they are found by their body, and only then")
    func byBody() async throws {
        let tested = try await BrokerUnderTest(.embedded, now: now)
        let (account, other) = (UUID(), UUID())
        let mails = (0..<501).map { "{\"mail\":\"\($0 + 100)\"}" }
        try await tested.enqueue(
            ["{\"user_id\":\"\(account.text)\"}", "{\"user_id\":\"\(other.text)\"}"], at: now)
        try await tested.enqueue(mails, in: .emails, at: now)
        try await tested.enqueue(
            [mails[0]], in: .emails, MessageEnvelope(accountID: other), at: now)
        _ = try await tested.database.write { connection in
            try AccountMessages.erase(account, in: connection)
            try AccountMessages.erase(.emails, beginningWith: mails, of: 14, in: connection)
        }
        #expect(
            try await bodies(of: tested) == [mails[0], "{\"user_id\":\"\(other.text)\"}"])
        try await tested.close()
    }

    @Test("The account's messages are found by an index")
    func index() async throws {
        let tested = try await BrokerUnderTest(.embedded, now: now)
        let plan = try await tested.database.write { connection in
            try connection.execute(
                """
                CREATE INDEX messages_of_account ON messages (account_id)
                WHERE account_id IS NOT NULL
                """)
            return try connection.query(
                "EXPLAIN QUERY PLAN DELETE FROM messages WHERE account_id = ?", [.uuid(UUID())]
            ).map { row in
                var reader = row.reader
                for _ in 0..<3 { _ = try reader.integer() }
                return try reader.text()
            }
        }
        #expect(plan.contains { $0.contains("messages_of_account") })
        try await tested.close()
    }

    private func erase(_ account: UUID, of tested: BrokerUnderTest) async throws {
        _ = try await tested.database.write { try AccountMessages.erase(account, in: $0) }
    }

    private func bodies(of tested: BrokerUnderTest) async throws -> [String] {
        try await tested.database.read { connection in
            try connection.query("SELECT body FROM messages ORDER BY body").map { row in
                var reader = row.reader
                return try reader.text()
            }
        }
    }
}
