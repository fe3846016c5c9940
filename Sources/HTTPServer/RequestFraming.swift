import HTTPEndpoint
import NIOHTTP1

/// What a request's head says of where the request ends and of what comes after it, found in one
/// pass over its headers.
struct RequestFraming {
    /// What may follow on the connection.
    enum Afterwards {
        /// The next request.
        case request
        /// The next request, though NIO's parser stops: this one asks for another protocol, which
        /// a server may ignore (RFC 9110 §7.8).
        case requestForNewParser
        /// Nothing that this server could read: the answer says that the connection closes.
        case nothing
    }

    /// Whether any two readers would agree on where the request ends and for which host it is.
    ///
    /// NIO's parser refuses contradicting lengths, folded headers and bare line feeds. What it lets
    /// through, and what others read otherwise, is refused here:
    /// - a request of HTTP/1.1 without a `Host`, or any with two (RFC 9112 §3.2);
    /// - a transfer coding other than `chunked` alone, and any in HTTP/1.0 (RFC 9112 §6.1): a proxy
    ///   that knows only a part of the list may see the end elsewhere.
    private(set) var isUnambiguous = true
    private(set) var afterwards = Afterwards.request
    /// `Content-Length`; 0 where there is none.
    private(set) var announcedBytes = 0
    /// The body has a coding (RFC 9110 §8.4) that would have to be undone before it is read.
    private(set) var isEncoded = false
    /// The client waits for a `100 Continue` before it sends the body.
    private(set) var wantsContinue = false

    init(_ head: HTTPRequestHead) {
        var (hosts, upgrades, connections, isChunked) = (0, 0, 0, false)
        var (mentionsUpgrade, asksForUpgrade, expectsContinue) = (false, false, false)
        for (name, value) in head.headers {
            switch name.utf8.count {
            case 4 where name.lowercased() == "host": hosts += 1
            case 6 where name.lowercased() == "expect":
                expectsContinue = value.lowercased() == "100-continue"
            case 7 where name.lowercased() == "upgrade":
                upgrades += value.isEmpty ? 2 : 1
            case 10 where name.lowercased() == "connection":
                let value = value.lowercased()
                connections += 1
                mentionsUpgrade = mentionsUpgrade || value.contains("upgrade")
                asksForUpgrade = Self.lists("upgrade", in: value)
            case 14 where name.lowercased() == "content-length":
                announcedBytes = Int(value) ?? announcedBytes
            case 16 where name.lowercased() == "content-encoding":
                isEncoded = isEncoded || !Self.isIdentity(value)
            case 17 where name.lowercased() == "transfer-encoding":
                isChunked = head.version == .http1_1 && value.lowercased() == "chunked"
                isUnambiguous = isUnambiguous && isChunked
            default: continue
            }
        }
        if hosts > 1 || hosts == 0 && head.version == .http1_1 { isUnambiguous = false }
        wantsContinue =
            expectsContinue && head.version == .http1_1 && (isChunked || announcedBytes > 0)
        if head.method == .CONNECT {
            afterwards = .nothing
        } else if upgrades > 0 && mentionsUpgrade {
            // Only where it is plain that the parser stops may another take its place.
            let isPlain = upgrades == 1 && connections == 1 && asksForUpgrade
            afterwards = isPlain ? .requestForNewParser : .nothing
        }
    }

    /// Whether the word is one of the list's elements, and each of these is a token (RFC 9110
    /// §5.6).
    private static func lists(_ word: Substring, in list: String) -> Bool {
        var isListed = false
        for element in list.split(separator: ",", omittingEmptySubsequences: false) {
            let element = element.trimmingPrefix(while: { $0 == " " })
            guard !element.isEmpty, element.utf8.allSatisfy(isPlain) else { return false }
            isListed = isListed || element == word
        }
        return isListed
    }

    private static func isIdentity(_ codings: String) -> Bool {
        codings.lowercased().split(separator: ",").allSatisfy {
            $0.trimmingPrefix(while: { $0 == " " }).prefix(while: { $0 != " " }) == "identity"
        }
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
            UInt8(ascii: "-"):
            true
        default: false
        }
    }
}
