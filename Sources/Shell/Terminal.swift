import Foundation

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

    /// Writes all of the text. If whoever reads has gone (`cuebx … | head`), the rest is dropped.
    public static func write(_ text: String, to output: Output) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let written = rest.withUnsafeBytes {
                Foundation.write(output.descriptor, $0.baseAddress, $0.count)
            }
            if written < 0 && errno == EINTR { continue }
            guard written > 0 else { return }
            rest = rest.dropFirst(written)
        }
    }

    /// The text without what a terminal obeys: a name or reason that somebody typed may hold
    /// escape sequences. Line ends and tabs stay.
    public static func harmless(_ text: String) -> String {
        var scalars = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            let isControl = scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
            let isKept = scalar == "\n" || scalar == "\t"
            let turnsText =
                (0x202A...0x202E).contains(scalar.value) || (0x2066...0x2069).contains(scalar.value)
            scalars.append((isControl && !isKept) || turnsText ? "\u{FFFD}" : scalar)
        }
        return String(scalars)
    }
}
