/// What can be set, and what it is if nobody does.
public struct Options: Sendable {
    /// The budget of asking, retries included.
    public var validateBudget: Duration = .seconds(10)
    /// For how long an outcome is sent again.
    public var commitBudget: Duration = .seconds(86_400)
    /// Of one request.
    public var answerTimeout: Duration = .seconds(10)
    /// Of retries, drawn between nothing and the pause, which doubles.
    public var firstPause: Duration = .milliseconds(100)
    /// The longest of these pauses.
    public var longestPause: Duration = .seconds(10)
    /// Between looks for what other processes left; zero: never.
    public var adoptEvery: Duration = .seconds(60)
    /// Between the captures of a stream.
    public var captureEvery: Duration = .seconds(5)
    /// Operations of this process's calls that may wait for their turn; beyond, `overloaded`.
    public var mostWaiting = 4_096
    /// How long `close` waits for the service.
    public var closeBudget: Duration = .seconds(5)
    /// What happens once the service refuses to prolong a hold.
    public var ifExtensionRefused = IfExtensionRefused.goOn

    /// What `call.keepResult` names is written to the spool with the outcome. Else it is told from
    /// memory alone, and not kept for the user if this process ends before.
    public var spoolResults = false

    /// What happens to calls while the service cannot be asked.
    public var outage = OutagePolicy.failClosed

    public enum IfExtensionRefused: Sendable {
        /// The call goes on, with an event.
        case goOn
        /// The next chunk of a stream, or `call.check()`, throws `holdEnded`.
        case stop
    }

    public init() {}
}
