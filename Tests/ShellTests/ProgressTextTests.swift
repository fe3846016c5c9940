import Shell
import Testing
import Values

@Suite struct ProgressTextTests {
    private func line(
        _ done: Int64, of total: Int64?, _ unit: WorkProgress.Unit, after elapsed: Double,
        width: Int = 120
    ) -> String {
        ProgressText(title: "export").line(
            WorkProgress(done, of: total, unit), elapsed: elapsed, width: width)
    }

    @Test func aLineTellsShareCountRateAndTimeLeft() {
        #expect(
            line(500, of: 2000, .rows, after: 5)
                == "export  [#####---------------]  25 %  500 of 2 000 rows  100/s  15 s left  5 s")
        #expect(
            line(3_000_000, of: 12_000_000, .bytes, after: 2)
                == "export  [#####---------------]  25 %  3.0 MB of 12.0 MB  1.5 MB/s  6 s left"
                + "  2 s")
    }

    @Test func withoutATotalThereIsNoShareAndNoTimeLeft() {
        #expect(line(500, of: nil, .rows, after: 5) == "export  500 rows  100/s  5 s")
    }

    @Test func workThatHasToldNothingShowsItsNameAndItsAge() {
        let text = ProgressText(title: "audit").line(nil, elapsed: 61, width: 80)
        #expect(text == "audit  1 min 1 s")
    }

    @Test(
        arguments: [
            (0, 0, 0.0), (0, 10, 0), (0, 10, 3), (10, 10, 3), (11, 10, 3), (-1, 10, 3), (5, 0, 1),
        ] as [(Int64, Int64, Double)])
    func noCountBreaksTheLine(done: Int64, total: Int64, elapsed: Double) {
        let text = line(done, of: total, .checks, after: elapsed)
        #expect(text.hasPrefix("export"))
        #expect(!text.contains("nan") && !text.contains("inf"))
        #expect(!text.contains("101 %") && !text.contains("110 %"))
    }

    @Test(arguments: [0, 1, 7, 20, 79, 80])
    func aLineStaysWithinItsTerminal(width: Int) {
        #expect(line(500, of: 2000, .rows, after: 5, width: width).count <= max(width - 1, 0))
    }

    @Test func aSpanIsToldInThePersonsUnits() {
        #expect(ProgressText.span(0.4) == "0 s")
        #expect(ProgressText.span(185) == "3 min 5 s")
        #expect(ProgressText.span(7800) == "2 h 10 min")
    }
}
