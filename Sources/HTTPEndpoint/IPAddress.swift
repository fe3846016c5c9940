import Foundation

/// An address of the internet. However it is written, it is one value: an IPv4 address inside IPv6
/// (`::ffff:192.0.2.1`, as a socket that takes both tells it) is the IPv4 address.
public struct IPAddress: Sendable, Hashable {
    /// Four, or sixteen of IPv6.
    let bytes: [UInt8]

    /// What stands before the four bytes of an IPv4 address inside IPv6 (RFC 4291 §2.5.5.2).
    static let mappedPrefix: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF]

    private init(bytes: [UInt8]) {
        let isMapped = bytes.count == 16 && bytes.starts(with: Self.mappedPrefix)
        self.bytes = isMapped ? Array(bytes.suffix(4)) : bytes
    }

    /// - Returns: `nil` for whatever is not the text of an address alone.
    public init?(_ text: String) {
        guard !text.utf8.contains(0) else { return nil }
        var four = in_addr()
        var sixteen = in6_addr()
        if inet_pton(AF_INET, text, &four) == 1 {
            self.init(bytes: withUnsafeBytes(of: &four) { Array($0) })
        } else if inet_pton(AF_INET6, text, &sixteen) == 1 {
            self.init(bytes: withUnsafeBytes(of: &sixteen) { Array($0) })
        } else {
            return nil
        }
    }

    /// An address as proxies forward it: with spaces around it, an IPv6 address in brackets, and
    /// the client's port behind it.
    package init?(forwarded entry: Substring) {
        let text = entry.trimmingPrefix(while: Self.isBlank)
        let address: Substring
        let rest: Substring
        if text.first == "[", let end = text.firstIndex(of: "]") {
            address = text[..<end].dropFirst()
            rest = text[end...].dropFirst()
        } else {
            // More than one colon is an IPv6 address, which has no port without brackets.
            let hasPort = text.filter { $0 == ":" }.count == 1
            let end = text.firstIndex { Self.isBlank($0) || hasPort && $0 == ":" }
            address = text[..<(end ?? text.endIndex)]
            rest = text[(end ?? text.endIndex)...]
        }
        guard rest.wholeMatch(of: /(:[0-9]{1,5})?[ \t]*/) != nil else { return nil }
        self.init(String(address))
    }

    private static func isBlank(_ character: Character) -> Bool {
        character == " " || character == "\t"
    }

    /// The one text of the address (RFC 5952).
    public var text: String {
        guard bytes.count == 16 else { return bytes.map { String($0) }.joined(separator: ".") }
        return Self.text(of: bytes)
    }

    private static func text(of sixteen: [UInt8]) -> String {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(INET6_ADDRSTRLEN)) { buffer in
            // The buffer is not empty and holds the longest text, so that there always is one.
            let text: UnsafePointer<CChar>? = inet_ntop(
                AF_INET6, sixteen, buffer.baseAddress!, socklen_t(INET6_ADDRSTRLEN))
            return text.map { String(cString: $0) } ?? ""
        }
    }

    public var isLoopback: Bool {
        bytes.count == 4
            ? bytes[0] == 127 : bytes.dropLast().allSatisfy { $0 == 0 } && bytes[15] == 1
    }

    /// The part of the address that one subscriber of the internet has: an IPv4 address, or the
    /// first 64 bits of an IPv6 address, within which anybody may choose freely.
    public var subscriberNetwork: String {
        guard bytes.count == 16 else { return text }
        let network = Array(bytes.prefix(8)) + [UInt8](repeating: 0, count: 8)
        return Self.text(of: network) + "/64"
    }
}

/// A network of addresses, e.g. `10.0.0.0/8`, or one address alone.
public struct IPNetwork: Sendable, Hashable, CustomStringConvertible {
    let address: IPAddress
    /// The bits that the network's addresses have in common.
    let prefixLength: Int

    /// - Returns: `nil` for whatever is neither an address nor a network in CIDR's notation
    ///   (RFC 4632 §3.1, RFC 4291 §2.3).
    public init?(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let first = parts.first, let address = IPAddress(String(first)) else { return nil }
        self.address = address
        let bits = address.bytes.count * 8
        guard parts.count == 2 else {
            prefixLength = bits
            return
        }
        guard parts[1].wholeMatch(of: /[0-9]{1,3}/) != nil, let written = Int(parts[1]) else {
            return nil
        }
        // An IPv4 network that is written inside IPv6 counts the bits before its own too.
        let isMapped = bits == 32 && first.contains(":")
        let length = isMapped ? written - IPAddress.mappedPrefix.count * 8 : written
        guard (0...bits).contains(length) else { return nil }
        prefixLength = length
    }

    public func contains(_ other: IPAddress) -> Bool {
        guard other.bytes.count == address.bytes.count else { return false }
        let (whole, rest) = prefixLength.quotientAndRemainder(dividingBy: 8)
        guard other.bytes.prefix(whole) == address.bytes.prefix(whole) else { return false }
        return rest == 0 || (other.bytes[whole] ^ address.bytes[whole]) >> (8 - rest) == 0
    }

    /// The widest networks that one owner has are `10.0.0.0/8` (RFC 1918) and `fc00::/7` (RFC
    /// 4193).
    public var isTooWideToTrust: Bool { prefixLength < (address.bytes.count == 4 ? 8 : 7) }

    public var description: String { "\(address.text)/\(prefixLength)" }
}
