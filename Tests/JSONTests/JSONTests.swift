import JSON
import Testing

@Suite("JSON is strict")
struct JSONTests {
    @Test(
        "What RFC 8259 or a careful reader refuses is refused",
        arguments: [
            "", " ", "{", "[", "[1,]", "{\"a\"}", "{\"a\":}", "{,}", "{\"a\":1,}", "01", "1.", ".5",
            "1e",
            "-", "+1", "0x1", "NaN", "tru", "nulll", "\"", "\"\\", "\"\\x\"", "\"\\u12\"",
            "\"\\ud800\"",
            "\"\\ud800\\u0041\"", "\"\\udc00\"", "\"a\nb\"", "1 2", "{} {}", "{\"a\":1,\"a\":2}",
            "'a'",
        ])
    func refuses(text: String) {
        #expect(throws: JSONSyntaxError.self) { try JSONValue.parse(text) }
    }

    @Test("Bytes that are not UTF-8 are refused")
    func invalidUTF8() {
        #expect(throws: JSONSyntaxError.self) { try JSONValue.parse([0x22, 0xFF, 0x22]) }
        #expect(throws: JSONSyntaxError.self) {
            try JSONValue.parse([0x22, 0xED, 0xA0, 0x80, 0x22])
        }
    }

    @Test("Nesting is bounded")
    func depth() throws {
        let nested = { (depth: Int) in
            String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        }
        _ = try JSONValue.parse(nested(30))
        #expect(throws: JSONSyntaxError.self) { try JSONValue.parse(nested(40)) }
        #expect(throws: JSONSyntaxError.self) { try JSONValue.parse(nested(100_000)) }
    }

    @Test("Every cut of a text is refused")
    func truncated() {
        let text = Array(#"{"a":[1,-2.5e3,"x\n\u00e9",true,null],"b":{}}"#.utf8)
        for end in 0..<text.count {
            #expect(throws: JSONSyntaxError.self) { try JSONValue.parse(text[..<end]) }
        }
    }

    @Test("Numbers keep their text, and only integers are integers")
    func numbers() throws {
        #expect(try JSONValue.parse("12345678901234567890.5") == .number("12345678901234567890.5"))
        #expect(try JSONValue.parse("-7").int == -7)
        for text in ["1.0", "1e3", "99999999999999999999", "\"1\""] {
            #expect(try JSONValue.parse(text).int == nil)
        }
    }

    @Test("Escapes mean what they say")
    func escapes() throws {
        let text = try JSONValue.parse(#""\"\\\/\b\f\n\r\t\u0000\u00e9\ud83d\ude00""#).string
        #expect(text == "\"\\/\u{8}\u{C}\n\r\t\u{0}\u{E9}\u{1F600}")
    }

    @Test("What is written is read back, in its order")
    func roundTrip() throws {
        let value: JSONValue = [
            "z": [1, "two", nil, true, [:], []], "a": .number("-0.50"),
            "text": .string("\u{0}\u{1F}\"\\\u{1F600}"),
        ]
        #expect(try JSONValue.parse(value.compactText) == value)
        #expect(try JSONValue.parse(value.prettyText) == value)
        #expect(value.compactText.hasPrefix(#"{"z":[1,"two",null,true,{},[]],"a":-0.50"#))
    }
}
