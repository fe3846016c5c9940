import Foundation
import Synchronization

/// What standard output and standard error are connected to, and writing there.
public enum Terminal {
    public enum Output: Sendable {
        case standardOutput
        case standardError

        var descriptor: Int32 {
            switch self {
            case .standardOutput: STDOUT_FILENO
            case .standardError: STDERR_FILENO
            }
        }
    }

    public static func isTerminal(_ output: Output) -> Bool { isatty(output.descriptor) == 1 }

    /// Columns of the terminal; 80 if it does not say.
    static func width(_ output: Output) -> Int {
        var size = winsize()
        let isKnown = ioctl(output.descriptor, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0
        return isKnown ? Int(size.ws_col) : 80
    }

    private static let lost = Mutex(false)

    /// Whether something that was to be told on standard output was not; the process must then
    /// not end as if it had been.
    public static var hasLostOutput: Bool { lost.withLock { $0 } }

    /// Writes all of the text. If whoever reads has gone (`cuebx … | head`), the rest is dropped;
    /// what cannot be written otherwise, e.g. to a full disk, is told on standard error and
    /// remembered in ``hasLostOutput``.
    public static func write(_ text: String, to output: Output) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let written = rest.withUnsafeBytes {
                Foundation.write(output.descriptor, $0.baseAddress, $0.count)
            }
            if written > 0 {
                rest = rest.dropFirst(written)
                continue
            }
            let code = written < 0 ? errno : EIO
            switch code {
            case EINTR: continue
            case EAGAIN:
                var ready = pollfd(fd: output.descriptor, events: Int16(POLLOUT), revents: 0)
                _ = poll(&ready, 1, -1)
            case EPIPE: return
            default: return noteLoss(code, of: output)
            }
        }
    }

    private static func noteLoss(_ code: Int32, of output: Output) {
        // A loss on standard error can be told nowhere.
        guard output == .standardOutput else { return }
        let isFirst = lost.withLock { lost in
            defer { lost = true }
            return !lost
        }
        guard isFirst else { return }
        write(
            "cuebx: standard output could not be written: \(String(cString: strerror(code)))\n",
            to: .standardError)
    }

    /// The text without what a terminal obeys: a name or reason that somebody typed may hold
    /// escape sequences. Line ends and tabs stay.
    public static func harmless(_ text: String) -> String {
        var scalars = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            scalars.append(isObeyed(scalar) ? "\u{FFFD}" : scalar)
        }
        return String(scalars)
    }

    /// The same JSON without what a terminal obeys. All of that stands in strings, where each is
    /// escaped, so that a program reads what was there.
    static func harmlessJSON(_ json: String) -> String {
        var text = String.UnicodeScalarView()
        for scalar in json.unicodeScalars {
            guard isObeyed(scalar) else {
                text.append(scalar)
                continue
            }
            let digits = String(scalar.value, radix: 16)
            text.append(contentsOf: "\\u".unicodeScalars)
            text.append(
                contentsOf: (String(repeating: "0", count: 4 - digits.count) + digits)
                    .unicodeScalars)
        }
        return String(text)
    }

    private static func isObeyed(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x09, 0x0A: false
        case 0..<0x20, 0x7F...0x9F, 0x202A...0x202E, 0x2066...0x2069: true
        default: false
        }
    }
}
