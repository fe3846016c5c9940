import Foundation
import GRDB
import Values

/// The embedded engine: GRDB's pool over one SQLite file in WAL mode. One writer at a time, a few
/// readers beside it; `synchronous=FULL` makes each database transaction durable before it is
/// answered.
public final class SQLiteDatabase: Database {
    /// Readers beside the writer.
    static let maximumReaders = 4
    /// How often another process's write is looked at before it is given up, about a millisecond
    /// apart. SQLite's own pauses grow to 100 ms, and would miss the short gaps between the commits
    /// of a busy server.
    static let maximumBusyLooks = 5000
    private static let busyPauseMicroseconds: ClosedRange<UInt32> = 500...1500
    /// The writer's page cache. SQLite's own 2 MB would have it read the same index pages again
    /// and again.
    static let writerCacheKiB = 32 * 1024
    /// Pages in the WAL before it is copied back (4 KiB each).
    static let checkpointPages = 4000
    private static let openingTries = 5
    /// Pages that a backup copies between two words of its progress (4 KiB each).
    static let backupPagesBetweenWords: CInt = 1000

    public let dialect = SQLDialect.sqlite
    private let pool: DatabasePool
    /// The writer's.
    private let statements = SQLiteStatements()

    /// Opens the file, making it and its folder where they are missing; nobody but its owner may
    /// read it, whatever the umask.
    ///
    /// - Parameter checkpoints: whether this process copies the WAL back into the file. One process
    ///   at a time does, the one that serves: releases of SQLite before 3.51.3, Debian's among
    ///   them, can lose pages where two connections checkpoint at the same moment. Whoever is the
    ///   last to close the file copies the rest back, alone.
    public init(path: String, checkpoints: Bool = false) throws {
        let folder = URL(filePath: path).deletingLastPathComponent().path
        var configuration = Configuration()
        configuration.label = "cuebx"
        configuration.maximumReaderCount = Self.maximumReaders
        configuration.busyMode = .callback { looks in
            guard looks < Self.maximumBusyLooks else { return false }
            usleep(.random(in: Self.busyPauseMicroseconds))
            return true
        }
        configuration.prepareDatabase { connection in
            let isCheckpointer = checkpoints && !connection.configuration.readonly
            try connection.execute(
                sql: "PRAGMA wal_autocheckpoint = \(isCheckpointer ? Self.checkpointPages : 0)")
            if !connection.configuration.readonly {
                try connection.execute(sql: "PRAGMA cache_size = -\(Self.writerCacheKiB)")
            }
        }
        do {
            try FileManager.default.createDirectory(
                atPath: folder, withIntermediateDirectories: true)
            Self.makePrivate(path)
            pool = try Self.openPool(path, configuration)
            // Not while the connection is prepared: the pool turns it to NORMAL after that, with
            // which a commit returns before it is durable.
            try pool.writeWithoutTransaction {
                try $0.execute(sql: "PRAGMA synchronous = FULL")
            }
        } catch {
            throw DatabaseError.unavailable("cannot open \(path): \(error)")
        }
    }

