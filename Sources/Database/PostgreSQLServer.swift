import CPQ
import Foundation
import Synchronization

/// Where the server is, and when it may be asked for a connection again. A server that is away is
/// not besieged: after each refusal there is a pause that doubles, and meanwhile callers are told
/// at once that it is away.
final class PostgreSQLServer: Sendable {
    /// The oldest server whose SQL and protocol are used here.
    static let oldestVersion = 13
    /// Seconds for one attempt to connect; `connect_timeout` in the URL overrules it.
    static let connectTimeout = 5
    /// How long the server may be silent to what was sent before the connection counts as lost.
    static let silenceMilliseconds = 15_000
    static let firstPause = Duration.milliseconds(50)
    static let longestPause = Duration.seconds(1)

    private struct Gate {
        var failures = 0
        var opensAt = ContinuousClock.now
        var reason = ""
    }

    private let url: String
    private let password: String
    private let gate = Mutex(Gate())

    /// - Throws: ``DatabaseError/unavailable(_:)`` for what is no URL of PostgreSQL. The message
    ///   tells nothing of it, since it may hold a password.
    init(url: String) throws {
        guard let password = Self.password(in: url) else {
            throw DatabaseError.unavailable(
                "DATABASE_URL must be postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=MODE, "
                    + "with other characters in %-code")
        }
        self.url = url
        self.password = password
    }

    /// - Throws: ``DatabaseError/unavailable(_:)`` in one line without the password.
    func connect() throws -> PostgreSQLConnection {
        try gate.withLock {
            guard ContinuousClock.now >= $0.opensAt else {
                throw DatabaseError.unavailable($0.reason)
            }
        }
        do {
            let connection = try open()
            gate.withLock { $0 = Gate() }
            return connection
        } catch let error as DatabaseError {
            gate.withLock { shut(&$0, because: error) }
            throw error
        }
    }

    private func shut(_ gate: inout Gate, because error: DatabaseError) {
        let doubled = Self.firstPause * (1 << min(gate.failures, 8))
        // Jitter, so that many processes do not come back in step.
        let pause = min(doubled, Self.longestPause) * Double.random(in: 0.5...1)
        gate.failures += 1
        gate.opensAt = .now + pause
        if case .unavailable(let reason) = error { gate.reason = reason }
    }

    private func open() throws -> PostgreSQLConnection {
        // What stands before the URL it overrules; what stands behind overrules it.
        let options: [(String, String)] = [
            ("connect_timeout", String(Self.connectTimeout)),
            ("application_name", "cuebx"),
            ("keepalives_idle", "10"), ("keepalives_interval", "5"), ("keepalives_count", "3"),
            ("tcp_user_timeout", String(Self.silenceMilliseconds)),
            ("dbname", url), ("client_encoding", "UTF8"),
        ]
        let handle = withCStrings(options.map(\.0)) { keywords in
            withCStrings(options.map(\.1)) { values in PQconnectdbParams(keywords, values, 1) }
        }
        guard let handle else { throw DatabaseError.unavailable("out of memory") }
        guard PQstatus(handle) == CONNECTION_OK else {
            defer { PQfinish(handle) }
            throw DatabaseError.unavailable(
                redacted(PostgreSQLFailure.oneLine(PQerrorMessage(handle))))
        }
        let version = Int(PQserverVersion(handle))
        guard version / 10_000 >= Self.oldestVersion else {
            PQfinish(handle)
            throw DatabaseError.unavailable(
                "the server is PostgreSQL \(version / 10_000).\(version % 10_000); "
                    + "\(Self.oldestVersion) or newer is needed")
        }
        return try PostgreSQLConnection(handle)
    }

    private func redacted(_ message: String) -> String {
        password.isEmpty ? message : message.replacing(password, with: "***")
    }

    /// The password that libpq reads in the URL, empty without one; `nil` where it is no URL. One
    /// whose password is not escaped is refused as well: libpq would take its end for the host and
    /// name it in messages.
    private static func password(in url: String) -> String? {
        let afterScheme = url.drop { $0 != "/" }.dropFirst(2)
        let authority = afterScheme.prefix { $0 != "/" && $0 != "?" }
        let marks = url.count { $0 == "@" }
        guard marks == 0 || marks == 1 && authority.contains("@") else { return nil }
        guard let options = PQconninfoParse(url, nil) else { return nil }
        defer { PQconninfoFree(options) }
        var option = options
        while let keyword = option.pointee.keyword {
            if String(cString: keyword) == "password" {
                return option.pointee.val.map { String(cString: $0) } ?? ""
            }
            option += 1
        }
        return ""
    }
}

/// Hands the texts over as a C array of C strings that ends with NULL.
private func withCStrings<Value>(
    _ texts: [String], _ body: (UnsafePointer<UnsafePointer<CChar>?>) -> Value
) -> Value {
    let copies = texts.map { strdup($0) }
    defer { copies.forEach { free($0) } }
    return body(copies.map { UnsafePointer($0) } + [nil])
}
