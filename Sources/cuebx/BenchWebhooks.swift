import ArgumentParser
import Career
import CareerDomain
import Database
import Foundation
import HTTPClient
import JSON
import Logging
import Stripe

/// The two things that are measured.
struct BenchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench", abstract: "Measure against bare loops of the same statements.",
        subcommands: [Bench.self, BenchWebhooks.self], defaultSubcommand: Bench.self)
}

/// A burst of Stripe's signed events over real HTTP, taken and worked off by a server of the
/// bench's own against a local Stripe, beside a bare loop that inserts the same rows.
struct BenchWebhooks: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "webhooks",
        abstract: "Measure a burst of webhooks against bare inserts of the same rows.")

    @Option(help: "Events in the burst.")
    var events = 10_000

    @Option(help: "Connections on which they arrive.")
    var clients = 64

    @Option(help: "Subscriptions that the events are about.")
    var subscriptions = 16

    @Option(help: "Where to work; a folder on the disk to be measured.")
    var folder = "var/bench"

    @Option(help: "Write the figures as JSON to this file.")
    var json: String?

    /// How long the burst may take to be worked off.
    private static let deadline = Duration.seconds(600)

    func validate() throws {
        guard (2...1_000_000).contains(events) else { throw ValidationError("2 to 1000000 events") }
        guard (1...1024).contains(clients) else { throw ValidationError("1 to 1024 clients") }
        guard (1...100).contains(subscriptions) else {
            throw ValidationError("1 to 100 subscriptions")
        }
    }

    func run() async throws {
        let path = folder + "/" + UUID().text
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true)
        defer {
            do { try FileManager.default.removeItem(atPath: path) } catch { print("\(error)") }
        }
        let stage = try await WebhookStage.start(folder: path)
        do {
            try await measure(stage, path: path)
        } catch {
            stage.stop()
            throw error
        }
        stage.stop()
    }

    private func measure(_ stage: WebhookStage, path: String) async throws {
        note("selling \(subscriptions) subscriptions …")
        let templates = try await stage.sell(subscriptions)
        let bodies = (0..<events).map { number in
            templates[number % templates.count].body(id: "evt_bench_\(number)")
        }
        var settings = Settings()
        settings.databaseURL = "sqlite:\(path)/bare.db"
        let core = try await CareerCore.open(settings, logger: Logger(label: "bench"))
        let bare = try BareInbox(core, bodies: bodies)
        note("bare inserts, one durable transaction an event …")
        var bareTime = try ContinuousClock().measure { try bare.keep(0..<events / 2) }
        let before = try await stage.standing()
        let residentBefore = stage.server.residentMiB()
        let cpuBefore = stage.server.cpuSeconds()
        note("\(events) events on \(clients) connections …")
        let signed = stage.sign(bodies)
        let start = ContinuousClock.now
        let burst = try await WebhookBurst(
            port: stage.server.port, events: signed, connections: clients
        ).run()
        let taken = ContinuousClock.now - start
        let waiting = try await stage.standing().waiting
        note("taken; \(waiting) wait to be worked off …")
        let after = try await workOff(stage, since: start)
        let workedOff = ContinuousClock.now - start
        let cpu = stage.server.cpuSeconds() - cpuBefore
        note("bare inserts once more …")
        bareTime += try ContinuousClock().measure { try bare.keep(events / 2..<events) }
        try core.close()
        let rate = Double(events) / (taken / .seconds(1))
        let bareRate = Double(events) / (bareTime / .seconds(1))
        try report([
            "events": .int(Int64(events)), "connections": .int(Int64(clients)),
            "acknowledged_per_second": number(rate),
            "bare_inserts_per_second": number(bareRate), "ratio": number(rate / bareRate),
            "acknowledge_ms": percentiles(burst.acknowledged),
            "refused_and_sent_again": .int(Int64(burst.refused)),
            "waiting_when_all_were_taken": .int(waiting),
            "worked_off_seconds": number(workedOff / .seconds(1)),
            "worked_off_per_second": number(Double(events) / (workedOff / .seconds(1))),
            "server_cpu_us_per_event": number(cpu * 1e6 / Double(events)),
            "resident_mib_before": number(residentBefore),
            "resident_mib_peak": number(stage.server.peakResidentMiB()),
            "kept": .int(after.kept - before.kept),
            "worked_off": .int(after.fetches - before.fetches), "dead": .int(after.dead),
        ])
        guard after.kept - before.kept == Int64(events),
            after.fetches - before.fetches >= Int64(events), after.dead == 0
        else { throw FriendlyError("events were lost") }
    }

    private func workOff(
        _ stage: WebhookStage, since start: ContinuousClock.Instant
    ) async throws -> WebhookStage.Standing {
        while ContinuousClock.now - start < Self.deadline {
            let standing = try await stage.standing()
            if standing.waiting == 0 { return standing }
            try await Task.sleep(for: .milliseconds(50))
        }
        throw FriendlyError("the burst was not worked off in \(Self.deadline)")
    }

    private func report(_ figures: JSONValue) throws {
        print(figures.prettyText)
        if let json { try Data((figures.prettyText + "\n").utf8).write(to: URL(filePath: json)) }
    }
}

/// What both benches print.
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