    /// Makes the file for its owner alone; SQLite gives the files beside it the same mode. One of
    /// another owner, or on a disk that cannot be written, stays as it is: SQLite tells.
    private static func makePrivate(_ path: String) {
        let descriptor = Foundation.open(path, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        if descriptor >= 0 { Foundation.close(descriptor) }
        for file in [path, path + "-wal", path + "-shm"] { chmod(file, 0o600) }
    }

    /// GRDB looks whether the WAL is there and then at its size; in between a process that was the
    /// last to have the file open may have removed it. Another look finds none, and makes it.
    private static func openPool(
        _ path: String, _ configuration: Configuration
    ) throws -> DatabasePool {
        for _ in 1..<openingTries {
            do {
                return try DatabasePool(path: path, configuration: configuration)
            } catch let error as CocoaError where error.code == .fileReadNoSuchFile {
                continue
            }
        }
        return try DatabasePool(path: path, configuration: configuration)
    }

    public func read<Value: Sendable>(
        _ body: @escaping @Sendable (any DatabaseConnection) throws -> Value
    ) async throws -> Value {
        try await uncanceled { resume in
            pool.asyncRead { connection in
                resume(
                    connection.flatMap { reader in Result { try body(SQLiteConnection(reader)) } })
            }
        }
    }

    public func write<Value: Sendable>(
        _ body: @escaping @Sendable (any DatabaseConnection) throws -> Value
    ) async throws -> Value {
        try await uncanceled { resume in
            pool.asyncWrite {
                try body(SQLiteConnection($0))
            } completion: { _, result in
                resume(result)
            }
        }
    }

    public func writeBlocking<Value>(
        _ body: (any DatabaseConnection) throws -> Value
    ) throws -> Value {
        do {
            return try pool.writeWithoutTransaction {
                try SQLiteConnection($0, statements: statements).inTransaction(body)
            }
        } catch let error as GRDB.DatabaseError {
            throw DatabaseError(error)
        }
    }

    public func readBlocking<Value>(
        _ body: (any DatabaseConnection) throws -> Value
    ) throws -> Value {
        do {
            return try pool.read { try body(SQLiteConnection($0)) }
        } catch let error as GRDB.DatabaseError {
            throw DatabaseError(error)
        }
    }

    public func close() throws {
        pool.writeWithoutTransaction { _ in statements.forget() }
        try pool.close()
    }

    /// Copies the whole database as it is at this moment into another file, page by page, while
    /// others go on reading and writing.
    ///
    /// - Parameters:
    ///   - path: an empty file.
    ///   - progress: is told the pages that were copied, in steps of
    ///     ``backupPagesBetweenWords``; without it they are copied in one.
    public func backUp(to path: String, progress: WorkProgress.Listener? = nil) throws {
        do {
            var configuration = Configuration()
            configuration.label = "cuebx backup"
            let copy = try DatabaseQueue(path: path, configuration: configuration)
            if let progress {
                try pool.read { source in
                    // From here on the snapshot stands, so that no writer makes a step begin anew.
                    _ = try Int.fetchOne(source, sql: "SELECT count(*) FROM sqlite_master")
                    try copy.writeWithoutTransaction { target in
                        try source.backup(
                            to: target, pagesPerStep: Self.backupPagesBetweenWords
                        ) {
                            progress(
                                WorkProgress(
                                    Int64($0.completedPageCount), of: Int64($0.totalPageCount),
                                    .pages))
                        }
                    }
                }
            } else {
                try pool.backup(to: copy)
            }
            try copy.close()
        } catch let error as GRDB.DatabaseError {
            throw DatabaseError(error)
        }
    }

    /// GRDB's own `async` calls end with the task that waits for them, wherever they are.
    private func uncanceled<Value: Sendable>(
        _ transaction: (@escaping @Sendable (Result<Value, any Error>) -> Void) -> Void
    ) async throws -> Value {
        do {
            return try await withCheckedThrowingContinuation { continuation in
                transaction { continuation.resume(with: $0) }
            }
        } catch let error as GRDB.DatabaseError {
            throw DatabaseError(error)
        }
    }
}

extension DatabaseError {
    init(_ error: GRDB.DatabaseError) {
        let text = error.message ?? "SQLite error \(error.extendedResultCode.rawValue)"
        switch (error.extendedResultCode, error.resultCode) {
        case (.SQLITE_CONSTRAINT_UNIQUE, _), (.SQLITE_CONSTRAINT_PRIMARYKEY, _):
            self = .duplicate(text)
        case (_, .SQLITE_CONSTRAINT): self = .constraint(text)
        case (_, .SQLITE_BUSY), (_, .SQLITE_LOCKED), (_, .SQLITE_FULL), (_, .SQLITE_IOERR),
            (_, .SQLITE_READONLY), (_, .SQLITE_CANTOPEN), (_, .SQLITE_INTERRUPT),
            (_, .SQLITE_NOTADB), (_, .SQLITE_CORRUPT):
            self = .unavailable(text)
        default: self = .other(text)
        }
    }
}
