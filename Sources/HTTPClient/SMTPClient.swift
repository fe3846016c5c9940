import CCurl
import Foundation

/// How long the handing over of one mail may take, its turn in the queue included.
let maximumMailTime = Duration.seconds(30)
/// The longest address that RFC 5321 §4.5.3.1.3 lets a server refuse.
let maximumAddressBytes = 254
/// The longest message that is sent; this service's mails are a page of text.
let maximumMessageBytes = 1024 * 1024

/// One mail to one address.
public struct MailEnvelope: Sendable {
    /// The address that bounces go to, without a name or angle brackets.
    public var from: String
    /// The address that the mail goes to, without a name or angle brackets.
    public var to: String
    /// The message of RFC 5322: header fields, an empty line, the text. Line ends may be LF.
    public var message: [UInt8]

    public init(from: String, to: String, message: [UInt8]) {
        self.from = from
        self.to = to
        self.message = message
    }
}

/// Why a mail was not handed over. No case carries an address or a password.
public enum SMTPError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The settings cannot be used: not an `smtp` or `smtps` URL with a host, or one that says
    /// what is not understood.
    case invalidURL
    /// Trying again later may help: a 4xx reply, no connection, no time, a full queue. `code` is
    /// the server's last reply code where it gave one.
    case temporary(code: Int?, reason: String)
    /// Trying again will not help: a 5xx reply, or an address or message that cannot be sent.
    case permanent(code: Int?, reason: String)

    public var isTemporary: Bool {
        if case .temporary = self { return true }
        return false
    }

    public var description: String {
        switch self {
        case .invalidURL:
            "the mail server's URL is not smtp://host or smtps://host, with at most a user, a "
                + "password, a port, and ?tls=on or ?tls=off"
        case .temporary(let code, let reason), .permanent(let code, let reason):
            code.map { "the mail server answered \($0): \(reason)" } ?? reason
        }
    }
}

/// Hands mails over to an SMTP server with libcurl.
///
/// `smtp://user:password@host:587` speaks TLS after STARTTLS and refuses a server that does not
/// offer it, except on a loopback host or with `?tls=off`; `smtps://` speaks TLS from the start.
/// Without a port, 587 and 465 are used (RFC 8314 §3). A mail whose connection breaks after its
/// text was sent may have been accepted all the same: a retry can deliver it twice.
public final class SMTPClient: Sendable {
    private let server: SMTPServer
    private let pool: TransferPool

    public convenience init(
        url: String, maximumInFlight: Int = 2, maximumQueued: Int = 1024
    ) throws(SMTPError) {
        self.init(
            server: try SMTPServer(url: url), maximumInFlight: maximumInFlight,
            maximumQueued: maximumQueued)
    }

    package init(server: SMTPServer, maximumInFlight: Int = 2, maximumQueued: Int = 1024) {
        self.server = server
        pool = TransferPool(
            name: "smtp", maximumInFlight: maximumInFlight, maximumQueued: maximumQueued)
    }

    deinit {
        pool.shutdown()
    }

    /// Returns when the server has accepted the mail.
    public func send(_ mail: MailEnvelope) async throws(SMTPError) {
        let deadline = ContinuousClock.now + maximumMailTime
        let server = server
        try await withCheckedContinuation { continuation in
            pool.add(
                TransferPool.Job(
                    run: { handle in
                        let result = handle.perform(mail, server: server, deadline: deadline)
                        return { continuation.resume(returning: result) }
                    },
                    refuse: { refusal in
                        continuation.resume(returning: .failure(SMTPError(refusal)))
                    }))
        }.get()
    }

    /// Refuses the mails that wait and those to come; the ones under way come to their end.
    public func shutdown() {
        pool.shutdown()
    }
}

/// Where mails are handed over, and how.
package struct SMTPServer: Sendable, Equatable {
    /// Without user and password.
    package let url: String
    let user: String?
    let password: String?
    /// Whether a plain connection must turn into TLS before anything is said.
    package var requiresTLS: Bool

    package init(url text: String) throws(SMTPError) {
        guard let parts = URLComponents(string: text), let scheme = parts.scheme?.lowercased(),
            ["smtp", "smtps"].contains(scheme), let host = parts.host, !host.isEmpty,
            ["", "/"].contains(parts.path), parts.port.map({ (1...65_535).contains($0) }) ?? true,
            parts.fragment == nil, ["tls=on", "tls=off", nil].contains(parts.query),
            Self.isWellEscaped(text)
        else { throw .invalidURL }
        url = "\(scheme)://\(host):\(parts.port ?? (scheme == "smtps" ? 465 : 587))"
        user = parts.user.flatMap { $0.isEmpty ? nil : $0 }
        password = parts.password
        let isOff = parts.query == "tls=off"
        requiresTLS = scheme == "smtps" || !(isOff || isLoopback(host: host.lowercased()))
    }

    /// Whether each `%` stands before two hexadecimal digits (RFC 3986 §2.1): else a part of the
    /// text would be taken literally, or not at all.
    private static func isWellEscaped(_ text: String) -> Bool {
        text.wholeMatch(of: /(?:[^%]|%[0-9A-Fa-f]{2})*/) != nil
    }
}

