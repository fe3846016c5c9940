import ArgumentParser
import Foundation
import JSON
import Logging
import Service
import Settings

/// What the benches have in common: where they work, how many ask, and how the figures are told.
struct BenchOptions: ParsableArguments {
    @Option(help: "Connections, each with one request at a time.")
    var clients = 64

    @Option(help: "Where to work; a folder on the disk to be measured.")
    var folder = "var/bench"

    @Option(help: "Write the figures as JSON to this file.")
    var json: String?

    func validate() throws {
        guard (1...1024).contains(clients) else { throw ValidationError("1 to 1024 clients") }
    }

    /// Makes a new folder within ``folder`` for the work, and removes it afterwards.
    func inNewFolder<Value>(_ work: (String) async throws -> Value) async throws -> Value {
        let path = folder + "/" + UUID().text
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true)
        defer {
            do { try FileManager.default.removeItem(atPath: path) } catch { print("\(error)") }
        }
        return try await work(path)
    }

    func report(_ figures: JSONValue) throws {
        print(figures.prettyText)
        if let json { try Data((figures.prettyText + "\n").utf8).write(to: URL(filePath: json)) }
    }
}

extension CareerCore {
    /// An SQLite database of its own, for the bare loop that a server is measured against.
    static func openBare(in folder: String, catalog: String) async throws -> CareerCore {
        var settings = Settings()
        settings.databaseURL = "sqlite:\(folder)/bare.db"
        settings.catalogPath = catalog
        return try await open(settings, logger: Logger(label: "bench"), serves: true)
    }
}

extension ParsableCommand {
    func note(_ text: String) {
        FileHandle.standardError.write(Data((text + "\n").utf8))
    }

    func number(_ value: Double) -> JSONValue {
        .number(String(format: "%.2f", value))
    }

    func percentiles(_ samples: [Double]) -> JSONValue {
        let sorted = samples.sorted()
        func at(_ share: Double) -> JSONValue {
            sorted.isEmpty
                ? .null : number(sorted[min(sorted.count - 1, Int(Double(sorted.count) * share))])
        }
        return ["p50": at(0.5), "p95": at(0.95), "p99": at(0.99), "max": at(1)]
    }
}
