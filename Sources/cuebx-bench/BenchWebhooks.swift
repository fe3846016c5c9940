import ArgumentParser
import Database
import Foundation
import JSON
import Service
import Stripe

/// Stripe's signed events over real HTTP: how fast they are acknowledged, beside a bare loop that
/// inserts the same rows, and how a burst is worked off against a local Stripe.
struct BenchWebhooks: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "webhooks",
        abstract: "Measure a burst of webhooks against bare inserts of the same rows.")

    @Option(help: "Events that are taken in turns, and again as many in the burst.")
    var events = 10_000

    @OptionGroup var options: BenchOptions

    @Option(help: "Subscriptions that the events are about.")
    var subscriptions = 16

    @Option(help: "Rounds in which the bare loop and the server take turns.")
    var rounds = 5

    /// How long the burst may take to be worked off.
    private static let deadline = Duration.seconds(600)

    func validate() throws {
        guard (2...1_000_000).contains(events) else { throw ValidationError("2 to 1000000 events") }
        guard (1...events).contains(rounds) else { throw ValidationError("1 to EVENTS rounds") }
        guard (1...100).contains(subscriptions) else {
            throw ValidationError("1 to 100 subscriptions")
        }
    }

    func run() async throws {
        try await options.inNewFolder { try await run(in: $0) }
    }

    private func run(in path: String) async throws {
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
        let before = try await stage.standing()
        let bodies = (0..<events * 2).map { number in
            templates[number % templates.count].body(id: "evt_bench_\(number)")
        }
        // The taking alone, in turns with the bare loop: a machine that is slower for a while is
        // then slower for both.
        try await stage.restart(worksOff: false)
        let rates = try await takeTurns(stage, Array(bodies[..<events]), path: path)
        // Then a burst on top of what is waiting, taken and worked off by one process.
        try await stage.restart(worksOff: true)
        let residentBefore = stage.server.residentMiB()
        note("a burst of \(events) events on \(options.clients) connections …")
        let start = ContinuousClock.now
        let burst = try await WebhookBurst(
            port: stage.server.port, events: stage.sign(Array(bodies[events...])),
            connections: options.clients
        ).run()
        let taken = ContinuousClock.now - start
        let waiting = try await stage.standing().waiting
        note("taken; \(waiting) wait to be worked off …")
        let after = try await workOff(stage, since: start)
        let kept = after.kept - before.kept
        let workedOff = after.fetches - before.fetches
        try options.report([
            "events_each": .int(Int64(events)), "connections": .int(Int64(options.clients)),
            "acknowledged_per_second": number(rates.served),
            "bare_inserts_per_second": number(rates.bare),
            "ratio": number(rates.served / rates.bare),
            "burst_acknowledged_per_second": number(Double(events) / (taken / .seconds(1))),
            "burst_acknowledge_ms": percentiles(burst.acknowledged),
            "refused_and_sent_again": .int(Int64(rates.refused + burst.refused)),
            "waiting_when_all_were_taken": .int(waiting),
            "worked_off_seconds": number((ContinuousClock.now - start) / .seconds(1)),
            "resident_mib_before": number(residentBefore),
            "resident_mib_peak": number(stage.server.peakResidentMiB()),
            "kept": .int(kept), "worked_off": .int(workedOff), "dead": .int(after.dead),
        ])
        guard kept == Int64(events * 2), workedOff >= kept, after.dead == 0 else {
            throw FriendlyError("events were lost")
        }
    }

    private struct Rates {
        var bare = 0.0
        var served = 0.0
        var refused = 0
    }

    private func takeTurns(
        _ stage: WebhookStage, _ bodies: [[UInt8]], path: String
    ) async throws -> Rates {
        let core = try await CareerCore.openBare(in: path, catalog: WebhookStage.catalog)
        let bare = try BareInbox(core, bodies: bodies)
        var (bareTime, servedTime, refused) = (Duration.zero, Duration.zero, 0)
        for round in 0..<rounds {
            let slice = events * round / rounds..<events * (round + 1) / rounds
            note("round \(round + 1): \(slice.count) bare inserts, then as many webhooks …")
            bareTime += try ContinuousClock().measure { try bare.keep(slice) }
            let signed = stage.sign(Array(bodies[slice]))
            let start = ContinuousClock.now
            refused += try await WebhookBurst(
                port: stage.server.port, events: signed, connections: options.clients
            ).run().refused
            servedTime += ContinuousClock.now - start
        }
        try core.close()
        return Rates(
            bare: Double(events) / (bareTime / .seconds(1)),
            served: Double(events) / (servedTime / .seconds(1)), refused: refused)
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
}
