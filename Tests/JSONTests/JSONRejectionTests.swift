import JSON
import Testing

@Suite("Texts that are not JSON")
struct JSONRejectionTests {
    @Test(
        "A number that departs from the grammar is refused.",
        arguments: [
            "01", "-01", "00", "1.", "-1.", ".5", "-.5", "1e", "1e+", "1E-", "1.e3", "-", "--1",
            "+1", "-+1", "1.2.3", "1e2e3", "1e2.5", "0x1F", "1_000", "1,000", "NaN", "Infinity",
            "-Infinity", "١",
        ])
    func malformedNumber(text: String) {
        #expect(throws: JSONSyntaxError.self) { try JSONValue.parse(text) }
        #expect(throws: JSONSyntaxError.self) { try JSONValue.parse("[\(text)x]") }
        #expect(throws: JSONSyntaxError.self) { try JSONValue.parse(#"{"a":\#(text)}"#) }
    }

    @Test(
        "A text with nothing in it is refused.",
        arguments: ["", " ", "\n", "\t \r\n"])
    func emptyText(text: String) {
        expectFailure("unexpected end", at: text.utf8.count, in: Array(text.utf8))
    }

    @Test(
        "Text after the value is refused.",
        arguments: ["1 2", "{} {}", "[]]", "{}}", "null,", "true false", "\"a\"\"b\"", "1 //", "0 \0"])
    func trailingText(text: String) {
        #expect(throws: JSONSyntaxError.self) { try JSONValue.parse(text) }
    }

    @Test(
        "A word other than true, false and null is refused.",
        arguments: ["True", "TRUE", "tru", "truee", "fals", "nul", "nil", "NULL", "undefined", "a"])
    func unknownWord(text: String) {
        #expect(throws: JSONSyntaxError.self) { try JSONValue.parse(text) }
    }

