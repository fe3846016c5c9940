import Testing

@testable import CueBX

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A folder that goes with the test.
final class Folder: Sendable {
    let path: String

    init() throws {
        var template = Array("/tmp/cuebx-swift-XXXXXX".utf8CString)
        path = try #require(mkdtemp(&template).map { String(cString: $0) })
    }

    var spool: String { "\(path)/spool" }

    func names(_ folder: String = "spool") -> [String] {
        var names: [String] = []
        guard let listing = opendir("\(path)/\(folder)") else { return [] }
        defer { closedir(listing) }
        while let entry = readdir(listing) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    deinit {
        let names =
            names().map { "spool/\($0)" } + names("spool/refused").map { "spool/refused/\($0)" }
        for name in names { unlink("\(path)/\(name)") }
        rmdir("\(spool)/refused")
        rmdir(spool)
        rmdir(path)
    }
}

private func open(_ usage: String) -> JSONObject {
    ["r": "open", "usage_id": .string(usage), "user_id": "u"]
}

private func done(_ usage: String) -> JSONObject {
    ["r": "done", "usage_id": .string(usage)]
}

struct SpoolTests {
    @Test func filesAreTheirOwnersAloneAndGoOnceAllIsDone() async throws {
        let folder = try Folder()
        let disk = SpoolDisk(folder: folder.spool)
        try await disk.write([open("a")], .users, mustSync: true)
        let name = try #require(folder.names().first)
        var file = stat()
        stat("\(folder.spool)/\(name)", &file)
        #expect(file.st_mode & 0o777 == 0o600)
        stat(folder.spool, &file)
        #expect(file.st_mode & 0o777 == 0o700)
        try await disk.write([done("a")], .users, mustSync: false)
        await disk.close()
        #expect(folder.names().isEmpty)
    }

    @Test func usersAndCustomersRecordsGoEachToFilesOfTheirOwnVersion() async throws {
        let folder = try Folder()
        let (first, second) = (SpoolDisk(folder: folder.spool), SpoolDisk(folder: folder.spool))
        var asked = open("b")
        asked["user_id"] = nil
        asked["client_id"] = "ws_1"
        try await first.write([open("a")], .users, mustSync: true)
        try await first.write([asked], .customers, mustSync: true)
        let versions = try folder.names().map { try contents("\(folder.spool)/\($0)")[11] }
        #expect(versions.sorted() == [1, 2])
        await first.close()
        let left = await second.look().left.sorted { $0.usageId < $1.usageId }
        #expect(left.map(\.clientId) == ["", "ws_1"] && left.map(\.userId) == ["u", ""])
        try await second.write([done("b")], .customers, mustSync: false)
        #expect(folder.names().count == 1)
        await second.close()
    }

    @Test func aPartOfAnOutcomeEndsNoCallThatRunsOnAfterItsClientWasClosed() async throws {
        let folder = try Folder()
        let (first, second) = (SpoolDisk(folder: folder.spool), SpoolDisk(folder: folder.spool))
        try await first.write([open("a")], .users, mustSync: true)
        await first.close(running: ["a"])
        var outcome: JSONObject = ["r": "outcome", "usage_id": "a", "operations": []]
        outcome["is_part"] = true
        try await first.write([outcome], .users, mustSync: true)
        #expect(await second.look().left.isEmpty)
        outcome["is_part"] = nil
        try await first.write([outcome], .users, mustSync: true)
        #expect(await second.look().left.map(\.usageId) == ["a"])
        await second.close()
    }

    @Test func aFileIsTakenOverOnceItsLockIsFree() async throws {
        let folder = try Folder()
        let (first, second) = (SpoolDisk(folder: folder.spool), SpoolDisk(folder: folder.spool))
        try await first.write([open("a"), open("b"), done("b")], .users, mustSync: true)
        #expect(await second.look().left.isEmpty)
        await first.close()
        let adopted = await second.look()
        #expect(adopted.left.map(\.usageId) == ["a"] && adopted.unknown.isEmpty)
        #expect(await second.look().left.isEmpty)
        try await second.write([done("a")], .users, mustSync: false)
        #expect(folder.names().isEmpty)
    }

    @Test func aFileOfAnotherVersionIsLeftAndToldOnce() async throws {
        let folder = try Folder()
        let disk = SpoolDisk(folder: folder.spool)
        try await disk.ensure(.users)
        let strange = "\(folder.spool)/x.spool"
        let file = fopen(strange, "w")
        fputs("CUEBXSPL____", file)
        fclose(file)
        #expect(await disk.look().unknown == ["x.spool"])
        #expect(await disk.look().unknown.isEmpty)
        await disk.close()
        #expect(folder.names() == ["x.spool"])
    }

    @ClientActor
    @Test func recordsThatGatherShareASyncAndAreCalledBackInOrder() async throws {
        let folder = try Folder()
        let spool = Spool(
            folder: folder.spool, adoptEvery: .zero, events: Events(listener: nil),
            outage: Outage(.failClosed, events: Events(listener: nil)), adopt: { _ in })
        try await spool.ensure()
        var order: [Int] = []
        let last = Signal()
        for number in 0..<50 {
            spool.append(open("u\(number)")) { hasFailed in
                #expect(!hasFailed)
                order.append(number)
                if number == 49 { last.set() }
            }
        }
        #expect(await last.wait(for: .seconds(20)))
        #expect(order == Array(0..<50))
        await spool.close()
        #expect(folder.names().count == 1)
    }

    @ClientActor
    @Test func whereNothingCanBeWrittenNothingIsAsked() async throws {
        let spool = Spool(
            folder: "/proc/nowhere/spool", adoptEvery: .zero, events: Events(listener: nil),
            outage: Outage(.failClosed, events: Events(listener: nil)),
            adopt: { _ in })
        await #expect(throws: CueBXError.self) { try await spool.ensure() }
        await spool.close()
    }

    @Test func whatWasRefusedIsLaidAside() async throws {
        let folder = try Folder()
        let disk = SpoolDisk(folder: folder.spool)
        try await disk.layAside(["status": 409])
        let name = try #require(folder.names("spool/refused").first)
        #expect(try contents("\(folder.spool)/refused/\(name)") == Array(#"{"status":409}"#.utf8))
        await disk.close()
    }
}
