import JSON
import Testing

@Suite("Writing JSON")
struct JSONWriterTests {
    @Test(
        "A character that may not stand in a string is escaped.",
        arguments: [
            ("\"", #"\""#), ("\\", #"\\"#), ("\u{08}", #"\b"#), ("\t", #"\t"#), ("\n", #"\n"#),
            ("\u{0C}", #"\f"#), ("\r", #"\r"#), ("\0", #"\u0000"#), ("\u{01}", #"\u0001"#),
            ("\u{0B}", #"\u000b"#), ("\u{1B}", #"\u001b"#), ("\u{1F}", #"\u001f"#),
            ("\r\n", #"\r\n"#), ("\"\\\"", #"\"\\\""#), ("\\u0041", #"\\u0041"#),
        ])
    func escapes(text: String, expected: String) {
        #expect(JSONValue.string(text).compactText == "\"\(expected)\"")
        #expect(JSONValue.object([text: 1]).compactText == "{\"\(expected)\":1}")
    }

    @Test(
        "Any other character is written as it is.",
        arguments: ["", "/", "'", "<&>", "\u{7F}", "é", "e\u{301}", "€", "😀", "\u{2028}"])
    func plainCharacters(text: String) {
        #expect(Array(JSONValue.string(text).compactText.utf8) == Array("\"\(text)\"".utf8))
    }

    @Test("Every control character is written so that it parses back.")
    func controlCharacters() throws {
        for code in UInt8(0)..<0x20 {
            let value = JSONValue.string("a\(Character(Unicode.Scalar(code)))b")
            #expect(value.compactText.utf8.allSatisfy { $0 >= 0x20 })
            #expect(try JSONValue.parse(value.compactText) == value, "U+\(code)")
            #expect(try JSONValue.parse(value.prettyText) == value, "U+\(code)")
        }
    }

    @Test("Commas stand between values only.")
    func commas() {
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("empty")
        writer.beginObject()
        writer.endObject()
        writer.key("list")
        writer.beginArray()
        writer.beginArray()
        writer.endArray()
        writer.integer(.min)
        writer.bool(true)
        writer.null()
        writer.beginObject()
        writer.key("a")
        writer.string("b")
        writer.endObject()
        writer.value([1, []])
        writer.endArray()
        writer.key("last")
        writer.bool(false)
        writer.endObject()
        let expected =
            #"{"empty":{},"list":[[],-9223372036854775808,true,null,{"a":"b"},[1,[]]],"#
            + #""last":false}"#
        #expect(String(decoding: writer.bytes, as: UTF8.self) == expected)
    }

    @Test("A writer that has been given nothing has written nothing.")
    func emptyWriter() {
        #expect(JSONWriter().bytes.isEmpty)
        #expect(JSONWriter(reservingCapacity: 0).bytes.isEmpty)
    }

    @Test("The text for people has a member a line and two spaces a level.")
    func prettyText() {
        let value: JSONValue = [
            "a": [1, ["b": nil]], "none": [], "nothing": [:], "text": "x\ny",
        ]
        #expect(
            value.prettyText == """
                {
                  "a": [
                    1,
                    {
                      "b": null
                    }
                  ],
                  "none": [],
                  "nothing": {},
                  "text": "x\\ny"
                }
                """)
    }

    @Test(
        "A scalar for people is a single line.",
        arguments: [nil, true, false, 0, "a\nb", [], [:]] as [JSONValue])
    func prettyScalars(value: JSONValue) {
        #expect(value.prettyText == value.compactText)
        #expect(!value.prettyText.contains("\n"))
    }

    @Test("What is written parses back to the same value.")
    func roundTrip() throws {
        for seed in UInt64(1)...500 {
            var generator = SplitMix(state: seed)
            let value = generator.value(depth: 4)
            let compact = value.compactText
            #expect(try JSONValue.parse(compact) == value, "seed \(seed)")
            #expect(try JSONValue.parse(compact).compactText == compact, "seed \(seed)")
            #expect(try JSONValue.parse(value.prettyText).compactText == compact, "seed \(seed)")
        }
    }

    @Test("A text with one byte changed is refused or read as something that can be written.")
    func mutations() {
        for seed in UInt64(1)...500 {
            var generator = SplitMix(state: seed)
            var bytes = Array(generator.value(depth: 3).compactText.utf8)
            bytes[generator.below(bytes.count)] = UInt8(generator.below(256))
            guard let value = try? JSONValue.parse(bytes) else { continue }
            #expect((try? JSONValue.parse(value.compactText)) == value, "seed \(seed)")
        }
    }
}

/// Random values that a seed repeats.
private struct SplitMix {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }

    mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }

    mutating func value(depth: Int) -> JSONValue {
        switch below(depth > 0 ? 8 : 5) {
        case 0: return .null
        case 1: return .bool(below(2) == 0)
        case 2: return .int(Int64(bitPattern: next()) >> Int64(below(64)))
        case 3: return .number("\(below(1000)).\(below(1000))e-\(below(400))")
        case 4: return .string(text())
        case 5: return .array((0..<below(6)).map { _ in value(depth: depth - 1) })
        default:
            var object = JSONObject()
            for _ in 0..<below(24) { object[text()] = value(depth: depth - 1) }
            return .object(object)
        }
    }

    private mutating func text() -> String {
        var text = ""
        for _ in 0..<below(12) {
            let bound: UInt32 = [0x20, 0x80, 0x800, 0x11_0000][below(4)]
            if let scalar = Unicode.Scalar(UInt32(below(Int(bound)))) {
                text.unicodeScalars.append(scalar)
            }
        }
        return text
    }
}
