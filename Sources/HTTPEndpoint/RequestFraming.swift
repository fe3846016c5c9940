import NIOHTTP1

extension HTTPRequestHead {
    /// Whether any two readers would agree on where the request ends and for which host it is.
    ///
    /// NIO's parser refuses contradicting lengths, folded headers and bare line feeds. What it lets
    /// through, and what others read otherwise, is refused here:
    /// - a request of HTTP/1.1 without a `Host`, or any with two (RFC 9112 §3.2);
    /// - a transfer coding other than `chunked` alone, and any in HTTP/1.0 (RFC 9112 §6.1): a proxy
    ///   that knows only a part of the list may see the end elsewhere.
    var isUnambiguous: Bool {
        var hosts = 0
        for (name, value) in headers {
            switch name.utf8.count {
            case 4 where name.lowercased() == "host": hosts += 1
            case 17 where name.lowercased() == "transfer-encoding":
                guard version == .http1_1, value.lowercased() == "chunked" else { return false }
            default: continue
            }
        }
        return hosts == 1 || hosts == 0 && version != .http1_1
    }
}
