import ArgumentParser
import Database
import Foundation
import Moving
import Service
import Values

struct Export: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Write the whole database as one stream, to be imported elsewhere.",
        discussion: """
            Reads one snapshot beside a live server. The stream holds password hashes and the \
            installation's secret: keep it as you keep the database.
            """)

    @Argument(help: "A file that does not exist yet (made for its owner alone), or - .")
    var file = "-"

    func run() async throws {
        let database = try await CareerCore.openExisting(try await Settings.load())
        do {
            let summary =
                file == "-"
                ? try export(database, to: STDOUT_FILENO)
                : try withNewFile(file) { descriptor in
                    let summary = try export(database, to: descriptor)
                    guard fsync(descriptor) == 0 else { throw systemFailure("write \(file)") }
                    return summary
                }
            tell(
                "exported \(summary.rows) rows of \(summary.tables) tables; among them are "
                    + "password hashes and the installation's secret")
            try database.close()
        } catch {
            try database.close()
            throw error
        }
    }

    private func export(
        _ database: any Database, to descriptor: Int32
    ) throws -> DatabaseExport.Summary {
        try DatabaseExport(database: database).run(now: DecisionClock.wall.now()) { bytes in
            try bytes.withUnsafeBytes { try writeAll($0, to: descriptor) }
        }
    }
}

struct Import: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import", abstract: "Fill an empty database from an export.",
        discussion: """
            The database is new or freshly migrated. All or nothing: an import that fails removes \
            what it wrote, and one that is broken off leaves a mark that keeps everything else \
            from using the database.
            """)

    @Argument(help: "The export, or - .")
    var file: String

    @Flag(help: "First remove what an import that was broken off has left.")
    var startOver = false

    func run() async throws {
        let settings = try await Settings.load()
        let descriptor = file == "-" ? STDIN_FILENO : open(file, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw systemFailure("read \(file)") }
        defer { close(descriptor) }
        let rows = try await DatabaseImport.run(
            from: descriptor, startOver: startOver, now: DecisionClock.wall.now()
        ) {
            try await CareerCore.openForImport(settings)
        }
        tell("imported \(rows) rows; `cuebx audit` checks the ledger")
    }
}

struct Backup: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup",
        abstract: "Copy an SQLite database into a new file, beside a live server.",
        discussion: "The copy is a database to start from. PostgreSQL is backed up with pg_dump.")

    @Argument(help: "A file that does not exist yet; made for its owner alone.")
    var file: String

    func run() async throws {
        let settings = try await Settings.load()
        guard CareerCore.sqlitePath(settings) != nil else {
            throw FriendlyError("only SQLite is backed up this way; for PostgreSQL use pg_dump")
        }
        guard let database = try await CareerCore.openExisting(settings) as? SQLiteDatabase else {
            throw FriendlyError("only SQLite is backed up this way; for PostgreSQL use pg_dump")
        }
        do {
            try withNewFile(file) { _ in try database.backUp(to: file) }
            try database.close()
        } catch {
            try database.close()
            throw error
        }
        tell("copied the database to \(file)")
    }
}

/// Makes a file that only its owner may read, and removes it again where `body` fails.
private func withNewFile<Value>(_ path: String, _ body: (Int32) throws -> Value) throws -> Value {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw systemFailure("make \(path)") }
    defer { close(descriptor) }
    do {
        return try body(descriptor)
    } catch {
        unlink(path)
        throw error
    }
}

private func writeAll(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32) throws {
    var rest = bytes[...]
    while !rest.isEmpty {
        let part = UnsafeRawBufferPointer(rebasing: rest)
        let written = write(descriptor, part.baseAddress, part.count)
        if written < 0 && errno == EINTR { continue }
        guard written > 0 else { throw systemFailure("write the export") }
        rest = rest.dropFirst(written)
    }
}

private func systemFailure(_ what: String) -> FriendlyError {
    FriendlyError("cannot \(what): \(String(cString: strerror(errno)))")
}

/// Standard output may be the export.
private func tell(_ text: String) {
    FileHandle.standardError.write(Data("\(text)\n".utf8))
}