    @Test(
        "An array or object with a stray, missing or wrong mark is refused.",
        arguments: [
            "[", "]", "[1", "[1,", "[1,]", "[,1]", "[,]", "[1 2]", "[1;2]", "[1}", "[1:2]",
            "{", "}", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,", "{\"a\":1,}", "{,}",
            "{\"a\" 1}", "{\"a\",1}", "{\"a\":1 \"b\":2}", "{\"a\":1]", "{a:1}", "{'a':1}",
            "{1:1}", "{null:1}", "{\"a\":}", "{\"a\"::1}", "{:1}", "[1]//", "[/**/1]",
        ])
    func malformedStructure(text: String) {
        #expect(throws: JSONSyntaxError.self) { try JSONValue.parse(text) }
    }

    @Test(
        "Only space, tab, line feed and carriage return may stand between tokens.",
        arguments: ["\u{0B}", "\u{0C}", "\u{A0}", "\u{2028}", "\u{3000}", "\u{FEFF}", "\0"])
    func foreignWhitespace(space: String) {
        #expect(throws: JSONSyntaxError.self) { try JSONValue.parse(space + "1") }
        #expect(throws: JSONSyntaxError.self) { try JSONValue.parse("1" + space) }
        #expect(throws: JSONSyntaxError.self) { try JSONValue.parse("[1,\(space)2]") }
    }

    @Test(
        "A string with a malformed escape or without an end is refused.",
        arguments: [
            #"""#, #""a"#, #""\"#, #""\""#, #""\x""#, #""\a""#, #""\'""#, #""\0""#, #""\U0041""#,
            #""\u""#, #""\u1""#, #""\u12""#, #""\u123""#, #""\u12G4""#, #""\u+123""#,
            #""\u 123""#, #""\u{41}""#, "'a'", "a\"",
        ])
    func malformedString(text: String) {
        #expect(throws: JSONSyntaxError.self) { try JSONValue.parse(text) }
    }

    @Test(
        "A surrogate without its other half is refused.",
        arguments: [
            #"\ud800"#, #"\udbff"#, #"\udc00"#, #"\udfff"#, #"\ud83dx"#, #"\ud83d\n"#,
            #"\ud83d\u0041"#, #"\ud83d\ud83d"#, #"\ude00\ud83d"#, #"\ud83d\ue000"#,
            #"\ud83d\\ude00"#, #"\ud83d ude00"#, #"\ud83d\u"#, #"\ud83d\ude0"#,
        ])
    func loneSurrogate(escapes: String) {
        #expect(throws: JSONSyntaxError.self) { try JSONValue.parse("\"\(escapes)\"") }
        #expect(throws: JSONSyntaxError.self) { try JSONValue.parse("{\"\(escapes)\":1}") }
    }

    @Test("A control character in a string is refused.", arguments: UInt8(0)..<0x20)
    func controlCharacter(byte: UInt8) {
        let plain: [UInt8] = [0x22, 0x61, byte, 0x22]
        expectFailure("a control character in a string", at: 2, in: plain)
        let afterEscape = Array(#""\n"#.utf8) + [byte, 0x22]
        #expect(throws: JSONSyntaxError.self) { try JSONValue.parse(afterEscape) }
    }

    @Test(
        "Bytes that are not UTF-8 are refused.",
        arguments: [
            [0x80], [0xBF], [0xFF], [0xFE], [0xC3], [0xC0, 0x80], [0xC1, 0xBF], [0xE2, 0x82],
            [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80], [0xED, 0xBF, 0xBF], [0xF0, 0x9F, 0x98],
            [0xF0, 0x80, 0x80, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xF8, 0x88, 0x80, 0x80, 0x80],
        ] as [[UInt8]])
    func invalidUTF8(bytes: [UInt8]) {
        let quote = UInt8(ascii: "\"")
        let texts = [
            bytes, [quote] + bytes + [quote], Array(#""\n"#.utf8) + bytes + [quote],
            Array("{\"".utf8) + bytes + Array("\":1}".utf8),
        ]
        for text in texts {
            #expect(throws: JSONSyntaxError.self, "\(text)") { try JSONValue.parse(text) }
        }
    }

    @Test("A byte order mark and texts in UTF-16 are refused.")
    func otherEncodings() {
        let texts: [[UInt8]] = [
            [0xEF, 0xBB, 0xBF, 0x31], [0xFE, 0xFF, 0x00, 0x31], [0xFF, 0xFE, 0x31, 0x00],
            [0x00, 0x31], [0x31, 0x00],
        ]
        for text in texts {
            #expect(throws: JSONSyntaxError.self, "\(text)") { try JSONValue.parse(text) }
        }
    }

    @Test(
        "An object that repeats a member name is refused, however the name is written.",
        arguments: [
            #"{"a":1,"a":1}"#, #"{"a":1,"b":2,"a":3}"#, #"{"":1,"":2}"#, #"{"a":1,"\u0061":2}"#,
            #"{"/":1,"\/":2}"#, #"{"😀":1,"\ud83d\ude00":2}"#, #"[{"x":{"a":1,"a":null}}]"#,
        ])
    func repeatedMember(text: String) throws {
        let error = try #require(throws: JSONSyntaxError.self) { try JSONValue.parse(text) }
        #expect(error.reason == "a member name is repeated")
    }

    @Test(
        "A repeated name is found in objects of any size.",
        arguments: [2, 15, 16, 17, 18, 1000])
    func repeatedMemberAmongMany(count: Int) throws {
        let names = (0..<count - 1).map { "\"m\($0)\":0" }
        let unique = "{" + names.joined(separator: ",") + "}"
        #expect(try JSONValue.parse(unique).object?.members.count == count - 1)
        let repeated = "{" + (names + ["\"m0\":1"]).joined(separator: ",") + "}"
        #expect(throws: JSONSyntaxError.self) { try JSONValue.parse(repeated) }
    }

    @Test("Thirty-two arrays or objects around a value are the most that is read.")
    func deepestNesting() throws {
        var value = try JSONValue.parse(nested("[", 32, "1", "]"))
        for _ in 0..<32 { value = try #require(value[0]) }
        #expect(value == 1)
        value = try JSONValue.parse(nested("{\"a\":", 32, "1", "}"))
        for _ in 0..<32 { value = try #require(value["a"]) }
        #expect(value == 1)
    }

    @Test("Deeper nesting is refused.", arguments: [33, 34, 100, 200_000])
    func tooDeepNesting(depth: Int) throws {
        for text in [
            nested("[", depth, "1", "]"), nested("{\"a\":", depth, "1", "}"),
            String(repeating: "[", count: depth + 1),
        ] {
            let error = try #require(throws: JSONSyntaxError.self) { try JSONValue.parse(text) }
            #expect(["nested too deeply", "unexpected end"].contains(error.reason))
        }
    }

    @Test("Arrays beside one another do not count as nesting.")
    func wideNesting() throws {
        let text = "[" + Array(repeating: "[[]]", count: 1000).joined(separator: ",") + "]"
        #expect(try JSONValue.parse(text).array?.count == 1000)
    }

    @Test("A text that is cut off at any byte is refused.")
    func truncated() throws {
        let sample = Array(
            #"{"a":[1,-2.5e+3,"é\n\ud83d\ude00",true,false,null,{}],"ü😀":{"b":[[]],"c":"\\\""}}"#
                .utf8)
        #expect(try JSONValue.parse(sample)["a"]?.array?.count == 7)
        for length in sample.indices {
            #expect(throws: JSONSyntaxError.self, "cut to \(length) bytes") {
                try JSONValue.parse(sample[..<length])
            }
        }
    }

    @Test("An error names the byte at which the text stops being JSON.")
    func offsets() {
        let expectations: [(String, String, Int)] = [
            ("[1,]", "unexpected character", 3),
            ("{\"é\" 1}", "expected ':'", 6),
            ("[1 2]", "expected ',' or ']'", 3),
            ("{\"a\":1 2}", "expected ',' or '}'", 7),
            ("{1:2}", "expected a member name", 1),
            ("1.x", "expected a digit", 2),
            ("01", "unexpected text after the value", 1),
        ]
        for (text, reason, offset) in expectations {
            expectFailure(reason, at: offset, in: Array(text.utf8))
        }
        expectFailure("unexpected character", at: 3, in: Array("xx[1,]".utf8)[2...])
    }

    private func expectFailure(
        _ reason: String, at offset: Int, in text: some Collection<UInt8>,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let error = #expect(throws: JSONSyntaxError.self, sourceLocation: sourceLocation) {
            try JSONValue.parse(text)
        }
        #expect(
            error?.description == "\(reason) at byte \(offset)", sourceLocation: sourceLocation)
    }

    private func nested(_ open: String, _ depth: Int, _ value: String, _ close: String) -> String {
        String(repeating: open, count: depth) + value + String(repeating: close, count: depth)
    }
}
