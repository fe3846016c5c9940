import CueBX
import Dispatch
import Synchronization

/// - no argument: takes the steps of scenarios, see clients/scenarios/README.md;
/// - `serve URL SPOOL RECORD SEED TOKEN…`: a tool server that makes calls until it is killed;
/// - `journal URL SPOOL RECORD SEED TOKEN…`: the same, with calls that run in outages;
/// - `streams URL SPOOL TOKEN NUMBER SEED`: streams that are broken off somewhere.
@main
struct Main {
    static func main() async throws {
        let arguments = Array(CommandLine.arguments.dropFirst())
        switch arguments.first {
        case "serve", "journal":
            try await ToolServer(
                url: arguments[1], spool: arguments[2], record: arguments[3], seed: arguments[4],
                tokens: Array(arguments[5...]), hasOutages: arguments[0] == "journal"
            ).run()
        case "streams":
            try await BrokenStreams(
                url: arguments[1], spool: arguments[2], token: arguments[3],
                number: Int(arguments[4]) ?? 0, seed: arguments[5]
            ).run()
        default:
            let driver = Driver()
            for await line in standardInput() {
                await driver.take(try JSON(parsing: line.utf8))
            }
            await driver.end()
        }
    }

    private static func standardInput() -> AsyncStream<String> {
        AsyncStream { continuation in
            DispatchQueue(label: "input").async {
                while let line = readLine() { continuation.yield(line) }
                continuation.finish()
            }
        }
    }
}

/// What a tool's body may throw.
enum ToolError: Error {
    case timedOut, connectionRefused, rateLimited, validationFailed, other
}

/// Numbers that a seed tells.
struct Draw: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: String) {
        // FNV-1a.
        state = seed.utf8.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    }

    /// SplitMix64.
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
        return value ^ value >> 31
    }
}
