import Foundation
import Ledger
import Testing
import TopUps
import Values

@Suite("Automatic top-ups in simulated histories")
struct HistoryTests {
    private static let environment = ProcessInfo.processInfo.environment
    private static let runs = environment["TOP_UP_HISTORIES"].flatMap { UInt64($0) } ?? 3_000
    private static let seed = environment["TOP_UP_SEED"].flatMap { UInt64($0) } ?? 1

    @Test("No double purchase, none above the cap, no consent that flips, two mails an outage")
    func histories() {
        var (bought, failed, mailed) = (0, 0, 0)
        for run in Self.seed..<(Self.seed + Self.runs) {
            var world = World(seed: run)
            for _ in 0..<250 { world.step() }
            let faults = world.faults + Self.faults(of: world)
            #expect(faults.isEmpty, "seed \(run): \(faults.prefix(3))")
            if !faults.isEmpty { break }
            bought += world.charges.count
            failed += world.tries.count - world.charges.count
            mailed += world.mails.count
        }
        print("\(Self.runs) histories: \(bought) bought, \(failed) tries failed, \(mailed) mails")
        // They do go through what they are to try.
        #expect(bought > 0 && failed > 0 && mailed > 0)
    }

    static func faults(of world: World) -> [String] {
        var faults: [String] = []
        if world.invoices.values.contains(where: { $0.charges > 1 }) {
            faults.append("an invoice was charged twice")
        }
        let inFlight = world.invoices.filter { $0.value.status == .open }.count
        if inFlight > 1 { faults.append("\(inFlight) invoices are open") }
        for (early, late) in zip(world.begun, world.begun.dropFirst())
        where late < early.adding(seconds: 3_600) {
            faults.append("two were begun within an hour")
        }
        for (early, late) in zip(world.charges, world.charges.dropFirst())
        where late.maximum != nil && late.at < early.at.adding(seconds: 3_600) {
            faults.append("two were charged within an hour")
        }
        // What the user pays on a page counts too.
        var counts: [Timestamp: Int64] = [:]
        for charge in world.charges {
            let month = SpendingLimits.Window.month.start(of: charge.at)
            counts[month, default: 0] += 1
            if let maximum = charge.maximum, counts[month, default: 0] > maximum {
                faults.append("above the cap")
            }
        }
        for (id, tries) in Dictionary(grouping: world.tries, by: \.purchase) {
            if tries.count > 4 { faults.append("\(id) was tried \(tries.count) times") }
            for (early, late) in zip(tries, tries.dropFirst())
            where late.at < early.at.adding(seconds: 86_400) {
                faults.append("two tries within a day")
            }
        }
        for (outage, failures) in Dictionary(grouping: world.failures, by: \.outage) {
            if failures.count > 4 { faults.append("\(failures.count) tries of outage \(outage)") }
            for (early, late) in zip(failures, failures.dropFirst())
            where late.at < early.at.adding(seconds: 86_400) {
                faults.append("two tries of an outage within a day")
            }
        }
        for (outage, mails) in Dictionary(grouping: world.mails.filter(\.isOfCard), by: \.outage)
        where mails.count > 2 {
            faults.append("\(mails.count) mails of outage \(outage)")
        }
        return faults
    }
}

extension World.Mail {
    var isOfCard: Bool { news == .declined || news == .off(.cardDeclined) }
}
