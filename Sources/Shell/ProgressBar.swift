import Foundation
import Synchronization
import Values

/// A line on standard error that tells how far work has come while it runs. Without a terminal
/// there is none, and nothing is counted for it.
public enum ProgressBar {
    /// How often the line is drawn anew.
    static let pause = Duration.milliseconds(200)

    /// Runs the work beside a line that says how far it has come.
    ///
    /// - Parameters:
    ///   - title: what is being done, e.g. `export`.
    ///   - work: is given nobody to tell where standard error is no terminal.
    public static func show<Value>(
        _ title: String, _ work: (WorkProgress.Listener?) async throws -> Value
    ) async rethrows -> Value {
        guard Terminal.isTerminal(.standardError) else { return try await work(nil) }
        let latest = Latest()
        let start = ContinuousClock.now
        let text = ProgressText(title: title)
        @Sendable func draw() {
            let line = text.line(
                latest.progress, elapsed: (ContinuousClock.now - start) / .seconds(1),
                width: Terminal.width(.standardError))
            Terminal.write("\r" + line + Self.toLineEnd, to: .standardError)
        }
        draw()
        let drawing = Task {
            while !Task.isCancelled {
                do { try await Task.sleep(for: pause) } catch { return }
                draw()
            }
        }
        do {
            let value = try await work { latest.take($0) }
            await end(drawing, draw)
            return value
        } catch {
            await end(drawing, draw)
            throw error
        }
    }

    /// Draws what was reached and takes the line away, so that it stands in nobody's copy.
    private static func end(_ drawing: Task<Void, Never>, _ draw: @Sendable () -> Void) async {
        drawing.cancel()
        await drawing.value
        draw()
        Terminal.write("\r" + toLineEnd, to: .standardError)
    }

    /// Erases from the cursor to the end of the line (ECMA-48, EL).
    private static let toLineEnd = "\u{1B}[K"

    private final class Latest: Sendable {
        private let value = Mutex<WorkProgress?>(nil)

        var progress: WorkProgress? { value.withLock { $0 } }
        func take(_ progress: WorkProgress) { value.withLock { $0 = progress } }
    }
}
