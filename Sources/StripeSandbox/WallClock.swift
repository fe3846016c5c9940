import Foundation

/// The machine's own time: signatures and retries of webhooks go by it, whatever the sandbox's
/// clock says.
enum WallClock {
    static func seconds() -> Int64 { Int64(Date().timeIntervalSince1970) }

    static func milliseconds() -> Int64 { Int64(Date().timeIntervalSince1970 * 1_000) }
}