extension SMTPError {
    init(_ refusal: TransferPool.Refusal) {
        switch refusal {
        case .queueFull: self = .temporary(code: nil, reason: "too many mails are waiting")
        case .shutDown: self = .temporary(code: nil, reason: "the client has been shut down")
        case .noHandle: self = .temporary(code: nil, reason: "libcurl could not be set up")
        }
    }
}

extension CurlHandle {
    /// Hands one mail over and waits for the server's word on it.
    func perform(
        _ mail: MailEnvelope, server: SMTPServer, deadline: ContinuousClock.Instant
    ) -> Result<Void, SMTPError> {
        let remaining = deadline - ContinuousClock.now
        guard remaining > .zero else {
            return .failure(.temporary(code: nil, reason: "the mail waited too long"))
        }
        guard isMailAddress(mail.from), isMailAddress(mail.to) else {
            return .failure(.permanent(code: nil, reason: "an address cannot be sent"))
        }
        guard mail.message.count <= maximumMessageBytes else {
            return .failure(.permanent(code: nil, reason: "the message is too long"))
        }

        prepare(url: server.url, protocols: "smtp,smtps", remaining: remaining)
        set(CURLOPT_USE_SSL, Int((server.requiresTLS ? CURLUSESSL_ALL : CURLUSESSL_NONE).rawValue))
        if let user = server.user {
            set(CURLOPT_USERNAME, user)
            set(CURLOPT_PASSWORD, server.password ?? "")
            set(CURLOPT_SASL_IR, 1)
        }
        let recipients = CurlList()
        recipients.append("<\(mail.to)>")
        set(CURLOPT_MAIL_FROM, "<\(mail.from)>")
        set(CURLOPT_MAIL_RCPT, recipients)

        let upload = Upload(bytes: withNetworkLineEnds(mail.message))
        set(CURLOPT_UPLOAD, 1)
        set(CURLOPT_READFUNCTION, readUpload)
        set(CURLOPT_READDATA, Unmanaged.passUnretained(upload).toOpaque())
        set(CURLOPT_WRITEFUNCTION, discard)
        let code = withExtendedLifetime((upload, recipients)) { run() }
        return code == CURLE_OK ? .success(()) : .failure(smtpError(code))
    }

    private func smtpError(_ code: CURLcode) -> SMTPError {
        let reply = responseCode
        switch reply {
        case 500..<600: return .permanent(code: reply, reason: reason(code))
        case 400..<500: return .temporary(code: reply, reason: reason(code))
        default: return .temporary(code: nil, reason: reason(code))
        }
    }
}

/// The bytes of a message on their way out. Only the thread of its transfer touches it.
private final class Upload {
    private let bytes: [UInt8]
    private var position = 0

    init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) -> Int {
        let count = min(buffer.count, bytes.count - position)
        buffer.copyBytes(from: bytes[position..<position + count])
        position += count
        return count
    }
}

private let readUpload: cuebx_curl_transfer = { bytes, size, count, context in
    guard let bytes, let context else { return 0 }
    let upload = Unmanaged<Upload>.fromOpaque(context).takeUnretainedValue()
    return upload.read(into: UnsafeMutableRawBufferPointer(start: bytes, count: size * count))
}

/// libcurl would write the server's replies to standard output.
private let discard: cuebx_curl_transfer = { _, size, count, _ in size * count }

/// SMTP's lines end in CR LF (RFC 5321 §2.3.8); a lone LF or CR becomes one.
package func withNetworkLineEnds(_ message: [UInt8]) -> [UInt8] {
    let carriageReturn = UInt8(ascii: "\r")
    let lineFeed = UInt8(ascii: "\n")
    var lines: [UInt8] = []
    lines.reserveCapacity(message.count + message.count / 32)
    var previous: UInt8 = 0
    for byte in message {
        if byte == carriageReturn || byte == lineFeed {
            let isSecondHalf = byte == lineFeed && previous == carriageReturn
            if !isSecondHalf { lines += [carriageReturn, lineFeed] }
        } else {
            lines.append(byte)
        }
        previous = byte
    }
    return lines
}

/// Whether the address can stand in a command without ending it. Whether it exists is for the
/// server to say.
private func isMailAddress(_ address: String) -> Bool {
    let parts = address.split(separator: "@", omittingEmptySubsequences: false)
    return parts.count == 2 && parts.allSatisfy { !$0.isEmpty }
        && address.utf8.count <= maximumAddressBytes
        && address.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7F }
        && !address.contains { "<>,;\"\\".contains($0) }
}
