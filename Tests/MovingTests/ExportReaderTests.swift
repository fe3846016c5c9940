import Database
import Foundation
import Moving
import TestFixtures
import Testing
import Values

@Suite("An export is read as it was written, or refused")
struct ExportReaderTests {
    /// The export of a database with one user.
    private func export() async throws -> String {
        var bytes: [UInt8] = []
        try await withTemporaryDatabase { database in
            try await database.insertUser(UUID(), at: TestCatalog.start)
            _ = try DatabaseExport(database: database).run(now: TestCatalog.start) { bytes += $0 }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// - Returns: the refusal; `nil` if all of it was read.
    private func refusal(of text: String, rows: ((String) -> Void)? = nil) throws -> String? {
        let path = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
        try Data(text.utf8).write(to: path)
        let file = try FileHandle(forReadingFrom: path)
        defer {
            do {
                try file.close()
                try FileManager.default.removeItem(at: path)
            } catch {
                Issue.record("a temporary file stays: \(error)")
            }
        }
        var reader = ExportReader(descriptor: file.fileDescriptor)
        do {
            try reader.readHeader()
            try reader.readRows { table, _ in rows?(table.name) }
            return nil
        } catch let refusal as MoveRefusal {
            return refusal.description
        }
    }

    @Test("What was written is read, row by row")
    func whole() async throws {
        let text = try await export()
        var tables: [String] = []
        #expect(try refusal(of: text) { tables.append($0) } == nil)
        #expect(tables == ["users"])
    }

    @Test("Wherever an export breaks off, it is refused and not half of a database")
    func cutOff() async throws {
        let text = try await export()
        for length in stride(from: 0, to: text.utf8.count, by: 97) {
            let cut = String(decoding: text.utf8.prefix(length), as: UTF8.self)
            #expect(try refusal(of: cut) != nil, "after \(length) bytes")
        }
        #expect(try refusal(of: String(text.dropLast())) != nil)
    }

    @Test(
        "What was changed on its way is refused, with a reason",
        arguments: [
            ("cuebx-export", "other-export", "no export of cuebx"),
            ("\"format_version\":1", "\"format_version\":2", "another format version"),
            ("\"schema_version\":", "\"schema_version\":9", "update it"),
            ("\"installation\"", "\"installations\"", "another program's schema"),
            ("@example.test", "@example.tesu", "checksum"),
            ("\"users\":1", "\"users\":2", "not as many"),
            ("\"table\":\"users\"", "\"table\":\"mails\"", "belong here"),
            ("\"kinds\":[\"uuid\"", "\"kinds\":[\"text\"", "belong here"),
        ])
    func changed(find: String, replace: String, reason: String) async throws {
        let text = try await export()
        let range = try #require(text.range(of: find))
        let told = try refusal(of: text.replacingCharacters(in: range, with: replace))
        #expect(told?.contains(reason) == true, "\(told ?? "accepted")")
    }

    @Test("What stands behind the last line, or a line of rubbish, is refused")
    func rubbish() async throws {
        let text = try await export()
        #expect(try refusal(of: text + "{}\n") != nil)
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        for place in [1, 2, lines.count - 2] {
            for rubbish in ["", "nonsense", "{}", "[1]", "7"] {
                var changed = lines
                changed.insert(Substring(rubbish), at: place)
                let told = try refusal(of: changed.joined(separator: "\n"))
                #expect(told?.contains("line \(place + 1)") == true, "\(rubbish) at \(place)")
            }
        }
    }
}

@Suite("Lines of a file")
struct LineReaderTests {
    private func lines(_ text: String, maximum: Int = 1 << 20) throws -> [String] {
        let pipe = Pipe()
        try pipe.fileHandleForWriting.write(contentsOf: Data(text.utf8))
        try pipe.fileHandleForWriting.close()
        var reader = LineReader(
            descriptor: pipe.fileHandleForReading.fileDescriptor, maximumLineBytes: maximum)
        var lines: [String] = []
        while let line = try reader.next() { lines.append(String(decoding: line, as: UTF8.self)) }
        #expect(reader.line == lines.count)
        return lines
    }

    @Test("Each has its newline, and only the last may lack it")
    func newlines() throws {
        #expect(try lines("") == [])
        #expect(try lines("a\n\nb") == ["a\n", "\n", "b"])
        #expect(try lines("a\n") == ["a\n"])
    }

    @Test("One that is too long is refused, and none is longer than its bound")
    func tooLong() throws {
        #expect(throws: MoveRefusal.self) {
            try lines(String(repeating: "a", count: 9), maximum: 4)
        }
        #expect(try lines("abcd\nef", maximum: 4) == ["abcd\n", "ef"])
    }
}
