import HTTPEndpoint
import Testing

@Suite("A set of ASCII characters")
struct ASCIISetTests {
    @Test("Each byte is in it exactly if its character was named, and none beyond ASCII is")
    func everyByte() {
        for members in ["", "0123456789abcdef", "\0?@\u{7F}", "aé€"] {
            let set = ASCIISet(members)
            for byte in UInt8.min...UInt8.max {
                let isNamed = byte < 128 && members.utf8.contains(byte)
                #expect(set.contains(byte) == isNamed, "\(byte) of \(members)")
            }
        }
    }
}
