import Foundation
import Values

/// A sender or recipient as a header names them (RFC 5322 §3.4): `address` or `Name <address>`.
package struct Mailbox: Sendable, Equatable {
    let name: String?
    let address: String

    /// Reads `MAIL_FROM`. The address must have one `@`, behind it a host's name, and nothing that
    /// could end a header or a command of SMTP.
    package init?(_ text: String) {
        if let match = text.wholeMatch(of: /\s*"?([^<>"]*?)"?\s*<([^<>]+)>\s*/) {
            name = match.1.isEmpty ? nil : String(match.1)
            address = String(match.2)
        } else {
            name = nil
            address = text
        }
        guard address.wholeMatch(of: /[!-~]+@[A-Za-z0-9._\-]+/) != nil,
            address.count(where: { $0 == "@" }) == 1,
            !address.contains(where: { "<>,;:\"\\()[]".contains($0) }),
            name?.unicodeScalars.contains(where: { $0.properties.generalCategory == .control })
                != true
        else { return nil }
    }

    /// As a header has it.
    package var header: String {
        guard let name else { return address }
        let isPlain = name.utf8.allSatisfy { (0x20..<0x7F).contains($0) }
        let shown = isPlain ? "\"\(name.replacing("\\", with: "\\\\"))\"" : encodedWords(name)
        return "\(shown) <\(address)>"
    }

    /// What follows the `@`.
    var domain: Substring { address.split(separator: "@").last ?? "localhost" }
}

extension Mail {
    /// The mail as bytes on the wire (RFC 5322, RFC 2046): plain text and HTML, both in Base64, so
    /// that no line is too long and nothing in them can be taken for a header. Sent again, it has
    /// the same `Message-ID`.
    package func message(from sender: Mailbox, id: UUID, at time: Timestamp) -> [UInt8] {
        let boundary = "part-\(id.text)"
        let lines = [
            "From: \(sender.header)", "To: \(recipient)", "Subject: \(encodedWords(subject))",
            "Date: \(rfc5322(time))", "Message-ID: <\(id.text)@\(sender.domain)>",
            // RFC 3834 §5: no answering machine is to answer it.
            "Auto-Submitted: auto-generated", "MIME-Version: 1.0",
            "Content-Type: multipart/alternative; boundary=\"\(boundary)\"", "",
            "--\(boundary)", "Content-Type: text/plain; charset=utf-8",
            "Content-Transfer-Encoding: base64", "", base64(text),
            "--\(boundary)", "Content-Type: text/html; charset=utf-8",
            "Content-Transfer-Encoding: base64", "", base64(html), "--\(boundary)--", "",
        ]
        return Array(lines.joined(separator: "\r\n").utf8)
    }

    private func base64(_ text: String) -> String {
        Data(text.utf8).base64EncodedString(
            options: [.lineLength76Characters, .endLineWithCarriageReturn, .endLineWithLineFeed])
    }

    private func rfc5322(_ time: Timestamp) -> String {
        let format = DateFormatter()
        format.locale = Locale(identifier: "en_US_POSIX")
        format.timeZone = TimeZone(secondsFromGMT: 0)
        format.dateFormat = "EEE, dd MMM yyyy HH:mm:ss Z"
        return format.string(from: Date(timeIntervalSince1970: TimeInterval(time.seconds)))
    }
}

/// The longest run of bytes in one encoded word: with its frame and the name of the header it stays
/// below the 75 and 76 characters of RFC 2047 §2.
private let maximumWordBytes = 39

/// A text that may stand in a header: as it is where it is printable ASCII, else as encoded words
/// (RFC 2047). Line breaks are not printable, so no text can add a header of its own.
private func encodedWords(_ text: String) -> String {
    let isPlain = text.utf8.allSatisfy { (0x20..<0x7F).contains($0) } && !text.contains("=?")
    guard !isPlain else { return text }
    var words: [Data] = [Data()]
    for scalar in text.unicodeScalars {
        let bytes = Data(String(scalar).utf8)
        if words[words.count - 1].count + bytes.count > maximumWordBytes { words.append(Data()) }
        words[words.count - 1] += bytes
    }
    return words.map { "=?utf-8?B?\($0.base64EncodedString())?=" }.joined(separator: "\r\n ")
}
