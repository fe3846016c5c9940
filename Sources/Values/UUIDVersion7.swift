import FoundationEssentials

extension UUID {
    /// A UUID of version 7 (RFC 9562 §5.7): its order is the order of time. The twelve bits after
    /// the version hold the fraction of the millisecond (method 3 of §6.2), so instants that
    /// differ by a microsecond already sort.
    ///
    /// - Parameter randomness: of which 62 bits are used.
    public static func version7(at instant: Timestamp, randomness: UInt64) -> UUID {
        let micros = UInt64(max(0, instant.micros))
        let milliseconds = micros / 1000
        let fraction = micros % 1000 * 4096 / 1000
        let high = milliseconds << 16 | 0x7000 | fraction
        let low = randomness & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000
        func byte(_ word: UInt64, _ index: UInt64) -> UInt8 {
            UInt8(truncatingIfNeeded: word >> (56 - 8 * index))
        }
        return UUID(
            uuid: (
                byte(high, 0), byte(high, 1), byte(high, 2), byte(high, 3),
                byte(high, 4), byte(high, 5), byte(high, 6), byte(high, 7),
                byte(low, 0), byte(low, 1), byte(low, 2), byte(low, 3),
                byte(low, 4), byte(low, 5), byte(low, 6), byte(low, 7)
            ))
    }

    /// The millisecond of a UUID of version 7; `nil` of another version.
    public var version7Instant: Timestamp? {
        guard uuid.6 >> 4 == 7 else { return nil }
        let bytes = [uuid.0, uuid.1, uuid.2, uuid.3, uuid.4, uuid.5]
        return Timestamp(clamping: bytes.reduce(0) { $0 << 8 | Int64($1) } * 1000)
    }

    /// Reads the text of RFC 9562 §4, in either case. Foundation's parser is lenient about the
    /// length and goes through C's formatted input.
    public init?(text: String) {
        var text = text
        guard let uuid = text.withUTF8(Self.read) else { return nil }
        self.init(uuid: uuid)
    }

    private static func read(_ text: UnsafeBufferPointer<UInt8>) -> uuid_t? {
        guard text.count == 36 else { return nil }
        var bytes: uuid_t = (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
        let isGood = withUnsafeMutableBytes(of: &bytes) { bytes in
            var nibbles = 0
            for place in text.indices {
                let character = text[place]
                if place == 8 || place == 13 || place == 18 || place == 23 {
                    guard character == UInt8(ascii: "-") else { return false }
                    continue
                }
                guard let digit = hexadecimal(character) else { return false }
                bytes[nibbles / 2] = bytes[nibbles / 2] << 4 | digit
                nibbles += 1
            }
            return true
        }
        return isGood ? bytes : nil
    }

    private static func hexadecimal(_ character: UInt8) -> UInt8? {
        switch character {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): character - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): character - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    /// The text of RFC 9562 §4, which is lower case; Foundation's `uuidString` is upper case.
    public var text: String {
        let digits: StaticString = "0123456789abcdef"
        return withUnsafeBytes(of: uuid) { bytes in
            String(unsafeUninitializedCapacity: 36) { buffer in
                var index = 0
                for (place, byte) in bytes.enumerated() {
                    if place == 4 || place == 6 || place == 8 || place == 10 {
                        buffer[index] = UInt8(ascii: "-")
                        index += 1
                    }
                    buffer[index] = digits.utf8Start[Int(byte >> 4)]
                    buffer[index + 1] = digits.utf8Start[Int(byte & 15)]
                    index += 2
                }
                return 36
            }
        }
    }
}
