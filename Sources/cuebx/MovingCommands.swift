import ArgumentParser
import Database
import Foundation
import JSON
import Moving
import Service
import Settings
import Shell
import Values

struct Export: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Write the whole database as one stream, to be imported elsewhere.",
        discussion: """
            Reads one snapshot beside a live server. The stream holds password hashes and the \
            installation's secret: keep it as you keep the database.

            Examples:
              cuebx export career.jsonl
              cuebx export - > copy.jsonl
            """)

    @Argument(help: "A file that does not exist yet (made for its owner alone), or - .")
    var file = "-"

    @OptionGroup var answer: AnswerOptions

    func validate() throws {
        if file == "-" && answer.json {
            throw ValidationError("--json needs a FILE: standard output is the export")
        }
    }

    func run() async throws {
        let database = try await CareerCore.openExisting(try await Settings.load())
        do {
            let summary = try await ProgressBar.show("export") { progress in
                file == "-"
                    ? try export(database, to: STDOUT_FILENO, progress)
                    : try withNewFile(file) { descriptor in
                        let summary = try export(database, to: descriptor, progress)
                        guard fsync(descriptor) == 0 else { throw systemFailure("write \(file)") }
                        return summary
                    }
            }
            answer.tellBeside(
                ["rows": .int(summary.rows), "tables": .int(Int64(summary.tables))],
                "exported \(summary.rows) rows of \(summary.tables) tables; among them are "
                    + "password hashes and the installation's secret")
            try database.close()
        } catch {
            try database.close()
            throw error
        }
    }

    private func export(
        _ database: any Database, to descriptor: Int32, _ progress: WorkProgress.Listener?
    ) throws -> DatabaseExport.Summary {
        try DatabaseExport(database: database).run(
            now: DecisionClock.wall.now(), progress: progress
        ) { bytes in
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

            Examples:
              DATABASE_URL=sqlite:moved.db cuebx import career.jsonl
            """)

    @Argument(help: "The export, or - .")
    var file: String

    @Flag(help: "First remove what an import that was broken off has left.")
    var startOver = false

    @OptionGroup var answer: AnswerOptions

    func run() async throws {
        let settings = try await Settings.load()
        let descriptor = file == "-" ? STDIN_FILENO : open(file, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw systemFailure("read \(file)") }
        defer { close(descriptor) }
        let rows = try await ProgressBar.show("import") { progress in
            try await DatabaseImport.run(
                from: descriptor, startOver: startOver, now: DecisionClock.wall.now(),
                progress: progress
            ) {
                try await CareerCore.openForImport(settings)
            }
        }
        answer.tellBeside(
            ["rows": .int(rows)], "imported \(rows) rows; `cuebx audit` checks the ledger")
    }
}

struct Backup: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup",
        abstract: "Copy an SQLite database into a new file, beside a live server.",
        discussion: """
            The copy is a database to start from. PostgreSQL is backed up with pg_dump.

            Examples:
              cuebx backup copy.db
            """)

    @Argument(help: "A file that does not exist yet; made for its owner alone.")
    var file: String

    @OptionGroup var answer: AnswerOptions

    func run() async throws {
        let settings = try await Settings.load()
        guard CareerCore.sqlitePath(settings) != nil else {
            throw FriendlyError("only SQLite is backed up this way; for PostgreSQL use pg_dump")
        }
        guard let database = try await CareerCore.openExisting(settings) as? SQLiteDatabase else {
            throw FriendlyError("only SQLite is backed up this way; for PostgreSQL use pg_dump")
        }
        do {
            try await ProgressBar.show("backup") { progress in
                try withNewFile(file) { _ in try database.backUp(to: file, progress: progress) }
            }
            try database.close()
        } catch {
            try database.close()
            throw error
        }
        answer.tellBeside(["file": .string(file)], "copied the database to \(file)")
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

extension AnswerOptions {
    /// A sentence on standard error, since standard output may be the export; JSON on standard
    /// output.
    fileprivate func tellBeside(_ value: JSONObject, _ sentence: String) {
        Answer(value, [sentence]).tell(
            asJSON: json, on: json ? .standardOutput : .standardError)
    }
}
