import Foundation
import Service

/// The load of ``LoadGenerator`` as tool servers of our clients put it: the callers are spread over
/// client processes, and each process has one connection and one batch in flight. What its callers
/// ask meanwhile makes the next batch (natural batching), so that no caller waits for a timer.
struct BatchedLoad {
    static let processes = 4

    let port: Int
    let users: [BenchServer.User]
    let seconds: Int

    func run(progress: @Sendable (String) -> Void) async throws -> LoadFigures {
        var clients: [ClientProcess] = []
        for number in 0..<Self.processes {
            let share = users.enumerated().filter { $0.offset % Self.processes == number }
            guard !share.isEmpty else { continue }
            clients.append(
                try ClientProcess(port: port, users: share.map(\.element), seconds: seconds))
        }
        progress("  \(clients.count) client processes, \(seconds) s")
        var all = LoadFigures()
        for client in clients { all += try await client.figures() }
        // They ran at the same time.
        all.seconds /= Double(clients.count)
        return all
    }
}

/// One of the bench's own client processes: users go in by its input, figures come out by its
/// output, both as lines.
private struct ClientProcess {
    private let process = Process()
    private let output = Pipe()

    init(port: Int, users: [BenchServer.User], seconds: Int) throws {
        let input = Pipe()
        process.executableURL = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
        process.arguments =
            ["batched-client", "--port", "\(port)", "--seconds", "\(seconds)"]
            + ["--product", (users.first?.product ?? .career).rawValue]
        process.standardInput = input
        process.standardOutput = output
        try process.run()
        let lines = users.map { "\($0.id) \($0.token)\n" }.joined()
        try input.fileHandleForWriting.write(contentsOf: Data(lines.utf8))
        try input.fileHandleForWriting.close()
    }

    func figures() async throws -> LoadFigures {
        let text = String(
            decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        var figures = LoadFigures()
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ")
            switch words.first {
            case "seconds": figures.seconds = words.dropFirst().first.flatMap { Double($0) } ?? 0
            case "errors": figures.errors = words.dropFirst().first.flatMap { Int($0) } ?? 0
            case "validate": figures.validate = words.dropFirst().compactMap { Double($0) }
            case "commit": figures.commit = words.dropFirst().compactMap { Double($0) }
            default: break
            }
        }
        guard process.terminationStatus == 0, figures.seconds > 0 else {
            throw FriendlyError("a client process failed: \(text.prefix(500))")
        }
        return figures
    }
}
