import JSON
import Testing

@Suite("JSON values")
struct JSONValueTests {
    @Test(
        "A number of the grammar keeps the text that it was written with.",
        arguments: [
            "0", "-0", "1", "-1", "10", "1.0", "1.50", "-0.0", "0e0", "1e3", "1E3", "1e+3", "1e-3",
            "1.5E+10", "0.1", "1e400", "-1e-400", "9223372036854775808", "0.30000000000000004",
            "123456789012345678901234567890.123456789012345678901234567890",
        ])
    func numberText(text: String) throws {
        #expect(try JSONValue.parse(text) == .number(text))
        #expect(try JSONValue.parse(" [\(text) ] ") == [.number(text)])
        #expect(try JSONValue.parse(text).compactText == text)
    }

    @Test(
        "A number is an integer only where it is written as one that fits.",
        arguments: [
            ("0", 0), ("-0", 0), ("42", 42), ("-42", -42),
            ("9223372036854775807", .max), ("-9223372036854775808", .min),
            ("1.0", nil), ("1e3", nil), ("1E0", nil), ("-0.0", nil), ("0e0", nil),
            ("9223372036854775808", nil), ("-9223372036854775809", nil),
            ("18446744073709551616", nil),
        ] as [(String, Int64?)])
    func integers(text: String, expected: Int64?) throws {
        #expect(try JSONValue.parse(text).int == expected)
    }

    @Test(
        "A value is never read as one of another kind.",
        arguments: [
            ("null", "null"), ("true", "boolean"), ("1", "number"), ("\"1\"", "string"),
            ("[1]", "array"), ("{\"a\":1}", "object"),
        ])
    func kinds(text: String, name: String) throws {
        let value = try JSONValue.parse(text)
        #expect(value.typeName == name)
        #expect(value.isNull == (name == "null"))
        #expect((value.bool != nil) == (name == "boolean"))
        #expect((value.int != nil) == (name == "number"))
        #expect((value.string != nil) == (name == "string"))
        #expect((value.array != nil) == (name == "array"))
        #expect((value.object != nil) == (name == "object"))
        #expect((value[0] != nil) == (name == "array"))
        #expect((value["a"] != nil) == (name == "object"))
    }

    @Test("A missing member and a place outside an array are nil, not null.")
    func missingParts() throws {
        let value = try JSONValue.parse(#"{"a":null,"b":[1]}"#)
        #expect(value["a"] == .some(.null))
        #expect(value["c"] == nil)
        #expect(value["A"] == nil)
        #expect(value["b"]?[1] == nil)
        #expect(value["b"]?[-1] == nil)
    }

    @Test(
        "An escape stands for its character.",
        arguments: [
            (#"\""#, "\""), (#"\\"#, "\\"), (#"\/"#, "/"), (#"\b"#, "\u{08}"), (#"\f"#, "\u{0C}"),
            (#"\n"#, "\n"), (#"\r"#, "\r"), (#"\t"#, "\t"), (#"\u0041"#, "A"), (#"\u00e9"#, "é"),
            (#"\u00E9"#, "é"), (#"\u20ac"#, "€"), (#"\uFFFF"#, "\u{FFFF}"), (#"\u007f"#, "\u{7F}"),
            (#"\\u0041"#, #"\u0041"#), (#"a\u0000b"#, "a\0b"), (#"\u0000"#, "\0"),
        ])
    func escapes(text: String, expected: String) throws {
        let value = try #require(try JSONValue.parse("\"\(text)\"").string)
        #expect(Array(value.unicodeScalars) == Array(expected.unicodeScalars))
    }

    @Test(
        "A pair of surrogates stands for one character.",
        arguments: [
            (#"\ud83d\ude00"#, "😀"), (#"\uD83D\uDE00"#, "😀"), (#"\ud800\udc00"#, "\u{10000}"),
            (#"\udbff\udfff"#, "\u{10FFFF}"), (#"x\ud83d\ude00\ud83d\ude00y"#, "x😀😀y"),
        ])
    func surrogatePairs(text: String, expected: String) throws {
        #expect(try JSONValue.parse("\"\(text)\"") == .string(expected))
        #expect(try JSONValue.parse("{\"\(text)\":1}")[expected] == 1)
    }

    @Test(
        "Characters that need no escape are read as they are.",
        arguments: ["\u{7F}", "é", "e\u{301}", "\u{2028}", "\u{FEFF}", "👩‍👩‍👧", "\u{10FFFF}", "'/"])
    func plainCharacters(text: String) throws {
        let value = try #require(try JSONValue.parse("\"\(text)\"").string)
        #expect(Array(value.utf8) == Array(text.utf8))
    }

    @Test("White space between tokens has no meaning.")
    func whitespace() throws {
        let text = "\r\n\t { \"a\" :\t[ 1 ,\n2 ] , \"b\"\r:{ } , \"c\" : [ ] } \n"
        #expect(try JSONValue.parse(text) == ["a": [1, 2], "b": [:], "c": []])
    }

    @Test("Bytes are read from any collection of them.")
    func collections() throws {
        let bytes = Array(#"xx{"a":[1]}"#.utf8)
        let expected: JSONValue = ["a": [1]]
        #expect(try JSONValue.parse(bytes[2...]) == expected)
        #expect(try JSONValue.parse(Array(bytes[2...].reversed()).reversed() as [UInt8]) == expected)
        let reversed: ReversedCollection<[UInt8]> = Array(bytes[2...].reversed()).reversed()
        #expect(try JSONValue.parse(reversed) == expected)
        #expect(throws: JSONSyntaxError.self) { try JSONValue.parse(bytes) }
    }

    @Test("An object keeps the order of its members.")
    func memberOrder() throws {
        let names = (0..<40).map { "m\(($0 * 17) % 40)" }
        let text = "{" + names.map { "\"\($0)\":0" }.joined(separator: ",") + "}"
        let value = try JSONValue.parse(text)
        #expect(value.object?.members.map(\.key) == names)
        #expect(value.compactText == text)
    }

    @Test("Objects are equal whatever the order of their members, arrays are not.")
    func equality() throws {
        #expect(try JSONValue.parse(#"{"a":1,"b":2}"#) == JSONValue.parse(#"{"b":2,"a":1}"#))
        #expect(try JSONValue.parse(#"{"a":1,"b":2}"#) != JSONValue.parse(#"{"a":1}"#))
        #expect(try JSONValue.parse(#"{"a":1}"#) != JSONValue.parse(#"{"a":1,"b":null}"#))
        #expect(try JSONValue.parse(#"{"a":1}"#) != JSONValue.parse(#"{"b":1}"#))
        #expect(try JSONValue.parse("[1,2]") != JSONValue.parse("[2,1]"))
        #expect(try JSONValue.parse("\"1\"") != JSONValue.parse("1"))
    }

    @Test("A member that is set keeps its place, a new one comes last, nil removes it.")
    func settingMembers() {
        var object: JSONObject = ["a": 1, "b": 2, "c": 3]
        object["b"] = "x"
        object["d"] = nil
        object["e"] = true
        object["a"] = nil
        #expect(object.members.map(\.key) == ["b", "c", "e"])
        #expect(object["b"] == "x")
        #expect(object["a"] == nil)
    }
}
