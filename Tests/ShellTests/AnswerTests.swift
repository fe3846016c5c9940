import JSON
import Shell
import Testing

@Suite struct AnswerTests {
    private let table = TextTable(
        ["email", "created_at", "tries"],
        [
            [.init("ada@example.com"), .init("2026-12-01"), .init(.int(5), "5 tries")],
            [.init("b@example.com"), .init(.null), .init(.int(12), "12 tries")],
        ])

    @Test func aTableHasHeadsForAPersonAndNoneInAPipe() {
        let answer = Answer("people", table, none: "Nobody.")
        #expect(
            answer.printed(asJSON: false, isTerminal: true) == """
                EMAIL            CREATED AT  TRIES
                ada@example.com  2026-12-01  5 tries
                b@example.com    -           12 tries

                """)
        #expect(
            answer.printed(asJSON: false, isTerminal: false) == """
                ada@example.com  2026-12-01  5 tries
                b@example.com  -  12 tries

                """)
    }

    @Test(arguments: [true, false])
    func theSameRowsAreObjectsForAProgram(isTerminal: Bool) throws {
        let text = Answer("people", table, none: "Nobody.").printed(
            asJSON: true, isTerminal: isTerminal)
        let json = try JSONValue.parse(Array(text.utf8))
        #expect(json["people"]?[0]?["tries"]?.int == 5)
        #expect(json["people"]?[1]?["created_at"] == .null)
    }

    @Test func anEmptyTableSaysSoAndIsAnEmptyArray() throws {
        let answer = Answer("people", TextTable(["email"], []), none: "Nobody.")
        #expect(answer.printed(asJSON: false, isTerminal: true) == "Nobody.\n")
        #expect(answer.json == ["people": []])
    }

    @Test func factsStandBelowEachOther() {
        let answer = Answer(facts: ["id", "verified"], [.init("7"), .init(false, "no")])
        #expect(
            answer.printed(asJSON: false, isTerminal: false) == "id        7\nverified  no\n")
        #expect(answer.json == ["id": "7", "verified": false])
    }

    /// Each reaches a terminal through a name, a reason or what Stripe says.
    @Test(arguments: [
        "\u{1B}[2J", "\u{1B}]0;title\u{07}", "\u{9B}31m", "a\rb", "\u{08}", "\u{7F}", "\u{202E}x",
        "\u{0}",
    ])
    func noTextReachesATerminalAsACommand(text: String) {
        let answers = [
            Answer([:], [text]), Answer(facts: ["name"], [.init(.string(text))]),
            Answer("names", TextTable(["name"], [[.init(.string(text))]]), none: ""),
        ]
        for answer in answers {
            for isTerminal in [true, false] {
                let printed = answer.printed(asJSON: false, isTerminal: isTerminal)
                let bad = printed.unicodeScalars.filter {
                    ($0.value < 0x20 && $0 != "\n") || (0x7F...0x9F).contains($0.value)
                        || $0 == "\u{202E}"
                }
                #expect(bad.isEmpty, "\(printed.debugDescription)")
            }
        }
    }

    /// A program reads what was there; a terminal that shows the JSON obeys none of it.
    @Test(arguments: ["\u{7F}", "\u{9B}31m", "\u{85}", "\u{202E}x", "\u{2066}", "\u{1B}[2J"])
    func noJSONReachesATerminalAsACommand(text: String) throws {
        let answer = Answer(JSONObject([(key: text, value: .string(text))]), [])
        let printed = answer.printed(asJSON: true, isTerminal: true)
        #expect(printed.utf8.allSatisfy { (0x20..<0x7F).contains($0) || $0 == 0x0A })
        #expect(try JSONValue.parse(Array(printed.utf8))[text]?.string == text)
    }

    @Test func aCellIsOneLine() {
        let table = TextTable(["reason", "x"], [[.init("two\nlines\tand"), .init("1")]])
        #expect(table.lines(hasHeads: false) == ["two lines and  1"])
    }
}
