/// A setting that is missing or bad, in one line that names it.
public struct SettingsError: Error, CustomStringConvertible {
    public let description: String

    public init(_ name: String, _ message: String) {
        description = "\(name): \(message)"
    }
}
